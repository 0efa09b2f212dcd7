/*
 * Reads page tables as the processor would: for one address, in words, and
 * for all of them.
 */
#include "mm/pmap_tables.h"
#include "kernel/console.h"
#include "kernel/cpu.h"

/* The directory-pointer table in force on `c`; NULL: on this CPU. */
static const uint64_t *
pdpt_of(const struct cpu *c)
{
	if (c == NULL)
		return (pmap_phys_to_direct(read_cr3()));
	if ((c->pdpt[SLOT_DIRECT] & PG_V) == 0)
		return (pmap_tables()->start_pdpt);
	return (c->pdpt);
}

static void
found(struct pmap_walk *w, uint64_t entry, vm_offset_t va, uint32_t page_bytes)
{
	uint32_t offset_mask = page_bytes - 1;

	w->present = true;
	w->pa =
	    (entry & PG_FRAME & ~(uint64_t)offset_mask) | (va & offset_mask);
	w->writable = (w->pde & entry & PG_RW) != 0;
	w->executable = ((w->pde | entry) & PG_NX) == 0;
}

void
pmap_walk(const struct cpu *c, vm_offset_t va, struct pmap_walk *w)
{
	*w = (struct pmap_walk){.levels = 1};
	w->pdpte = pdpt_of(c)[PDPT_INDEX(va)];
	if ((w->pdpte & PG_V) == 0)
		return;
	w->levels = 2;
	w->pde = pte_load(&pmap_table(w->pdpte)[PD_INDEX(va)]);
	if ((w->pde & PG_V) == 0)
		return;
	if ((w->pde & PG_PS) != 0) {
		w->large = true;
		found(w, w->pde, va, LARGE_PAGE_SIZE);
		return;
	}
	w->levels = 3;
	w->pte = pte_load(&pmap_table(w->pde)[PT_INDEX(va)]);
	if ((w->pte & PG_V) != 0)
		found(w, w->pte, va, PAGE_SIZE);
}

/*
 * QEMU sets A in directory-pointer entries, where the bit is reserved; it is
 * shown as it is.
 */
static void
print_level(const char *name, unsigned index, uint64_t e)
{
	if ((e & PG_V) == 0) {
		kprintf("    %-5s[%3u]  %016llx  not present\n", name, index,
		    e);
		return;
	}
	kprintf("    %-5s[%3u]  %016llx  frame %#llx%s%s%s%s%s%s%s\n", name,
	    index, e, e & PG_FRAME, e & PG_RW ? " W" : "",
	    e & PG_NX ? " NX" : "", e & PG_PS ? " 2M" : "",
	    e & PG_G ? " G" : "", e & PG_A ? " A" : "", e & PG_M ? " D" : "",
	    e & PG_PCD ? " uncached" : "");
}

void
pmap_print_walk(const struct cpu *c, vm_offset_t va)
{
	struct pmap_walk w;

	pmap_walk(c, va, &w);
	kprintf("  page tables of CPU %u for %#lx:\n",
	    c != NULL ? c->id : curcpu_id(), (unsigned long)va);
	print_level("PDPTE", PDPT_INDEX(va), w.pdpte);
	if (w.levels > 1)
		print_level("PDE", PD_INDEX(va), w.pde);
	if (w.levels > 2)
		print_level("PTE", PT_INDEX(va), w.pte);
	if (w.present)
		kprintf("    -> %#llx, %s%s\n", w.pa,
		    w.writable ? "writable" : "read-only",
		    w.executable ? ", executable" : "");
	else
		kprintf("    -> not mapped\n");
}

/* Is `w` more of the same as the run's first page? */
static bool
continues(const struct pmap_walk *run, uint64_t bytes,
    const struct pmap_walk *w)
{
	return (run->large == w->large && run->writable == w->writable &&
	    run->executable == w->executable && w->pa == run->pa + bytes);
}

void
pmap_foreach_range(const struct cpu *c,
    void (*fn)(vm_offset_t start, uint64_t bytes, const struct pmap_walk *w,
	void *arg),
    void *arg)
{
	struct pmap_walk run = {.present = false}, w;
	uint64_t va = 0, start = 0;

	while (va < (uint64_t)1 << 32) {
		uint64_t step = PAGE_SIZE;

		pmap_walk(c, (vm_offset_t)va, &w);
		if (w.levels == 1)
			step = (uint64_t)1 << 30;
		else if (w.levels == 2)
			step = LARGE_PAGE_SIZE;
		if (run.present &&
		    (!w.present || !continues(&run, va - start, &w))) {
			fn((vm_offset_t)start, va - start, &run, arg);
			run.present = false;
		}
		if (w.present && !run.present) {
			run = w;
			start = va;
		}
		va += step;
	}
	if (run.present)
		fn((vm_offset_t)start, va - start, &run, arg);
}
