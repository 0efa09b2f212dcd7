/*
 * Requests for slots of a scarce window, and threads that wait.
 *
 * I6  While a request waits that could use any slot, no idle slot is on the
 *     list: sf_wait_idle_locked() gives it to the first that can use it, marked
 *     and without its page, so that no hit can take it away again.  But for
 *     three kinds of idle slots.  Those that cache a page of the request that
 *     waits longest stay there for it; serve_waiters() gives them to others
 *     when it leaves.  Of some the free is still on its way here.  And CPUs
 *     may have some in hand from before the window became scarce: a miss can
 *     take those past a waiter, once each.
 *
 * Requests queue in the order of arrival.  One for several pages collects slots
 * until it has enough.  It holds no buffer meanwhile, not even of a page
 * that is mapped: others would wait for that.  So each time it is woken it
 * looks for all its pages again.  A run reserves the stretch of the window
 * in which the fewest slots are held, and collects those; slots outside
 * it go to those behind.
 */
#include "sf_buf/sf_wait.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "sf_buf/sf_idle.h"
#include "sf_buf/sf_private.h"
#include "sf_buf/sf_window.h"

/* On the stack of whoever allocates, and what it sleeps on. */
struct request {
	struct vm_page *const *page; /* n of them */
	struct sf_buf **sf;          /* n, in the same order */
	unsigned n;
	const void *caller;
	struct sf_buf *run;  /* the first of the slots that it must get; NULL */
	unsigned want, ngot; /* slots that it waits for, and has collected */
	struct sf_buf *got;  /* those, by `next`: marked, detached */
	struct request *next; /* who came after it */
};

struct request *sf_wait_first;

/* --- requests --- */

static void
request_add(struct request *r)
{
	struct request **link = &sf_wait_first;

	while (*link != NULL)
		link = &(*link)->next;
	r->next = NULL;
	*link = r;
}

static void
request_remove(struct request *r)
{
	struct request **link = &sf_wait_first;

	while (*link != r) {
		ASSERT(*link != NULL, "sf_buf: request %p is not queued",
		    (void *)r);
		link = &(*link)->next;
	}
	*link = r->next;
}

static void
leave_if_plenty(void)
{
	if (sf_wait_first == NULL)
		sf_idle_leave_locked();
}

/* Could the request use this slot? */
static bool
can_use(const struct request *r, const struct sf_buf *sf)
{
	if (r->run != NULL)
		return (sf >= r->run && sf < r->run + r->n);
	return (r->ngot < r->want);
}

/* Nobody that could use any slot waits before r? */
static bool
is_first(const struct request *r)
{
	for (const struct request *i = sf_wait_first; i != NULL && i != r;
	     i = i->next)
		if (i->run == NULL)
			return (false);
	return (true);
}

/* Does someone who waits before r want this slot? */
static bool
is_wanted_before(const struct request *r, const struct sf_buf *sf)
{
	const struct request *i = sf_wait_first;

	while (i != NULL && i != r && !can_use(i, sf))
		i = i->next;
	return (i != NULL && i != r);
}

/* A marked slot is the request's. */
static void
collect(struct request *r, struct sf_buf *sf)
{
	sf_window_detach_locked(sf);
	sf->next = r->got;
	r->got = sf;
	r->ngot++;
}

/* One of them back; NULL if there is none. */
static struct sf_buf *
uncollect(struct request *r)
{
	struct sf_buf *sf = r->got;

	if (sf == NULL)
		return (NULL);
	r->got = sf->next;
	sf->next = NULL;
	r->ngot--;
	return (sf);
}

/* A slot that someone who waits behind r has collected; NULL: there is none. */
static struct sf_buf *
uncollect_behind(const struct request *r)
{
	struct sf_buf *sf = NULL;

	for (struct request *i = r->next; i != NULL && sf == NULL; i = i->next)
		sf = uncollect(i);
	return (sf);
}

/* Let a marked slot go. */
static void
give_up(struct sf_buf *sf)
{
	if (slot_unmark(sf))
		sf_wait_idle_locked(sf);
}

/*
 * A marked slot is the request's, unless someone who waits before it wants it:
 * who freed it is still on the way.  A run has reserved its slots, so if one
 * went to a request behind it, each could wait for what the other has.
 */
static void
collect_unless_wanted(struct request *r, struct sf_buf *sf)
{
	if (is_wanted_before(r, sf))
		give_up(sf);
	else
		collect(r, sf);
}

static void
give_up_all(struct request *r)
{
	struct sf_buf *sf;

	while ((sf = uncollect(r)) != NULL)
		give_up(sf);
}

/* --- a slot that nobody holds --- */

/* Strict mode: nothing may be reached through it from now on. */
static bool
unmap_idle(struct sf_buf *sf)
{
	if (!slot_mark(sf))
		return (false);
	sf_window_detach_locked(sf);
	sf_window_flush_locked();
	return (slot_unmark(sf));
}

void
sf_wait_idle_locked(struct sf_buf *sf)
{
	struct request *r = sf_wait_first;

	sf_idle_remove_locked(sf);
	if (sf_window.strict && load_relaxed(&sf->page) != NULL &&
	    !unmap_idle(sf))
		return;
	while (r != NULL && !can_use(r, sf))
		r = r->next;
	if (r == NULL) {
		if (load_relaxed(&sf->state) == 0)
			sf_idle_add_locked(sf);
	} else if (slot_mark(sf)) {
		collect(r, sf);
		if (r->ngot >= r->want)
			wakeup(r);
	}
}

/* One holder fewer, with the lock held. */
static void
drop_locked(struct sf_buf *sf)
{
	if (sf_buf_is_direct(sf) || atomic_fetch_sub(&sf->state, 1) != 1)
		return;
	sf_buf_count_unused();
	sf_wait_idle_locked(sf);
}

/* --- fulfilling a request --- */

/*
 * The page's buffer, with one more holder; NULL if it has none.  Whoever is
 * taking it does not dwell: interrupts are disabled from mark to unmark, or the
 * page loses it at once.
 */
static struct sf_buf *
find(struct vm_page *m)
{
	struct sf_buf *sf = sf_buf_direct(m), *lost;

	while (sf == NULL && load_relaxed(&m->sf) != NULL) {
		sf = sf_buf_try_hit(m, &lost);
		if (lost != NULL) {
			drop_locked(lost);
			cpu_pause();
			tlb_poll();
		}
	}
	return (sf);
}

/* Hold those pages' slots that have one.  Returns how many have none. */
static unsigned
find_all(struct request *r)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < r->n; i++) {
		r->sf[i] = find(r->page[i]);
		missing += r->sf[i] == NULL;
	}
	return (missing);
}

static void
drop_found(struct request *r)
{
	for (unsigned i = 0; i < r->n; i++)
		if (r->sf[i] != NULL)
			drop_locked(r->sf[i]);
}

/* Wake those who could share the slot that `m` has got. */
static void
wake_sharers(const struct vm_page *m)
{
	for (struct request *r = sf_wait_first; r != NULL; r = r->next)
		for (unsigned i = 0; r->run == NULL && i < r->n; i++)
			if (r->page[i] == m)
				wakeup(r);
}

/*
 * All that was collected becomes clean: at once with every idle slot, so that
 * the next ones are clean, too.
 */
static void
clean_collected(const struct request *r)
{
	bool clean = true;

	for (struct sf_buf *sf = r->got; sf != NULL; sf = sf->next)
		if (sf_window_needs_flush(sf)) {
			sf_window_sweep_one_locked(sf);
			clean = false;
		}
	if (clean)
		return;
	sf_idle_sweep_locked();
	sf_window_flush_locked();
}

/*
 * Map the pages that have no slot by the slots that were collected.  False if
 * those did not suffice: CPUs that have slots in hand from before the window
 * became scarce can install a page, and lose it again, meanwhile.
 */
static bool
install_missing(struct request *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		struct vm_page *m = r->page[i];

		while (r->sf[i] == NULL && (r->sf[i] = find(m)) == NULL) {
			struct sf_buf *sf = uncollect(r);

			if (sf == NULL)
				return (false);
			slot_install(sf, sf->pte, m);
			sf->caller = r->caller;
			if (slot_publish(sf, m)) {
				slot_unmark_held(sf);
				r->sf[i] = sf;
				wake_sharers(m);
			} else {
				give_up(sf);
			}
		}
	}
	return (true);
}

/* Map everything, or nothing. */
static bool
fulfil_pages(struct request *r)
{
	bool done = false;

	while (!done) {
		unsigned missing = find_all(r);
		struct sf_buf *sf;

		while (r->ngot < missing && is_first(r) &&
		    (sf = sf_idle_take_locked()) != NULL)
			collect_unless_wanted(r, sf);
		while (r->ngot < missing && (sf = uncollect_behind(r)) != NULL)
			collect(r, sf);
		if (r->ngot < missing) {
			r->want = missing;
			drop_found(r);
			if (r->ngot < missing)
				return (false);
			continue; /* by what it has let go: count again */
		}
		clean_collected(r);
		done = install_missing(r);
		if (!done)
			drop_found(r);
	}
	r->want = 0;
	give_up_all(r);
	return (true);
}

/* --- runs --- */

/* The stretch of n slots with the fewest held. */
static struct sf_buf *
best_run(unsigned n)
{
	int32_t held = 0, least = INT32_MAX;
	uint32_t best = 0;

	for (uint32_t i = 0; i < sf_window.nslots; i++) {
		held += load_relaxed(&sf_window.slot[i].state) != 0;
		if (i >= n)
			held -= load_relaxed(&sf_window.slot[i - n].state) != 0;
		if (i + 1 >= n && held < least) {
			least = held;
			best = i + 1 - n;
		}
	}
	return (&sf_window.slot[best]);
}

static bool
fulfil_run(struct request *r)
{
	struct sf_buf *sf;

	if (r->run == NULL)
		r->run = best_run(r->n);
	for (sf = r->run; sf < r->run + r->n; sf++) {
		if (!slot_mark(sf))
			continue;
		sf_idle_remove_locked(sf);
		collect_unless_wanted(r, sf);
	}
	r->want = r->n;
	if (r->ngot < r->n)
		return (false);
	clean_collected(r);
	while ((sf = uncollect(r)) != NULL) {
		unsigned i = (unsigned)(sf - r->run);

		slot_install(sf, sf->pte, r->page[i]);
		sf->caller = r->caller;
		slot_unmark_held(sf);
		r->sf[i] = sf;
	}
	return (true);
}

/* --- for sf_buf.c --- */

static bool
fulfil(struct request *r, int flags)
{
	return ((flags & SFB_RUN) != 0 ? fulfil_run(r) : fulfil_pages(r));
}

/* Give idle slots to those who can use any. */
static void
serve_waiters(void)
{
	struct request *r = sf_wait_first;
	struct sf_buf *sf;

	while (r != NULL) {
		if (r->run != NULL || r->ngot >= r->want)
			r = r->next;
		else if ((sf = sf_idle_take_locked()) != NULL)
			give_up(sf);
		else
			r = NULL;
	}
}

static bool
wait_locked(struct request *r, int flags)
{
	int catch = (flags & SFB_CATCH) != 0 ? PCATCH : 0, error;
	bool done = false;

	sf_window_note_used_locked();
	request_add(r);
	do {
		counter_inc(CTR_sf_allocwait);
		error = msleep_spin(r, &sf_window_lock, catch, "sfbufa", 0);
		if (error == 0)
			done = fulfil(r, flags);
	} while (!done && error == 0);
	request_remove(r);
	serve_waiters();
	return (done);
}

bool
sf_wait_alloc(struct vm_page *const *page, struct sf_buf **sf, unsigned n,
    int flags, const void *caller)
{
	struct request r = {.page = page, .sf = sf, .n = n, .caller = caller};
	bool done;

	spin_lock(&sf_window_lock);
	sf_idle_enter_locked();
	done = fulfil(&r, flags);
	if (!done && (flags & SFB_NOWAIT) == 0)
		done = wait_locked(&r, flags);
	if (!done) {
		r.want = 0;
		give_up_all(&r);
		counter_inc(CTR_sf_allocfail);
	}
	leave_if_plenty();
	spin_unlock(&sf_window_lock);
	return (done);
}
