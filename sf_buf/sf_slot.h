/*
 * What is done to one slot: the steps that sf_buf.c's theory names.  For the
 * files of sf_buf/ only.
 */
#ifndef SF_BUF_SF_SLOT_H
#define SF_BUF_SF_SLOT_H

#include <sys/sf_buf.h>

/*
 * Added to `state` by whoever takes an idle slot, so that it is negative, and
 * stays so whatever increments a hit makes and undoes meanwhile.
 */
#define SF_MARK (-(1 << 30))

#define SF_PTE_LOW ((uint32_t)(PG_V | PG_RW | PG_M))
_Static_assert(sizeof(struct vm_page) << 8 == PAGE_SIZE, "see slot_put_pte()");

/* An idle slot becomes the caller's.  False if it is not idle. */
static inline bool
slot_mark(struct sf_buf *sf)
{
	int32_t idle = 0;

	return (load_relaxed(&sf->state) == 0 &&
	    atomic_compare_exchange_strong(&sf->state, &idle, SF_MARK));
}

/*
 * Take the mark away.  Returns whether the slot is idle now; else someone's hit
 * is about to find that it has lost it, and its undoing is the last free.
 */
static inline bool
slot_unmark(struct sf_buf *sf)
{
	int32_t holders = atomic_fetch_add(&sf->state, -SF_MARK) - SF_MARK;

	if (holders > 0)
		sf_buf_count_used();
	return (holders == 0);
}

/* Take the mark away and leave one holder. */
static inline void
slot_unmark_held(struct sf_buf *sf)
{
	atomic_fetch_add(&sf->state, 1 - SF_MARK);
	sf_buf_count_used();
}

/* The marked slot's old page has it no more. */
static inline void
slot_forget_page(struct sf_buf *sf)
{
	struct vm_page *old = load_relaxed(&sf->page);

	/* Not so, if the slot lost the race to be the page's: see publish. */
	if (old != NULL && load_relaxed(&old->sf) == sf)
		store_relaxed(&old->sf, NULL);
}

/*
 * Write the entry that maps `m`, where one was taken.  A struct vm_page has 16
 * bytes, so 2^8 times its offset in the array is the physical address.  Nobody
 * asks whether the page is dirty: with M set from the start, the first write
 * needs no second walk.
 */
static inline void
slot_put_pte(struct sf_buf *sf, const struct vm_page *m)
{
	vm_offset_t offset = (vm_offset_t)m - (vm_offset_t)vm_page_array.base;

	pte_put(sf->pte, (uint32_t)offset << 8 | SF_PTE_LOW,
	    (uint32_t)(offset >> 24) | sf_buf_control.pte_high);
}

/* Map `m` by a marked slot whose entry is taken and clean, for one holder. */
static inline void
slot_install(struct sf_buf *sf, struct vm_page *m, const void *caller)
{
	store_relaxed(&sf->page, m);
	slot_put_pte(sf, m);
	sf->caller = caller;
	store_relaxed(&sf->recent, 1);
	slot_unmark_held(sf);
	counter_inc(CTR_sf_miss);
}

/*
 * Make the caller's slot the one in which `m` is found.  False if another
 * was faster: the caller then drops its own.
 */
static inline bool
slot_publish(struct sf_buf *sf, struct vm_page *m)
{
	struct sf_buf *none = NULL;

	return (atomic_compare_exchange_strong(&m->sf, &none, sf));
}

#endif
