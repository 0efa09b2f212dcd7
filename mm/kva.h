/*
 * The arena of kernel virtual addresses: ranges of whole pages in slot 2, and
 * memory mapped there.
 */
#ifndef MM_KVA_H
#define MM_KVA_H

#include "kernel/types.h"

/* Ranges free and in use together; each allocation adds at most one. */
#define KVA_MAX_RANGES 4096

/* Boot CPU, once, after vm_page_init(). */
void kva_init(void);

/*
 * Take a range of addresses, backed by page tables but by no memory.
 *   bytes: rounded up to whole pages, above 0.
 * Returns its start, page-aligned; 0 when no gap is large enough or page
 *   tables cannot be had.  First fit, lowest address.
 * Effects: takes RANK_KVA; does not sleep.
 */
vm_offset_t kva_alloc(size_t bytes);

/*
 * Give a range back.  Panics unless [va, va + bytes) is exactly a range that
 * kva_alloc() gave.  Neighbouring free ranges become one.
 * Requires: nothing is mapped in it, and no TLB holds anything of it.
 */
void kva_free(vm_offset_t va, size_t bytes);

struct kva_stats {
	size_t total_bytes, free_bytes, largest_free_bytes;
	unsigned used_ranges, free_ranges;
};
void kva_get_stats(struct kva_stats *st);

/* Call fn for each range, in address order, with the arena's lock held. */
void kva_foreach(void (*fn)(vm_offset_t start, vm_offset_t end, bool used,
		     void *arg),
    void *arg);

/*
 * Memory mapped readable and writable at consecutive addresses, zeroed.
 *   bytes: above 0; rounded up to whole pages.
 * Returns NULL when memory or addresses are short.
 */
void *kmem_alloc(size_t bytes);

/*
 * The same at an address of slot 2 outside the arena, for good.
 *   va: page-aligned; nothing is mapped in [va, va + bytes).
 * Returns false when memory is short.
 */
bool kmem_alloc_at(vm_offset_t va, size_t bytes);

/*
 * Give back what kmem_alloc() gave.
 *   bytes: as given to kmem_alloc().
 * Effects: one shootdown of every CPU.
 */
void kmem_free(void *p, size_t bytes);

/*
 * A stack: as kmem_alloc(), with an unmapped page before and after it.
 * Returns the lowest address of the stack itself; 0 when short.
 */
vm_offset_t kstack_alloc(unsigned npages);

/*
 * Give a stack back.
 *   stack, npages: from, and as given to, kstack_alloc().
 * Effects: one shootdown of every CPU.
 */
void kstack_free(vm_offset_t stack, unsigned npages);

#endif
