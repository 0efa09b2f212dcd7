/*
 * Physical pages: the buddy allocator and each CPU's cache of single pages.
 *
 * Each zone keeps its free frames in blocks of 2^k pages, on one list for each
 * order k.  An allocation takes the smallest block that serves and gives the
 * halves that it does not need back to the lists; a free joins a block with
 * its buddy for as long as the buddy is free, too.  Single pages, which are
 * nearly all the traffic, come from and go to a cache that belongs to one CPU.
 *
 * A frame's state, kept in its struct vm_page:
 *
 *	RESERVED   not RAM, or taken before vm_page_init()
 *	FREE       first page of a free block, on the list of its order
 *	FREE_PART  another page of a free block
 *	CACHED     on the list of one CPU's cache
 *	USED       handed out; the links belong to its holder
 *
 *	                 vm_page_alloc_contig
 *	FREE, FREE_PART <--------------------> USED
 *	      ^            vm_page_free_contig  ^
 *	      | cache_refill,                   | vm_page_alloc,
 *	      v cache_drain                     v vm_page_free
 *	    CACHED <----------------------------+
 *
 * Invariants, all of which vm_page_check() verifies:
 *
 *	I1  Every frame that is FREE or FREE_PART lies in exactly one block,
 *	    every CACHED frame on exactly one CPU's list.
 *	I2  A block of order k starts at a multiple of 2^k and lies within one
 *	    zone.  No two free blocks are buddies: they would be one block.
 *	I3  In each zone free + cached + used = total.
 *	I4  Only a USED page is wired.
 *	I5  Frame 0 is RESERVED, so that a link of 0 can end a list.
 *	I6  A page marked poisoned is not USED, and every word of it is POISON.
 *	    (Not verified for all memory at once, but when the page is taken.)
 *
 * Locking.  The lock "vm_page" guards the lists, and state and order of the
 * frames in them.  A cache is touched only by its own CPU with interrupts
 * disabled, and needs no lock.  A USED page is its holder's; what leaves USED
 * leaves by an atomic exchange, so that of two CPUs that free the same page at
 * once one is told.  What one CPU wrote to a page before it freed it comes
 * before the next holder's accesses: both took the lock in between, or are the
 * same CPU.
 *
 * Rejected: links inside the free pages (high pages are not mapped); a bitmap
 * for each order (one more cache line to touch, and the state byte has to be
 * there anyway, to catch a double free); leaving FREE_PART unwritten until a
 * block is first split (saves a store for each page at boot, and leaves a
 * state that means two things).
 */
#include "kernel/types.h"
#include "kernel/x86.h"
#include "kernel/panic.h"
#include "kernel/cpu.h"
#include "mm/memmap.h"
#include "mm/vm_page.h"
#include "mm/vm_buddy.h"
#include "mm/vm_cache.h"
#include "mm/pmap.h"

/* What a freed page is filled with in debug builds. */
#define POISON 0xfeedbad5u

struct vm_page_array vm_page_array;

static uint32_t total_pages[VM_NZONE]; /* fixed after vm_page_init() */

/* The smallest order whose blocks hold so many pages. */
static unsigned
order_for(unsigned npages)
{
	return (npages == 1 ? 0 : 32 - __builtin_clz(npages - 1));
}

/* --- poison --- */

static void
poison_fill(struct vm_page *m)
{
	uint32_t flags = intr_disable();
	uint32_t *word = pmap_quick_enter_page(m);

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
		word[i] = POISON;
	pmap_quick_remove_page(word);
	intr_restore(flags);
	m->poisoned = true;
}

static void
poison_check(struct vm_page *m)
{
	uint32_t flags = intr_disable();
	const uint32_t *word = pmap_quick_enter_page(m);

	for (unsigned i = 0; i < PAGE_SIZE / sizeof(*word); i++)
		ASSERT(word[i] == POISON,
		    "vm_page: free frame %#x was written: %#x at offset %#zx",
		    vm_page_pfn(m), word[i], i * sizeof(*word));
	pmap_quick_remove_page((void *)word);
	intr_restore(flags);
	m->poisoned = false;
}

/* --- pages --- */

/* Make a run that is on no list the caller's. */
static struct vm_page *
run_hand_out(pfn_t pfn, unsigned npages, unsigned flags)
{
	struct vm_page *m = vm_page_at(pfn);

	for (struct vm_page *p = m; p < m + npages; p++) {
		ASSERT(!vm_page_wired(p), "vm_page: free frame %#x is wired",
		    vm_page_pfn(p));
		if (p->poisoned)
			poison_check(p);
		if (flags & VM_ALLOC_ZERO)
			pmap_zero_page(p);
		if (flags & VM_ALLOC_WIRED)
			store_relaxed(&p->wire_count, 1);
		store_relaxed(&p->state, VM_PAGE_USED);
	}
	counter_add(CTR_page_allocs, npages);
	return (m);
}

/*
 * Take a page from its holder.  The exchange lets one of two CPUs that free it
 * at once win, and names the page to the other.
 */
static void
page_take_back(struct vm_page *m, enum vm_page_state state)
{
	enum vm_page_state was;

	ASSERT(m >= vm_page_array.base &&
		m < vm_page_array.base + vm_page_array.npages,
	    "vm_page_free: %p is not a page", (void *)m);
	ASSERT(!vm_page_wired(m), "vm_page_free: frame %#x is wired %u times",
	    vm_page_pfn(m), load_relaxed(&m->wire_count));
	was = atomic_exchange(&m->state, state);
	ASSERT(was != VM_PAGE_RESERVED,
	    "vm_page_free: frame %#x was never ours to hand out",
	    vm_page_pfn(m));
	ASSERT(was == VM_PAGE_USED, "vm_page_free: frame %#x is free already",
	    vm_page_pfn(m));
	if (EPHEMERA_DEBUG)
		poison_fill(m);
}

struct vm_page *
vm_page_alloc(unsigned flags)
{
	pfn_t pfn = 0;

	ASSERT(!(flags & VM_ALLOC_DIRECT) || !(flags & VM_ALLOC_HIGH),
	    "vm_page_alloc: both direct and high, flags %#x", flags);
	if (!(flags & VM_ALLOC_DIRECT))
		pfn = vm_cache_take(VM_ZONE_HIGH);
	if (pfn == 0 && !(flags & VM_ALLOC_HIGH))
		pfn = vm_cache_take(VM_ZONE_DIRECT);
	return (pfn == 0 ? NULL : run_hand_out(pfn, 1, flags));
}

/* A run out of one zone; 0 when there is none. */
static pfn_t
zone_take_run(enum vm_zone zone, unsigned npages)
{
	unsigned order = order_for(npages);

	vm_buddy_lock();
	pfn_t pfn = vm_buddy_alloc_locked(zone, order);
	if (pfn != 0)
		vm_buddy_free_locked(pfn + npages, (1u << order) - npages);
	vm_buddy_unlock();
	return (pfn);
}

struct vm_page *
vm_page_alloc_contig(unsigned npages, unsigned flags)
{
	pfn_t pfn = 0;

	ASSERT(npages >= 1, "vm_page_alloc_contig: no pages");
	ASSERT(npages <= 1u << (VM_NORDER - 1),
	    "vm_page_alloc_contig: %u pages, at most %u", npages,
	    1u << (VM_NORDER - 1));
	ASSERT(!(flags & VM_ALLOC_DIRECT) || !(flags & VM_ALLOC_HIGH),
	    "vm_page_alloc_contig: both direct and high, flags %#x", flags);
	if (!(flags & VM_ALLOC_DIRECT))
		pfn = zone_take_run(VM_ZONE_HIGH, npages);
	if (pfn == 0 && !(flags & VM_ALLOC_HIGH))
		pfn = zone_take_run(VM_ZONE_DIRECT, npages);
	return (pfn == 0 ? NULL : run_hand_out(pfn, npages, flags));
}

struct vm_page *
vm_page_alloc_frame(pfn_t pfn, unsigned flags)
{
	vm_buddy_lock();
	bool taken = vm_buddy_alloc_frame_locked(pfn);
	vm_buddy_unlock();
	return (taken ? run_hand_out(pfn, 1, flags) : NULL);
}

void
vm_page_free(struct vm_page *m)
{
	page_take_back(m, VM_PAGE_CACHED);
	counter_inc(CTR_page_frees);
	vm_cache_give(vm_page_pfn(m));
}

void
vm_page_free_contig(struct vm_page *m, unsigned npages)
{
	pfn_t pfn = vm_page_pfn(m);

	ASSERT(npages >= 1, "vm_page_free_contig: no pages");
	ASSERT(vm_page_zone(pfn) == vm_page_zone(pfn + npages - 1),
	    "vm_page_free_contig: %u pages from frame %#x, of both zones",
	    npages, pfn);
	for (struct vm_page *p = m; p < m + npages; p++)
		page_take_back(p, VM_PAGE_FREE_PART);
	counter_add(CTR_page_frees, npages);

	vm_buddy_lock();
	vm_buddy_free_locked(pfn, npages);
	vm_buddy_unlock();
}

void
vm_page_wire(struct vm_page *m)
{
	unsigned was;

	ASSERT(vm_page_get_state(m) == VM_PAGE_USED,
	    "vm_page_wire: frame %#x is not in use", vm_page_pfn(m));
	was = atomic_fetch_add(&m->wire_count, 1);
	ASSERT(was != UINT16_MAX, "vm_page_wire: frame %#x is wired %u times",
	    vm_page_pfn(m), was);
}

bool
vm_page_unwire(struct vm_page *m)
{
	unsigned was;

	ASSERT(vm_page_get_state(m) == VM_PAGE_USED,
	    "vm_page_unwire: frame %#x is not in use", vm_page_pfn(m));
	was = atomic_fetch_sub(&m->wire_count, 1);
	ASSERT(was != 0, "vm_page_unwire: frame %#x was not wired",
	    vm_page_pfn(m));
	return (was == 1);
}

/* Give the frames of [pfn, end), all of one zone, to the allocator. */
static void
zone_add_locked(pfn_t pfn, pfn_t end)
{
	if (pfn >= end)
		return;
	for (struct vm_page *m = vm_page_at(pfn); m < vm_page_at(end); m++)
		store_relaxed(&m->state, VM_PAGE_FREE_PART);
	total_pages[vm_page_zone(pfn)] += end - pfn;
	vm_buddy_free_locked(pfn, end - pfn);
}

void
vm_page_init(const struct memmap *map, struct vm_page *array, pfn_t npages,
    vm_paddr_t direct_end)
{
	ASSERT(vm_page_array.base == NULL, "vm_page_init: called twice");
	vm_page_array.base = array;
	vm_page_array.npages = npages;
	vm_page_array.direct_end = (pfn_t)(direct_end >> PAGE_SHIFT);

	vm_buddy_lock();
	for (unsigned i = 0; i < map->nranges; i++) {
		const struct memrange *r = &map->range[i];
		pfn_t start = MAX((pfn_t)(r->start >> PAGE_SHIFT), 1u);
		pfn_t end = (pfn_t)(r->end >> PAGE_SHIFT);
		pfn_t border = vm_page_array.direct_end;

		ASSERT(end <= npages,
		    "vm_page_init: RAM up to frame %#x, %#x have a vm_page",
		    end, npages);
		zone_add_locked(start, MIN(end, border));
		zone_add_locked(MAX(start, border), end);
	}
	vm_buddy_unlock();
	for (unsigned zone = 0; zone < VM_NZONE; zone++)
		vm_cache_init(zone, total_pages[zone]);
}

void
vm_page_get_stats(struct vm_page_stats *st)
{
	vm_buddy_lock();
	for (unsigned zone = 0; zone < VM_NZONE; zone++) {
		uint32_t free = vm_buddy_free_pages(zone);
		uint32_t cached = vm_cache_count(zone);

		st->total_pages[zone] = total_pages[zone];
		st->free_pages[zone] = free;
		st->cached_pages[zone] = cached;
		st->used_pages[zone] = total_pages[zone] - free - cached;
		for (unsigned order = 0; order < VM_NORDER; order++)
			st->free_blocks[zone][order] =
			    vm_buddy_blocks(zone, order);
	}
	vm_buddy_unlock();
}

uint32_t
vm_page_available(void)
{
	struct vm_page_stats st;

	vm_page_get_stats(&st);
	return (st.free_pages[VM_ZONE_DIRECT] + st.free_pages[VM_ZONE_HIGH] +
	    st.cached_pages[VM_ZONE_DIRECT] + st.cached_pages[VM_ZONE_HIGH]);
}

/* --- the invariants --- */

struct page_census {
	uint32_t in_state[VM_NZONE][VM_PAGE_USED + 1];
};

/* I4, I6 for each page, and how many are in each state. */
static void
take_census(struct page_census *census)
{
	*census = (struct page_census){0};
	for (pfn_t pfn = 0; pfn < vm_page_array.npages; pfn++) {
		const struct vm_page *m = vm_page_at(pfn);
		enum vm_page_state state = vm_page_get_state(m);

		ASSERT(state <= VM_PAGE_USED,
		    "vm_page_check: frame %#x has state %u", pfn, state);
		ASSERT(state == VM_PAGE_USED || !vm_page_wired(m),
		    "vm_page_check: frame %#x, state %u, is wired", pfn, state);
		ASSERT(state != VM_PAGE_USED || !m->poisoned,
		    "vm_page_check: frame %#x is used and poisoned", pfn);
		census->in_state[vm_page_zone(pfn)][state]++;
	}
}

void
vm_page_check(void)
{
	struct page_census census;

	ASSERT(vm_page_get_state(vm_page_at(0)) == VM_PAGE_RESERVED,
	    "vm_page_check: frame 0 has state %u",
	    vm_page_get_state(vm_page_at(0)));
	take_census(&census);
	for (unsigned zone = 0; zone < VM_NZONE; zone++) {
		const uint32_t *n = census.in_state[zone];
		uint32_t free = n[VM_PAGE_FREE] + n[VM_PAGE_FREE_PART];

		vm_buddy_check(zone);
		ASSERT(free == vm_buddy_free_pages(zone),
		    "vm_page_check: zone %u has %u free pages, %u in blocks",
		    zone, free, vm_buddy_free_pages(zone));
		ASSERT(vm_cache_check(zone) == n[VM_PAGE_CACHED],
		    "vm_page_check: zone %u has %u cached pages, %u in caches",
		    zone, n[VM_PAGE_CACHED], vm_cache_count(zone));
		ASSERT(free + n[VM_PAGE_CACHED] + n[VM_PAGE_USED] ==
			total_pages[zone],
		    "vm_page_check: zone %u has %u free, %u cached and %u used "
		    "pages of %u",
		    zone, free, n[VM_PAGE_CACHED], n[VM_PAGE_USED],
		    total_pages[zone]);
	}
}
