/*
 * The map of addresses, for the host build.  With wide pointers a struct sf_buf
 * has twice its size, and the place for them has, too.
 */
#ifndef MM_LAYOUT_H
#define MM_LAYOUT_H

#include "kernel/types.h"

#define LARGE_PAGE_SIZE (2u << 20)

#define PRIVATE_BASE 0x40000000u
#define PRIVATE_STRIDE (2 * LARGE_PAGE_SIZE)
#define PRIVATE_WINDOW_PAGES 512
#define WINDOW_BASE 0x80000000u
#define WINDOW_END 0xa0000000u
#define KVA_BASE 0xa0000000u
#define KVA_END 0xbe000000u
#define SF_BUFS_BASE 0xbe000000u
#define SF_BUFS_PRIVATE \
	(SF_BUFS_BASE + 0x00400000u / 4 * (unsigned)sizeof(void *))
#define SF_BUFS_BYTES (0x01000000u / 4 * (unsigned)sizeof(void *))
#define DMAP_BASE 0xc0000000u
#define MMIO_BASE 0xfe000000u
#define PHYS_LIMIT ((vm_paddr_t)64 << 30)

#endif
