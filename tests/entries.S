/*
 * Other entry points, for rows of tests/tests.cfg that start the kernel in an
 * odd way.  The build makes an image for each, which enters there.
 */
	.text

/* Not started by multiboot: the magic number is hidden. */
	.globl start_nomagic
start_nomagic:
	xorl %eax, %eax
	jmp start

/*
 * An exception before paging: an undefined instruction replaces the first of
 * multiboot_parse().  Without paging text can be written, at its physical
 * address.
 */
#define UD2 0x0b0f

	.globl start_earlytrap
start_earlytrap:
	movw $UD2, multiboot_parse - 0xc0000000
	jmp start

	.section .note.GNU-stack, "", @progbits
