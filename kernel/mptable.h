/*
 * The list of CPUs and interrupt controllers of Intel's MultiProcessor
 * Specification, which came before ACPI.
 *
 * Source: Intel MultiProcessor Specification 1.4, "MP Floating Pointer
 * Structure", "MP Configuration Table Header", "Base MP Configuration Table
 * Entries", "Default Configurations".
 */
#ifndef KERNEL_MPTABLE_H
#define KERNEL_MPTABLE_H

#include "kernel/firmware.h"
#include "kernel/topology.h"

/*
 * Find the MP table and add what it lists to `t`.  The table numbers inputs
 * by I/O APIC; here input n of the k-th one becomes 256 k + n.
 * Returns true if it lists an enabled CPU.  Otherwise false: t->note says why,
 * and the rest of `t` is of no use.
 */
bool mptable_read_topology(struct topology *t, const struct phys_reader *r);

#endif
