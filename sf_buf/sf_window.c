/*
 * The window: sweeps, and slots that are clean.
 *
 * A slot is clean when no TLB holds its translation; sf_buf.c proves how the
 * accessed bit and the slot's round tell.  Rounds are numbered.  A slot's `round` is the
 * one after which a clear A means that it is clean.
 *
 * A sweep goes over a stretch of the window, from where the last one ended,
 * clears A in the idle slots, and starts one round for all.  The stretch that
 * it leaves is the harvest: CPUs take chunks of it, and slots from their chunk
 * without a lock.  When less than LOW_WATER of a harvest is left, the next
 * sweep is made ahead, so that its round is over when its slots are needed.
 */
#include "sf_buf/sf_window.h"
#include "kernel/cpu.h"
#include "kernel/errno.h"
#include "kernel/panic.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "sf_buf/sf_idle.h"

/*
 * Slots in one sweep.  Interrupts are disabled meanwhile, so it is bounded; a
 * round shared by so many misses is a small part of what each costs anyway.
 */
#define SWEEP_MAX 4096

/* Sweep ahead when 1 / LOW_WATER of a harvest is left: 9 percent, so that a
 * round serves at least 1 / 1.1 of the idle slots. */
#define LOW_WATER 11

/*
 * Slots that a CPU takes from the harvest at once: with 64 the lock costs each
 * miss two or three instructions.
 */
#define CHUNK 64

struct sf_window sf_window;
struct sf_buf_control sf_buf_control;
struct spinlock sf_window_lock = SPINLOCK_INITIALIZER("sf_buf", RANK_SF_BUF);

/* A stretch of the window: `left` slots from `first` on, around its end. */
struct stretch {
	uint32_t first, left;
	uint32_t swept; /* how many it was, all in all */
	uint32_t idle;  /* that the sweep found idle */
};

/* Under the lock. */
static struct {
	struct stretch harvest; /* of a sweep whose round is over */
	struct stretch ahead;   /* of the sweep after it */
	bool pending;           /* its round is not known to be over */
	tlb_gen_t gen;          /* that round */
	uint32_t round;         /* its number: the last one given */
	/* The addresses of all slots that wait for the round after it: more
	 * than fit mean that it flushes everything. */
	vm_offset_t va[TLB_MAX_LIST];
	uint32_t nva;
	uint32_t lap;      /* slots swept since a lap around the window began */
	uint32_t lap_idle; /* of which were idle */
	uint32_t peak;     /* the largest sum of held buffers seen */
} sweeps;

/* Numbers wrap soon after the start, so that it is seen to work. */
#define FIRST_ROUND (UINT32_MAX - 8)

bool
sf_window_needs_flush(const struct sf_buf *sf)
{
	return (!sf_window_is_over(load_relaxed(&sf->round)));
}

/* --- one slot --- */

/*
 * The next round will cover the slot.  Every slot that has that number is on
 * the list, or the round could be over without its address being flushed.
 */
static inline void
stamp_locked(struct sf_buf *sf)
{
	uint32_t round = sweeps.round + 1;

	if (load_relaxed(&sf->round) == round)
		return;
	store_release(&sf->round, round);
	if (sweeps.nva < TLB_MAX_LIST)
		sweeps.va[sweeps.nva] = sf->kva;
	sweeps.nva++;
}

/*
 * Clear A in an idle slot.  The stamp comes before the clearing: whoever sees A
 * clear by it, sees the stamp.
 */
void
sf_window_sweep_one_locked(struct sf_buf *sf)
{
	bool used = (*(volatile uint32_t *)sf->pte & PG_A) != 0;

	store_relaxed(&sf->recent, 0);
	if (!used && sf_window_is_over(load_relaxed(&sf->round)))
		return;
	stamp_locked(sf);
	if (used)
		pte_clear_accessed(sf->pte);
}

/* Begin the round that all stamped slots wait for. */
static tlb_gen_t
start_round_locked(void)
{
	uint32_t n = sweeps.nva;

	sweeps.nva = 0;
	sweeps.round++;
	return (tlb_start(cpu_online(), sweeps.va, n <= TLB_MAX_LIST ? n : 0));
}

/* --- sweeps --- */

static inline struct sf_buf *
next_slot(struct sf_buf *sf)
{
	sf++;
	return (sf == sf_window.slot + sf_window.nslots ? sf_window.slot : sf);
}

/*
 * Clear A, and stamp, every idle slot of a stretch, for one round that will flush
 * everything.
 */
static void
sweep_stretch_locked(struct stretch *s)
{
	struct sf_buf *sf = &sf_window.slot[s->first];
	uint32_t idle = 0, used = 0, round = sweeps.round + 1;

	for (uint32_t i = s->swept; i != 0; i--, sf = next_slot(sf)) {
		if (load_relaxed(&sf->state) != 0)
			continue;
		idle++;
		store_relaxed(&sf->recent, 0);
		if ((*(volatile uint32_t *)sf->pte & PG_A) != 0) {
			store_release(&sf->round, round);
			pte_clear_accessed(sf->pte);
			used++;
		} else if (!sf_window_is_over(load_relaxed(&sf->round))) {
			store_release(&sf->round, round);
			used++;
		}
	}
	s->idle = idle;
	if (used != 0)
		sweeps.nva = TLB_MAX_LIST + 1;
}

/* Sweep what follows the harvest, and start the round. */
static void
sweep_ahead_locked(void)
{
	struct stretch *h = &sweeps.harvest, *a = &sweeps.ahead;

	a->first = (h->first + h->left) % sf_window.nslots;
	a->left = a->swept = MIN(SWEEP_MAX, sf_window.nslots - h->left);
	sweep_stretch_locked(a);
	counter_inc(CTR_sf_sweeps);
	if (sweeps.nva != 0) {
		sweeps.gen = start_round_locked();
		sweeps.pending = true;
	}
	sweeps.lap += a->swept;
	sweeps.lap_idle += a->idle;
}

static void
finish_round_locked(void)
{
	if (!sweeps.pending)
		return;
	tlb_wait(cpu_online(), sweeps.gen);
	sweeps.pending = false;
	store_release(&sf_buf_control.rounds_done, sweeps.round);
}

/* The next harvest: made ahead, or made now. */
static void
next_harvest_locked(void)
{
	if (sweeps.ahead.left == 0)
		sweep_ahead_locked();
	finish_round_locked();
	sweeps.harvest = sweeps.ahead;
	sweeps.ahead.left = 0;
	if (sweeps.harvest.idle == 0)
		sweeps.harvest.left = 0;
	if (sweeps.lap >= sf_window.nslots) {
		if (sf_idle_is_scarce(sweeps.lap_idle))
			sf_idle_enter_locked();
		sweeps.lap = sweeps.lap_idle = 0;
	}
}

/* Give this CPU the next chunk.  False when slots are scarce. */
static bool
refill(struct cpu *c)
{
	struct stretch *h = &sweeps.harvest;
	uint32_t n;

	spin_lock(&sf_window_lock);
	while (h->left == 0 && load_relaxed(&sf_buf_control.scarce) == 0)
		next_harvest_locked();
	if (load_relaxed(&sf_buf_control.scarce) != 0) {
		c->sf_next = c->sf_end = NULL;
		spin_unlock(&sf_window_lock);
		return (false);
	}
	n = MIN(MIN(CHUNK, h->left), sf_window.nslots - h->first);
	c->sf_next = &sf_window.slot[h->first];
	c->sf_end = c->sf_next + n;
	h->first = (h->first + n) % sf_window.nslots;
	h->left -= n;
	if (h->left <= h->swept / LOW_WATER && sweeps.ahead.left == 0) {
		sf_window_note_used_locked();
		sweep_ahead_locked();
	}
	spin_unlock(&sf_window_lock);
	return (true);
}

struct sf_buf *
sf_window_take_more(void)
{
	/* CPUs that keep using what was swept could go on for ever. */
	uint32_t tries = 2 * (sf_window.nslots / CHUNK + 1);
	struct sf_buf *sf = NULL;

	while (sf == NULL && tries-- != 0 && refill(curcpu()))
		sf = sf_window_take();
	return (sf);
}

/* --- for sf_idle.c and sf_wait.c --- */

void
sf_window_reset_locked(void)
{
	finish_round_locked();
	sweeps.harvest.left = sweeps.ahead.left = 0;
	sweeps.lap = sweeps.lap_idle = 0;
}

void
sf_window_detach_locked(struct sf_buf *sf)
{
	if ((pte_take(sf->pte) & PG_A) != 0)
		stamp_locked(sf);
	slot_forget_page(sf);
	if (load_relaxed(&sf->page) != NULL)
		sf->last = load_relaxed(&sf->page);
	store_relaxed(&sf->page, NULL);
}

void
sf_window_flush_locked(void)
{
	finish_round_locked();
	if (sweeps.nva == 0)
		return;
	tlb_wait(cpu_online(), start_round_locked());
	store_release(&sf_buf_control.rounds_done, sweeps.round);
}

/* --- how many are held --- */

__regargs void
sf_buf_new_peak(int32_t used)
{
	uint32_t flags = intr_disable();
	struct cpu *c = curcpu();

	c->sf_peak = MAX(c->sf_peak, used);
	intr_restore(flags);
}

static uint32_t
sum(bool of_peaks)
{
	int32_t n = 0;
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online())
		n += of_peaks ? cpu_by_id(cpu)->sf_peak :
				cpu_by_id(cpu)->sf_used;
	return ((uint32_t)MAX(n, 0));
}

uint32_t
sf_window_used(void)
{
	return (MIN(sum(false), sf_window.nslots));
}

void
sf_window_note_used_locked(void)
{
	sweeps.peak = MAX(sweeps.peak, sf_window_used());
}

void
sf_window_peak(uint32_t *least, uint32_t *most)
{
	*most = MIN(sum(true), sf_window.nslots);
	*least = cpu_count() == 1 ? *most : MIN(sweeps.peak, *most);
}

/* --- the beginning --- */

int
sf_window_init(uint32_t nslots, bool strict)
{
	unsigned stride = strict ? 2 : 1; /* a hole after each buffer */
	struct sf_buf *slot = (struct sf_buf *)SF_BUFS_BASE;

	ASSERT(sf_window.slot == NULL, "sf_buf_init: called twice");
	if (!pmap_grow(WINDOW_BASE, nslots * stride) ||
	    !kmem_alloc_at(SF_BUFS_BASE, nslots * sizeof(*slot)))
		return (ENOMEM);
	sf_buf_control.pte_high =
	    (uint32_t)(pmap_make_pte(0, VM_PROT_WRITE) >> 32);
	sf_window.slot = slot;
	sf_window.nslots = nslots;
	sf_window.strict = strict;
	for (uint32_t i = 0; i < nslots; i++) {
		slot[i].kva = WINDOW_BASE + i * stride * PAGE_SIZE;
		slot[i].pte = pmap_pte(slot[i].kva);
		store_relaxed(&slot[i].round, FIRST_ROUND);
	}
	sweeps.round = FIRST_ROUND;
	store_relaxed(&sf_buf_control.rounds_done, FIRST_ROUND);
	spin_lock(&sf_window_lock);
	if (sf_idle_is_always_scarce())
		sf_idle_enter_locked();
	spin_unlock(&sf_window_lock);
	return (0);
}
