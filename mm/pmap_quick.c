/*
 * Touching a page frame wherever it is, for a moment: one page of addresses per
 * CPU, in page tables that only that CPU uses, so no other ever needs to be
 * told.
 */
#include "mm/pmap.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/x86.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"

static void *
quick_enter(vm_paddr_t pa)
{
	vm_offset_t va = curcpu()->quick_va;

	ASSERT(!intr_enabled(),
	    "pmap_quick_enter_page: interrupts are enabled");
	ASSERT((pte_load(pmap_pte(va)) & PG_V) == 0,
	    "pmap_quick_enter_page: nested on CPU %u", curcpu_id());
	pmap_kenter(va, pa, VM_PROT_WRITE);
	return ((void *)va);
}

static void
quick_remove(void *va)
{
	pmap_kremove((vm_offset_t)va);
	tlb_flush_page((vm_offset_t)va);
}

void *
pmap_quick_enter_page(struct vm_page *m)
{
	if (vm_page_is_direct(m))
		return (pmap_phys_to_direct(VM_PAGE_TO_PHYS(m)));
	return (quick_enter(VM_PAGE_TO_PHYS(m)));
}

void
pmap_quick_remove_page(void *va)
{
	if ((vm_offset_t)va == curcpu()->quick_va)
		quick_remove(va);
	else
		ASSERT((vm_offset_t)va >= DMAP_BASE,
		    "pmap_quick_remove_page: %p was not entered", va);
}

void
pmap_zero_page(struct vm_page *m)
{
	uint32_t flags = intr_disable();
	void *va = pmap_quick_enter_page(m);

	memset(va, 0, PAGE_SIZE);
	pmap_quick_remove_page(va);
	intr_restore(flags);
}

void
pmap_copy_to_page(struct vm_page *m, size_t offset, const void *src, size_t n)
{
	uint32_t flags;
	char *va;

	ASSERT(offset <= PAGE_SIZE && n <= PAGE_SIZE - offset,
	    "pmap_copy_to_page: %zu bytes at %zu", n, offset);
	flags = intr_disable();
	va = pmap_quick_enter_page(m);
	memcpy(va + offset, src, n);
	pmap_quick_remove_page(va);
	intr_restore(flags);
}

void
pmap_copy_from_page(struct vm_page *m, size_t offset, void *dst, size_t n)
{
	uint32_t flags;
	char *va;

	ASSERT(offset <= PAGE_SIZE && n <= PAGE_SIZE - offset,
	    "pmap_copy_from_page: %zu bytes at %zu", n, offset);
	flags = intr_disable();
	va = pmap_quick_enter_page(m);
	memcpy(dst, va + offset, n);
	pmap_quick_remove_page(va);
	intr_restore(flags);
}

/*
 * One page's part of a read.  Memory in the direct map must not be mapped a
 * second time, and what the direct map leaves out must be.
 */
static void
read_part(vm_paddr_t pa, char *dst, size_t n)
{
	uint32_t flags = intr_disable();
	vm_paddr_t there;

	if (pa < pmap_direct_end() &&
	    pmap_kextract((vm_offset_t)pmap_phys_to_direct(pa), &there)) {
		memcpy(dst, pmap_phys_to_direct(pa), n);
	} else {
		char *va = quick_enter(ROUND_DOWN(pa, PAGE_SIZE));

		memcpy(dst, va + (pa & PAGE_MASK), n);
		quick_remove(va);
	}
	intr_restore(flags);
}

bool
pmap_read_phys(vm_paddr_t pa, void *dst, size_t n)
{
	char *to = dst;

	if (pa >= pmap_phys_limit() || n > pmap_phys_limit() - pa)
		return (false);
	while (n != 0) {
		size_t part = MIN(n, PAGE_SIZE - (size_t)(pa & PAGE_MASK));

		read_part(pa, to, part);
		pa += part;
		to += part;
		n -= part;
	}
	return (true);
}
