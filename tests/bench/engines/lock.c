/*
 * A lock for engines: its slow half.
 */
#include "tests/bench/engines/lock.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/tlb.h"

__regargs void
engine_lock_wait(struct engine_lock *l)
{
	counter_inc(CTR_lock_waits);
	do {
		cpu_pause();
		tlb_poll();
		if (load_relaxed(&l->owner) != NULL)
			sched_yield();
	} while (load_relaxed(&l->owner) != NULL ||
	    !ATOMIC_CAS(&l->owner, NULL, curthread));
}

int
engine_lock_sleep(struct engine_lock *l, const void *chan, int flags,
    const char *wmesg)
{
	int error;

	sleepq_lock(chan);
	engine_unlock(l);
	error = sleepq_wait_locked(chan, flags, wmesg, 0);
	engine_lock(l);
	return (error);
}
