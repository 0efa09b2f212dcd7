/*
 * Run queues: the scheduler's half that decides where a READY thread waits.
 * For sched.c; its head explains.
 */
#ifndef KERNEL_RUNQ_H
#define KERNEL_RUNQ_H

#include "kernel/types.h"

struct thread;

void runq_init(void);

/*
 * Put a thread that is on no queue and in nobody else's hands on a run queue
 * and see that it is noticed there: on return it may have run, and ended.
 * Requires: interrupts disabled.
 */
void runq_make_ready(struct thread *td);

/* Is a thread queued on this CPU?  A snapshot. */
bool runq_has_work(unsigned cpu);

/*
 * Take the first thread of CPU `self`, the caller's; NULL if there is none.
 * Requires, as do the next two: interrupts disabled.
 */
struct thread *runq_take(unsigned self);

/* The same, or else a thread that another CPU can spare. */
struct thread *runq_take_any(unsigned self);

/*
 * CPU `self` halts soon: whoever makes a thread ready for it from now on sends
 * an interrupt.  Comes before the last look for work.
 */
void runq_announce_idle(unsigned self);

/* It does not, or no longer. */
void runq_retract_idle(unsigned self);

#endif
