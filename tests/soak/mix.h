/*
 * Operations on sf_bufs for tests that go on for long: any page, mapped shared
 * or private, found or not, freed here or on another CPU; at each one the page's
 * tag is checked, and what this CPU has written there before.
 */
#ifndef TESTS_SOAK_MIX_H
#define TESTS_SOAK_MIX_H

#include "kernel/types.h"

/* Take the pages and tag them.  Returns false, with the test skipped, when memory
 * is short; then nothing is kept. */
bool mix_begin(void);

/* Free what is still held, and give the pages back. */
void mix_end(void);

/*
 * Some operations, on one CPU, by one of its threads at a time.
 *   random: the state of its choices.
 * Requires: cannot migrate.  Returns how many; fewer when the test has failed.
 */
unsigned mix_run(unsigned n, uint32_t *random);

/* How many buffers were freed on another CPU than allocated. */
uint32_t mix_handed_over(void);

/* What a kernel does that neither interrupts nor waits for other CPUs. */
void mix_break_shootdowns(void);

#endif
