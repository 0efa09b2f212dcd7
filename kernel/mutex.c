/*
 * Sleeping mutexes.
 *
 * The owner word is the lock.  A waiter sleeps on the mutex's address; the
 * releaser wakes the one that has slept longest, and that one competes with
 * whoever comes by (handing the mutex over would make every release to a
 * waiter a context switch).
 *
 * No wakeup is lost.  The waiter, with the queue locked, counts itself in
 * `waiters` and then tries for the owner word; the releaser clears the owner
 * word and then reads `waiters`.  All four are sequentially consistent, so
 * either the waiter finds the mutex free, or the releaser finds a waiter; and
 * its wakeup has to wait for the queue's lock, which the waiter releases only
 * when it is on the queue.
 *
 * The owner word is taken with acquire order at least and pairs with the
 * exchange in mtx_unlock().
 */
#include "kernel/mutex.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"

void
mtx_init(struct mtx *m, const char *name, enum mtx_rank rank)
{
	*m = (struct mtx)MTX_INITIALIZER(name, rank);
}

/* Panic unless taking `m` now keeps to the order of ranks. */
static void
check_rank(const struct thread *td, const struct mtx *m)
{
	for (const struct mtx *held = td->mtx_held; held != NULL;
	     held = held->held_next) {
		ASSERT(held != m, "mutex %s taken twice by thread %s", m->name,
		    td->name);
		ASSERT(held->rank < m->rank,
		    "mutex %s (rank %d) taken after %s (rank %d) by thread %s",
		    m->name, m->rank, held->name, held->rank, td->name);
	}
}

static bool
acquire(struct mtx *m, struct thread *td)
{
	struct thread *nobody = NULL;

	if (!atomic_compare_exchange_strong(&m->owner, &nobody, td))
		return (false);
	m->held_next = td->mtx_held;
	td->mtx_held = m;
	return (true);
}

static void
acquire_slowly(struct mtx *m, struct thread *td)
{
	bool taken;

	atomic_fetch_add(&m->contended, 1);
	counter_inc(CTR_lock_waits);
	do {
		sleepq_lock(m);
		atomic_fetch_add(&m->waiters, 1);
		taken = acquire(m, td);
		if (taken)
			sleepq_unlock(m);
		else
			sleepq_wait_locked(m, 0, m->name, 0);
		atomic_fetch_sub(&m->waiters, 1);
	} while (!taken);
}

void
mtx_lock(struct mtx *m)
{
	struct thread *td = curthread;

	sched_assert_may_sleep(m->name, 0);
	check_rank(td, m);
	if (!acquire(m, td))
		acquire_slowly(m, td);
}

bool
mtx_trylock(struct mtx *m)
{
	ASSERT(curthread != NULL, "mutex %s tried before threads run", m->name);
	ASSERT(cpu_intr_depth() == 0, "mutex %s tried in an interrupt handler",
	    m->name);
	return (acquire(m, curthread));
}

/* A sleeper that is on a channel already is in msleep(). */
static void __noreturn
panic_not_owner(const struct mtx *m, const struct thread *td)
{
	if (td != NULL && atomic_load(&td->wchan) != NULL)
		panic("msleep (%s) by thread %s without mutex %s", td->wmesg,
		    td->name, m->name);
	panic("mutex %s released by thread %s, not its owner", m->name,
	    td != NULL ? td->name : "(none yet)");
}

/*
 * Legal in a critical section: msleep() releases its mutex in one.
 */
void
mtx_unlock(struct mtx *m)
{
	struct thread *td = curthread;
	struct mtx **link = &td->mtx_held;

	if (__predict_false(!mtx_owned(m)))
		panic_not_owner(m, td);
	while (*link != m) {
		ASSERT(*link != NULL, "mutex %s is not in the list of %s",
		    m->name, td->name);
		link = &(*link)->held_next;
	}
	*link = m->held_next;
	atomic_exchange(&m->owner, NULL);
	if (atomic_load(&m->waiters) != 0)
		wakeup_one(m);
}

bool
mtx_owned(const struct mtx *m)
{
	return (load_relaxed(&m->owner) == curthread && curthread != NULL);
}

/* The list may be of a thread stopped anywhere: walk no further than a sane
 * one would go. */
void
mtx_print_held(const struct thread *td)
{
	const struct mtx *m = td->mtx_held;

	for (unsigned i = 0; m != NULL && i < 8; i++, m = m->held_next)
		kprintf("  mutex %s (rank %d)\n", m->name, m->rank);
}
