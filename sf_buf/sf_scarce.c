/*
 * A scarce window's usual day: one page is wanted, and nobody waits.  What is
 * not so simple is left to sf_wait.c.
 */
#include "kernel/cpu.h"
#include "sf_buf/sf_idle.h"
#include "sf_buf/sf_private.h"
#include "sf_buf/sf_wait.h"
#include "sf_buf/sf_window.h"

__regargs void
sf_buf_idle(struct sf_buf *sf)
{
	if (!sf_buf_is_shared(sf)) {
		if (sf_window.strict)
			sf_private_unmap(sf, __builtin_return_address(0));
		return;
	}
	spin_lock(&sf_window_lock);
	if (load_folded(&sf_buf_control.scarce) == 0 ||
	    load_relaxed(&sf->state) != 0) {
		spin_unlock(&sf_window_lock);
		return;
	}
	if (__predict_false(sf_window.strict))
		sf->freer = __builtin_return_address(0);
	if (__predict_false(sf_window.strict || sf_wait_first != NULL)) {
		sf_wait_idle_locked(sf);
	} else { /* the usual case */
		sf_idle_remove_locked(sf);
		sf_idle_add_locked(sf);
	}
	if (__predict_false(sf_idle.n > sf_idle.plenty) &&
	    sf_wait_first == NULL)
		sf_idle_leave_locked();
	spin_unlock(&sf_window_lock);
}

/* Detach a slot and make it clean; at once with every idle slot, so that the
 * next ones are clean, too. */
static __noinline void
clean_with_idle(struct sf_buf *sf)
{
	sf_window_detach_locked(sf);
	if (!sf_window_needs_flush(sf))
		return;
	sf_window_sweep_one_locked(sf);
	sf_idle_sweep_locked();
	sf_window_flush_locked();
}

/*
 * The usual case: one page, nobody waits, and a slot is idle.
 * Returns NULL if it is not so, or if another CPU has just mapped the page.
 */
static struct sf_buf *
map_one_locked(struct vm_page *m, const void *caller)
{
	struct sf_buf *sf = NULL;

	if (sf_wait_first == NULL && load_relaxed(&m->sf) == NULL)
		sf = sf_idle_take_locked();
	if (sf == NULL)
		return (NULL);
	if (sf_idle_is_empty_locked())
		sf_window_clean_one_locked(sf);
	else
		clean_with_idle(sf);
	slot_install(sf, sf->pte, m);
	sf->caller = caller;
	if (!slot_publish(sf, m)) {
		if (slot_unmark(sf))
			sf_wait_idle_locked(sf);
		return (NULL);
	}
	slot_unmark_held(sf);
	return (sf);
}

__regargs struct sf_buf *
sf_scarce_map(struct vm_page *m, int flags, const void *caller)
{
	struct sf_buf *sf = NULL;

	spin_lock(&sf_window_lock);
	if (load_relaxed(&sf_buf_control.scarce) != 0)
		sf = map_one_locked(m, caller);
	spin_unlock(&sf_window_lock);
	if (sf != NULL || sf_wait_alloc(&m, &sf, 1, flags, caller))
		return (sf);
	return (NULL);
}
