/*
 * The entry points of exceptions and interrupts.
 *
 *	vector_entry[n] is where vector n enters: the processor has pushed
 *	eflags, cs, eip and, for some exceptions, an error code.  Each entry
 *	makes the stack uniform (a 0 where there is no error code, then the
 *	vector) and goes on to save the rest of struct trapframe.
 *
 *	void trap(struct trapframe *tf);	interrupts disabled
 *
 * All code runs at ring 0, so there is no stack switch and segments are right.
 */
#define HAS_ERROR_CODE(v) \
	((v) == 8 || ((v) >= 10 && (v) <= 14) || (v) == 17 || (v) == 21 || \
	    (v) == 29 || (v) == 30)

	.text
	.align 16
common:
	pushal
	cld
	movl %esp, %eax
	pushl 40(%eax)		/* the interrupted eip, and a frame */
	pushl %ebp		/* pointer, so that backtraces go on */
	movl %esp, %ebp
	pushl %eax
	call trap
	addl $12, %esp
	popal
	addl $8, %esp		/* vector and error code */
	iret

	.macro entry v
	.align 16
entry_\v:
	.if !HAS_ERROR_CODE(\v)
	pushl $0
	.endif
	pushl $\v
	jmp common
	.endm

	.altmacro
	.set i, 0
	.rept 256
	entry %i
	.set i, i + 1
	.endr

	.section .rodata
	.globl vector_entry
	.align 4
vector_entry:
	.macro entry_address v
	.long entry_\v
	.endm
	.set i, 0
	.rept 256
	entry_address %i
	.set i, i + 1
	.endr

	.section .note.GNU-stack, "", @progbits
