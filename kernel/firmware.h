/*
 * Reading the tables that firmware leaves in physical memory.
 *
 * All access goes through a function, so the parsers run unchanged on tables
 * that a test has made up.  What a table says is believed only after it has
 * been checked: firmware is written by many hands.
 */
#ifndef KERNEL_FIRMWARE_H
#define KERNEL_FIRMWARE_H

#include "kernel/types.h"

struct phys_reader {
	/* Copy [pa, pa + n); false if some of it is not to be had. */
	bool (*read)(void *ctx, vm_paddr_t pa, void *dst, size_t n);
	void *ctx;
};

/*
 * Copy [pa, pa + n) from physical memory.
 * Returns false, and leaves dst undefined, if some of it is not to be had or
 * lies at or above PHYS_LIMIT.  So a table whose first byte could be read may
 * be indexed with 32 bits, and the sum does not wrap.
 */
bool phys_read(const struct phys_reader *r, vm_paddr_t pa, void *dst, size_t n);

/* Can [pa, pa + n) be read, and do its bytes add up to 0 modulo 256? */
bool phys_sums_to_zero(const struct phys_reader *r, vm_paddr_t pa, size_t n);

/*
 * Look for a signature on 16-byte boundaries of [start, end).
 *   start, end: multiples of 16.
 *   signature: a string of at most 16 characters, compared without its NUL.
 * Returns where the first is; `end` if there is none.  Memory that cannot be
 * read is passed over.
 */
vm_paddr_t phys_find(const struct phys_reader *r, vm_paddr_t start,
    vm_paddr_t end, const char *signature);

/*
 * Where the BIOS data area says that the extended BIOS data area begins, and
 * where it says that base memory ends.  0 if it says nothing plausible.
 */
vm_paddr_t bios_ebda_start(const struct phys_reader *r);
vm_paddr_t bios_base_memory_end(const struct phys_reader *r);

#endif
