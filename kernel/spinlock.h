/*
 * Spinlocks: short exclusion between CPUs, and against interrupts on this one.
 *
 * Holding one disables interrupts, so nothing that holds one may sleep (except
 * through msleep_spin) and nothing can preempt it.  While waiting, a CPU
 * serves TLB shootdowns, so a holder may wait for one.  Locks are taken in
 * rising rank; docs/locks.md lists the ranks.
 */
#ifndef KERNEL_SPINLOCK_H
#define KERNEL_SPINLOCK_H

#include "kernel/types.h"
#include "kernel/atomic.h"

struct cpu;

/* Ranks, in the order in which locks may be taken.  See docs/locks.md. */
enum lock_rank {
	RANK_TEST,    /* a test's own: taken first */
	RANK_SF_BUF,  /* the sf_buf layer; serial input */
	RANK_SLEEPQ,  /* one bucket of sleep queues */
	RANK_TIMEOUT, /* one CPU's timeouts */
	RANK_RUNQ,    /* one CPU's run queue */
	RANK_THREADS, /* the list of all threads */
	RANK_KVA,     /* the KVA arena */
	RANK_PMAP,    /* growth of the shared page tables */
	RANK_VM_PAGE, /* the physical page allocator */
	RANK_IOAPIC,  /* device registers reached by index and data */
	RANK_LEAF,    /* locks under which nothing else is taken */
	RANK_CONSOLE, /* the console's transmitter */
};

struct spinlock {
	_Atomic(struct cpu *) owner; /* the CPU that holds it; NULL: free */
	enum lock_rank rank;         /* fixed */
	const char *name;            /* fixed: what it protects */
	_Atomic uint32_t contended;  /* acquisitions that had to wait */
};

#define SPINLOCK_INITIALIZER(lock_name, lock_rank)       \
	{                                                \
		.rank = (lock_rank), .name = (lock_name) \
	}

void spin_init(struct spinlock *l, const char *name, enum lock_rank rank);

/*
 * Take the lock.  Panics if this CPU holds it, or holds a lock of the same or
 * a higher rank.
 * Effects: interrupts are disabled until the last spinlock is released.
 */
void spin_lock(struct spinlock *l) __regargs;

/* Take it if it is free; true if taken.  The rank is not checked. */
bool spin_trylock(struct spinlock *l);

/*
 * Release.  Panics if this CPU does not hold it.  Any order of release is
 * allowed.
 * Effects: may enable interrupts, and then switch threads.
 */
void spin_unlock(struct spinlock *l) __regargs;

/* Does this CPU hold it? */
bool spin_held(const struct spinlock *l);

/* Print the locks that a CPU holds, a line each.  For reports of a panic. */
void spin_print_held(const struct cpu *c);

#endif
