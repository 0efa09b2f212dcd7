/*
 * Kernel memory: page frames mapped at addresses of the KVA arena.
 */
#include "kernel/types.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"

/*
 * Make every CPU forget `npages` pages from `va` on.  A critical section, not
 * a pin, keeps the CPU: it works before there are threads, too.
 */
static void
shoot_down(vm_offset_t va, size_t npages)
{
	vm_offset_t list[TLB_MAX_LIST];
	unsigned count = npages <= TLB_MAX_LIST ? (unsigned)npages : 0;

	for (unsigned i = 0; i < count; i++)
		list[i] = va + i * PAGE_SIZE;
	critical_enter();
	tlb_shootdown_all(list, count);
	critical_exit();
}

/*
 * Unmap and free the frames of `npages` mapped pages.  The frames wait in a
 * chain, by their own links, until no TLB holds them any more.
 */
static void
unback(vm_offset_t va, size_t npages)
{
	pfn_t chain = 0;

	if (npages == 0)
		return;
	for (size_t i = 0; i < npages; i++) {
		uint64_t old = pmap_kremove(va + i * PAGE_SIZE);
		struct vm_page *m = PHYS_TO_VM_PAGE(old & PG_FRAME);

		ASSERT((old & PG_V) != 0 && m != NULL,
		    "kmem: %#zx is not mapped memory", va + i * PAGE_SIZE);
		m->next = chain;
		chain = vm_page_pfn(m);
	}
	shoot_down(va, npages);
	while (chain != 0) {
		struct vm_page *m = vm_page_at(chain);

		chain = m->next;
		vm_page_free(m);
	}
}

/* Map fresh frames at `npages` pages; all or none. */
static bool
back(vm_offset_t va, size_t npages)
{
	for (size_t i = 0; i < npages; i++) {
		struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);

		if (m == NULL) {
			unback(va, i);
			return (false);
		}
		pmap_kenter(va + i * PAGE_SIZE, VM_PAGE_TO_PHYS(m),
		    VM_PROT_WRITE);
	}
	/* Cheaper here than a frame at a time: no further mapping is needed. */
	memset((void *)va, 0, npages * PAGE_SIZE);
	return (true);
}

void *
kmem_alloc(size_t bytes)
{
	vm_offset_t va = kva_alloc(bytes);

	if (va == 0)
		return (NULL);
	if (!back(va, ROUND_UP(bytes, PAGE_SIZE) >> PAGE_SHIFT)) {
		kva_free(va, bytes);
		return (NULL);
	}
	return ((void *)va);
}

bool
kmem_alloc_at(vm_offset_t va, size_t bytes)
{
	size_t npages = ROUND_UP(bytes, PAGE_SIZE) >> PAGE_SHIFT;

	ASSERT(IS_ALIGNED(va, PAGE_SIZE),
	    "kmem_alloc_at: no page begins at %#zx", va);
	ASSERT(va >= KVA_END || va + bytes <= KVA_BASE,
	    "kmem_alloc_at: %#zx bytes at %#zx are of the arena", bytes, va);
	return (pmap_grow(va, npages) && back(va, npages));
}

void
kmem_free(void *p, size_t bytes)
{
	vm_offset_t va = (vm_offset_t)p;

	unback(va, ROUND_UP(bytes, PAGE_SIZE) >> PAGE_SHIFT);
	kva_free(va, bytes);
}

/* Guard, stack, guard: running over either end faults at once. */
vm_offset_t
kstack_alloc(unsigned npages)
{
	vm_offset_t va = kva_alloc((npages + 2) * PAGE_SIZE);

	if (va == 0)
		return (0);
	if (!back(va + PAGE_SIZE, npages)) {
		kva_free(va, (npages + 2) * PAGE_SIZE);
		return (0);
	}
	return (va + PAGE_SIZE);
}

void
kstack_free(vm_offset_t stack, unsigned npages)
{
	unback(stack, npages);
	kva_free(stack - PAGE_SIZE, (npages + 2) * PAGE_SIZE);
}
