/*
 * The local APIC of each CPU and the I/O APIC.
 *
 * Source: Intel SDM volume 3, "Advanced Programmable Interrupt Controller";
 * 82093AA I/O APIC data sheet.
 */
#ifndef KERNEL_APIC_H
#define KERNEL_APIC_H

#include "kernel/types.h"

/* Map the local APIC's registers and enable it on the boot CPU; mask the
 * 8259s.
 *   pa: where the registers are. */
void lapic_init(vm_paddr_t pa);

/* Enable it on this (application) processor. */
void lapic_enable(void);

/* This CPU's APIC ID; and the address where any CPU reads its own, in bits 24
 * to 31. */
unsigned lapic_id(void);
vm_offset_t lapic_id_register(void);

/* Acknowledge the interrupt that is being handled. */
void lapic_eoi(void);

/* Send an interrupt command, and wait until it is accepted.
 *   apic_id: destination.
 *   command: low word of the interrupt command register. */
void lapic_send(unsigned apic_id, uint32_t command);

/* Bits of a command. */
enum {
	ICR_NMI = 0x400,
	ICR_INIT = 0x500,
	ICR_STARTUP = 0x600, /* low byte: page number to start at */
	ICR_ASSERT = 0x4000,
	ICR_LEVEL = 0x8000,
};

/* One-shot timer: count down from `count` at the measured frequency; 0 stops.*/
void lapic_timer_start(uint32_t count);
uint32_t lapic_timer_count(void);

/*
 * Have a global system interrupt delivered as `vector` to the boot CPU.
 * Returns false if no I/O APIC serves it.
 */
bool ioapic_route(uint32_t gsi, unsigned vector, bool level, bool active_low);

#endif
