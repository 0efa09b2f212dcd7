/*
 * Scarcity, and waiting.
 *
 * When few slots are idle, looking for one would go over the whole window.  So
 * the window becomes scarce: `sf_buf_control.scarce` is set, each last free
 * comes here, and idle slots are kept on a list, coldest first.  A miss takes
 * the first, and an empty list means that none is free, both in constant time.
 * When the list has grown long the window stops being scarce.  A window of
 * few slots always is, as is one in strict mode.
 *
 * I6  While the window is scarce, each idle slot is on the list, or whoever
 *     made it idle is on the way here.  A free lets go, then reads `scarce`;
 *     whoever sets `scarce` then looks at every slot.  All are sequentially
 *     consistent, so one sees the other.
 * I7  While a request waits that could use any slot, no idle slot is on the
 *     list: sf_buf_idle_locked() gives it to the first that can use it, marked
 *     and without its page, so that no hit can take it away again.
 *
 * A slot on the list may be held again, by a hit, which takes no lock.  It is
 * dropped when its turn comes, and goes to the end of the list when it is freed.
 *
 * Requests queue in the order of arrival.  One for several pages collects slots
 * until it has enough.  It holds no buffer meanwhile, not even of a page
 * that is mapped: others would wait for that.  So each time it is woken it
 * looks for all its pages again.  A run reserves the stretch of the window
 * in which the fewest slots are held, and collects those; slots outside
 * it go to those behind.
 */
#include "sf_buf/sf_wait.h"
#include "kernel/errno.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "sf_buf/sf_window.h"

/*
 * The window becomes scarce with fewer idle slots than 1 / SCARCE_PART, when
 * a search would pass that many slots for each that it finds; or than
 * SCARCE_MIN.  It stops with twice as many, so that it does not alternate.
 */
#define SCARCE_PART 32
#define SCARCE_MIN 32

/* Values of sf_buf_control.scarce. */
enum { PLENTY, BECOMING_SCARCE, SCARCE };

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

/* Under the window's lock. */
static struct {
	struct sf_buf *coldest, *warmest; /* ends of the list of idle slots */
	_Atomic uint32_t n;    /* its length; read without the lock, too */
	struct request *first; /* who waits longest */
} idle;

static void idle_locked(struct sf_buf *sf);

static uint32_t
scarce_below(void)
{
	return (MAX(sf_window.nslots / SCARCE_PART, SCARCE_MIN));
}

bool
sf_wait_is_scarce(uint32_t n)
{
	return (n < scarce_below());
}

bool
sf_wait_is_always_scarce(void)
{
	return (sf_window.strict || sf_window.nslots <= 2 * scarce_below());
}

bool
sf_wait_none_idle(void)
{
	return (load_relaxed(&sf_buf_control.scarce) == SCARCE &&
	    load_relaxed(&idle.n) == 0);
}

/* --- the list --- */

static void
list_remove(struct sf_buf *sf)
{
	if (sf->prev != NULL)
		sf->prev->next = sf->next;
	else
		idle.coldest = sf->next;
	if (sf->next != NULL)
		sf->next->prev = sf->prev;
	else
		idle.warmest = sf->prev;
	sf->prev = sf->next = NULL;
	sf->listed = false;
	store_relaxed(&idle.n, load_relaxed(&idle.n) - 1);
}

static void
list_add_warmest(struct sf_buf *sf)
{
	sf->next = NULL;
	sf->prev = idle.warmest;
	if (idle.warmest != NULL)
		idle.warmest->next = sf;
	else
		idle.coldest = sf;
	idle.warmest = sf;
	sf->listed = true;
	store_relaxed(&idle.n, load_relaxed(&idle.n) + 1);
}

/* The coldest idle slot, marked; NULL if there is none. */
static struct sf_buf *
list_take(void)
{
	struct sf_buf *sf;

	while ((sf = idle.coldest) != NULL) {
		list_remove(sf);
		if (slot_mark(sf))
			return (sf);
	}
	return (NULL);
}

/* Drop what is held again, or all. */
static void
list_purge(bool all)
{
	struct sf_buf *sf, *next;

	for (sf = idle.coldest; sf != NULL; sf = next) {
		next = sf->next;
		if (all || load_relaxed(&sf->state) > 0)
			list_remove(sf);
	}
}

void
sf_wait_enter_locked(void)
{
	if (load_relaxed(&sf_buf_control.scarce) != 0)
		return;
	sf_window_reset_locked();
	sf_window_note_used_locked();
	atomic_store(&sf_buf_control.scarce, BECOMING_SCARCE);
	for (uint32_t i = 0; i < sf_window.nslots; i++)
		if (atomic_load(&sf_window.slot[i].state) == 0)
			list_add_warmest(&sf_window.slot[i]);
	atomic_store(&sf_buf_control.scarce, SCARCE);
}

/* Not scarce any more, if so many are idle and nobody waits. */
static void
leave_if_plenty(void)
{
	uint32_t plenty = 2 * scarce_below();

	if (idle.n <= plenty || idle.first != NULL || sf_window.strict)
		return;
	list_purge(false);
	if (idle.n <= plenty)
		return;
	list_purge(true);
	atomic_store(&sf_buf_control.scarce, 0);
}

/* --- requests --- */

static void
request_add(struct request *r)
{
	struct request **link = &idle.first;

	while (*link != NULL)
		link = &(*link)->next;
	r->next = NULL;
	*link = r;
}

static void
request_remove(struct request *r)
{
	struct request **link = &idle.first;

	while (*link != r) {
		ASSERT(*link != NULL, "sf_buf: request %p is not queued",
		    (void *)r);
		link = &(*link)->next;
	}
	*link = r->next;
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
	for (const struct request *i = idle.first; i != NULL && i != r;
	     i = i->next)
		if (i->run == NULL)
			return (false);
	return (true);
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

static struct sf_buf *
uncollect(struct request *r)
{
	struct sf_buf *sf = r->got;

	r->got = sf->next;
	sf->next = NULL;
	r->ngot--;
	return (sf);
}

/* Let a marked slot go. */
static void
give_up(struct sf_buf *sf)
{
	if (slot_unmark(sf))
		idle_locked(sf);
}

static void
give_up_all(struct request *r)
{
	while (r->ngot != 0)
		give_up(uncollect(r));
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

static void
idle_locked(struct sf_buf *sf)
{
	struct request *r = idle.first;

	if (sf->listed)
		list_remove(sf);
	if (sf_window.strict && load_relaxed(&sf->page) != NULL &&
	    !unmap_idle(sf))
		return;
	while (r != NULL && !can_use(r, sf))
		r = r->next;
	if (r == NULL) {
		if (load_relaxed(&sf->state) == 0)
			list_add_warmest(sf);
	} else if (slot_mark(sf)) {
		collect(r, sf);
		if (r->ngot >= r->want)
			wakeup(r);
	}
}

__regargs void
sf_buf_idle(struct sf_buf *sf)
{
	sf->freer = __builtin_return_address(0);
	spin_lock(&sf_window_lock);
	if (load_relaxed(&sf_buf_control.scarce) != 0 &&
	    load_relaxed(&sf->state) == 0) {
		idle_locked(sf);
		leave_if_plenty();
	}
	spin_unlock(&sf_window_lock);
}

/* One holder fewer, with the lock held. */
static void
drop_locked(struct sf_buf *sf)
{
	if (atomic_fetch_sub(&sf->state, 1) != 1)
		return;
	(void)FETCH_ADD_CPU_WORD(offsetof(struct cpu, sf_used), (uint32_t)-1);
	idle_locked(sf);
}

/* --- fulfilling a request --- */

/*
 * The page's slot, with one more holder; NULL if it has none.  Whoever is
 * taking it does not dwell: interrupts are disabled from mark to unmark, or the
 * page loses it at once.
 */
static struct sf_buf *
find(const struct vm_page *m)
{
	struct sf_buf *sf;

	while ((sf = sf_buf_hit(m)) == NULL && load_relaxed(&m->sf) != NULL)
		cpu_pause();
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
	for (struct request *r = idle.first; r != NULL; r = r->next)
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
	for (struct sf_buf *sf = idle.coldest; sf != NULL; sf = sf->next)
		if (load_relaxed(&sf->state) == 0)
			sf_window_sweep_one_locked(sf);
	counter_inc(CTR_sf_sweeps);
	sf_window_flush_locked();
}

/* Map the pages that have no slot by the slots that were collected. */
static void
install_missing(struct request *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		struct vm_page *m = r->page[i];
		struct sf_buf *sf;

		while (r->sf[i] == NULL && (r->sf[i] = find(m)) == NULL) {
			sf = uncollect(r);
			slot_install(sf, m, r->caller);
			if (slot_publish(sf, m)) {
				r->sf[i] = sf;
				wake_sharers(m);
			} else {
				/* Someone who began before the window
				 * became scarce was faster. */
				drop_locked(sf);
			}
		}
	}
}

/* Map everything, or nothing. */
static bool
fulfil_pages(struct request *r)
{
	unsigned missing = find_all(r);
	struct sf_buf *sf;

	while (r->ngot < missing && is_first(r) && (sf = list_take()) != NULL)
		collect(r, sf);
	if (r->ngot < missing) {
		r->want = missing;
		drop_found(r);
		return (false);
	}
	clean_collected(r);
	install_missing(r);
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
	if (r->run == NULL)
		r->run = best_run(r->n);
	for (struct sf_buf *sf = r->run; sf < r->run + r->n; sf++) {
		if (!slot_mark(sf))
			continue;
		if (sf->listed)
			list_remove(sf);
		collect(r, sf);
	}
	r->want = r->n;
	if (r->ngot < r->n)
		return (false);
	clean_collected(r);
	while (r->ngot != 0) {
		struct sf_buf *sf = uncollect(r);
		unsigned i = (unsigned)(sf - r->run);

		slot_install(sf, r->page[i], r->caller);
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
	struct request *r = idle.first;
	struct sf_buf *sf;

	while (r != NULL) {
		if (r->run != NULL || r->ngot >= r->want)
			r = r->next;
		else if ((sf = list_take()) != NULL)
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
	sf_wait_enter_locked();
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
