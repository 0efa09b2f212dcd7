/*
 * Sets of CPUs: walking and counting.
 */
#include "kernel/cpumask.h"

unsigned cpumask_words = 1;

unsigned
cpumask_next(const struct cpumask *set, unsigned from)
{
	for (unsigned cpu = from; cpu < MAXCPU; cpu = (cpu | 31) + 1) {
		uint32_t rest = atomic_load(&set->word[cpu / 32]) >> (cpu % 32);

		if (rest != 0)
			return (cpu + (unsigned)__builtin_ctz(rest));
	}
	return (MAXCPU);
}

unsigned
cpumask_count(const struct cpumask *set)
{
	unsigned n = 0, cpu;

	CPUMASK_FOREACH(cpu, set)
		n++;
	return (n);
}
