/*
 * Sleeping mutexes, FreeBSD's MTX_DEF: a waiter sleeps, a holder may sleep.
 */
#ifndef KERNEL_MUTEX_H
#define KERNEL_MUTEX_H

#include "kernel/types.h"
#include "kernel/atomic.h"

struct thread;

/* Ranks of mutexes: all below those of spinlocks, taken in rising order. */
enum mtx_rank {
	MTX_RANK_TEST = 1,
	MTX_RANK_PIPE,
	MTX_RANK_COM2,
	MTX_RANK_LEAF,
};

struct mtx {
	_Atomic(struct thread *) owner; /* NULL: free */
	_Atomic uint32_t waiters;       /* threads asleep or about to be */
	enum mtx_rank rank;             /* fixed */
	const char *name;               /* fixed */
	_Atomic uint32_t contended;     /* acquisitions that had to wait */
	struct mtx *held_next; /* owner only: its next held, newest first */
};

#define MTX_INITIALIZER(mtx_name, mtx_rank)            \
	{                                              \
		.rank = (mtx_rank), .name = (mtx_name) \
	}

void mtx_init(struct mtx *m, const char *name, enum mtx_rank rank);

/*
 * Take the mutex.  Requires: a thread, no spinlock held, interrupts enabled,
 * not in an interrupt handler.  Panics if curthread holds it already or holds
 * one of the same or a higher rank.
 * Effects: may sleep (wait message: the mutex's name).
 */
void mtx_lock(struct mtx *m);

/* Take it if it is free; true if taken.  Never sleeps.  Requires: a thread. */
bool mtx_trylock(struct mtx *m);

/* Release.  Panics unless curthread holds it. */
void mtx_unlock(struct mtx *m);

/* Does curthread hold it? */
bool mtx_owned(const struct mtx *m);

/* Print the mutexes that a thread holds, a line each.  For reports of a
 * panic: takes no lock. */
void mtx_print_held(const struct thread *td);

#endif
