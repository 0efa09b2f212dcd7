/*
 * Time: nanoseconds since boot from the time-stamp counter, and one timer per
 * CPU (the local APIC's, one-shot).
 */
#ifndef KERNEL_CLOCK_H
#define KERNEL_CLOCK_H

#include "kernel/types.h"

/*
 * Measure the TSC and the local APIC timer against the PIT.
 * Requires: boot CPU, interrupts disabled, lapic_init() done.  Takes 30 ms.
 */
void clock_init(void);

/*
 * Time since clock_init(); never goes back on one CPU.  The same on every CPU as
 * far as their TSCs run together, as those of one package do ("Invariant TSC").
 */
nsec_t clock_now(void);

/* Wait, busy, at least so long; serves shootdowns meanwhile.  Any context. */
void clock_delay(nsec_t span);

/*
 * Have this CPU's timer interrupt come `span` from now (about; once).  A later
 * call replaces it.  span 0: as soon as possible.
 * Requires: interrupts disabled.
 */
void clock_timer_set(nsec_t span);

/* Have no timer interrupt on this CPU. */
void clock_timer_stop(void);

/* Measured frequencies, in kHz. */
uint32_t clock_tsc_khz(void);
uint32_t clock_timer_khz(void);

#endif
