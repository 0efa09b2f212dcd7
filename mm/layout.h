/*
 * The map of the 4 GiB of virtual addresses.  docs/memory-map.md draws it.
 *
 * Each quarter is one entry of the page-directory-pointer table ("slot").
 * Large pages occur in slot 3 only, W^X everywhere.
 */
#ifndef MM_LAYOUT_H
#define MM_LAYOUT_H

#include "kernel/types.h"

#define LARGE_PAGE_SIZE (2u << 20)

/* Slot 0 holds nothing, so null and stray small pointers fault. */

/*
 * Slot 1: what one CPU alone may touch.  CPU n owns
 * [PRIVATE_BASE + n * PRIVATE_STRIDE, + PRIVATE_STRIDE): first its sf_buf
 * window, then the quick page of mm/pmap_quick.c.
 */
#define PRIVATE_BASE 0x40000000u
#define PRIVATE_STRIDE (2 * LARGE_PAGE_SIZE)
#define PRIVATE_WINDOW_PAGES 512
_Static_assert(MAXCPU *(uint64_t)PRIVATE_STRIDE <= 0x40000000u,
    "private ranges fit slot 1");

/*
 * Slot 2: the shared sf_buf window, the KVA arena, and the structs that
 * describe sf_bufs: of the window, then of CPU 0's private window and so on.
 * These stand at a fixed place, aligned to their size, so that one mask tells
 * whether a pointer is one.
 */
#define WINDOW_BASE 0x80000000u
#define WINDOW_END 0xa0000000u
#define KVA_BASE 0xa0000000u
#define KVA_END 0xbf000000u
#define SF_BUFS_BASE 0xbf000000u
#define SF_BUFS_PRIVATE 0xbf400000u
#define SF_BUFS_BYTES 0x01000000u

/*
 * Slot 3: the direct map, then the vm_page array just below the device
 * registers, which stand at their physical addresses, uncached.
 */
#define DMAP_BASE 0xc0000000u
#define MMIO_BASE 0xfe000000u

/* Physical memory beyond this is not used: 64 GiB is what PAE's 36 bits reach. */
#define PHYS_LIMIT ((vm_paddr_t)64 << 30)

#endif
