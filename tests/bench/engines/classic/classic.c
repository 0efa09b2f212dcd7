/*
 * The sf_bufs that FreeBSD published for i386 with several CPUs.
 *
 * One lock protects all.  Buffers that map a page are found by a hash of it;
 * those that nobody holds are in a list, too, the one freed first at its
 * front: that one is recycled.  Each buffer knows which CPUs have forgotten
 * its former mapping.  When one is recycled whose entry was used (the accessed
 * bit), no CPU has; those that need to, all of them or only the caller's for a
 * private mapping, are told in a round, with the lock held.
 *
 * As there: the set of CPUs is empty at first, so that the first use of each
 * buffer makes a round; a thread that waited takes the first buffer of the
 * list and does not look whether another has mapped its page meanwhile.
 *
 * Otherwise than there: the entry is exchanged, so that an accessed bit that
 * is set meanwhile is not lost; the round does not interrupt idle CPUs.
 *
 * Source: FreeBSD's sf_buf(9) as of 2005, sys/i386/i386/vm_machdep.c, and the
 * paper that naive.c names, for the algorithm.
 */
#include "tests/bench/engines/classic/sys/sf_buf.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "tests/bench/engines/lock.h"
#include "tests/bench/engines/window.h"

static struct window window;
static struct sf_buf *bufs; /* window.n */
static bool alone;          /* one CPU: nobody else has to forget */

static struct engine_lock lock;
/* Under it. */
static struct sf_buf **chain; /* chain_mask + 1: by page */
static uint32_t chain_mask;
static struct sf_buf free_list; /* a ring; empty: itself */
static unsigned nwaiting;

/* --- lists --- */

static inline struct sf_buf **
chain_of(const struct vm_page *m)
{
	return (&chain[vm_page_pfn(m) & chain_mask]);
}

static inline void
chain_insert(struct sf_buf *sf)
{
	struct sf_buf **head = chain_of(sf->page);

	sf->hash_next = *head;
	if (*head != NULL)
		(*head)->hash_link = &sf->hash_next;
	sf->hash_link = head;
	*head = sf;
}

static inline void
chain_remove(struct sf_buf *sf)
{
	*sf->hash_link = sf->hash_next;
	if (sf->hash_next != NULL)
		sf->hash_next->hash_link = sf->hash_link;
}

static inline void
free_append(struct sf_buf *sf)
{
	sf->free_next = &free_list;
	sf->free_prev = free_list.free_prev;
	free_list.free_prev->free_next = sf;
	free_list.free_prev = sf;
}

static inline void
free_remove(struct sf_buf *sf)
{
	sf->free_next->free_prev = sf->free_prev;
	sf->free_prev->free_next = sf->free_next;
}

/* --- translations --- */

/* The calling CPU, which cannot migrate, forgets what was mapped here before. */
static inline void
make_valid_here(struct sf_buf *sf)
{
	unsigned self = curcpu_id();

	if ((sf->valid[self / 32] >> self % 32 & 1) == 0) {
		sf->valid[self / 32] |= 1u << self % 32;
		tlb_flush_page(sf->kva);
	}
}

/* So does every CPU that has not yet. */
static inline void
make_valid_everywhere(struct sf_buf *sf)
{
	struct cpumask cpus;
	uint32_t valid = 0, any = 0;

	for (unsigned w = 0; w < cpumask_words; w++) {
		uint32_t set =
		    load_relaxed(&cpu_online()->word[w]) & ~sf->valid[w];

		valid |= sf->valid[w];
		sf->valid[w] |= set;
		store_relaxed(&cpus.word[w], set);
		any |= set;
	}
	if (valid == 0)
		tlb_shootdown_all(&sf->kva, 1); /* the same, but cheaper */
	else if (any != 0)
		tlb_shootdown(&cpus, &sf->kva, 1);
}

static inline void
make_valid(struct sf_buf *sf, bool private)
{
	sched_pin();
	if (private || alone)
		make_valid_here(sf);
	else
		make_valid_everywhere(sf);
	sched_unpin();
}

static inline void
remap(struct sf_buf *sf, struct vm_page *m)
{
	uint32_t old = pte_take(window.pte[sf->index]);

	if ((old & PG_V) != 0 && (old & PG_A) != 0)
		for (unsigned w = 0; w < cpumask_words; w++)
			sf->valid[w] = 0;
	window_enter(&window, sf->index, m);
}

/* --- the interface --- */

/* Wait until there is a free buffer.  False: there is none to be had. */
static __noinline bool
wait_for_one(int flags)
{
	while (free_list.free_next == &free_list) {
		int error;

		if ((flags & SFB_NOWAIT) != 0)
			return (false);
		counter_inc(CTR_sf_allocwait);
		nwaiting++;
		error = engine_lock_sleep(&lock, &free_list,
		    (flags & SFB_CATCH) != 0 ? PCATCH : 0, "sfbufa");
		nwaiting--;
		if (error != 0) {
			/* A wakeup that we leave unused is someone else's. */
			if (nwaiting != 0)
				wakeup_one(&free_list);
			return (false);
		}
	}
	return (true);
}

__regargs struct sf_buf *
classic_alloc(struct vm_page *m, int flags)
{
	struct sf_buf *sf;

	engine_lock(&lock);
	for (sf = *chain_of(m); sf != NULL; sf = sf->hash_next)
		if (sf->page == m) {
			if (sf->refs++ == 0)
				free_remove(sf);
			counter_inc(CTR_sf_hit);
			make_valid(sf, (flags & SFB_CPUPRIVATE) != 0);
			engine_unlock(&lock);
			return (sf);
		}
	if (__predict_false(free_list.free_next == &free_list) &&
	    !wait_for_one(flags)) {
		counter_inc(CTR_sf_allocfail);
		engine_unlock(&lock);
		return (NULL);
	}
	sf = free_list.free_next;
	free_remove(sf);
	if (sf->page != NULL)
		chain_remove(sf);
	sf->page = m;
	sf->refs = 1;
	chain_insert(sf);
	counter_inc(CTR_sf_miss);
	remap(sf, m);
	make_valid(sf, (flags & SFB_CPUPRIVATE) != 0);
	engine_unlock(&lock);
	return (sf);
}

__regargs void
classic_free(struct sf_buf *sf)
{
	engine_lock(&lock);
	ASSERT(sf->refs != 0, "classic: nobody holds %p", (void *)sf);
	if (--sf->refs == 0) {
		free_append(sf);
		if (__predict_false(nwaiting != 0))
			wakeup_one(&free_list);
	}
	engine_unlock(&lock);
}

/* --- beginning and end --- */

/* As many chains as buffers, but a power of two. */
static unsigned
chains(unsigned nbufs)
{
	unsigned n = 1;

	while (2 * n <= nbufs)
		n *= 2;
	return (n);
}

unsigned
classic_start(unsigned nbufs)
{
	size_t chain_bytes = chains(nbufs) * sizeof(chain[0]);

	bufs = kmem_alloc(nbufs * sizeof(bufs[0]));
	chain = kmem_alloc(chain_bytes);
	if (bufs == NULL || chain == NULL || !window_alloc(&window, nbufs)) {
		if (bufs != NULL)
			kmem_free(bufs, nbufs * sizeof(bufs[0]));
		if (chain != NULL)
			kmem_free(chain, chain_bytes);
		return (0);
	}
	chain_mask = chains(nbufs) - 1;
	alone = cpu_count() == 1;
	free_list.free_next = free_list.free_prev = &free_list;
	for (unsigned i = 0; i < nbufs; i++) {
		bufs[i].index = i;
		bufs[i].kva = window_kva(&window, i);
		free_append(&bufs[i]);
	}
	return (nbufs);
}

void
classic_stop(void)
{
	unsigned n = window.n;

	ASSERT(nwaiting == 0, "classic: %u threads wait", nwaiting);
	for (unsigned i = 0; i < n; i++) {
		ASSERT(bufs[i].refs == 0, "classic: %p is held",
		    (void *)&bufs[i]);
		(void)pte_take(window.pte[i]);
	}
	window_free(&window);
	kmem_free(chain, chains(n) * sizeof(chain[0]));
	kmem_free(bufs, n * sizeof(bufs[0]));
}
