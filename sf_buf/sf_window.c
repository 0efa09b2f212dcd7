/*
 * The window: sweeps, and slots that are clean.
 *
 * A slot is clean when no TLB holds its translation; sf_buf.c proves how the
 * accessed bit and the slot's round tell.  Rounds are numbered.  A slot's
 * `round` is the one after which a clear A means that it is clean.
 *
 * A sweep goes over a stretch of the window, from where the last one ended,
 * clears A in its slots, and starts one round for all.  The stretch that
 * it leaves is the harvest: CPUs take portions of it, and slots from their
 * portion, without a lock.  When little of a harvest is left, the next sweep is
 * made ahead, so that its round is over when its slots are needed.
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

/*
 * A round is to serve at least 1 / 1.1 of the idle slots, so no more than 9
 * percent of a harvest may be left, or in CPUs' hands, when the next sweep is
 * made: it is made ahead when 2.3 percent are left, and CPUs share the other 6.8
 * percent.  LARGEST slots in hand are enough to make getting them cheap.
 */
#define LOW_WATER(swept) ((swept) / 44)
#define PORTION(swept, cpus) ((swept)*3 / 44 / (cpus))
#define LARGEST 128

struct sf_window sf_window;
struct sf_buf_control sf_buf_control;
struct spinlock sf_window_lock = SPINLOCK_INITIALIZER("sf_buf", RANK_SF_BUF);

/* A stretch of the window: `left` slots from `first` on, around its end. */
struct stretch {
	uint32_t first, left;
};

/*
 * The harvest: a stretch in one word, so that CPUs take portions of it without
 * the lock.  Who holds the lock may replace it when nothing is left.
 */
static struct {
	_Atomic uint32_t word;
	_Atomic uint32_t portion; /* how many slots a CPU takes at once */
	_Atomic uint32_t low;     /* sweep ahead when so many are left */
	_Atomic uint32_t number;  /* counts harvests */
	_Atomic uint32_t cpus;    /* that have taken of this one */
} harvest __aligned(CACHE_LINE_BYTES);

#define HARVEST_BITS 16
_Static_assert(SF_BUF_MAX <= 1 << HARVEST_BITS && SWEEP_MAX < 1 << HARVEST_BITS,
    "a harvest fits one word");

/* Under the lock. */
static struct {
	struct stretch ahead; /* the next harvest; none left: not yet */
	bool pending;         /* its round is not known to be over */
	tlb_gen_t gen;        /* that round */
	uint32_t round;       /* its number: the last one given */
	/* The addresses of all slots that wait for the round after it: more
	 * than fit mean that it flushes everything. */
	vm_offset_t va[TLB_MAX_LIST];
	uint32_t nva;
	uint32_t peak; /* the largest sum of held buffers seen */
} sweeps;

/* Numbers wrap soon after the start, so that it is seen to work. */
#define FIRST_ROUND (UINT32_MAX - 8)

bool
sf_window_needs_flush(const struct sf_buf *sf)
{
	return (!sf_window_is_over(sf));
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
	bool used = pte_is_accessed(sf->pte);

	store_relaxed(&sf->recent, 0);
	if (!used && sf_window_is_over(sf))
		return;
	stamp_locked(sf);
	if (used) {
		counter_inc(CTR_pte_writes);
		pte_clear_accessed(sf->pte);
	}
}

/* The round that all stamped slots wait for is to begin.  Returns how many
 * addresses it is for; 0: everything. */
static unsigned
next_round_locked(void)
{
	uint32_t n = sweeps.nva;

	sweeps.nva = 0;
	sweeps.round++;
	return (n <= TLB_MAX_LIST ? n : 0);
}

/* --- sweeps --- */

/* Slots whose entries lie side by side, in one page of them. */
#define PT_SLOTS (PAGE_SIZE / sizeof(pt_entry_t))

/*
 * Clear A in n such slots, held or not, and stamp them with the round that
 * will begin after it.
 * Returns whether any needs that round.
 */
static inline bool
sweep_slots_locked(struct sf_buf *sf, uint32_t n)
{
	uint32_t round = sweeps.round + 1, unused = 0, pending = 0;
	pt_entry_t *pte = sf->pte;

	UNROLL(4)
	for (const struct sf_buf *end = sf + n; sf != end; sf++, pte++) {
		store_relaxed(&sf->recent, 0);
		if (__predict_true(pte_is_accessed(pte))) {
			store_release(&sf->round, round);
			pte_clear_accessed(pte);
			continue;
		}
		unused++;
		if (!sf_window_is_over(sf)) {
			store_release(&sf->round, round);
			pending++;
		}
	}
	counter_add(CTR_pte_writes, n - unused);
	return (unused != n || pending != 0);
}

static struct stretch
harvest_read(uint32_t word)
{
	return ((struct stretch){
	    .first = word >> HARVEST_BITS,
	    .left = word & ((1 << HARVEST_BITS) - 1),
	});
}

static uint32_t
harvest_word(const struct stretch *s)
{
	uint32_t first = s->first;

	if (first >= sf_window.nslots)
		first -= sf_window.nslots;
	return (first << HARVEST_BITS | s->left);
}

/* Sweep what follows the harvest, for a round that flushes everything, and
 * start that. */
static void
sweep_ahead_locked(void)
{
	struct stretch h = harvest_read(load_relaxed(&harvest.word));
	struct stretch *a = &sweeps.ahead;
	bool any = sweeps.nva != 0;

	a->first = (h.first + h.left) % sf_window.nslots;
	a->left = MIN(SWEEP_MAX, sf_window.nslots - h.left);
	for (uint32_t done = 0, n; done != a->left; done += n) {
		uint32_t i = (a->first + done) % sf_window.nslots;

		n = MIN(a->left - done, PT_SLOTS - i % PT_SLOTS);
		n = MIN(n, sf_window.nslots - i);
		any |= sweep_slots_locked(&sf_window.slot[i], n);
	}
	counter_inc(CTR_sf_sweeps);
	if (any) {
		sweeps.nva = TLB_MAX_LIST + 1;
		sweeps.gen =
		    tlb_start(cpu_online(), sweeps.va, next_round_locked());
		sweeps.pending = true;
	}
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

/* The next harvest: made ahead, or made now; unless it is not worth it. */
static void
next_harvest_locked(void)
{
	uint32_t idle = sf_window.nslots - sf_window_note_used_locked();
	struct stretch *a = &sweeps.ahead;
	uint32_t cpus, portion;

	if (sf_idle_is_scarce(idle)) {
		sf_idle_enter_locked();
		return;
	}
	if (a->left == 0)
		sweep_ahead_locked();
	finish_round_locked();
	cpus = MAX(load_relaxed(&harvest.cpus), 1);
	portion = PORTION(a->left, cpus);
	store_relaxed(&harvest.portion, MAX(MIN(portion, LARGEST), 1));
	store_relaxed(&harvest.low, LOW_WATER(a->left));
	store_relaxed(&harvest.cpus, 0);
	store_relaxed(&harvest.number, load_relaxed(&harvest.number) + 1);
	store_release(&harvest.word, harvest_word(a));
	a->left = 0;
}

/* Have a harvest.  False when slots are scarce. */
static bool
reap(void)
{
	bool plenty;

	spin_lock(&sf_window_lock);
	while (harvest_read(load_relaxed(&harvest.word)).left == 0 &&
	    load_relaxed(&sf_buf_control.scarce) == 0)
		next_harvest_locked();
	plenty = load_relaxed(&sf_buf_control.scarce) == 0;
	spin_unlock(&sf_window_lock);
	return (plenty);
}

/* The harvest is low: sweep ahead, unless somebody does. */
static __noinline void
prepare_harvest(void)
{
	if (!spin_trylock(&sf_window_lock))
		return;
	if (sweeps.ahead.left == 0 && load_relaxed(&sf_buf_control.scarce) == 0)
		sweep_ahead_locked();
	spin_unlock(&sf_window_lock);
}

__regargs bool
sf_window_refill(void)
{
	uint32_t word = load_relaxed(&harvest.word), n;
	struct cpu *c = curcpu();
	struct stretch h;

	do {
		h = harvest_read(word);
		n = MIN(load_relaxed(&harvest.portion), h.left);
		n = MIN(n, sf_window.nslots - h.first);
		if (n == 0)
			return (false);
		h.left -= n;
		c->sf_next = &sf_window.slot[h.first];
		c->sf_end = c->sf_next + n;
		h.first += n;
	} while (!ATOMIC_CAS(&harvest.word, word, harvest_word(&h)) &&
	    (word = load_relaxed(&harvest.word), true));
	if (c->sf_harvest != load_relaxed(&harvest.number)) {
		c->sf_harvest = load_relaxed(&harvest.number);
		atomic_fetch_add(&harvest.cpus, 1);
	}
	if (__predict_false(h.left <= load_relaxed(&harvest.low)))
		prepare_harvest();
	return (true);
}

struct sf_buf *
sf_window_take(void)
{
	/* CPUs that keep using what was swept could go on for ever. */
	for (uint32_t tries = 2 * sf_window.nslots; tries != 0; tries--) {
		struct sf_buf *sf;

		if (!sf_window_next(&sf)) {
			if (!sf_window_refill() && !reap())
				return (NULL);
			continue;
		}
		if (load_relaxed(&sf->recent) != 0 || !slot_mark(sf))
			continue;
		if (sf_window_take_entry(sf, sf->pte)) {
			slot_forget_page(sf);
			return (sf);
		}
		sf_window_let_go(sf);
	}
	return (NULL);
}

/* --- for sf_idle.c and sf_wait.c --- */

void
sf_window_reset_locked(void)
{
	finish_round_locked();
	store_relaxed(&harvest.word,
	    load_relaxed(&harvest.word) >> HARVEST_BITS << HARVEST_BITS);
	sweeps.ahead.left = 0;
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

__regargs void
sf_window_clean_one_locked(struct sf_buf *sf)
{
	bool used = (pte_take(sf->pte) & PG_A) != 0;

	slot_forget_page(sf); /* before anything is waited for */
	if (used || !sf_window_is_over(sf)) {
		counter_inc(CTR_sf_sweeps);
		tlb_shootdown_all(&sf->kva, 1);
	}
}

void
sf_window_flush_locked(void)
{
	finish_round_locked();
	if (sweeps.nva == 0)
		return;
	tlb_shootdown_all(sweeps.va, next_round_locked());
	store_release(&sf_buf_control.rounds_done, sweeps.round);
}

/* --- how many are held --- */

/* A CPU's room is below 0 from the moment at which it holds more than ever
 * until this; or for longer, if the thread has moved in between. */
__regargs struct sf_buf *
sf_buf_new_peak(struct sf_buf *sf)
{
	uint32_t flags = intr_disable();
	struct cpu *c = curcpu();

	if (load_folded(&c->sf_room) < 0) {
		store_folded(&c->sf_peak,
		    load_folded(&c->sf_peak) - load_folded(&c->sf_room));
		store_folded(&c->sf_room, 0);
	}
	intr_restore(flags);
	return (sf);
}

static uint32_t
sum(bool of_peaks)
{
	int32_t n = 0;
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		const struct cpu *c = cpu_by_id(cpu);
		int32_t peak = load_relaxed(&c->sf_peak);
		int32_t used = peak - load_relaxed(&c->sf_room);

		n += of_peaks ? MAX(peak, used) : used;
	}
	return ((uint32_t)MAX(n, 0));
}

uint32_t
sf_window_used(void)
{
	uint32_t used = sum(false);

	return (MIN(used, sf_window.nslots));
}

uint32_t
sf_window_note_used_locked(void)
{
	uint32_t used = sf_window_used();

	sweeps.peak = MAX(sweeps.peak, used);
	return (used);
}

void
sf_window_peak(uint32_t *least, uint32_t *most)
{
	*most = sum(true);
	*most = MIN(*most, sf_window.nslots);
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
	sf_window.slot = slot;
	sf_window.nslots = nslots;
	sf_window.strict = strict;
	for (uint32_t i = 0; i < nslots; i++) {
		vm_offset_t kva = WINDOW_BASE + i * stride * PAGE_SIZE;

		slot_init(&slot[i], kva, pmap_pte(kva));
		store_relaxed(&slot[i].round, FIRST_ROUND);
	}
	sweeps.round = FIRST_ROUND;
	store_relaxed(&sf_buf_control.rounds_done, FIRST_ROUND);
	spin_lock(&sf_window_lock);
	sf_idle_init_locked();
	spin_unlock(&sf_window_lock);
	return (0);
}
