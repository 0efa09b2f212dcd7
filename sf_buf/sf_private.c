/*
 * CPU-private mappings.
 *
 * A CPU owns a window of 512 pages in slot 1, whose directory is its own: no
 * other CPU's tables lead there, so no other TLB can hold anything of it and
 * no mapping in it ever needs a shootdown.  A thread that touches one on the
 * wrong CPU faults instead of reading a stranger's page.
 *
 * The slots are a table keyed by frame number.  A page may have any of the
 * PROBES slots from its frame number on, so the search for a page that is
 * mapped and the search for a slot are both short.  Neighbouring frames get
 * neighbouring slots.
 *
 * `state` counts holders; SF_MARK makes it negative while the page is being
 * replaced.
 *
 * P1  While a slot is held, page and entry do not change.
 * P2  `page` is the page that the entry maps, unless the slot is marked.  A
 *     frame that is freed and used again meanwhile does no harm: what is cached
 *     is an address of the frame, whoever owns it.
 *
 * Only the owner CPU allocates, but there an interrupt or another thread can
 * come between any two steps, and any CPU may free.
 *
 *	Hit: increment the state, then look at `page` again.  If the slot was idle
 *	    and another thread recycled it before the increment, the page
 *	    differs, or the count is negative: undo, it is a miss.  After the
 *	    increment nobody recycles it (P1).
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

static unsigned nwindows; /* fixed by sf_private_init() */

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

/* A CPU's slots, from the first.  The CPU has its page tables. */
static void
init_slots(struct sf_buf *slot)
{
	unsigned cpu = owner_of(slot);
	vm_offset_t window = PRIVATE_BASE + cpu * PRIVATE_STRIDE;

	for (unsigned i = 0; i < SLOTS; i++) {
		vm_offset_t kva = window + i * PAGE_SIZE;

		slot_init(&slot[i], kva, pmap_cpu_pte(cpu_by_id(cpu), kva));
	}
}

int
sf_private_init(unsigned ncpus)
{
	ASSERT(nwindows == 0, "sf_buf_init_cpus: called twice");
	/* Strict mode: even slots only, a hole after each. */
	sf_buf_control.private_mask =
	    (SLOTS - 1 - sf_window.strict) * sizeof(struct sf_buf);
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

/* The slot for `m`, if nobody holds it. */
static inline bool
try_take(struct sf_buf *sf, struct vm_page *m)
{
	pt_entry_t *pte = sf->pte;
	uint32_t low;

	if (!slot_mark(sf))
		return (false);
	low = pte_take(pte);
	slot_install(sf, pte, m);
	if (__predict_true((low & PG_A) != 0))
		tlb_flush_page(sf->kva);
	atomic_fetch_add(&sf->state, 1 - SF_MARK);
	return (true);
}

/* The i-th of the slots that a page may have. */
static struct sf_buf *
candidate(struct sf_buf *slots, const struct vm_page *m, unsigned i)
{
	unsigned step = sf_window.strict ? 2 : 1;
	unsigned first =
	    (unsigned)(sf_buf_private_slot((vm_offset_t)slots, m) - slots);

	return (&slots[(first + i * step) % SLOTS]);
}

/* A shared buffer that somebody holds does as well. */
static inline bool
has_held_buffer(const struct vm_page *m)
{
	const struct sf_buf *sf = load_relaxed(&m->sf);

	return (__predict_false(sf != NULL) && load_relaxed(&sf->state) > 0);
}

/*
 * The page's first slot is neither the page's nor idle, or something is
 * unusual.
 */
__regargs struct sf_buf *
sf_buf_map_elsewhere(struct vm_page *m, int flags)
{
	struct sf_buf *slots = curcpu()->sf_private;

	sf_buf_check_private(flags);
	if (has_held_buffer(m)) {
		struct sf_buf *sf = sf_buf_hit(m);

		if (sf != NULL)
			return (sf);
	}
	for (unsigned i = 0; i < PROBES; i++) {
		struct sf_buf *sf = candidate(slots, m, i);

		if (sf_buf_private_hit(sf, m))
			return (sf);
	}
	for (unsigned i = 0; i < PROBES; i++) {
		struct sf_buf *sf = candidate(slots, m, i);

		if (try_take(sf, m)) {
			sf->caller = __builtin_return_address(0);
			return (sf);
		}
	}
	/* All held: the shared window helps. */
	return (sf_buf_alloc(m, flags & ~SFB_CPUPRIVATE));
}

__regargs void
sf_buf_check_private(int flags)
{
	ASSERT((flags & ~(SFB_CATCH | SFB_NOWAIT)) == SFB_CPUPRIVATE,
	    "sf_buf_alloc: unknown flags %#x", flags);
	ASSERT(sched_is_pinned(),
	    "sf_buf_alloc: SFB_CPUPRIVATE, but the thread may migrate");
}

__regargs struct sf_buf *
sf_buf_map_private(struct vm_page *m, int flags, struct sf_buf *slot)
{
	if (has_held_buffer(m) || __predict_false(!try_take(slot, m)))
		return (sf_buf_map_elsewhere(m, flags));
	slot->caller = __builtin_return_address(0);
	return (slot);
}

/* The last free in strict mode: nothing may be reached through it. */
void
sf_private_unmap(struct sf_buf *sf, const void *freer)
{
	struct cpumask owner = {0};

	if (!slot_mark(sf))
		return;
	(void)pte_take(sf->pte);
	sf->freer = freer;
	if (load_relaxed(&sf->page) != NULL)
		sf->last = load_relaxed(&sf->page);
	store_relaxed(&sf->page, NULL);
	cpumask_add(&owner, owner_of(sf));
	critical_enter();
	tlb_shootdown(&owner, &sf->kva, 1);
	critical_exit();
	atomic_fetch_add(&sf->state, -SF_MARK);
}

bool
sf_private_process_page(struct vm_page *m, void (*fn)(struct sf_buf *sf))
{
	bool any = false;

	for (struct sf_buf *sf = first_slot(0); sf < first_slot(nwindows); sf++)
		if (sf_buf_private_hit(sf, m)) {
			fn(sf);
			sf_buf_free(sf);
			any = true;
		}
	return (any);
}
