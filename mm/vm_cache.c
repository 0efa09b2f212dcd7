/*
 * Each CPU's cache of single pages.  mm/vm_page.c has the theory.
 */
#include "kernel/types.h"
#include "kernel/x86.h"
#include "kernel/panic.h"
#include "kernel/cpu.h"
#include "mm/vm_page.h"
#include "mm/vm_buddy.h"
#include "mm/vm_cache.h"

/*
 * A cache holds up to 32 pages, and is refilled or drained to 16.  The lock is
 * thus taken once in 16 calls at worst, and never by a CPU that keeps within 16
 * pages of where it was.  More would park more memory for little: the caches
 * of 255 CPUs hold 32 MiB of a zone already.  In a small zone the limit is
 * lower, so that all caches together never hold more than a sixteenth of it.
 */
#define CACHE_MAX 32
#define CACHE_SHARE 16

struct page_cache {
	/* This CPU only, interrupts disabled. */
	pfn_t head[VM_NZONE];
	/* Written by this CPU only; others read it for statistics. */
	_Atomic uint32_t count[VM_NZONE];
} __aligned(CACHE_LINE_BYTES);

static struct page_cache caches[MAXCPU];
static uint32_t limit[VM_NZONE]; /* pages in a cache; fixed at boot */

/* From here on with interrupts disabled, so that the CPU stays the same. */

static void
cache_push(struct page_cache *c, enum vm_zone zone, pfn_t pfn)
{
	vm_page_at(pfn)->next = c->head[zone];
	c->head[zone] = pfn;
	store_relaxed(&c->count[zone], load_relaxed(&c->count[zone]) + 1);
}

/* Returns 0 when the cache is empty. */
static pfn_t
cache_pop(struct page_cache *c, enum vm_zone zone)
{
	pfn_t pfn = c->head[zone];

	if (pfn == 0)
		return (0);
	c->head[zone] = vm_page_at(pfn)->next;
	store_relaxed(&c->count[zone], load_relaxed(&c->count[zone]) - 1);
	return (pfn);
}

static void
cache_refill(struct page_cache *c, enum vm_zone zone)
{
	unsigned batch = MAX(limit[zone] / 2, 1u);

	vm_buddy_lock();
	for (unsigned i = 0; i < batch; i++) {
		pfn_t pfn = vm_buddy_alloc_locked(zone, 0);

		if (pfn == 0)
			break;
		store_relaxed(&vm_page_at(pfn)->state, VM_PAGE_CACHED);
		cache_push(c, zone, pfn);
	}
	vm_buddy_unlock();
}

static void
cache_drain(struct page_cache *c, enum vm_zone zone, unsigned keep)
{
	vm_buddy_lock();
	while (load_relaxed(&c->count[zone]) > keep) {
		pfn_t pfn = cache_pop(c, zone);

		store_relaxed(&vm_page_at(pfn)->state, VM_PAGE_FREE_PART);
		vm_buddy_free_locked(pfn, 1);
	}
	vm_buddy_unlock();
}

/* --- the interface: any context --- */

void
vm_cache_init(enum vm_zone zone, uint32_t zone_pages)
{
	limit[zone] = MIN(CACHE_MAX, zone_pages / (CACHE_SHARE * MAXCPU));
}

pfn_t
vm_cache_take(enum vm_zone zone)
{
	uint32_t flags = intr_disable();
	struct page_cache *c = &caches[curcpu_id()];

	/* Racy, but whoever finds nothing says so either way, and a zone that
	 * is empty for good must not cost every call the lock. */
	if (c->head[zone] == 0 && vm_buddy_free_pages(zone) != 0)
		cache_refill(c, zone);
	pfn_t pfn = cache_pop(c, zone);
	intr_restore(flags);
	return (pfn);
}

void
vm_cache_give(pfn_t pfn)
{
	enum vm_zone zone = vm_page_zone(pfn);
	uint32_t flags = intr_disable();
	struct page_cache *c = &caches[curcpu_id()];

	cache_push(c, zone, pfn);
	if (load_relaxed(&c->count[zone]) > limit[zone])
		cache_drain(c, zone, limit[zone] / 2);
	intr_restore(flags);
}

void
vm_page_drain_cache(void)
{
	uint32_t flags = intr_disable();
	struct page_cache *c = &caches[curcpu_id()];

	cache_drain(c, VM_ZONE_DIRECT, 0);
	cache_drain(c, VM_ZONE_HIGH, 0);
	intr_restore(flags);
}

uint32_t
vm_cache_count(enum vm_zone zone)
{
	uint32_t n = 0;

	for (unsigned cpu = 0; cpu < MAXCPU; cpu++)
		n += load_relaxed(&caches[cpu].count[zone]);
	return (n);
}

uint32_t
vm_cache_check(enum vm_zone zone)
{
	uint32_t total = 0;

	for (unsigned cpu = 0; cpu < MAXCPU; cpu++) {
		const struct page_cache *c = &caches[cpu];
		uint32_t n = 0;

		for (pfn_t p = c->head[zone]; p != 0; p = vm_page_at(p)->next) {
			ASSERT(vm_page_get_state(vm_page_at(p)) ==
				    VM_PAGE_CACHED &&
				vm_page_zone(p) == zone,
			    "vm_page_check: frame %#x, state %u, is cached "
			    "by cpu %u",
			    p, vm_page_get_state(vm_page_at(p)), cpu);
			n++;
		}
		ASSERT(n == load_relaxed(&c->count[zone]),
		    "vm_page_check: cpu %u caches %u pages, not %u", cpu, n,
		    load_relaxed(&c->count[zone]));
		total += n;
	}
	return (total);
}
