/*
 * The host build: what stands in for the machine.  The port's kernel/x86.h and
 * kernel/atomic.h call this at each step that another CPU could see.
 */
#ifndef TESTS_PORT_PORT_H
#define TESTS_PORT_PORT_H

#include "kernel/types.h"
#include "tests/port/exec.h"

struct cpu;

/* --- machine.c: the processor --- */

/* The calling CPU's data. */
struct cpu *port_self(void);

/* Its interrupt flag.  The first returns whether it was set. */
bool port_intr_disable(void);
void port_intr_enable(void);
bool port_intr_enabled(void);

/* Enable interrupts and wait for one. */
void port_halt(void);

/* Steps so far, all CPUs', as nanoseconds. */
uint64_t port_clock(void);

/* --- mmu.c: its TLB --- */

void port_invlpg(vm_offset_t va);
void port_reload_cr3(void);

#endif
