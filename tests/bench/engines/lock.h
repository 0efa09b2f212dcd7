/*
 * A lock for the engines that need one: as cheap as FreeBSD's mutexes and
 * Linux's spinlocks are where nobody else holds it, that is, a locked operation
 * to take it and a store to release it, inlined; and one instruction to count it.
 * The kernel's own locks also check ranks and hold off interrupts, which would
 * be held against the engine.
 *
 * For threads only.  The holder may be preempted, so who waits lets other
 * threads of its CPU run.
 */
#ifndef TESTS_BENCH_ENGINES_LOCK_H
#define TESTS_BENCH_ENGINES_LOCK_H

#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/x86.h"

struct engine_lock {
	_Atomic(struct thread *) owner; /* NULL: free */
} __aligned(CACHE_LINE_BYTES);

void engine_lock_wait(struct engine_lock *l) __regargs;

static inline void
engine_lock(struct engine_lock *l)
{
	counter_inc(CTR_engine_locks);
	if (__predict_false(!ATOMIC_CAS(&l->owner, NULL, curthread)))
		engine_lock_wait(l);
}

static inline void
engine_unlock(struct engine_lock *l)
{
	store_release(&l->owner, NULL);
}

/*
 * Release the lock and sleep on a channel until woken: no wakeup that is made
 * with the lock held is missed.  Then take it again.
 *   flags, wmesg, result: as msleep().
 */
int engine_lock_sleep(struct engine_lock *l, const void *chan, int flags,
    const char *wmesg);

#endif
