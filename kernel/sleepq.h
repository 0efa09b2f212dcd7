/*
 * Sleep and wakeup, with the interface of FreeBSD's msleep(9).
 */
#ifndef KERNEL_SLEEPQ_H
#define KERNEL_SLEEPQ_H

#include "kernel/types.h"
#include "kernel/errno.h"

struct mtx;
struct spinlock;
struct thread;

/* Flags of msleep(). */
#define PCATCH 0x100 /* a signal ends the sleep with EINTR */
#define PDROP 0x200  /* do not take the lock again */

/*
 * Sleep on a channel until woken.  The lock is released once the thread is on
 * the queue, so a wakeup under the same lock is never lost, and taken again
 * before the return.
 *   chan: any address; equal addresses meet.
 *   mtx: the lock that guards what is waited for; held once; NULL: none.
 *   flags: PCATCH, PDROP or both.
 *   wmesg: a word for ps; not copied.
 *   timeout: a span; 0: none.
 * Requires: a thread that may sleep: no (other) spinlock, no critical section,
 *   not in an interrupt handler.
 * Returns 0 when woken; EINTR with PCATCH when a signal is or becomes pending;
 *   EWOULDBLOCK when the time ran out.  The caller tests its condition again
 *   in every case.  A wakeup_one() that chose this thread is never lost: then
 *   the result is 0, whatever else happened.
 */
int msleep(const void *chan, struct mtx *mtx, int flags, const char *wmesg,
    nsec_t timeout);

/* The same with a spinlock. */
int msleep_spin(const void *chan, struct spinlock *lock, int flags,
    const char *wmesg, nsec_t timeout);

/* Sleep for a time, by clock_now(); nothing ends it early. */
void pause_sleep(const char *wmesg, nsec_t span);

/*
 * Wake every thread that sleeps on the channel, or the one that has slept
 * longest.  Any context but with a lock of a rank above RANK_SLEEPQ held.
 * Return how many were woken.
 */
unsigned wakeup(const void *chan);
unsigned wakeup_one(const void *chan);

/* How many threads sleep on the channel.  A snapshot. */
unsigned sleepq_count(const void *chan);

/*
 * A signal has become pending for `td`: if it sleeps with PCATCH, end that
 * sleep with EINTR.  For signal.c.
 */
void sleepq_signal(struct thread *td);

/* --- for mutex.c: the queue without the interlock --- */

/* Lock and unlock the queue of a channel (a spinlock, RANK_SLEEPQ). */
void sleepq_lock(const void *chan);
void sleepq_unlock(const void *chan);

/*
 * Sleep on a channel whose queue is locked; the lock is released.
 * Requires: sleepq_lock(chan), no other spinlock; a thread that may sleep.
 * Returns as msleep().
 */
int sleepq_wait_locked(const void *chan, int flags, const char *wmesg,
    nsec_t timeout);

#endif
