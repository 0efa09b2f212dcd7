/*
 * The memory map made clean: sorted, disjoint, page-aligned ranges of RAM.
 */
#ifndef MM_MEMMAP_H
#define MM_MEMMAP_H

#include "boot/bootinfo.h"
#include "kernel/types.h"

/* Each reservation can split one range in two. */
#define MEMMAP_MAX_RANGES (BOOT_MAX_REGIONS + BOOT_MAX_MODULES + 24)

struct memrange {
	vm_paddr_t start, end; /* [start, end), page-aligned, not empty */
};

struct memmap {
	unsigned nranges; /* ascending, disjoint, not touching */
	struct memrange range[MEMMAP_MAX_RANGES];
	uint64_t
	    dropped_bytes; /* RAM left out because it lies above the limit */
	bool overflow; /* more ranges than fit: the smallest were left out */
};

/*
 * Build the map of usable RAM from the loader's regions, in any order and
 * state: empty and wrapping regions are cut or dropped; where a usable and a
 * reserved region overlap, reserved wins; partial pages do not count; what
 * lies at or above `limit` is cut off.
 *   bi: only the regions are read.
 *   limit: first physical address not to use; page-aligned.
 */
void
memmap_build(struct memmap *map, const struct bootinfo *bi, vm_paddr_t limit);

/* Take [start, end) out, rounded outward to whole pages. */
void memmap_reserve(struct memmap *map, vm_paddr_t start, vm_paddr_t end);

/*
 * Find and take out `bytes` (a multiple of `align`) of RAM.
 *   align: a power of two, at least a page.
 *   below: the run ends at or below this address.
 * Takes the highest run that fits.  Returns its address; 0 if there is none
 * (page 0 is never handed out).
 */
vm_paddr_t memmap_take(struct memmap *map, uint64_t bytes, uint64_t align,
    vm_paddr_t below);

/* Bytes of RAM in the map within [start, end). */
uint64_t
memmap_bytes(const struct memmap *map, vm_paddr_t start, vm_paddr_t end);

/* End of the highest range; 0 if the map is empty. */
vm_paddr_t memmap_end(const struct memmap *map);

#endif
