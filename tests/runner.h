/*
 * Runs the tests and reports in KTAP.
 */
#ifndef TESTS_RUNNER_H
#define TESTS_RUNNER_H

#include "kernel/types.h"

/*
 * Run the tests whose "suite.test" matches, in order of suites and names.
 *   glob: see glob_match(); suites that begin with `selftest` match only when
 *     named in full.
 *   repeat: how often each is run for its one result; at least 1.
 * Prints KTAP version 1.
 * Returns how many failed; -1 when nothing matched (and says so).
 */
int test_run(const char *glob, unsigned repeat);

/* Print the name of each matching test, a line each.  Returns how many. */
unsigned test_list(const char *glob);

#endif
