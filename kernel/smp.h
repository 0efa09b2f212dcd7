/*
 * Starting the application processors.
 *
 * Source: Intel SDM volume 3, "MP Initialization For P6 Family Processors";
 * MultiProcessor Specification 1.4, "Application Processor Startup".
 */
#ifndef KERNEL_SMP_H
#define KERNEL_SMP_H

#include "kernel/types.h"

struct cpu;

/*
 * Start the CPUs that the firmware lists, up to `limit` in all.  One that does
 * not answer, or for which memory is short, is named and left out.
 *   limit: at least 1, the boot CPU.
 *   phantom: the APIC ID of a CPU that does not exist, to see just that; -1:
 *     none.
 * Requires: boot CPU, threads can be created, interrupts enabled.
 */
void smp_start(unsigned limit, int phantom);

/*
 * Start the first CPU that smp_start()'s limit has left out, as one that comes
 * up late.  It has no window for private mappings.
 * Requires: as smp_start().
 * Returns its number; 0 if there is none, or it does not start.
 */
unsigned smp_start_late(void);

/* How many pages the CPUs that came late have taken; they stay taken. */
uint32_t smp_late_pages(void);

/* Where boot/trampoline.S enters the kernel, on the idle thread's stack. */
void smp_ap_main(struct cpu *c) __noreturn;

#endif
