/*
 * Timeouts: call a function once, at a time.  Each CPU has a list, ordered by
 * deadline, and sets its timer for the first; a CPU with none has no timer
 * interrupts, except one at the deadline of a timeout cancelled before.
 */
#ifndef KERNEL_TIMEOUT_H
#define KERNEL_TIMEOUT_H

#include "kernel/types.h"
#include "kernel/atomic.h"

struct timeout_queue;

struct timeout {
	/* Fixed by timeout_init(). */
	void (*fn)(void *arg);
	void *arg;
	/* Under the lock of `queue`, which is read without it, see timeout.c. */
	_Atomic(struct timeout_queue *)
	    queue;   /* NULL: not queued, not running */
	bool queued; /* in the list of `queue` */
	nsec_t deadline;
	struct timeout *next;
};

/*
 *   fn: called in interrupt context with interrupts disabled, no lock held; it
 *     must not sleep, and returns as it was called.  It may set its own timeout again.
 *   t: stays in memory until timeout_cancel() has returned, also after fn ran.
 */
void timeout_init(struct timeout *t, void (*fn)(void *), void *arg);

/*
 * Queue `t` on this CPU.
 *   deadline: in clock_now()'s time; a past one is due at once.
 * Requires: t not queued, and not running but as the caller.
 */
void timeout_set(struct timeout *t, nsec_t deadline);

/*
 * Take `t` off its queue, from any CPU.  If its function is running on another
 * CPU, wait until it has returned; a function may cancel its own timeout.
 * Requires: no lock held that the function takes.
 * Returns true if `t` was queued, so that its function will not be called for
 *   that; false if it was not queued: it has run, or was never set.
 */
bool timeout_cancel(struct timeout *t);

/* The timer interrupt: run what is due, set the timer for the next. */
void timeout_intr(void);

/* Prepare the queues.  Once, before the first timeout_set(). */
void timeout_init_queues(void);

#endif
