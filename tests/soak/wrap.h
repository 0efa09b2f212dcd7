/*
 * Numbers that wrap: all that count up in 32 bits are set near their end, and
 * must be seen to have passed it.
 */
#ifndef TESTS_SOAK_WRAP_H
#define TESTS_SOAK_WRAP_H

/*
 * Set them: the counters of each CPU; the numbers of threads and of harvests,
 * whose addresses the command line gives.  The numbers of shootdowns and of
 * sweeps' rounds begin near their end at boot: the test fails if they are not
 * there any more.
 */
void wrap_begin(void);

/* Now and then: let the numbers of shootdowns jump to where one goes to all. */
void wrap_step(void);
void wrap_jump(void);

/* Count what has wrapped, and say so; fail if something has not. */
void wrap_check(void);

unsigned wrap_count_threads(void);

#endif
