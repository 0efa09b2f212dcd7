/*
 * Page-table entries and the mappings of single pages.
 *
 * An entry has 64 bits and the processor may read it at any instant, also
 * speculatively, and write its A and M bits.  So an entry is replaced whole, by
 * cmpxchg8b, except where it is not present: then nobody reads the high half
 * until the low half, stored last, says that it is.
 */
#include "mm/pmap_tables.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "kernel/x86.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"

/* Page tables of slot 2 are added, never removed. */
static struct spinlock pmap_lock =
    SPINLOCK_INITIALIZER("shared page tables", RANK_PMAP);
static uint32_t shared_table_pages; /* under pmap_lock */

uint64_t
pte_load(const pt_entry_t *pte)
{
	/* A compare-and-swap that changes nothing reads all 64 bits at once. */
	return (__sync_val_compare_and_swap((pt_entry_t *)pte, 0, 0));
}

bool
pte_cas(pt_entry_t *pte, uint64_t expect, uint64_t v)
{
	if (!__sync_bool_compare_and_swap(pte, expect, v))
		return (false);
	counter_inc(CTR_pte_writes);
	return (true);
}

uint64_t
pte_swap(pt_entry_t *pte, uint64_t v)
{
	uint64_t old = *pte, seen;

	counter_inc(CTR_pte_writes);
	while ((seen = __sync_val_compare_and_swap(pte, old, v)) != old)
		old = seen;
	return (old);
}

void
pte_store_fresh(pt_entry_t *pte, uint64_t v)
{
	volatile uint32_t *half = (volatile uint32_t *)pte;

	ASSERT((half[0] & PG_V) == 0, "pte_store_fresh: %p is present",
	    (void *)half);
	counter_inc(CTR_pte_writes);
	half[1] = (uint32_t)(v >> 32);
	YIELD_POINT();
	half[0] = (uint32_t)v; /* x86 keeps stores in order */
}

uint64_t
pmap_make_pte(vm_paddr_t pa, enum vm_prot prot)
{
	return ((pa & PG_FRAME) | pmap_prot_bits(prot));
}

/* Add the page table of one 2 MiB span of slot 2, if it has none. */
static bool
add_shared_pt(vm_offset_t va)
{
	pt_entry_t *pde = &pmap_tables()->shared[PD_INDEX(va)];
	struct vm_page *m;

	if ((*pde & PG_V) != 0)
		return (true);
	m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_ZERO);
	if (m == NULL)
		return (false);
	spin_lock(&pmap_lock);
	if ((*pde & PG_V) == 0) {
		/* Every CPU's tables share the directory, and no TLB or
		 * paging-structure cache holds entries not present. */
		pte_store_fresh(pde, VM_PAGE_TO_PHYS(m) | PG_V | PG_RW);
		shared_table_pages++;
		m = NULL;
	}
	spin_unlock(&pmap_lock);
	if (m != NULL)
		vm_page_free(m); /* another CPU was faster */
	return (true);
}

uint32_t
pmap_shared_table_pages(void)
{
	return (shared_table_pages);
}

bool
pmap_grow(vm_offset_t va, size_t npages)
{
	vm_offset_t end = va + npages * PAGE_SIZE;

	ASSERT(PDPT_INDEX(va) == SLOT_SHARED &&
		PDPT_INDEX(end - 1) == SLOT_SHARED,
	    "pmap_grow: [%#lx, %#lx) is not in slot 2", (unsigned long)va,
	    (unsigned long)end);
	for (va = ROUND_DOWN(va, LARGE_PAGE_SIZE); va < end;
	     va += LARGE_PAGE_SIZE)
		if (!add_shared_pt(va))
			return (false);
	return (true);
}

pt_entry_t *
pmap_pte(vm_offset_t va)
{
	return (pmap_cpu_pte(curcpu(), va));
}

pt_entry_t *
pmap_cpu_pte(const struct cpu *c, vm_offset_t va)
{
	const volatile uint64_t *pd = PDPT_INDEX(va) == SLOT_SHARED ?
	    pmap_tables()->shared :
	    c->private_pd;
	uint64_t pde = pd[PD_INDEX(va)];

	ASSERT(va >= PRIVATE_BASE && va < DMAP_BASE && (pde & PG_V) != 0,
	    "pmap_pte: no page table for %#lx", (unsigned long)va);
	return (&pmap_table(pde)[PT_INDEX(va)]);
}

void
pmap_kenter(vm_offset_t va, vm_paddr_t pa, enum vm_prot prot)
{
	pte_store_fresh(pmap_pte(va), pmap_make_pte(pa, prot));
}

uint64_t
pmap_kremove(vm_offset_t va)
{
	return (pte_swap(pmap_pte(va), 0));
}

bool
pmap_kextract(vm_offset_t va, vm_paddr_t *pa)
{
	struct pmap_walk w;

	pmap_walk(NULL, va, &w);
	*pa = w.pa;
	return (w.present);
}

void
pmap_protect(vm_offset_t va, size_t npages, enum vm_prot prot)
{
	vm_offset_t list[TLB_MAX_LIST];

	for (size_t i = 0; i < npages; i++) {
		vm_offset_t page = va + i * PAGE_SIZE;
		pt_entry_t *pte = pmap_pte(page);
		uint64_t old = pte_load(pte);

		ASSERT((old & PG_V) != 0, "pmap_protect: %#lx is not mapped",
		    (unsigned long)page);
		while (!pte_cas(pte, old,
		    pmap_make_pte(old, prot) | (old & (PG_A | PG_M))))
			old = pte_load(pte);
		if (i < nitems(list))
			list[i] = page;
	}
	critical_enter();
	tlb_shootdown_all(list, npages <= nitems(list) ? npages : 0);
	critical_exit();
}

volatile uint32_t *
pmap_map_device(vm_paddr_t pa)
{
	pt_entry_t *pde;

	ASSERT(pa >= MMIO_BASE && pa < (vm_paddr_t)1 << 32,
	    "device registers at %#llx are outside the device range", pa);
	pde = &pmap_tables()->direct[PD_INDEX((vm_offset_t)pa)];
	if ((*pde & PG_V) == 0)
		pte_store_fresh(pde,
		    ROUND_DOWN(pa, LARGE_PAGE_SIZE) | PG_PS |
			pmap_prot_bits(VM_PROT_WRITE) | pmap_global_bit() |
			PG_PCD | PG_PWT);
	return ((volatile uint32_t *)(vm_offset_t)pa);
}
