/*
 * Memory, page tables and TLBs of the host build.
 *
 * A TLB here is as bad as a processor's may be: it has room for everything, and
 * forgets nothing but what it is told to.  A walk sets the accessed bit, by a
 * locked operation, before the TLB has the translation (Intel SDM volume 3,
 * "Accessed and Dirty Flags"); between the two another CPU may do anything, but
 * this one takes no interrupt.
 */
#include "tests/port/machine.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/port.h"
#include "tests/port/port_hb.h"
#include "tests/port/stress.h"

#define WINDOW_MAX 2048

/* Valid, if its number is the TLB's: then nothing was flushed since. */
struct tlb_entry {
	uint32_t flush;
	pfn_t pfn;
};

struct tlb {
	uint32_t flush; /* counts what flushes everything */
	struct tlb_entry window[WINDOW_MAX];
	struct tlb_entry own[PRIVATE_WINDOW_PAGES];
};

/* The entries of the shared window, and of each CPU's own. */
static pt_entry_t window_pte[WINDOW_MAX] __aligned(PAGE_SIZE);
static pt_entry_t own_pte[PORT_CPUS][PRIVATE_WINDOW_PAGES] __aligned(PAGE_SIZE);
static struct tlb tlbs[PORT_CPUS];
static struct frame *frames;
static uint32_t window_pages;

void
mmu_init(uint32_t nframes, uint32_t window)
{
	ASSERT(window <= WINDOW_MAX, "a window of %u pages", window);
	window_pages = window;
	frames = host_map(NULL, nframes * sizeof(*frames));
	port_hb_ignore(window_pte, sizeof(window_pte));
	port_hb_ignore(own_pte, sizeof(own_pte));
	for (unsigned i = 0; i < PORT_CPUS; i++)
		tlbs[i].flush = 1;
}

struct frame *
mmu_frame(pfn_t pfn)
{
	struct frame *f = &frames[pfn];

	/* Written once, by whoever is first, and the same by all. */
	port_hb_ignore(&f->pfn, sizeof(f->pfn));
	if (__atomic_load_n(&f->pfn, __ATOMIC_RELAXED) == 0)
		__atomic_store_n(&f->pfn, pfn, __ATOMIC_RELAXED);
	return (f);
}

/* --- where a page's entry is, in the tables and in a TLB --- */

/* The page's number in its window; `*own`: CPU's own one.  False: neither. */
static bool
locate(unsigned cpu, vm_offset_t va, bool *own, unsigned *page)
{
	vm_offset_t base = PRIVATE_BASE + cpu * PRIVATE_STRIDE;

	*own = va < WINDOW_BASE;
	*page = (unsigned)((va - (*own ? base : WINDOW_BASE)) / PAGE_SIZE);
	return (*own ? va >= base && *page < PRIVATE_WINDOW_PAGES :
		       *page < window_pages);
}

static pt_entry_t *
entry_at(unsigned cpu, vm_offset_t va)
{
	unsigned page;
	bool own;

	ASSERT(locate(cpu, va, &own, &page), "no page table for %#zx", va);
	return (own ? &own_pte[cpu][page] : &window_pte[page]);
}

pt_entry_t *
pmap_pte(vm_offset_t va)
{
	return (entry_at(exec_cpu(), va));
}

pt_entry_t *
pmap_cpu_pte(const struct cpu *c, vm_offset_t va)
{
	return (entry_at(c->id, va));
}

static struct tlb_entry *
cached_at(unsigned cpu, bool own, unsigned page)
{
	return (own ? &tlbs[cpu].own[page] : &tlbs[cpu].window[page]);
}

/* --- the processor --- */

static void
cache(struct tlb_entry *e, uint64_t entry)
{
	e->pfn = (pfn_t)((entry & PG_FRAME) >> PAGE_SHIFT);
	e->flush = tlbs[exec_cpu()].flush;
}

/* The order in which no processor does it. */
static bool
walk_wrongly(pt_entry_t *pte, struct tlb_entry *e)
{
	uint64_t seen = __atomic_load_n(pte, __ATOMIC_RELAXED);

	if ((seen & PG_V) == 0)
		return (false);
	cache(e, seen);
	for (unsigned i = 0; i < 8; i++)
		exec_pause_cpu();
	if ((__atomic_load_n(pte, __ATOMIC_RELAXED) & PG_V) != 0)
		__atomic_fetch_or((volatile uint32_t *)pte, (uint32_t)PG_A,
		    __ATOMIC_RELAXED);
	return (true);
}

/* Have the TLB hold what the page table says.  False: nothing is mapped. */
static bool
walk(pt_entry_t *pte, struct tlb_entry *e)
{
	uint64_t seen;

	if (stress_config.bug == BUG_LATE_ACCESSED)
		return (walk_wrongly(pte, e));
	seen = __atomic_load_n(pte, __ATOMIC_RELAXED);
	do {
		if ((seen & PG_V) == 0)
			return (false);
		exec_pause_cpu();
	} while ((seen & PG_A) == 0 &&
	    !__atomic_compare_exchange_n(pte, &seen, seen | PG_A, false,
		__ATOMIC_RELAXED, __ATOMIC_RELAXED));
	exec_pause_cpu();
	cache(e, seen);
	return (true);
}

static void
fault(vm_offset_t va)
{
	stress_fail("CPU %u: nothing is mapped at %#zx", exec_cpu(), va);
}

/* By the direct map, or by this CPU's TLB. */
struct frame *
mmu_access(vm_offset_t va)
{
	unsigned cpu, page;
	struct tlb_entry *e;
	bool own;

	port_step(__func__);
	if (va >= DMAP_BASE)
		return (mmu_frame((pfn_t)((va - DMAP_BASE) >> PAGE_SHIFT)));
	cpu = exec_cpu();
	if (!locate(cpu, va, &own, &page))
		fault(va);
	e = cached_at(cpu, own, page);
	if (e->flush != tlbs[cpu].flush &&
	    !walk(own ? &own_pte[cpu][page] : &window_pte[page], e))
		fault(va);
	return (mmu_frame(e->pfn));
}

void
mmu_speculate(void)
{
	unsigned cpu = exec_cpu();
	bool own = exec_random(4) == 0;
	uint32_t n = own ? PRIVATE_WINDOW_PAGES : window_pages, page;
	struct tlb_entry *e;

	if (n == 0)
		return;
	page = exec_random(n);
	e = cached_at(cpu, own, page);
	if (e->flush != tlbs[cpu].flush)
		(void)walk(own ? &own_pte[cpu][page] : &window_pte[page], e);
}

/* Does the planted bug, if there is one, keep this from being done? */
static bool
is_dropped(enum port_bug kind)
{
	return (stress_config.bug == kind ||
	    (stress_config.bug == BUG_SKIP_CPU && exec_cpu() == 1));
}

void
port_invlpg(vm_offset_t va)
{
	unsigned page;
	bool own;

	port_step(__func__);
	if (!is_dropped(BUG_DROP_INVLPG) && locate(exec_cpu(), va, &own, &page))
		cached_at(exec_cpu(), own, page)->flush = 0;
}

void
port_reload_cr3(void)
{
	port_step(__func__);
	if (!is_dropped(BUG_DROP_CR3))
		tlbs[exec_cpu()].flush++;
}

/* --- mm/pmap.h, mm/kva.h --- */

bool
pmap_grow(vm_offset_t va, size_t npages)
{
	(void)npages;
	port_step(__func__);
	return (va >= KVA_BASE || va == WINDOW_BASE);
}

/* Asked of the arena only, in which nothing is mapped here. */
bool
pmap_kextract(vm_offset_t va, vm_paddr_t *pa)
{
	ASSERT(va >= KVA_BASE && va < KVA_END, "%#zx is not of the arena", va);
	*pa = 0;
	return (false);
}

uint64_t
pmap_make_pte(vm_paddr_t pa, enum vm_prot prot)
{
	return ((pa & PG_FRAME) | PG_V | PG_NX |
	    ((prot & VM_PROT_WRITE) != 0 ? PG_RW | PG_M : 0));
}

void
pte_store_fresh(pt_entry_t *pte, uint64_t v)
{
	__atomic_store_n(pte, v, __ATOMIC_RELAXED);
}

void
pmap_zero_page(struct vm_page *m)
{
	struct frame *f = mmu_frame(vm_page_pfn(m));

	for (unsigned i = 0; i < FRAME_WORDS; i++)
		f->word[i] = 0;
}

bool
kmem_alloc_at(vm_offset_t va, size_t bytes)
{
	(void)host_map((void *)va, ROUND_UP(bytes, PAGE_SIZE));
	return (true);
}
