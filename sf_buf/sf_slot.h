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

/* An idle slot becomes the caller's.  False if it is not idle. */
static inline bool
slot_mark(struct sf_buf *sf)
{
	return (ATOMIC_CAS(&sf->state, 0, SF_MARK));
}

/*
 * Take the mark away.  Returns whether the slot is idle now; else someone's hit
 * is about to find that it has lost it, and its undoing is the last free.
 */
static inline bool
slot_unmark(struct sf_buf *sf)
{
	int32_t holders = atomic_fetch_add(&sf->state, -SF_MARK) - SF_MARK;

	/* It will count one fewer; that is no new peak. */
	if (holders > 0)
		(void)DEC_CPU_WORD(offsetof(struct cpu, sf_room));
	return (holders == 0);
}

/* The marked slot's old page has it no more. */
static inline void
slot_forget_page(struct sf_buf *sf)
{
	struct vm_page *old = load_relaxed(&sf->page);

	/* Not so, if it was of a run, or lost the race to be the page's. */
	if (__predict_true(old != NULL && load_folded(&old->sf) == sf))
		store_relaxed(&old->sf, NULL);
}

/*
 * Write the entry that maps `m`, where one was taken, but for its bytes 5 to 7,
 * which slot_init() has written.  Nobody asks whether the page is dirty: with M
 * set from the start, the first write needs no second walk.
 */
static inline void
slot_put_pte(pt_entry_t *pte, const struct vm_page *m)
{
	pte_put_page(pte, m, (uint8_t)(PG_V | PG_RW | PG_M));
}

/* A new slot, for address `kva`, whose entry is `pte`. */
static inline void
slot_init(struct sf_buf *sf, vm_offset_t kva, pt_entry_t *pte)
{
	sf->kva = kva;
	sf->pte = pte;
	pte_store_fresh(pte, pmap_make_pte(0, VM_PROT_WRITE) & PG_NX);
}

/*
 * Map `m` by a marked slot that is clean and whose entry was taken.
 *   pte: that entry.
 */
static inline void
slot_install(struct sf_buf *sf, pt_entry_t *pte, struct vm_page *m)
{
	store_relaxed(&sf->page, m);
	store_relaxed(&sf->recent, 1);
	slot_put_pte(pte, m);
	counter_inc(CTR_sf_miss);
}

/*
 * Make the caller's slot, marked and installed, the one in which `m` is found.
 * False if another was faster: nobody has seen the caller's, which it unmarks.
 */
static inline bool
slot_publish(struct sf_buf *sf, struct vm_page *m)
{
	return (ATOMIC_CAS(&m->sf, NULL, sf));
}

/* Take the mark away and leave one holder. */
static inline void
slot_unmark_held(struct sf_buf *sf)
{
	atomic_fetch_add(&sf->state, 1 - SF_MARK);
	sf_buf_count_used(sf);
}

#endif
