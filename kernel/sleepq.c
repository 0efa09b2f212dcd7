/*
 * Sleep queues: where threads wait for an address.
 *
 * Channels hash to buckets; a bucket is a spinlock and one list of the threads
 * asleep on any of its channels, longest first.
 *
 * A sleep begins when the thread enters itself in the list (wchan set), and
 * ends when somebody takes it out again (wchan NULL); both under the bucket's
 * lock.  Who takes it out decides the result: a wakeup 0, a signal EINTR, the
 * timeout EWOULDBLOCK.  The others find wchan NULL, or another channel, under
 * the lock, and leave the thread alone.  Hence:
 *
 * I1. Exactly one cause ends a sleep, and a thread that wakeup_one() counted
 *     gets 0: the wakeup is not lost to a signal that came after it.
 *
 * Between entering the list and switching away the sleeper releases the locks
 * and so can be interrupted and be woken already; it is in a critical section,
 * hence not preempted, and on reaching sched_switch() runs on when its turn
 * comes, see sched.c.
 *
 * Signals are Dekker's pattern.  The sleeper stores wchan, then loads
 * sig_pending; the signaller sets a bit there, then loads wchan; all four are
 * sequentially consistent.  One of the two sees the other.  If the sleeper does,
 * it leaves the list before it has released the lock.  If the signaller does, it
 * takes that lock and looks again: the same channel and a signal still pending
 * mean that a sleep is to be ended, be it the one it saw or a later one.  If
 * wchan has changed meanwhile, the thread's next sleep loads sig_pending after
 * the bit was set.
 *
 * A timeout is cancelled before its sleep returns, and timeout_cancel() waits
 * for a function that runs: it can never meet a later sleep.
 *
 * Locking: a bucket's lock may be taken under the caller's spinlock, never two
 * buckets at once.  That is why msleep() releases its mutex (which may wake a
 * waiter on another bucket) after the bucket.
 */
#include "kernel/sleepq.h"
#include "kernel/clock.h"
#include "kernel/mutex.h"
#include "kernel/panic.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"

#define BUCKET_BITS 7
#define NBUCKET (1 << BUCKET_BITS)
#define BUCKET_LOCK SPINLOCK_INITIALIZER("sleep queue", RANK_SLEEPQ)

struct bucket {
	struct spinlock lock;
	/* Under the lock. */
	struct thread *head, *tail; /* linked by sleepq_next */
} __aligned(CACHE_LINE_BYTES);

static struct bucket buckets[NBUCKET] = {
    [0 ... NBUCKET - 1].lock = BUCKET_LOCK,
};

/* Multiplicative: neighbouring objects of any size fall in different buckets. */
static struct bucket *
bucket_of(const void *chan)
{
	uint32_t hash = (uint32_t)(vm_offset_t)chan * 2654435769u;

	return (&buckets[hash >> (32 - BUCKET_BITS)]);
}

/* Take `td` out of the list; `prev` stands before it, NULL: it is the first. */
static void
remove_locked(struct bucket *b, struct thread *prev, struct thread *td)
{
	if (prev == NULL)
		b->head = td->sleepq_next;
	else
		prev->sleepq_next = td->sleepq_next;
	if (b->tail == td)
		b->tail = prev;
	td->sleepq_next = NULL;
	atomic_store(&td->wchan, NULL);
}

static void
insert_locked(struct bucket *b, struct thread *td)
{
	td->sleepq_next = NULL;
	if (b->tail == NULL)
		b->head = td;
	else
		b->tail->sleepq_next = td;
	b->tail = td;
}

/* The thread before `td` in the list, NULL if it is the first. */
static struct thread *
predecessor_locked(const struct bucket *b, const struct thread *td)
{
	struct thread *prev = NULL, *t;

	for (t = b->head; t != td; prev = t, t = t->sleepq_next)
		ASSERT(t != NULL, "thread %s sleeps on %p but is not queued",
		    td->name, (const void *)td->wchan);
	return (prev);
}

/*
 * End the sleep of `td`, if it is in one.
 *   result: EINTR applies only with PCATCH and a signal pending.
 */
static void
end_sleep(struct thread *td, int result)
{
	const void *chan = atomic_load(&td->wchan);
	struct bucket *b;

	if (chan == NULL)
		return;
	b = bucket_of(chan);
	spin_lock(&b->lock);
	if (load_relaxed(&td->wchan) == chan &&
	    (result != EINTR ||
		((td->sleep_flags & PCATCH) != 0 &&
		    atomic_load(&td->sig_pending) != 0))) {
		remove_locked(b, predecessor_locked(b, td), td);
		td->sleep_result = result;
		sched_wakeup(td);
	}
	spin_unlock(&b->lock);
}

static void
sleep_timed_out(void *arg)
{
	end_sleep(arg, EWOULDBLOCK);
}

void
sleepq_signal(struct thread *td)
{
	end_sleep(td, EINTR);
}

/*
 * Put curthread to sleep, as yet without leaving the CPU.
 * Returns false if a signal forbids it.
 */
static bool
begin_sleep_locked(const void *chan, int flags, const char *wmesg,
    nsec_t timeout)
{
	struct thread *td = curthread;
	struct bucket *b = bucket_of(chan);
	nsec_t now;

	ASSERT(chan != NULL, "sleep on no channel (%s)", wmesg);
	ASSERT((flags & ~(PCATCH | PDROP)) == 0,
	    "sleep (%s) with unknown flags %#x", wmesg, flags);
	td->wmesg = wmesg;
	td->sleep_flags = (uint32_t)flags;
	atomic_store(&td->wchan, chan);
	if ((flags & PCATCH) != 0 && atomic_load(&td->sig_pending) != 0) {
		atomic_store(&td->wchan, NULL);
		return (false);
	}
	insert_locked(b, td);
	store_relaxed(&td->state, TDS_SLEEPING);
	if (timeout != 0) {
		now = clock_now();
		timeout_init(&td->sleep_timeout, sleep_timed_out, td);
		timeout_set(&td->sleep_timeout,
		    timeout < UINT64_MAX - now ? now + timeout : UINT64_MAX);
	}
	return (true);
}

/*
 * Leave the CPU until the sleep has ended, and the critical section with it:
 * critical_exit() would be a second occasion to switch.
 * Returns the sleep's result.
 */
static int
wait_for_end(nsec_t timeout)
{
	struct thread *td = curthread;

	ASSERT(intr_enabled(), "thread %s sleeps (%s) with interrupts disabled",
	    td->name, td->wmesg);
	intr_disable();
	td->critnest--;
	sched_switch();
	intr_enable();
	if (timeout != 0)
		timeout_cancel(&td->sleep_timeout);
	return (td->sleep_result);
}

int
msleep(const void *chan, struct mtx *mtx, int flags, const char *wmesg,
    nsec_t timeout)
{
	bool asleep;
	int error = EINTR;

	sched_assert_may_sleep(wmesg, 0);
	critical_enter();
	sleepq_lock(chan);
	asleep = begin_sleep_locked(chan, flags, wmesg, timeout);
	sleepq_unlock(chan);
	if (mtx != NULL)
		mtx_unlock(mtx);
	if (asleep)
		error = wait_for_end(timeout);
	else
		critical_exit();
	if (mtx != NULL && (flags & PDROP) == 0)
		mtx_lock(mtx);
	return (error);
}

int
msleep_spin(const void *chan, struct spinlock *lock, int flags,
    const char *wmesg, nsec_t timeout)
{
	bool asleep;
	int error = EINTR;

	ASSERT(spin_held(lock), "msleep_spin (%s) without spinlock %s", wmesg,
	    lock->name);
	sched_assert_may_sleep(wmesg, 1);
	critical_enter();
	sleepq_lock(chan);
	asleep = begin_sleep_locked(chan, flags, wmesg, timeout);
	sleepq_unlock(chan);
	spin_unlock(lock);
	if (asleep)
		error = wait_for_end(timeout);
	else
		critical_exit();
	if ((flags & PDROP) == 0)
		spin_lock(lock);
	return (error);
}

int
sleepq_wait_locked(const void *chan, int flags, const char *wmesg,
    nsec_t timeout)
{
	bool asleep;

	ASSERT(spin_held(&bucket_of(chan)->lock),
	    "sleepq_wait_locked (%s): the queue is not locked", wmesg);
	sched_assert_may_sleep(wmesg, 1);
	critical_enter();
	asleep = begin_sleep_locked(chan, flags, wmesg, timeout);
	sleepq_unlock(chan);
	if (asleep)
		return (wait_for_end(timeout));
	critical_exit();
	return (EINTR);
}

/* The channel is an address that nobody else sleeps on or wakes. */
void
pause_sleep(const char *wmesg, nsec_t span)
{
	nsec_t now = clock_now(), end = now + span;

	for (; now < end; now = clock_now())
		msleep(&curthread->sleep_timeout, NULL, 0, wmesg, end - now);
}

/* Wake at most `limit` threads that sleep on `chan`, longest sleepers first. */
static unsigned
wakeup_some(const void *chan, unsigned limit)
{
	struct bucket *b = bucket_of(chan);
	struct thread *prev = NULL, *td, *next;
	unsigned woken = 0;

	ASSERT(chan != NULL, "wakeup of no channel");
	spin_lock(&b->lock);
	for (td = b->head; td != NULL && woken < limit; td = next) {
		next = td->sleepq_next;
		if (load_relaxed(&td->wchan) != chan) {
			prev = td;
			continue;
		}
		remove_locked(b, prev, td);
		td->sleep_result = 0;
		sched_wakeup(td);
		woken++;
	}
	spin_unlock(&b->lock);
	return (woken);
}

unsigned
wakeup(const void *chan)
{
	return (wakeup_some(chan, UINT32_MAX));
}

unsigned
wakeup_one(const void *chan)
{
	return (wakeup_some(chan, 1));
}

unsigned
sleepq_count(const void *chan)
{
	struct bucket *b = bucket_of(chan);
	unsigned n = 0;

	spin_lock(&b->lock);
	for (struct thread *td = b->head; td != NULL; td = td->sleepq_next)
		n += load_relaxed(&td->wchan) == chan;
	spin_unlock(&b->lock);
	return (n);
}

void
sleepq_lock(const void *chan)
{
	spin_lock(&bucket_of(chan)->lock);
}

void
sleepq_unlock(const void *chan)
{
	spin_unlock(&bucket_of(chan)->lock);
}
