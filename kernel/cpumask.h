/*
 * Sets of CPUs, by CPU number.
 */
#ifndef KERNEL_CPUMASK_H
#define KERNEL_CPUMASK_H

#include "kernel/types.h"
#include "kernel/atomic.h"

#define CPUMASK_WORDS ((MAXCPU + 31) / 32)

/* Bit n of word n / 32 stands for CPU n.  Words are atomic, sets are not. */
struct cpumask {
	_Atomic uint32_t word[CPUMASK_WORDS];
};

static inline void
cpumask_add(struct cpumask *set, unsigned cpu)
{
	atomic_fetch_or(&set->word[cpu / 32], 1u << (cpu % 32));
}

static inline void
cpumask_remove(struct cpumask *set, unsigned cpu)
{
	atomic_fetch_and(&set->word[cpu / 32], ~(1u << (cpu % 32)));
}

static inline bool
cpumask_has(const struct cpumask *set, unsigned cpu)
{
	return ((atomic_load(&set->word[cpu / 32]) >> (cpu % 32) & 1) != 0);
}

static inline void
cpumask_copy(struct cpumask *to, const struct cpumask *from)
{
	for (unsigned i = 0; i < CPUMASK_WORDS; i++)
		store_relaxed(&to->word[i], atomic_load(&from->word[i]));
}

/* Words of a set that stand for CPUs that exist; grows during boot only. */
extern unsigned cpumask_words;

/* The first member at or after `from`; MAXCPU if there is none. */
unsigned cpumask_next(const struct cpumask *set, unsigned from);

/* How many members. */
unsigned cpumask_count(const struct cpumask *set);

#define CPUMASK_FOREACH(cpu, set)                            \
	for ((cpu) = cpumask_next((set), 0); (cpu) < MAXCPU; \
	     (cpu) = cpumask_next((set), (cpu) + 1))

#endif
