/*
 * Copying that survives page faults.
 *
 *	size_t copy_guarded(void *dst, const void *src, size_t n,
 *	    vm_offset_t guard);
 *
 * returns how many of the n bytes were not copied.  Words first, then the last
 * bytes singly.  A fault between guard and guard + n is not the kernel's end:
 * copy_recover() in kernel/copy.c has the interrupted instruction's substitute
 * run instead.  That of the words counts what is left and tries it byte by
 * byte, up to the very byte that faults.  A string instruction that faults
 * leaves ecx, esi and edi as its completed steps left them (Intel SDM volume 2,
 * "REP").
 *
 * While one of the two string instructions runs:
 *
 *	edi, esi, ecx	as the instruction uses them
 *	ebx		guard
 *	edx		n
 *
 * The trap frame therefore holds all that the handler has to know; nothing is
 * stored anywhere, so a copy can be interrupted, preempted, and made in a
 * handler while it is.
 */
	.text
	.globl copy_guarded
copy_guarded:
	pushl %ebp
	movl %esp, %ebp
	pushl %ebx
	pushl %esi
	pushl %edi
	movl 8(%ebp), %edi
	movl 12(%ebp), %esi
	movl 16(%ebp), %edx
	movl 20(%ebp), %ebx
	movl %edx, %ecx
	shrl $2, %ecx
.Lwords:
	rep movsl
.Lwords_end:
	movl %edx, %eax
	andl $3, %eax
	leal (%eax,%ecx,4), %ecx	/* ecx: words left, mostly 0 */
.Lbytes:
	rep movsb
.Lbytes_end:
	movl %ecx, %eax
	popl %edi
	popl %esi
	popl %ebx
	popl %ebp
	ret

	.section .rodata
	.globl copy_substitutes
	.align 4
copy_substitutes:			/* struct copy_substitute */
	.long .Lwords, .Lwords_end
	.long .Lbytes, .Lbytes_end

	.section .note.GNU-stack, "", @progbits
