/*
 * Changing stacks.
 */

	.text

/*
 * void switch_stack(uint32_t *save_sp, uint32_t sp);
 *
 * Entered with interrupts disabled.  The compiler expects ebx, esi, edi, ebp
 * and esp to survive a call: these make up a saved thread.  On its stack, from
 * *save_sp up: edi, esi, ebx, ebp, the return address.  Segment registers are
 * the same on every CPU; flags are the business of the callers.
 */
	.globl	switch_stack
	.type	switch_stack, @function
switch_stack:
	movl	4(%esp), %eax
	movl	8(%esp), %edx
	pushl	%ebp
	pushl	%ebx
	pushl	%esi
	pushl	%edi
	movl	%esp, (%eax)
	movl	%edx, %esp
	popl	%edi
	popl	%esi
	popl	%ebx
	popl	%ebp
	ret
	.size	switch_stack, . - switch_stack

/*
 * void stack_enter(uint32_t sp, void (*fn)(void)) __noreturn;
 *
 * fn finds on its stack a return address of 0, and 0 in ebp: a backtrace ends
 * there.
 */
	.globl	stack_enter
	.type	stack_enter, @function
stack_enter:
	movl	8(%esp), %eax
	movl	4(%esp), %esp
	xorl	%ebp, %ebp
	pushl	$0
	jmp	*%eax
	.size	stack_enter, . - stack_enter

	.section .note.GNU-stack, "", @progbits
