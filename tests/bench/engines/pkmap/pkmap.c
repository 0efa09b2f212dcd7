/*
 * Linux's kmap().
 *
 * One lock protects the window.  Each address has a count: 0, nothing is mapped
 * there; 1, something is, which nobody uses; n, n - 1 use it.  Where a page is
 * mapped is found by a hash, each chain of which has a lock of its own.  A new
 * mapping takes the next address whose count is 0, round and round; each time
 * round, all addresses with a count of 1 are unmapped first, and every CPU
 * flushes its TLB: nothing unused stays mapped.  Who finds no address waits,
 * and looks again for its page before it tries again.
 *
 * Otherwise than there: the window has as many addresses as the others' (512
 * there), and chains in proportion; the page is not looked up again when it is
 * freed, for the caller knows the address.
 *
 * Source: Linux 6.1, mm/highmem.c (kmap_high, kunmap_high, page_address), for
 * the algorithm.
 */
#include "tests/bench/engines/pkmap/sys/sf_buf.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "tests/bench/engines/lock.h"
#include "tests/bench/engines/window.h"

/* Of the chains: 512 addresses have 128 there. */
#define PER_CHAIN 4

static struct window window;

static struct engine_lock kmap_lock;
/* Under it. */
static uint32_t *count; /* window.n */
static unsigned last;   /* the address taken last */
static unsigned nwaiting;

struct mapping {
	struct vm_page *page;
	struct mapping *next; /* in its chain */
};
static struct mapping *mappings; /* window.n; page: fixed while count > 1 */

struct chain {
	struct engine_lock lock;
	struct mapping *first; /* under it */
} __aligned(CACHE_LINE_BYTES);
static struct chain *chains;
static unsigned nchains; /* a power of two */

/* --- where a page is mapped --- */

static inline struct chain *
chain_of(const struct vm_page *m)
{
	return (&chains[vm_page_pfn(m) & (nchains - 1)]);
}

/* Its index; window.n if it is not mapped. */
static inline unsigned
find(const struct vm_page *m)
{
	struct chain *c = chain_of(m);
	const struct mapping *found;

	engine_lock(&c->lock);
	for (found = c->first; found != NULL; found = found->next)
		if (found->page == m)
			break;
	engine_unlock(&c->lock);
	return (found != NULL ? (unsigned)(found - mappings) : window.n);
}

static inline void
enter(unsigned i, struct vm_page *m)
{
	struct chain *c = chain_of(m);

	mappings[i].page = m;
	engine_lock(&c->lock);
	mappings[i].next = c->first;
	c->first = &mappings[i];
	engine_unlock(&c->lock);
}

static inline void
leave(unsigned i)
{
	struct chain *c = chain_of(mappings[i].page);
	struct mapping **link;

	engine_lock(&c->lock);
	for (link = &c->first; *link != &mappings[i]; link = &(*link)->next)
		;
	*link = mappings[i].next;
	engine_unlock(&c->lock);
}

/* --- new mappings --- */

/* Unmap all that nobody uses, and have every CPU forget it. */
static __noinline void
flush_unused(void)
{
	bool any = false;

	for (unsigned i = 0; i < window.n; i++) {
		if (count[i] != 1)
			continue;
		count[i] = 0;
		(void)window_remove(&window, i);
		leave(i);
		any = true;
	}
	if (any) {
		counter_inc(CTR_sf_sweeps);
		sched_pin();
		tlb_shootdown_all(NULL, 0);
		sched_unpin();
	}
}

/* The next address with a count of 0; window.n if there is none. */
static inline unsigned
next_unmapped(void)
{
	unsigned left = window.n;

	for (;;) {
		if (++last == window.n) {
			last = 0;
			flush_unused();
			left = window.n;
		}
		if (count[last] == 0)
			return (last);
		if (--left == 0)
			return (window.n);
	}
}

/* An address that maps the page now; window.n: none, and it may not wait. */
static unsigned
map_new(struct vm_page *m, int flags)
{
	unsigned i;

	while ((i = next_unmapped()) == window.n) {
		if ((flags & SFB_NOWAIT) != 0)
			return (window.n);
		counter_inc(CTR_sf_allocwait);
		nwaiting++;
		(void)engine_lock_sleep(&kmap_lock, &count, 0, "kmap");
		nwaiting--;
		i = find(m);
		if (i != window.n)
			return (i);
	}
	counter_inc(CTR_sf_miss);
	window_enter(&window, i, m);
	count[i] = 1;
	enter(i, m);
	return (i);
}

/* --- the interface --- */

__regargs struct sf_buf *
pkmap_alloc(struct vm_page *m, int flags)
{
	unsigned i;

	engine_lock(&kmap_lock);
	i = find(m);
	if (i != window.n)
		counter_inc(CTR_sf_hit);
	else
		i = map_new(m, flags);
	if (__predict_false(i == window.n)) {
		counter_inc(CTR_sf_allocfail);
		engine_unlock(&kmap_lock);
		return (NULL);
	}
	count[i]++;
	engine_unlock(&kmap_lock);
	return ((struct sf_buf *)window_kva(&window, i));
}

__regargs void
pkmap_free(struct sf_buf *sf)
{
	unsigned i = window_index(&window, (vm_offset_t)sf);
	bool wake;

	engine_lock(&kmap_lock);
	ASSERT(count[i] > 1, "pkmap: nobody uses %p", (void *)sf);
	wake = --count[i] == 1 && nwaiting != 0;
	engine_unlock(&kmap_lock);
	if (__predict_false(wake))
		wakeup(&count);
}

struct vm_page *
pkmap_page(const struct sf_buf *sf)
{
	return (mappings[window_index(&window, (vm_offset_t)sf)].page);
}

/* --- beginning and end --- */

static void
free_tables(unsigned nbufs)
{
	if (count != NULL)
		kmem_free(count, nbufs * sizeof(count[0]));
	if (mappings != NULL)
		kmem_free(mappings, nbufs * sizeof(mappings[0]));
	if (chains != NULL)
		kmem_free(chains, nchains * sizeof(chains[0]));
}

unsigned
pkmap_start(unsigned nbufs)
{
	nchains = 1;
	while (nchains * PER_CHAIN < nbufs)
		nchains *= 2;
	count = kmem_alloc(nbufs * sizeof(count[0]));
	mappings = kmem_alloc(nbufs * sizeof(mappings[0]));
	chains = kmem_alloc(nchains * sizeof(chains[0]));
	if (count == NULL || mappings == NULL || chains == NULL ||
	    !window_alloc(&window, nbufs)) {
		free_tables(nbufs);
		return (0);
	}
	last = 0;
	return (nbufs);
}

void
pkmap_stop(void)
{
	unsigned n = window.n;

	ASSERT(nwaiting == 0, "pkmap: %u threads wait", nwaiting);
	engine_lock(&kmap_lock);
	flush_unused();
	engine_unlock(&kmap_lock);
	for (unsigned i = 0; i < n; i++)
		ASSERT(count[i] == 0, "pkmap: address %u is in use", i);
	window_free(&window);
	free_tables(n);
}
