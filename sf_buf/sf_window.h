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
sf_window_is_over(uint32_t round)
{
	return ((int32_t)(round - load_acquire(&sf_buf_control.rounds_done)) <=
	    0);
}

/*
 * Take an idle slot if it is clean.  First the entry, then the judgement: A is
 * the one of the instant at which the entry went, and the round, read after, is
 * the one of whoever cleared it.
 */
static inline __always_inline bool
sf_window_try_take(struct sf_buf *sf)
{
	uint32_t low;

	if (!slot_mark(sf))
		return (false);
	low = pte_take(sf->pte);
	if (__predict_true((low & PG_A) == 0 &&
		sf_window_is_over(load_relaxed(&sf->round)))) {
		slot_forget_page(sf);
		return (true);
	}
	pte_put_back(sf->pte, low);
	if (slot_unmark(sf) && atomic_load(&sf_buf_control.scarce) != 0)
		sf_buf_idle(sf);
	return (false);
}

/*
 * A slot for a new page: marked, clean, its entry taken, its old page gone.
 * sf_window_take() looks at what this CPU has in hand; sf_window_take_more()
 * gets it more.
 * Requires: interrupts disabled; not scarce.
 * Return NULL when there is none in hand; when the slots have become scarce, or
 *   will not come clean.
 * Effects of the second: may sweep, with TLB IPIs, and wait for a round.
 */
static inline __always_inline struct sf_buf *
sf_window_take(void)
{
	struct cpu *c = curcpu();
	struct sf_buf *sf;

	while ((sf = c->sf_next) != c->sf_end) {
		c->sf_next = sf + 1;
		if (load_relaxed(&sf->recent) == 0 && sf_window_try_take(sf))
			return (sf);
	}
	return (NULL);
}

struct sf_buf *sf_window_take_more(void);

/*
 * Take a marked slot's entry and page away.  The slot may then need a flush.
 * Requires: the lock.
 */
void sf_window_detach_locked(struct sf_buf *sf);

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

/* Buffers that are held now; and note it, for the peak. */
uint32_t sf_window_used(void);
void sf_window_note_used_locked(void);

/* What lies below and above the most buffers that were ever held. */
void sf_window_peak(uint32_t *least, uint32_t *most);

#endif
