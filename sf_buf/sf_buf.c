/*
 * sf_buf: temporary mappings of physical pages.  This file is the interface and
 * the theory; sf_shared.c does what it says of the window, sf_private.c has the
 * mappings that are private to a CPU.
 *
 * THE PROBLEM
 *
 * The kernel sees 4 GiB of addresses and may own 64 GiB of memory.  To touch a
 * page outside the direct map it needs an address that leads there for a
 * while.  Making one is cheap: write a page-table entry.  Taking it back is
 * not, for each CPU keeps translations in a TLB that nothing keeps coherent: a
 * CPU that has used the address goes on reading the old page until it is told
 * to forget, and telling it takes an interrupt.  All that stands here serves
 * to interrupt as rarely as is still right.
 *
 * OBJECTS
 *
 * The window is a row of pages of address space that begins at WINDOW_BASE.
 * Each belongs to one slot, a struct sf_shared.  A slot is in one of three
 * states:
 *
 *	          miss                    last free
 *	  EMPTY ---------->  HELD  ------------------------>  CACHED
 *	  no page            page                             page
 *	  refs 0             refs > 0  <--------------------  refs 0
 *	                        ^       hit: nothing written    |
 *	                        |                               |
 *	                        +-------------------------------+
 *	                          miss for another page: taken
 *	                          from the cold end
 *
 * A page that is mapped twice has one slot, with two references.  EMPTY and
 * CACHED slots form the inactive list, coldest first: those never used, then
 * in the order of their last free.  A CACHED slot is still mapped and still
 * found by its page, so using a page again soon costs no page-table entry.
 *
 * A page of the direct map has an address for good.  Its "buffer" is the
 * struct vm_page itself; nothing here is written for it.  A mapping that is
 * private to a CPU lies in that CPU's own window and is sf_private.c's; here
 * it is only told apart, by the low bits of the pointer.
 *
 * INVARIANTS, whenever the lock is free
 *
 * I1  A slot is on the inactive list if and only if its refs is 0.
 * I2  m->sf_index is n + 1 if and only if slot n has page m.  Hence no page
 *     has two slots, and a frame that was freed while its slot is CACHED may
 *     be allocated again by anyone: what is cached is an address of the
 *     frame, whoever owns it.
 * I3  The entry of a slot with a page maps that page; of an EMPTY one, none.
 * I4  No TLB holds for a slot's address anything but the entry's present
 *     translation.
 * I5  Of the threads that wait, the first `ninactive` have been woken since
 *     they last looked, as has each whose page has a slot.
 *
 * THE PROOF BY THE ACCESSED BIT
 *
 * A processor sets the accessed bit (A) of an entry, in a locked cycle, before
 * its TLB may hold the translation, speculative walks included (Intel SDM
 * volume 3, "Accessed and Dirty Flags", "Details of TLB Use").  An entry is
 * written with A clear.  Afterwards only a sweep clears A, and then, before
 * anyone may look, every CPU flushes, beginning after the clear.  So at the
 * instant at which an entry is replaced:
 *
 *	A clear: no TLB holds the translation that goes, and by I4 nothing
 *	    older.  Nothing needs to be told: the slot is clean.
 *	A set: some TLB may hold it.  Every CPU is told, before anyone may use
 *	    the address.
 *
 * SWEEPS
 *
 * Telling every CPU costs the same for one address as for all.  So a miss that
 * finds the coldest slot with A set sweeps: it clears A in the inactive slots,
 * all of them up to SWEEP_MAX, leaving their mappings live and findable, and
 * has every CPU flush once.  All are clean then, and stay so until somebody
 * uses them, by a hit, which also takes them off the list.  The next sweep
 * comes when those have been taken: about one round for as many misses as
 * there are inactive slots.  No cached mapping is lost for it.
 *
 * A must be the A of that very instant.  A walk that comes between a read of
 * the entry and a later store would set A, fill a TLB, and be overlooked; so
 * the entry is exchanged in one locked operation, which either returns that A
 * or comes first, and then the walk sees the new entry.
 *
 * A CPU that starts sets its bit in cpu_online() and then reloads CR3; the
 * shootdown reads cpu_online() after the exchange.  Both are locked operations,
 * so either the round includes the CPU, or its reload drops what it had before.
 *
 * Costs follow: a hit, and the first use of a slot, send nothing; a miss sends
 * one round for each sweep, divided among the slots that it swept.
 *
 * WAITING
 *
 * Waiters queue in order of arrival, each asleep on a record of its own.  With
 * n inactive slots the first n waiters are entitled to one each, and nobody
 * else is: neither a waiter further back nor a newcomer, even with
 * SFB_NOWAIT.  A hit is no claim on a slot, so it always passes.  A waiter
 * keeps its place until it leaves, with a buffer or by a signal, and each
 * leaving tells those behind it.  It searches anew after each sleep, since
 * another waiter may have mapped the very page meanwhile; and each
 * installation wakes the waiters for that page, since with few slots and a
 * long holder they would sleep beside a mapping that they could share.
 *
 * LOCKING
 *
 * One spinlock guards everything but the direct map and private mappings, and
 * is held during the sweep and its shootdown.  That is allowed, since a CPU
 * that spins for it serves shootdowns meanwhile; and it is what bounds this
 * version, since two CPUs never miss at once.  The page of a held slot does not
 * change, so its holder reads it without the lock.
 *
 * REJECTED
 *
 * One round for each miss (FreeBSD): see SWEEPS.
 * One flush for each pass that drops all cached mappings (Linux's kmap): the
 *     accessed bit tells clean slots apart just as well.
 * Invalidating at free: pays for pages that are about to be mapped again, and
 *     on every CPU, used or not.
 * Reading A first, then storing the entry: see above.
 * Private mappings in this window, with a set of CPUs for each slot on which
 *     its translation is fresh (FreeBSD's i386 code): every private miss takes
 *     the lock, and a thread that breaks the rule reads a stale page unnoticed.
 * One channel for all waiters: whoever loses the race for a freed slot goes
 *     to the end of the queue, and can do so for ever.
 */
#include <sys/sf_buf.h>
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "sf_buf/sf_private.h"
#include "sf_buf/sf_shared.h"

#define SFB_ALL (SFB_CATCH | SFB_CPUPRIVATE | SFB_NOWAIT)

/*
 * The default: one buffer for each 64 pages of memory, so that the window's
 * own memory (72 bytes a buffer) stays below 0.03 percent, but no fewer than
 * do for a few hundred threads that hold some each.
 */
#define PAGES_PER_BUFFER 64
#define DEFAULT_MIN 1024

/* Relaxed: either value is right at any time. */
static _Atomic bool use_dmap;

/*
 * A struct sf_buf is never defined: a pointer to one is the address of a
 * struct sf_shared, sf_private or vm_page, which are aligned to 16 bytes, and
 * in its low bits, which of them.  So each call finds its way without asking.
 */
enum kind { SHARED, PRIVATE, DIRECT, KIND_MASK };

static inline enum kind
kind_of(const struct sf_buf *sf)
{
	return ((enum kind)((vm_offset_t)sf & KIND_MASK));
}

static inline void *
untagged(const struct sf_buf *sf)
{
	return ((void *)((vm_offset_t)sf & ~(vm_offset_t)KIND_MASK));
}

/* NULL stays NULL. */
static inline struct sf_buf *
tagged(void *p, enum kind kind)
{
	return (p != NULL ? (struct sf_buf *)((char *)p + kind) : NULL);
}

/* The page that a direct buffer is.  Panics, in the name of `who`, if it is
 * none. */
static struct vm_page *
direct(const struct sf_buf *sf, const char *who)
{
	struct vm_page *m = untagged(sf);
	vm_offset_t offset = (vm_offset_t)m - (vm_offset_t)vm_page_array.base;

	ASSERT(kind_of(sf) == DIRECT &&
		offset < vm_page_array.direct_end * sizeof(*m) &&
		offset % sizeof(*m) == 0,
	    "%s: %p is not a buffer", who, (const void *)sf);
	ASSERT(vm_page_wired(m),
	    "%s: page %#llx of a direct buffer is not wired", who,
	    VM_PAGE_TO_PHYS(m));
	return (m);
}

/*
 * A buffer that the caller's CPU may use: the page's shared one, if somebody
 * holds it, else one of this CPU's own.  NULL if those are in use.
 *   caller: for reports.
 */
static struct sf_buf *
alloc_private(struct vm_page *m, const void *caller)
{
	struct sf_shared *sf = sf_shared_join(m);

	counter_inc(CTR_sf_private);
	if (sf != NULL)
		return (tagged(sf, SHARED));
	return (tagged(sf_private_alloc(m, caller), PRIVATE));
}

struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	struct sf_buf *sf = NULL;

	ASSERT((flags & ~SFB_ALL) == 0, "sf_buf_alloc: unknown flags %#x",
	    flags);
	ASSERT(vm_page_wired(m), "sf_buf_alloc: page %#llx is not wired",
	    VM_PAGE_TO_PHYS(m));
	ASSERT((flags & SFB_CPUPRIVATE) == 0 || sched_is_pinned(),
	    "sf_buf_alloc: SFB_CPUPRIVATE, but the thread may migrate");
	if (load_relaxed(&use_dmap) && vm_page_is_direct(m)) {
		counter_inc(CTR_sf_direct);
		return (tagged(m, DIRECT));
	}
	if ((flags & SFB_CPUPRIVATE) != 0)
		sf = alloc_private(m, __builtin_return_address(0));
	if (sf == NULL)
		sf = tagged(sf_shared_alloc(m, flags), SHARED);
	return (sf);
}

void
sf_buf_free(struct sf_buf *sf)
{
	switch (kind_of(sf)) {
	case SHARED:
		sf_shared_free(untagged(sf), __func__);
		break;
	case PRIVATE:
		sf_private_free(untagged(sf), __func__);
		break;
	default:
		(void)direct(sf, __func__);
	}
}

void
sf_buf_ref(struct sf_buf *sf)
{
	switch (kind_of(sf)) {
	case SHARED:
		sf_shared_ref(untagged(sf), __func__);
		break;
	case PRIVATE:
		sf_private_ref(untagged(sf), __func__);
		break;
	default:
		(void)direct(sf, __func__);
	}
}

vm_offset_t
sf_buf_kva(struct sf_buf *sf)
{
	switch (kind_of(sf)) {
	case SHARED:
		return (sf_shared_kva(untagged(sf), __func__));
	case PRIVATE:
		return (sf_private_kva(untagged(sf), __func__));
	default:
		return ((vm_offset_t)
			pmap_phys_to_direct(VM_PAGE_TO_PHYS(direct(sf,
			    __func__))));
	}
}

struct vm_page *
sf_buf_page(struct sf_buf *sf)
{
	switch (kind_of(sf)) {
	case SHARED:
		return (sf_shared_page(untagged(sf), __func__));
	case PRIVATE:
		return (sf_private_page(untagged(sf), __func__));
	default:
		return (direct(sf, __func__));
	}
}

void
sf_buf_get_stats(struct sf_buf_stats *st)
{
	sf_shared_get_stats(st);
	st->dmap = load_relaxed(&use_dmap);
}

bool
sf_buf_set_dmap(bool on)
{
	return (atomic_exchange(&use_dmap, on));
}

void
sf_buf_foreach(void (*fn)(unsigned index, vm_offset_t kva, struct vm_page *m,
		   unsigned refs, void *arg),
    void *arg)
{
	sf_shared_foreach(fn, arg);
}

static uint32_t
default_slots(void)
{
	struct vm_page_stats st;
	uint32_t pages;

	vm_page_get_stats(&st);
	pages = st.total_pages[VM_ZONE_DIRECT] + st.total_pages[VM_ZONE_HIGH];
	return (MIN(MAX(pages / PAGES_PER_BUFFER, DEFAULT_MIN), SF_BUF_MAX));
}

int
sf_buf_init(unsigned nsfbufs, bool dmap)
{
	uint32_t nslots = nsfbufs != 0 ? nsfbufs : default_slots();

	ASSERT(nslots <= SF_BUF_MAX, "sf_buf_init: %u buffers, at most %u",
	    nslots, SF_BUF_MAX);
	store_relaxed(&use_dmap, dmap);
	return (sf_shared_init(nslots));
}

int
sf_buf_init_cpus(unsigned ncpus)
{
	return (sf_private_init(ncpus));
}

void
sf_buf_explain_fault(vm_offset_t va)
{
	sf_private_explain(va);
}
