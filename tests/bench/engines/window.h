/*
 * Addresses for an engine, with their page-table entries, which are written in
 * the cheapest way that is right, the same for all.
 */
#ifndef TESTS_BENCH_ENGINES_WINDOW_H
#define TESTS_BENCH_ENGINES_WINDOW_H

#include "kernel/types.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"

struct window {
	vm_offset_t base; /* 0: none */
	unsigned n;       /* pages */
	pt_entry_t **pte; /* of each: n */
};

/* Returns false when memory or addresses are short. */
bool window_alloc(struct window *w, unsigned n);

/* Requires: nothing is mapped in it.  Effects: one shootdown of every CPU. */
void window_free(struct window *w);

static inline vm_offset_t
window_kva(const struct window *w, unsigned i)
{
	return (w->base + i * PAGE_SIZE);
}

/* Which page of the window that is. */
static inline unsigned
window_index(const struct window *w, vm_offset_t kva)
{
	return ((unsigned)((kva - w->base) / PAGE_SIZE));
}

/* Map a page where nothing is mapped. */
static inline void
window_enter(const struct window *w, unsigned i, const struct vm_page *m)
{
	pte_put_page(w->pte[i], m, (uint8_t)(PG_V | PG_RW | PG_M));
}

/* Unmap it: the low half of the entry as it was. */
static inline uint32_t
window_remove(const struct window *w, unsigned i)
{
	counter_inc(CTR_pte_writes);
	return (pte_take(w->pte[i]));
}

#endif
