/*
 * The window that all CPUs share: which slots are clean, and the flushes that
 * make them so.  For the files of sf_buf/ only.
 */
#ifndef SF_BUF_SF_WINDOW_H
#define SF_BUF_SF_WINDOW_H

#include "kernel/spinlock.h"
#include "mm/tlb.h"
#include "sf_buf/sf_slot.h"

struct sf_window {
	/* Fixed. */
	struct sf_buf *slot; /* nslots of them */
	uint32_t nslots;
	bool strict;
};
extern struct sf_window sf_window;

/* Guards sweeps, flushes, the list of idle slots and the waiters. */
extern struct spinlock sf_window_lock;

/* Set up `nslots` slots.  Returns 0 or ENOMEM. */
int sf_window_init(uint32_t nslots, bool strict);

/* Is a round over?  Numbers wrap: of an idle slot that half of all rounds have
 * passed by this says no, and the next sweep includes it. */
static inline bool
sf_window_is_over(const struct sf_buf *sf)
{
	uint32_t done = load_relaxed(&sf_buf_control.rounds_done);

	return ((int32_t)(done - load_folded(&sf->round)) >= 0);
}

/* The next slot that this CPU has to try; false when it has none.  Requires:
 * interrupts disabled. */
static inline bool
sf_window_next(struct sf_buf **sf)
{
	vm_offset_t next = READ_CPU_WORD(offsetof(struct cpu, sf_next));

	if (__predict_false(CPU_WORD_IS(offsetof(struct cpu, sf_end), next)))
		return (false);
	ADD_CPU_WORD(offsetof(struct cpu, sf_next), sizeof(struct sf_buf));
	*sf = (struct sf_buf *)next;
	return (true);
}

/*
 * Give this CPU, which has none, more slots to try, if any are known that may be
 * clean.  Takes no lock, but may sweep ahead and start a round.
 * Requires: interrupts disabled.
 */
bool sf_window_refill(void) __regargs;

/*
 * Take a marked slot's entry, if the slot is clean; else nothing has happened.
 * First the entry, then the judgement: A is the one of the instant at which the
 * entry went, and the round, read after, is the one of whoever cleared it.
 */
static inline bool
sf_window_take_entry(const struct sf_buf *sf, pt_entry_t *pte)
{
	uint32_t low = pte_take(pte);

	if (__predict_true((low & PG_A) == 0 && sf_window_is_over(sf)))
		return (true);
	pte_put_back(pte, low);
	return (false);
}

/* Let a marked slot go that still has its entry. */
static inline void
sf_window_let_go(struct sf_buf *sf)
{
	counter_inc(CTR_sf_aborts);
	if (slot_unmark(sf) && atomic_load(&sf_buf_control.scarce) != 0)
		sf_buf_idle(sf);
}

/*
 * Get a slot for a new page: marked, clean, its entry taken, its old page gone.
 * Requires: interrupts disabled.
 * Returns NULL when the slots are or have become scarce, or will not come
 *   clean.
 * Effects: may sweep, with TLB IPIs, and wait for a round.
 */
struct sf_buf *sf_window_take(void);

/*
 * Take a marked slot's entry and page away.  The slot may then need a flush.
 * Requires: the lock.
 */
void sf_window_detach_locked(struct sf_buf *sf);

/*
 * The same, and the flush, if it needs one: for this slot alone.  Then it is
 * clean.
 */
void sf_window_clean_one_locked(struct sf_buf *sf) __regargs;

/* Does a marked slot whose entry is taken need a flush? */
bool sf_window_needs_flush(const struct sf_buf *sf);

/* Have the next flush cover an idle slot, too, so that it is clean afterwards;
 * or a slot that needs it.  Requires: the lock. */
void sf_window_sweep_one_locked(struct sf_buf *sf);

/*
 * Have every CPU flush, and wait, if anything needs it: then all that was
 * detached or swept before is clean.
 * Requires: the lock.
 */
void sf_window_flush_locked(void);

/* What sweeps have found is void; a round under way is waited for.  Requires:
 * the lock. */
void sf_window_reset_locked(void);

/* Buffers that are held now; the second notes it, for the peak. */
uint32_t sf_window_used(void);
uint32_t sf_window_note_used_locked(void);

/* What lies below and above the most buffers that were ever held. */
void sf_window_peak(uint32_t *least, uint32_t *most);

#endif
