/*
 * Exceptions and interrupts.
 *
 * Source: Intel SDM volume 3, "Interrupt and Exception Handling".
 */
#ifndef KERNEL_TRAP_H
#define KERNEL_TRAP_H

#include "kernel/types.h"

/* What kernel/vectors.S leaves on the stack; lowest address first. */
struct trapframe {
	uint32_t edi, esi, ebp, esp_unused, ebx, edx, ecx, eax;
	uint32_t vector;
	uint32_t error; /* 0 where the processor pushes none */
	uint32_t eip, cs, eflags;
};

enum {
	TRAP_NMI = 2,
	TRAP_DOUBLE_FAULT = 8,
	TRAP_PAGE_FAULT = 14,
};

/* Bits of a page fault's error code. */
enum {
	PF_PROTECTION = 1, /* a present page refused; else not present */
	PF_WRITE = 2,
	PF_RESERVED = 8, /* a reserved bit was set in an entry */
	PF_FETCH = 16,
};

/* kernel/vectors.S: where each of the 256 vectors enters. */
extern const uint32_t vector_entry[];

/* Fill the table of vectors.  Boot CPU, once. */
void trap_init(void);

/*
 * Load the table on this CPU.
 *   linear_offset: as cpu_load().
 */
void trap_load(vm_offset_t linear_offset);

/* The common handler, called by kernel/vectors.S, interrupts disabled. */
void trap(struct trapframe *tf);

/* Where the double-fault task starts; reports a kernel stack overflow. */
void trap_double_fault(void) __noreturn;

#endif
