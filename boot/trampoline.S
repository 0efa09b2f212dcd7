/*
 * Where an application processor starts.  Copied to a page below 1 MiB.
 *
 * A CPU arrives in real mode at offset 0 of the page, %cs = page / 16, with no
 * stack.  It goes to protected mode and PAE paging in one sweep, with the
 * starting tables that map this page at its own address; takes the stack that
 * is laid out for its APIC ID; and calls smp_ap_entry() there.  A CPU for which
 * none is laid out (any longer) halts.
 *
 *	trampoline_params, filled in by kernel/smp.c, in this order:
 *	    uint32_t cr3, cr4;
 *	    uint32_t nx;		1: set EFER.NXE
 *
 * Source: Intel SDM volume 3, "MP Initialization", "Mode Switching".
 */
#define CR0_PE 0x00000001
#define CR0_WP 0x00010000
#define CR0_PG 0x80000000
#define MSR_EFER 0xc0000080
#define EFER_NXE 0x800

	.section .rodata
	.globl trampoline, trampoline_params, trampoline_end
	.align 16
trampoline:
	.code16
	cli
	movw %cs, %ax
	movw %ax, %ds
	movzwl %ax, %ebx
	shll $4, %ebx			/* the page's address */
	leal flat_gdt - trampoline(%ebx), %eax
	movl %eax, flat_gdt_register - trampoline + 2
	lgdtl flat_gdt_register - trampoline
	movl $CR0_PE, %eax
	movl %eax, %cr0
	leal protected - trampoline(%ebx), %eax
	movl %eax, far_target - trampoline
	ljmpl *(far_target - trampoline)

	.code32
protected:
	movl $0x10, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl (trampoline_params - trampoline + 4)(%ebx), %eax
	movl %eax, %cr4
	cmpl $0, (trampoline_params - trampoline + 8)(%ebx)
	je 1f
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_NXE, %eax
	wrmsr
1:	movl (trampoline_params - trampoline)(%ebx), %eax
	movl %eax, %cr3
	movl $(CR0_PG | CR0_WP | CR0_PE), %eax
	movl %eax, %cr0
	movl $smp_ap_start, %eax
	jmp *%eax

	.align 4
far_target:
	.long 0
	.word 0x08
	.align 8
flat_gdt:
	.quad 0
	.quad 0x00cf9b000000ffff
	.quad 0x00cf93000000ffff
flat_gdt_register:
	.word flat_gdt_register - flat_gdt - 1
	.long 0
	.align 4
trampoline_params:
	.long 0, 0, 0
trampoline_end:

/*
 * On kernel addresses now, still without a stack.  smp_boot_cpus[apic id] is
 * the struct cpu that is laid out for this CPU; taking it is the claim.
 */
	.text
	.globl smp_ap_start
smp_ap_start:
	movl smp_lapic_id_register, %ebx
	movl (%ebx), %ebx
	shrl $24, %ebx			/* this CPU's APIC ID */
	xorl %eax, %eax
	xchgl %eax, smp_boot_cpus(, %ebx, 4)
	testl %eax, %eax
	jz 2f				/* too late, or unknown */
	movl smp_boot_stacks(, %ebx, 4), %esp
	xorl %ebp, %ebp
	pushl %eax
	call smp_ap_main
2:	cli
	hlt
	jmp 2b

	.section .note.GNU-stack, "", @progbits
