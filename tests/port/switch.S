/*
 * void port_switch(void **save, void *to);
 *
 * Push the registers that a C function must keep, store the stack pointer in
 * *save, go on with the stack `to`, which this function left or fibers.c made.
 */
	.text
	.globl	port_switch
	.type	port_switch, @function
port_switch:
#ifdef __x86_64__
	push	%rbp
	push	%rbx
	push	%r12
	push	%r13
	push	%r14
	push	%r15
	mov	%rsp, (%rdi)
	mov	%rsi, %rsp
	pop	%r15
	pop	%r14
	pop	%r13
	pop	%r12
	pop	%rbx
	pop	%rbp
	ret
#else
	mov	4(%esp), %eax
	mov	8(%esp), %edx
	push	%ebp
	push	%ebx
	push	%esi
	push	%edi
	mov	%esp, (%eax)
	mov	%edx, %esp
	pop	%edi
	pop	%esi
	pop	%ebx
	pop	%ebp
	ret
#endif
	.size	port_switch, . - port_switch
	.section .note.GNU-stack, "", @progbits
