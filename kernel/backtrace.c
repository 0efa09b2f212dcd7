/*
 * Backtraces with names.  The table of symbols is made from the linked image
 * by scripts/gen_symtab.py and linked in as its last read-only part.
 */
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/image.h"
#include "kernel/symtab.h"
#include "kernel/x86.h"
#include "mm/pmap.h"

#define MAX_FRAMES 32

const char *
symbol_name(vm_offset_t pc, vm_offset_t *offset)
{
	uint32_t low = 0, high = symtab_count;

	if (pc < (vm_offset_t)image_text || pc >= (vm_offset_t)image_text_end)
		return (NULL);
	/* Find the last symbol at or below pc: it is in [low, high). */
	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (symtab[middle].address <= pc)
			low = middle;
		else
			high = middle;
	}
	if (low == high || symtab[low].address > pc)
		return (NULL);
	*offset = pc - symtab[low].address;
	return (symtab_names + symtab[low].name);
}

static void
print_frame(vm_offset_t pc)
{
	vm_offset_t offset;
	const char *name = symbol_name(pc, &offset);

	if (name != NULL)
		kprintf("  %08lx %s+%#lx\n", (unsigned long)pc, name,
		    (unsigned long)offset);
	else
		kprintf("  %08lx (not in the kernel's text)\n",
		    (unsigned long)pc);
}

/* Can a saved frame pointer and return address be read here? */
static bool
frame_readable(vm_offset_t frame)
{
	vm_paddr_t pa;

	if (!IS_ALIGNED(frame, sizeof(uint32_t)))
		return (false);
	if ((read_cr0() & CR0_PG) == 0)
		return (frame >= (vm_offset_t)image_data &&
		    frame < (vm_offset_t)image_end);
	return (pmap_kextract(frame, &pa) && pmap_kextract(frame + 4, &pa));
}

void
backtrace_print(vm_offset_t pc, vm_offset_t frame)
{
	if (pc != 0)
		print_frame(pc);
	for (unsigned i = 0; i < MAX_FRAMES && frame_readable(frame); i++) {
		const vm_offset_t *f = (const vm_offset_t *)frame;

		if (f[1] == 0)
			return;
		print_frame(f[1]);
		/* Callers' frames lie above; anything else is a broken chain
		 * (an interrupt's frame keeps the order, too). */
		if (f[0] <= frame)
			return;
		frame = f[0];
	}
}
