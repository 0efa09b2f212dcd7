/*
 * A machine that a test has made up: physical memory in four pieces with
 * nothing between them, and the firmware's tables in it.  They are built byte
 * by byte from the specifications, not from the parsers' structures.
 *
 *	fake_begin_acpi(0);
 *	fake_cpu(1, true);
 *	fake_finish_acpi();
 *	t = fake_discover();
 */
#ifndef TESTS_FAKE_FIRMWARE_H
#define TESTS_FAKE_FIRMWARE_H

#include "kernel/topology.h"
#include "kernel/types.h"

/* The pieces, and what stands in them. */
#define FAKE_EBDA 0x9fc00
#define FAKE_ROM 0xf0000
#define FAKE_TABLES 0x7fe0000
#define FAKE_TABLES_BYTES 0x2000
#define FAKE_RSDP (FAKE_EBDA + 0x20)
#define FAKE_FLOATING (FAKE_ROM + 0x40)
#define FAKE_RSDT FAKE_TABLES
#define FAKE_XSDT (FAKE_TABLES + 0x100)
#define FAKE_MADT (FAKE_TABLES + 0x200)
#define FAKE_PCMP (FAKE_TABLES + 0x200)

/* The APIC ID of the CPU that reads the tables. */
#define FAKE_BOOT_ID 2

/* Read the tables.  Returns the result, valid until the next call; NULL if
 * memory was read that no parser has business to read. */
const struct topology *fake_discover(void);

/* Memory all zero, but for the addresses of the EBDA and of base memory. */
void fake_reset(void);

/* Write the low `n` bytes of a number. */
void fake_poke(vm_paddr_t pa, uint64_t v, unsigned n);

/* Move [from, from + n), and leave zeros. */
void fake_move(vm_paddr_t from, vm_paddr_t to, size_t n);

/* Change one byte by exclusive or. */
void fake_flip(vm_paddr_t pa, uint8_t bits);

/* Change 1 to 4 bytes of [start, end).
 *   random: the state of test_random(). */
void fake_mutate(vm_paddr_t start, vm_paddr_t end, uint32_t *random);

/* Make [pa, pa + n) add up to 0 by changing the byte at pa + sum. */
void fake_fix_sum(vm_paddr_t pa, size_t n, size_t sum);

/* Set a table's length, and its checksum as far as there is memory. */
void fake_set_length(vm_paddr_t table, uint32_t bytes);

/* How far the tables built last reach. */
vm_paddr_t fake_end(void);

/* --- ACPI: begin, entries of the MADT, finish --- */

/* The RSDP with an RSDT, and from revision 2 on an XSDT; and a MADT. */
void fake_begin_acpi(unsigned rsdp_revision);
void fake_cpu(unsigned apic_id, bool enabled);
void fake_x2apic(uint32_t apic_id);
void fake_ioapic(uint32_t pa, uint32_t gsi_base);
void fake_override(unsigned irq, uint32_t gsi, unsigned flags);
void fake_lapic_address(uint64_t pa);
/* Any entry: the length it claims; only type and length are written. */
void fake_entry(unsigned type, unsigned length);
void fake_finish_acpi(void);

/* CPUs 0 to 3, an I/O APIC and an override of interrupt 0. */
void fake_build_acpi(unsigned rsdp_revision);

/* --- MP table: begin, entries, finish --- */

/* The floating pointer alone.  config: a default one; 0: there is a table. */
void fake_floating(unsigned config);
void fake_begin_mp(void);
void fake_mp_cpu(unsigned apic_id, bool enabled);
void fake_mp_isa_bus(unsigned id);
void fake_mp_ioapic(unsigned id, bool enabled, uint32_t pa);
void fake_mp_intr(unsigned flags, unsigned bus, unsigned irq, unsigned ioapic,
    unsigned input);
/* Any entry: 8 bytes, all zero but the type. */
void fake_mp_entry(unsigned type);
void fake_finish_mp(void);

/* CPUs 0, 2 and a disabled 5, an ISA bus, and two I/O APICs. */
void fake_build_mp(void);

#endif
