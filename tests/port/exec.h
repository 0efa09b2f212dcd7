/*
 * Who runs: threads of the kernel on CPUs that are made up.  Two engines:
 * fibers.c runs all in one thread of the host, in an order that the seed alone
 * decides; parallel.c gives each a thread of the host.
 */
#ifndef TESTS_PORT_EXEC_H
#define TESTS_PORT_EXEC_H

#include <stdbool.h>
#include <stdint.h>

/* The most CPUs, and threads, idle ones included, of a run. */
#define PORT_CPUS 8
#define PORT_THREADS 64

/* Call boot() on each CPU.  Returns never: host_exit() ends the run. */
void exec_start(unsigned ncpus, uint64_t seed, void (*boot)(void))
    __attribute__((noreturn));

/* Does the seed decide all of a run? */
bool exec_repeats(void);

/* The calling CPU's number. */
unsigned exec_cpu(void);

/*
 * Leave the CPU to thread `to`; return when another leaves its CPU to this one.
 * Threads have numbers below PORT_THREADS; PORT_THREADS + n is what boot() was
 * called on, on CPU n.
 *   entry: what a new one calls; NULL: it goes on.
 */
void exec_switch(unsigned to, void (*entry)(void));

/* Within an instruction: another CPU may run, but no interrupt comes. */
void exec_pause_cpu(void);

/* This CPU has nothing to do at present. */
void exec_wait(void);

/* A number below n that the seed decides. */
uint32_t exec_random(uint32_t n);

/* --- machine.c's, called by the engines --- */

/* At some steps: what a processor does by itself; interrupts that came. */
void machine_hardware(void);
void machine_interrupts(void);

/* Is there something that the CPU will do?  It does not halt, or wakes. */
bool machine_is_awake(unsigned cpu);

/* No CPU is awake: let time pass until one is, or report that none will be.  An
 * engine in which time passes anyway need not. */
void machine_skip_time(void);

/* One more step, of the calling CPU. */
void machine_count_step(const char *where);

/* --- called by the kernel's code, at each of its atomic operations --- */

/*
 * A step: here another CPU may run, and with interrupts enabled an interrupt
 * may come, after which the caller may be on another CPU.
 *   where: for the report of a hang.
 */
void port_step(const char *where);

/* A turn of a loop that waits for another CPU. */
void port_pause(const char *where);

#endif
