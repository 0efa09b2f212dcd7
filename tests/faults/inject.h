/*
 * Faults on purpose.  In the variant `faults` the linker leads calls of some
 * functions from other files to wrappers (ld --wrap), which do what a test has
 * asked for and else call the function itself.
 */
#ifndef TESTS_FAULTS_INJECT_H
#define TESTS_FAULTS_INJECT_H

#include "kernel/types.h"
#include "kernel/atomic.h"
#include "kernel/ipi.h"

/* --- allocations: pages, runs of pages, addresses, page tables --- */

/* Have the n-th allocation of the calling thread from now on fail; 0: none. */
void fault_alloc_arm(unsigned n);

/* No more.  Returns whether one has failed. */
bool fault_alloc_disarm(void);

/* How many have been made to fail since the start. */
uint32_t fault_alloc_failures(void);

/* --- interrupts from CPU to CPU --- */

enum fault_way {
	FAULT_NONE,
	FAULT_DROP,   /* until the kernel reports a CPU that does not answer */
	FAULT_DELAY,  /* until some time has passed */
	FAULT_DOUBLE, /* sent twice */
	FAULT_LOSE,   /* until the test sends it */
};

/* Have the k-th interrupt of a vector, from 1, from now on meet this. */
void fault_ipi_arm(enum vector vector, enum fault_way way, unsigned k);

/* No more.  Returns whether the k-th was met. */
bool fault_ipi_disarm(void);

/* The CPU whose interrupt is held back; -1: none is.  Send it now. */
int fault_ipi_held(void);
void fault_ipi_deliver(void);

/* Send the one that is held back when its time has come: for a loop on a CPU
 * that does nothing else. */
void fault_ipi_carry(nsec_t delay);

/* Non-maskable interrupts, which stop CPUs for a report, reach nobody. */
void fault_nmi_drop(void);

/* How many lines have said that a CPU has not answered. */
uint32_t fault_late_reports(void);

/* --- the clock --- */

/* clock_now(), for all CPUs, goes on from what it is plus `jump`, `rate` times
 * as fast as the hardware. */
void fault_clock(int64_t jump, unsigned rate);

/* The time of the hardware. */
nsec_t fault_clock_real(void);

/* Can nothing on the host make anything late? */
bool fault_time_is_exact(void);

#endif
