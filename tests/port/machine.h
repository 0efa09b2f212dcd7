/*
 * The machine that the host build makes up: CPUs, their TLBs, memory.
 */
#ifndef TESTS_PORT_MACHINE_H
#define TESTS_PORT_MACHINE_H

#include "kernel/types.h"

/* Have n CPUs, all but what boot() does on each. */
void machine_init(unsigned ncpus);

/* What each CPU does; then end the run. */
void machine_hang(const char *why) __noreturn;
void machine_print(void);

/* An operation is complete: the machine does not hang. */
void machine_progress(void);

/* Has each CPU served generation `gen`, or does it halt? */
bool machine_is_settled(uint32_t gen);

/* Steps so far, of all CPUs. */
uint64_t machine_steps(void);

/* --- mmu.c --- */

/* A frame is small: its number, and what its holder writes. */
#define FRAME_WORDS 15
struct frame {
	uint32_t pfn;
	uint32_t word[FRAME_WORDS];
};

/*
 * Make memory.
 *   nframes: how many.
 *   window: pages of the shared window, for which there are page tables.
 */
void mmu_init(uint32_t nframes, uint32_t window);

struct frame *mmu_frame(uint32_t pfn);

/* Which frame the calling CPU finds at an address.  A fault ends the run. */
struct frame *mmu_access(vm_offset_t va);

/* The calling CPU fills its TLB with something that is mapped, if it likes. */
void mmu_speculate(void);

#endif
