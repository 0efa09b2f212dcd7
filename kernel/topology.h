/*
 * What the machine consists of: its CPUs, its I/O APICs and the interrupt of
 * the first serial line, as the firmware's tables tell it.
 *
 * Sources, best first: ACPI's Multiple APIC Description Table (kernel/acpi.c),
 * the table of Intel's MultiProcessor Specification (kernel/mptable.c), and
 * what is certain anyway: the CPU that reads this.
 */
#ifndef KERNEL_TOPOLOGY_H
#define KERNEL_TOPOLOGY_H

#include "kernel/firmware.h"
#include "kernel/types.h"

#define TOPOLOGY_MAX_IOAPICS 8
#define TOPOLOGY_NOTE_BYTES 224

#define LAPIC_DEFAULT_PA 0xfee00000u
#define IOAPIC_DEFAULT_PA 0xfec00000u

/* COM1's interrupt on an ISA bus. */
#define ISA_IRQ_COM1 4

/* 255 is the broadcast address of 8-bit APIC IDs. */
#define APIC_ID_BROADCAST 255

struct topology {
	unsigned ncpus;          /* usable: 1 to MAXCPU */
	uint8_t apic_id[MAXCPU]; /* the boot CPU's first; all different */
	unsigned ncpus_listed;   /* enabled in the table, repeats included */
	bool boot_cpu_listed;    /* the boot CPU is one of those */
	unsigned ncpus_unusable; /* enabled, but with an ID of 255 or more */
	unsigned nioapics;
	struct {
		vm_paddr_t pa;     /* its registers; in the device window */
		uint32_t gsi_base; /* global number of its first input */
	} ioapic[TOPOLOGY_MAX_IOAPICS];
	vm_paddr_t lapic_pa; /* page-aligned; in the device window */
	uint32_t com1_gsi;   /* global number of ISA interrupt 4 */
	bool com1_level;     /* level-triggered; else by edge */
	bool com1_low;       /* active low; else high */
	const char *source;  /* "ACPI MADT", "MP table" or "none: one CPU" */
	/* What is wrong with the tables, or with a better source; or "". */
	char note[TOPOLOGY_NOTE_BYTES];
};

/*
 * Read the firmware's tables.
 *   t: receives what they say.  Whatever they say, the boot CPU is in it.
 *   boot_apic_id: the APIC ID of the calling CPU, 0 to 255.
 *   r: how to read physical memory.
 */
void topology_discover(struct topology *t, unsigned boot_apic_id,
    const struct phys_reader *r);

/*
 * Read this machine's tables and keep the result.
 * Requires: boot CPU, once, with its page tables loaded (pmap_read_phys()).
 */
void topology_init(void);

/* What topology_init() found; constant. */
const struct topology *topology(void);

/* --- for acpi.c and mptable.c: entries that a table lists --- */

/* An enabled CPU.  IDs that 8 bits cannot address are counted only. */
void topology_add_cpu(struct topology *t, uint32_t apic_id);

/* An I/O APIC.  Returns true if it is recorded as the last one of t->ioapic;
 * false for a repeated one, and with a note for one out of reach. */
bool topology_add_ioapic(struct topology *t, vm_paddr_t pa, uint32_t gsi_base);

/* The local APICs' address. */
void topology_set_lapic(struct topology *t, vm_paddr_t pa);

/*
 * Where ISA interrupt 4 arrives.
 *   flags: polarity and trigger mode, in the encoding that both tables use.
 */
void topology_set_com1(struct topology *t, uint32_t gsi, unsigned flags);

/* Say what is wrong with the table, in a clause; the first is kept. */
void topology_note(struct topology *t, const char *fmt, ...) __printflike(2, 3);

#endif
