/*
 * Where a measured section begins and ends, for who watches from outside: a
 * debugger, or scripts/bench_plugin.c, which counts in QEMU what the kernel
 * cannot.  They do nothing; where they are is what they say.
 */
#ifndef TESTS_BENCH_MARK_H
#define TESTS_BENCH_MARK_H

/* A section, of all CPUs; what was measured in the last one counts; print the
 * sums of all that count, and begin anew. */
void bench_mark_begin(void);
void bench_mark_end(void);
void bench_mark_keep(void);
void bench_mark_report(void);

/* The calling CPU is at its operations: not at the start and the end of a team,
 * which all CPUs write about. */
void bench_work_begin(void);
void bench_work_end(void);

#endif
