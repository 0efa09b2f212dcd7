/*
 * Where the boot loader enters, and the multiboot header.
 *
 *	void start(void);
 *
 * Entered with paging off, flat segments, interrupts disabled:
 *	%eax	multiboot's magic number
 *	%ebx	physical address of struct multiboot_info
 * No stack.  Calls boot_main(%eax, %ebx) on the boot stack; never returns.
 *
 * The kernel is linked at 0xc0000000 and up, and paging is still off.  Segments
 * with base 0x40000000 bridge the gap: a linked address plus that base is, modulo
 * 2^32, the physical address.  So C runs here at its linked addresses, and
 * exceptions are reported, before there is a page table.
 *
 * Source: Multiboot Specification 0.6.96, "OS image format", "Machine state".
 */
#define MULTIBOOT_HEADER_MAGIC 0x1badb002
#define MULTIBOOT_MAGIC 0x2badb002
#define PAGE_ALIGN_AND_MEMORY_INFO 0x3

#define PHYS(x) ((x) - 0xc0000000)
#define SEL_CODE 0x08
#define SEL_DATA 0x10

/* The image and some pages: less than 10 MiB above the first is hopeless. */
#define NEED_UPPER_KIB (10 * 1024 - 1024)
#define MBI_HAS_MEMORY 1
#define MBI_MEM_UPPER_KIB 8

#define COM1 0x3f8
#define COM1_LSR (COM1 + 5)
#define LSR_THRE 0x20
#define LSR_TEMT 0x40
#define EXIT_PORT 0xf4
#define EXIT_UNABLE 0x15

	.section .multiboot, "a"
	.align 4
	.long MULTIBOOT_HEADER_MAGIC
	.long PAGE_ALIGN_AND_MEMORY_INFO
	.long -(MULTIBOOT_HEADER_MAGIC + PAGE_ALIGN_AND_MEMORY_INFO)

	.text
	.globl start
start:
	cli
	cld
	cmpl $MULTIBOOT_MAGIC, %eax
	jne 1f			/* boot_main() says so */
	testl $MBI_HAS_MEMORY, (%ebx)
	jz 1f
	cmpl $NEED_UPPER_KIB, MBI_MEM_UPPER_KIB(%ebx)
	jb too_little_memory	/* the stack may lie beyond its end */
1:
	lgdt PHYS(boot_gdt_register)
	ljmp $SEL_CODE, $2f
2:
	movl $SEL_DATA, %ecx
	movl %ecx, %ds
	movl %ecx, %es
	movl %ecx, %ss
	movl $boot_stack_top, %esp
	xorl %ebp, %ebp		/* ends backtraces */
	pushl %ebx
	pushl %eax
	call boot_main
3:	hlt
	jmp 3b

/* Print without a stack or data: nothing but text is sure to be in memory. */
too_little_memory:
	movl $PHYS(too_little_text), %esi
1:
	movl $COM1_LSR, %edx
2:	inb %dx, %al
	testb $LSR_THRE, %al
	jz 2b
	movl $COM1, %edx
	lodsb
	testb %al, %al
	jz 3f
	outb %al, %dx
	jmp 1b
3:
	movl $COM1_LSR, %edx
4:	inb %dx, %al
	testb $LSR_TEMT, %al
	jz 4b
	movb $EXIT_UNABLE, %al
	outb %al, $EXIT_PORT
5:	hlt
	jmp 5b

too_little_text:
	.asciz "Ephemera cannot run here: too little memory; it needs 11 MiB (QEMU: -m 16M).\r\n"

	.section .rodata
	.align 8
boot_gdt:
	.quad 0
	.quad 0x40cf9b000000ffff	/* code, base 0x40000000 */
	.quad 0x40cf93000000ffff	/* data, base 0x40000000 */
boot_gdt_end:
boot_gdt_register:
	.word boot_gdt_end - boot_gdt - 1
	.long PHYS(boot_gdt)

	.bss
	.align 16
boot_stack:
	.skip 16384
boot_stack_top:

	.section .note.GNU-stack, "", @progbits
