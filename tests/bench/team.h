/*
 * The CPUs that take part in a benchmark.  CPU 0 leads: it calls what stands
 * here.
 */
#ifndef TESTS_BENCH_TEAM_H
#define TESTS_BENCH_TEAM_H

#include "tests/bench/bench.h"

/* Have CPUs 1 to ncpus - 1 stand ready for work(cpu).  ncpus is at most
 * TEAM_MAX; 1 is no member at all. */
#define TEAM_MAX 64
void team_muster(unsigned ncpus, void (*work)(unsigned cpu));

/* Work on all at once, this CPU among them, until the last is done. */
void team_work(void);

/* The same for this: each CPU goes once round its walk. */
void
team_go_round(const struct bench *b, struct bench_walk *walk, unsigned ncpus);

/* Have the same CPUs spin instead, interrupts enabled. */
void team_spin(unsigned ncpus);

/* How often those have gone round their loop, all together.  Each time costs
 * the same number of instructions. */
uint32_t team_turns(void);

/* Either way: send them home. */
void team_dismiss(void);

#endif
