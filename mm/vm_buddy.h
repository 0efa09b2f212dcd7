/*
 * The free blocks of the page allocator: for mm/vm_page.c and mm/vm_cache.c
 * only.  mm/vm_page.c has the theory.
 */
#ifndef MM_VM_BUDDY_H
#define MM_VM_BUDDY_H

#include "kernel/types.h"
#include "mm/vm_page.h"

/* The lock "vm_page" (RANK_VM_PAGE), which the _locked functions need. */
void vm_buddy_lock(void);
void vm_buddy_unlock(void);

/*
 * Take a block of 2^order pages, aligned to its size.
 * Returns its first frame, with all of it FREE_PART and on no list; 0 when the
 * zone has no block large enough.
 */
pfn_t vm_buddy_alloc_locked(enum vm_zone zone, unsigned order);

/*
 * Take one frame out of the free block that holds it.
 *   pfn: any number.
 * Returns false when no free block holds it.
 */
bool vm_buddy_alloc_frame_locked(pfn_t pfn);

/*
 * Add a run to the free blocks.
 *   pfn: its first frame; all of it is FREE_PART, on no list, of one zone.
 */
void vm_buddy_free_locked(pfn_t pfn, pfn_t npages);

/* Pages in blocks, and blocks of one order.  A snapshot without the lock. */
uint32_t vm_buddy_free_pages(enum vm_zone zone);
uint32_t vm_buddy_blocks(enum vm_zone zone, unsigned order);

/* Walk the blocks of a zone; panic on the first contradiction. */
void vm_buddy_check(enum vm_zone zone);

#endif
