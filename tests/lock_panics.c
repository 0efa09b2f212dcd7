/*
 * Mistakes of callers of locks, of sleep and wakeup, of timeouts and of threads,
 * on purpose: see tests/panics.h.
 */
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/mutex.h"
#include "kernel/signal.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/layout.h"
#include "tests/panics.h"

static struct spinlock lock_a = SPINLOCK_INITIALIZER("a", RANK_TEST);
static struct spinlock lock_leaf = SPINLOCK_INITIALIZER("leaf", RANK_LEAF);

static struct mtx mutex = MTX_INITIALIZER("m", MTX_RANK_TEST);
static struct mtx mutex_leaf = MTX_INITIALIZER("m leaf", MTX_RANK_LEAF);

static int channel;

/* --- spinlocks --- */

BUG(lock_order, "spinlock a (rank 0) taken after leaf (rank *)")
{
	spin_lock(&lock_leaf);
	spin_lock(&lock_a);
}

BUG(lock_twice, "spinlock a taken twice by CPU *")
{
	spin_lock(&lock_a);
	spin_lock(&lock_a);
}

BUG(lock_not_owner, "spinlock a released by CPU *, not its owner")
{
	spin_unlock(&lock_a);
}

BUG(lock_many, "spinlock many: CPU * holds 8 already")
{
	static struct spinlock lock[SPIN_MAX_HELD + 1];

	for (unsigned i = 0; i < nitems(lock); i++) {
		spin_init(&lock[i], "many", RANK_TEST);
		(void)spin_trylock(&lock[i]);
	}
}

/* --- mutexes --- */

static void
lock_mutex(void *arg __unused)
{
	mtx_lock(&mutex);
}

static void
try_mutex(void *arg __unused)
{
	(void)mtx_trylock(&mutex);
}

BUG(mutex_order, "mutex m (rank 1) taken after m leaf (rank *) by thread main")
{
	mtx_lock(&mutex_leaf);
	mtx_lock(&mutex);
}

BUG(mutex_twice, "mutex m taken twice by thread main")
{
	mtx_lock(&mutex);
	mtx_lock(&mutex);
}

BUG(mutex_not_owner, "mutex m released by thread main, not its owner")
{
	mtx_unlock(&mutex);
}

BUG(mutex_locked, "sleep (m) by thread main with a spinlock held")
{
	spin_lock(&lock_a);
	mtx_lock(&mutex);
}

BUG(mutex_critical, "sleep (m) by thread main in a critical section")
{
	critical_enter();
	mtx_lock(&mutex);
}

BUG(mutex_disabled, "sleep (m) by thread main with interrupts disabled")
{
	(void)intr_disable();
	mtx_lock(&mutex);
}

BUG(mutex_interrupt, "sleep (m) in an interrupt handler, on thread main")
{
	bug_in_interrupt(lock_mutex, NULL);
}

BUG(mutex_try_interrupt, "mutex m tried in an interrupt handler")
{
	bug_in_interrupt(try_mutex, NULL);
}

/* --- sleep and wakeup --- */

static void
sleep_a_while(void *arg __unused)
{
	pause_sleep("bug", MSEC);
}

BUG(sleep_locked, "sleep (bug) by thread main with a spinlock held")
{
	spin_lock(&lock_a);
	pause_sleep("bug", MSEC);
}

BUG(sleep_critical, "sleep (bug) by thread main in a critical section")
{
	critical_enter();
	pause_sleep("bug", MSEC);
}

BUG(sleep_disabled, "sleep (bug) by thread main with interrupts disabled")
{
	(void)intr_disable();
	pause_sleep("bug", MSEC);
}

BUG(sleep_interrupt, "sleep (bug) in an interrupt handler, on thread main")
{
	bug_in_interrupt(sleep_a_while, NULL);
}

BUG(sleep_nowhere, "sleep on no channel (bug)")
{
	(void)msleep(NULL, NULL, 0, "bug", MSEC);
}

BUG(sleep_flags, "sleep (bug) with unknown flags 0x1")
{
	(void)msleep(&channel, NULL, 1, "bug", MSEC);
}

BUG(sleep_no_mutex, "msleep (bug) by thread main without mutex m")
{
	(void)msleep(&channel, &mutex, 0, "bug", 0);
}

BUG(sleep_no_spinlock, "msleep_spin (bug) without spinlock a")
{
	(void)msleep_spin(&channel, &lock_a, 0, "bug", MSEC);
}

BUG(sleep_two_spinlocks, "sleep (two) by thread main with a spinlock held")
{
	spin_lock(&lock_a);
	spin_lock(&lock_leaf);
	(void)msleep_spin(&channel, &lock_leaf, 0, "two", MSEC);
}

BUG(sleep_queue, "sleepq_wait_locked (bug): the queue is not locked")
{
	(void)sleepq_wait_locked(&channel, 0, "bug", MSEC);
}

BUG(wakeup_nowhere, "wakeup of no channel")
{
	(void)wakeup(NULL);
}

BUG(wakeup_locked, "spinlock sleep queue (rank *) taken after leaf (rank *)")
{
	spin_lock(&lock_leaf);
	(void)wakeup(&channel);
}

/* --- timeouts --- */

static struct timeout timeout;

static void
do_nothing(void *arg __unused)
{
}

static void
leave_locked(void *arg __unused)
{
	spin_lock(&lock_a);
}

static void
leave_enabled(void *arg __unused)
{
	intr_enable();
}

BUG(timeout_function, "timeout_init: * has no function")
{
	timeout_init(&timeout, NULL, NULL);
}

BUG(timeout_twice, "timeout * (*) set while it is queued or running")
{
	timeout_init(&timeout, do_nothing, NULL);
	timeout_set(&timeout, clock_now() + SEC);
	timeout_set(&timeout, clock_now() + SEC);
}

BUG(timeout_locked, "timeout * (*) returns with a spinlock held")
{
	bug_in_interrupt(leave_locked, NULL);
}

BUG(timeout_enabled, "timeout * (*) returns with interrupts enabled")
{
	bug_in_interrupt(leave_enabled, NULL);
}

BUG(timeout_intr, "timeout_intr with interrupts enabled")
{
	timeout_intr();
}

/* --- threads --- */

static void
exit_pinned(void *arg __unused)
{
	sched_pin();
}

static void
exit_with_mutex(void *arg __unused)
{
	mtx_lock(&mutex);
}

/* Run a thread that does it. */
static void
run(const char *name, void (*fn)(void *))
{
	thread_join(thread_create(name, fn, NULL));
}

BUG(thread_function, "thread nobody created with no function")
{
	(void)thread_create("nobody", NULL, NULL);
}

BUG(thread_offline, "thread far created on CPU 77, which is not online")
{
	(void)thread_create_on(77, "far", do_nothing, NULL);
}

BUG(thread_pinned, "thread t exits pinned")
{
	run("t", exit_pinned);
}

BUG(thread_mutex, "thread t exits with a mutex held")
{
	run("t", exit_with_mutex);
}

BUG(thread_locked, "sleep (exit) by thread main with a spinlock held")
{
	spin_lock(&lock_a);
	thread_exit();
}

BUG(thread_critical, "sleep (exit) by thread main in a critical section")
{
	critical_enter();
	thread_exit();
}

BUG(join_self, "thread main joins itself")
{
	thread_join(curthread);
}

BUG(join_twice, "thread t joined twice")
{
	struct thread *td = thread_create("t", do_nothing, NULL);

	thread_join(td);
	thread_join(td);
}

BUG(join_locked, "sleep (join) by thread main with a spinlock held")
{
	struct thread *td = thread_create("t", do_nothing, NULL);

	spin_lock(&lock_a);
	thread_join(td);
}

BUG(signal_number, "signal 32 to thread main")
{
	tdsignal(curthread, NSIG);
}

BUG(signal_joined, "signal 2 to thread t, which was joined")
{
	struct thread *td = thread_create("t", do_nothing, NULL);

	thread_join(td);
	tdsignal(td, SIGINT);
}

/* --- where threads run --- */

BUG(yield_locked, "sleep (yield) by thread main with a spinlock held")
{
	spin_lock(&lock_a);
	sched_yield();
}

BUG(unpin, "thread main unpinned but not pinned")
{
	sched_unpin();
}

BUG(bind_offline, "thread main binds itself to CPU 77, which is not online")
{
	sched_bind(77);
}

BUG(bind_pinned, "thread main binds itself while pinned")
{
	sched_pin();
	sched_bind(0);
}

BUG(bind_locked, "sleep (bind) by thread main with a spinlock held")
{
	spin_lock(&lock_a);
	sched_bind(0);
}

BUG(unbind, "thread main unbinds itself but is not bound")
{
	sched_unbind();
}

BUG(critical_exit, "thread main leaves no critical section")
{
	critical_exit();
}

BUG(switch_enabled, "thread main switches with 0 spinlocks, in 0 interrupts")
{
	sched_switch();
}

BUG(switch_critical, "thread main switches in a critical section")
{
	critical_enter();
	(void)intr_disable();
	sched_switch();
}

BUG(wakeup_running, "wakeup of thread main, which is running")
{
	sched_wakeup(curthread);
}

BUG(idle, "CPU * idles outside its idle thread")
{
	sched_pin();
	sched_idle();
}
