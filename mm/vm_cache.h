/*
 * Each CPU's cache of single pages: for mm/vm_page.c only.  It has the theory.
 */
#ifndef MM_VM_CACHE_H
#define MM_VM_CACHE_H

#include "kernel/types.h"
#include "mm/vm_page.h"

/*
 * Choose how many pages of a zone one CPU may cache.
 *   zone_pages: how many the zone has.
 */
void vm_cache_init(enum vm_zone zone, uint32_t zone_pages);

/*
 * Take one page from this CPU's cache, refilled if it is empty.
 * Returns its frame, CACHED and on no list; 0 when the zone is out of pages.
 */
pfn_t vm_cache_take(enum vm_zone zone);

/*
 * Give one page to this CPU's cache, drained if it is full.
 *   pfn: CACHED and on no list.
 */
void vm_cache_give(pfn_t pfn);

/* Pages in all CPUs' caches.  A snapshot. */
uint32_t vm_cache_count(enum vm_zone zone);

/*
 * Walk the caches; panic on the first contradiction.
 * Requires: nobody uses them.
 * Returns how many pages of the zone they hold.
 */
uint32_t vm_cache_check(enum vm_zone zone);

#endif
