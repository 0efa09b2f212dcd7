/*
 * What operations cost, in ticks of the time-stamp counter and in events.
 */
#ifndef TESTS_BENCH_COST_H
#define TESTS_BENCH_COST_H

#include "tests/bench/bench.h"

struct cost {
	uint64_t ticks; /* of all CPUs, but for those that only spin */
	uint32_t count[NCOUNTER];
	uint32_t ops;     /* of all CPUs that worked */
	uint32_t spoiled; /* chunks with a timer interrupt in them */
};

/*
 * Measure a benchmark's operations, with what the loop around them costs taken
 * off.
 *   walk: of each CPU that works; its pages are set.
 *   ncpus: CPUs that work, or spin.
 * Requires: CPU 0.
 */
struct cost
cost_measure(const struct bench *b, struct bench_walk *walk, unsigned ncpus);

#endif
