/*
 * For tests that need threads of their own.
 */
#ifndef TESTS_THREADS_H
#define TESTS_THREADS_H

#include "kernel/types.h"
#include "kernel/thread.h"
#include "kernel/x86.h"
#include "mm/tlb.h"

/* The threads that one test starts and then joins; all zero: none. */
#define CREW_MAX 64

struct crew {
	unsigned n;
	struct thread *member[CREW_MAX];
};

/* Start one more thread, anywhere or on one CPU; panics when memory is short.
 * Returns it. */
struct thread *crew_add(struct crew *crew, void (*fn)(void *), void *arg);
struct thread *
crew_add_on(struct crew *crew, unsigned cpu, void (*fn)(void *), void *arg);

/* Join them all; the crew is then empty. */
void crew_join(struct crew *crew);

/* One thread for each CPU, but at most `limit`. */
unsigned one_per_cpu(unsigned limit);

/* An online CPU other than `cpu`; `cpu` itself if there is no other. */
unsigned another_cpu(unsigned cpu);

/* Call fn(arg) on CPU 0 while every other CPU spins, and serves shootdowns. */
#define NEED_FEW_CPUS()                                                  \
	do {                                                             \
		if (cpu_count() > 32)                                    \
			SKIP("%u CPUs that spin take too long on a few " \
			     "host CPUs",                                \
			    cpu_count());                                \
	} while (0)
void run_while_all_are_busy(void (*fn)(void *arg), void *arg);

/*
 * Call fn(arg) on CPU 0 while every other CPU is idle; again, until none woke
 * meanwhile.  CPUs wake now and then, for a timer or to look for work.
 */
void run_while_others_are_idle(void (*fn)(void *arg), void *arg);

/* Wait until `n` threads sleep on a channel. */
void wait_asleep(const void *chan, unsigned n);

/* Wait, letting others run, until a condition holds. */
#define WAIT_UNTIL(cond)               \
	do {                           \
		while (!(cond)) {      \
			sched_yield(); \
			cpu_pause();   \
		}                      \
	} while (0)

/* Wait without giving the CPU away; for critical sections and interrupts. */
#define SPIN_UNTIL(cond)             \
	do {                         \
		while (!(cond)) {    \
			cpu_pause(); \
			tlb_poll();  \
		}                    \
	} while (0)

#endif
