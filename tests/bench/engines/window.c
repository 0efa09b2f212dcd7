/*
 * Addresses for an engine.
 */
#include "tests/bench/engines/window.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/tlb.h"

bool
window_alloc(struct window *w, unsigned n)
{
	w->n = n;
	w->pte = kmem_alloc(n * sizeof(w->pte[0]));
	if (w->pte == NULL)
		return (false);
	w->base = kva_alloc(n * PAGE_SIZE);
	if (w->base == 0) {
		kmem_free(w->pte, n * sizeof(w->pte[0]));
		return (false);
	}
	for (unsigned i = 0; i < n; i++) {
		w->pte[i] = pmap_pte(window_kva(w, i));
		/* pte_put_page() leaves the highest bytes as they are. */
		pte_store_fresh(w->pte[i],
		    pmap_make_pte(0, VM_PROT_WRITE) & PG_NX);
	}
	return (true);
}

void
window_free(struct window *w)
{
	for (unsigned i = 0; i < w->n; i++)
		pte_store_fresh(w->pte[i], 0);
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	critical_exit();
	kva_free(w->base, w->n * PAGE_SIZE);
	kmem_free(w->pte, w->n * sizeof(w->pte[0]));
	*w = (struct window){.base = 0};
}
