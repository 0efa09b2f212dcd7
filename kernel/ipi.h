/*
 * Interrupts from one CPU to another.
 */
#ifndef KERNEL_IPI_H
#define KERNEL_IPI_H

#include "kernel/types.h"

/* Interrupt vectors.  Higher vectors have higher priority in the APIC. */
enum vector {
	VECTOR_EXCEPTIONS = 0, /* 0 to 31 are the processor's own */
	VECTOR_SERIAL = 0x40,  /* first serial line, through the I/O APIC */
	VECTOR_TIMER = 0x50,   /* this CPU's local APIC timer */
	IPI_RESCHED = 0x60,    /* look at the run queue */
	IPI_TLB = 0xf0,        /* serve a TLB shootdown */
	VECTOR_SPURIOUS = 0xff,
	NVECTORS = 256
};

/*
 * Send a vector to a CPU.
 *   cpu: an online CPU's number; may be the caller's own.
 * Effects: returns when the local APIC has accepted the request; any context.
 */
void ipi_send(unsigned cpu, enum vector vector);

/* Send a non-maskable interrupt to every other online CPU. */
void ipi_send_nmi_others(void);

#endif
