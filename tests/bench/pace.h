/*
 * How long operations take, by the clock.
 */
#ifndef TESTS_BENCH_PACE_H
#define TESTS_BENCH_PACE_H

#include "tests/bench/bench.h"

#define PACE_MAX_REPEATS 45

/* Picoseconds for one operation, as a CPU that works sees it: of each
 * repetition, the shortest first once sorted. */
struct pace {
	uint64_t ps[PACE_MAX_REPEATS];
	unsigned n;
	/* All together, of all CPUs: how many, how many were what the name says,
	 * and how often they met a lock that was not free. */
	uint32_t ops, counted, contended;
};

/*
 * Repeat a benchmark's loop for a while.
 *   loop: b's, with the operation or without.
 *   walk, ncpus: as for cost_measure().
 * Requires: CPU 0; n below PACE_MAX_REPEATS.
 */
void pace_measure(const struct bench *b, void (*loop)(struct bench_walk *w),
    struct bench_walk *walk, unsigned ncpus, struct pace *p);
void pace_sort(struct pace *p);

#endif
