/*
 * ACPI's list of CPUs and interrupt controllers, the MADT.
 *
 * Source: ACPI specification 6.5, "Root System Description Pointer (RSDP)",
 * "System Description Table Header", "Multiple APIC Description Table (MADT)".
 */
#ifndef KERNEL_ACPI_H
#define KERNEL_ACPI_H

#include "kernel/firmware.h"
#include "kernel/topology.h"

/* A longer table is taken for a broken length. */
#define ACPI_MAX_TABLE_BYTES (1u << 20)

/*
 * Find the MADT and add what it lists to `t`.
 * Returns true if it lists an enabled CPU.  Otherwise false: t->note says why,
 * and the rest of `t` is of no use.
 */
bool acpi_read_topology(struct topology *t, const struct phys_reader *r);

#endif
