/*
 * The CPUs that take part in a benchmark.  CPU 0 leads: it calls what stands
 * here.
 */
#ifndef TESTS_BENCH_TEAM_H
#define TESTS_BENCH_TEAM_H

#include "tests/bench/bench.h"

/*
 * Have workers stand ready for work(worker).
 *   workers: how many, this CPU, number 0, among them: at most TEAM_MAX.
 *   stride: worker n is on CPU n * stride.
 */
#define TEAM_MAX 64
void
team_muster(unsigned workers, unsigned stride, void (*work)(unsigned worker));

/* Work on all at once, this CPU among them, until the last is done. */
void team_work(void);

/* The same for this: each worker goes once round its walk. */
void
team_go_round(const struct bench *b, struct bench_walk *walk, unsigned workers);

/* Have CPUs 1 to ncpus - 1 spin instead, interrupts enabled. */
void team_spin(unsigned ncpus);

/* How often those have gone round their loop, all together.  Each time costs
 * the same number of instructions. */
uint32_t team_turns(void);

/* Either way: send them home. */
void team_dismiss(void);

#endif
