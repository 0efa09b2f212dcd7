/*
 * CPU-private mappings.
 *
 * A CPU owns a window of 512 pages in slot 1, whose directory is its own: no
 * other CPU's tables lead there, so no other TLB can hold anything of it and
 * no mapping in it ever needs a shootdown.  A thread that touches one on the
 * wrong CPU faults instead of reading a stranger's page.
 *
 * The slots are a table keyed by frame number.  A page may have any of the
 * PROBES slots from its frame number on, so the search for a page that is mapped
 * and the search for a slot are both short.  Neighbouring frames get
 * neighbouring slots.
 *
 * `state` counts holders above that of an idle slot; SF_MARK makes it negative
 * while the page is being replaced.
 *
 * I1  While a slot is held, page and entry do not change.
 * I2  `page` is the page that the entry maps, unless the slot is marked.  A
 *     frame that is freed and used again meanwhile does no harm: what is cached
 *     is an address of the frame, whoever owns it.
 *
 * Only the owner CPU allocates, but there an interrupt or another thread can
 * come between any two steps, and any CPU may free.
 *
 *	Hit: increment the state, then look at `page` again.  If the slot was idle
 *	    and another thread recycled it before the increment, the page
 *	    differs, or the count is negative: undo, it is a miss.  After the
 *	    increment nobody recycles it (I1).
 *	Miss: change the state from idle to SF_MARK by compare-and-swap; write the
 *	    entry and the page; then add one holder and take the mark away.
 *	    Increments of others that came meanwhile are undone by them.
 *
 * The order between one thread and another on the same CPU is that of the
 * program.  Between CPUs there is only the last free: its decrement is a
 * release, and the compare-and-swap that recycles the slot acquires it.
 *
 * The accessed bit says whether this CPU's TLB may hold the old translation;
 * if it is clear, no invlpg is needed (see sf_buf.c).
 */
#include "sf_buf/sf_private.h"
#include "kernel/errno.h"
#include "kernel/panic.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "sf_buf/sf_window.h"

/* Four held neighbours are rare; a longer walk costs every miss. */
#define PROBES 4

#define SLOTS PRIVATE_WINDOW_PAGES

_Static_assert(SF_BUFS_PRIVATE + MAXCPU * SLOTS * sizeof(struct sf_buf) <=
	SF_BUFS_BASE + SF_BUFS_BYTES,
    "every CPU's slots fit");

/* Fixed by sf_private_init(). */
static unsigned nwindows;
/* `state` of a slot that nobody holds: 1, so that the last free of a private
 * slot is not taken for one that somebody may wait for; strict mode: 0, so
 * that it is. */
static int32_t idle_state;
static uint32_t index_mask; /* of frame numbers; strict mode: even slots only */

static struct sf_buf *
first_slot(unsigned cpu)
{
	return ((struct sf_buf *)SF_BUFS_PRIVATE + cpu * SLOTS);
}

static unsigned
owner_of(const struct sf_buf *sf)
{
	return ((unsigned)(sf - first_slot(0)) / SLOTS);
}

/* On the CPU itself: its page tables are found by its own directory. */
static void
init_slots(struct sf_buf *slot)
{
	unsigned cpu = owner_of(slot);
	vm_offset_t window = PRIVATE_BASE + cpu * PRIVATE_STRIDE;

	for (unsigned i = 0; i < SLOTS; i++) {
		slot[i].kva = window + i * PAGE_SIZE;
		slot[i].pte = pmap_cpu_pte(cpu_by_id(cpu), slot[i].kva);
		store_relaxed(&slot[i].state, idle_state);
	}
}

int
sf_private_init(unsigned ncpus)
{
	idle_state = sf_window.strict ? 0 : 1;
	index_mask = SLOTS - 1 - sf_window.strict;
	if (!kmem_alloc_at(SF_BUFS_PRIVATE,
		ncpus * SLOTS * sizeof(struct sf_buf)))
		return (ENOMEM);
	nwindows = ncpus;
	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		init_slots(first_slot(cpu));
		cpu_by_id(cpu)->sf_private = first_slot(cpu);
	}
	return (0);
}

static inline struct sf_buf *
slot_at(struct sf_buf *slots, uint32_t index)
{
	return (&slots[index & index_mask]);
}

/* A reference to the slot, if it maps `m`. */
static inline bool
try_hit(struct sf_buf *sf, const struct vm_page *m)
{
	if (load_relaxed(&sf->page) != m)
		return (false);
	if (__predict_true(atomic_fetch_add(&sf->state, 1) >= 0 &&
		load_relaxed(&sf->page) == m))
		return (true);
	if (atomic_fetch_sub(&sf->state, 1) == 1)
		sf_buf_private_idle(sf);
	return (false);
}

/* The slot for `m`, if nobody holds it. */
static inline bool
try_take(struct sf_buf *sf, struct vm_page *m, const void *caller)
{
	int32_t idle = idle_state;
	uint32_t low;

	if (load_relaxed(&sf->state) != idle ||
	    !atomic_compare_exchange_strong(&sf->state, &idle, SF_MARK))
		return (false);
	low = pte_take(sf->pte);
	slot_put_pte(sf, m);
	if ((low & PG_A) != 0)
		tlb_flush_page(sf->kva);
	sf->caller = caller;
	store_relaxed(&sf->page, m);
	atomic_fetch_add(&sf->state, idle_state + 1 - SF_MARK);
	counter_inc(CTR_sf_miss);
	return (true);
}

/* Neither a hit nor a miss at the page's first slot. */
static __noinline struct sf_buf *
probe(struct sf_buf *slots, struct vm_page *m, int flags, const void *caller)
{
	pfn_t first = vm_page_pfn(m);
	unsigned step = SLOTS - index_mask; /* from one slot to the next */

	for (unsigned i = 0; i < PROBES; i++) {
		struct sf_buf *sf = slot_at(slots, first + i * step);

		if (try_hit(sf, m)) {
			counter_inc(CTR_sf_hit);
			return (sf);
		}
	}
	for (unsigned i = 0; i < PROBES; i++) {
		struct sf_buf *sf = slot_at(slots, first + i * step);

		if (try_take(sf, m, caller))
			return (sf);
	}
	/* All held: the shared window helps. */
	return (sf_buf_alloc(m, flags & ~SFB_CPUPRIVATE));
}

/* The page has a slot in the shared window: if it is held it does as well.  NULL
 * if not. */
static __noinline struct sf_buf *
join_shared(struct vm_page *m)
{
	struct sf_buf *sf = load_relaxed(&m->sf);

	if (sf == NULL || load_relaxed(&sf->state) <= 0)
		return (NULL);
	return (sf_buf_hit(m));
}

__regargs void
sf_buf_check_private(int flags)
{
	ASSERT((flags & ~(SFB_CATCH | SFB_NOWAIT)) == SFB_CPUPRIVATE,
	    "sf_buf_alloc: unknown flags %#x", flags);
	ASSERT(sched_is_pinned(),
	    "sf_buf_alloc: SFB_CPUPRIVATE, but the thread may migrate");
}

/* Everything but the usual. */
static __noinline struct sf_buf *
unusual(struct vm_page *m, int flags, const void *caller)
{
	struct sf_buf *slots = curcpu()->sf_private, *sf;

	sf_buf_check_private(flags);
	sf = join_shared(m);
	if (sf != NULL)
		return (sf);
	if (slots == NULL)
		return (sf_buf_alloc(m, flags & ~SFB_CPUPRIVATE));
	return (probe(slots, m, flags, caller));
}

__regargs struct sf_buf *
sf_buf_map_private(struct vm_page *m, int flags)
{
	struct sf_buf *sf,
	    *slots = (struct sf_buf *)READ_CPU_WORD(offsetof(struct cpu,
		sf_private));
	const struct sf_buf *shared = load_relaxed(&m->sf);
	const struct thread *td = curthread;
	const void *caller = __builtin_return_address(0);

	counter_inc(CTR_sf_private);
	if (__predict_false((flags & ~(SFB_CATCH | SFB_NOWAIT)) !=
		    SFB_CPUPRIVATE ||
		td == NULL || td->pinned == 0 || slots == NULL ||
		(shared != NULL && load_relaxed(&shared->state) > 0)))
		return (unusual(m, flags, caller));
	sf = slot_at(slots, vm_page_pfn(m));
	if (load_relaxed(&sf->page) == m) {
		if (__predict_true(try_hit(sf, m))) {
			counter_inc(CTR_sf_hit);
			return (sf);
		}
	} else if (try_take(sf, m, caller)) {
		return (sf);
	}
	return (probe(slots, m, flags, caller));
}

/* The last free in strict mode: nothing may be reached through it. */
static void
unmap(struct sf_buf *sf, const void *freer)
{
	struct cpumask owner = {0};
	int32_t idle = 0;

	if (!atomic_compare_exchange_strong(&sf->state, &idle, SF_MARK))
		return;
	(void)pte_take(sf->pte);
	sf->freer = freer;
	sf->last = load_relaxed(&sf->page);
	store_relaxed(&sf->page, NULL);
	cpumask_add(&owner, owner_of(sf));
	critical_enter();
	tlb_shootdown(&owner, &sf->kva, 1);
	critical_exit();
	atomic_fetch_add(&sf->state, -SF_MARK);
}

__regargs void
sf_buf_private_idle(struct sf_buf *sf)
{
	if (!sf_window.strict)
		sf_buf_panic(sf, "sf_buf_free: nobody holds it");
	unmap(sf, __builtin_return_address(0));
}

bool
sf_private_process_page(struct vm_page *m, void (*fn)(struct sf_buf *sf))
{
	bool any = false;

	for (struct sf_buf *sf = first_slot(0); sf < first_slot(nwindows); sf++)
		if (try_hit(sf, m)) {
			fn(sf);
			sf_buf_free(sf);
			any = true;
		}
	return (any);
}
