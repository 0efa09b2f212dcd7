/*
 * The idle slots of a scarce window, coldest first.  For the files of sf_buf/
 * only; what ends in _locked requires the window's lock.
 */
#ifndef SF_BUF_SF_IDLE_H
#define SF_BUF_SF_IDLE_H

#include "sf_buf/sf_slot.h"

#define SF_IDLE_PARTIAL (1u << 31)

/* Under the window's lock. */
struct sf_idle {
	struct sf_buf end; /* a ring: its next is the coldest, its prev the
			      warmest */
	/* Slots in it, read without the lock, too; and SF_IDLE_PARTIAL more as
	 * long as not every idle slot need be in it. */
	_Atomic uint32_t n;
	uint32_t plenty; /* fixed: with more, the window is not scarce */
};
extern struct sf_idle sf_idle;

/* Are so few idle slots too few to go looking for? */
bool sf_idle_is_scarce(uint32_t idle);

/* Prepare for the window; if it is too small, or too strict, ever to stop being
 * scarce, it becomes so. */
void sf_idle_init_locked(void);

/* No slot is idle: known without the lock.  False when that is not known. */
bool sf_idle_none(void);

/* From now on each last free is told, and every idle slot is on the list. */
void sf_idle_enter_locked(void);

/* The contrary, if the list is long.  Requires also that nobody waits. */
void sf_idle_leave_locked(void);

/* Have the next flush clean them all. */
void sf_idle_sweep_locked(void);

/* Put a slot that nobody holds, and that is not on, at the warm end. */
static inline void
sf_idle_add_locked(struct sf_buf *sf)
{
	struct sf_buf *end = &sf_idle.end, *warmest = end->prev;

	sf->prev = warmest;
	sf->next = end;
	warmest->next = end->prev = sf;
	sf->listed = true;
	store_relaxed(&sf_idle.n, load_relaxed(&sf_idle.n) + 1);
}

/* Take one off, if it is on. */
static inline void
sf_idle_remove_locked(struct sf_buf *sf)
{
	struct sf_buf *prev = sf->prev, *next = sf->next;

	if (!sf->listed)
		return;
	prev->next = next;
	next->prev = prev;
	sf->listed = false;
	store_relaxed(&sf_idle.n, load_relaxed(&sf_idle.n) - 1);
}

static inline bool
sf_idle_is_empty_locked(void)
{
	return (sf_idle.end.next == &sf_idle.end);
}

/* The coldest idle slot, marked and off the list; NULL if there is none. */
static inline struct sf_buf *
sf_idle_take_locked(void)
{
	struct sf_buf *sf;

	while ((sf = sf_idle.end.next) != &sf_idle.end) {
		sf_idle_remove_locked(sf);
		if (__predict_true(slot_mark(sf)))
			return (sf);
	}
	return (NULL);
}

#endif
