/*
 * Physical pages: a struct vm_page for every page frame, and a buddy allocator
 * over them with a cache of single pages on each CPU.
 *
 * Two zones: DIRECT pages are visible in the direct map; HIGH pages are not,
 * and need a mapping before the kernel can touch them.
 */
#ifndef MM_VM_PAGE_H
#define MM_VM_PAGE_H

#include "kernel/types.h"
#include "kernel/atomic.h"
#include "kernel/panic.h"

struct memmap;
struct sf_buf;

/* Blocks of 2^0 to 2^(VM_NORDER - 1) pages: up to 4 MiB. */
#define VM_NORDER 11

enum vm_zone { VM_ZONE_DIRECT, VM_ZONE_HIGH, VM_NZONE };

enum vm_page_state {
	VM_PAGE_RESERVED,  /* not RAM, or never ours to hand out */
	VM_PAGE_FREE,      /* first page of a free block */
	VM_PAGE_FREE_PART, /* another page of a free block */
	VM_PAGE_CACHED,    /* in a CPU's cache */
	VM_PAGE_USED,      /* handed out */
};

struct vm_page {
	/*
	 * Links by frame number; 0 ends a list.  The allocator's while the
	 * page is free or cached; its holder's while it is USED.
	 */
	pfn_t next, prev;
	/* The sf_buf layer's: the shared buffer that maps the page, or NULL.
	 * The allocator neither reads nor writes it. */
	_Atomic(struct sf_buf *) sf;
	/* vm_page_wire(): how many rely on the page staying what it is. */
	_Atomic uint16_t wire_count;
	_Atomic uint8_t state; /* enum vm_page_state */
	uint8_t order : 7;     /* of a free block, at its first page */
	uint8_t poisoned : 1;  /* filled with poison when it was freed */
} __aligned(4 * sizeof(void *));
/* 60 GiB of memory are 15.7 million of these, in 240 MiB. */
_Static_assert(sizeof(struct vm_page) == 4 * sizeof(void *),
    "struct vm_page is small");

/* The address of a page is its struct's offset in the array times 2 to this: 8,
 * where a struct vm_page has 16 bytes. */
#define VM_PAGE_SCALE (PAGE_SHIFT - __builtin_ctz(sizeof(struct vm_page)))

enum vm_alloc_flags {
	VM_ALLOC_ANY = 0,    /* high memory first */
	VM_ALLOC_DIRECT = 1, /* visible in the direct map */
	VM_ALLOC_ZERO = 2,   /* filled with zeros */
	VM_ALLOC_WIRED = 4,  /* wire count 1 */
	VM_ALLOC_HIGH = 8,   /* not visible in the direct map, or nothing */
};

/*
 * Give the allocator every frame of `map`.
 *   array: zeroed, one struct for each frame from 0 up to `npages`.
 *   direct_end: first physical address outside the direct map.
 * Boot CPU, once.
 */
void vm_page_init(const struct memmap *map, struct vm_page *array, pfn_t npages,
    vm_paddr_t direct_end);

/*
 * Take one page.
 *   flags: enum vm_alloc_flags, or'ed.
 * Returns it with state USED, sf untouched; NULL when none is left that
 *   satisfies the flags, but for what other CPUs' caches hold: at most a
 *   sixteenth of a zone.
 * Effects: never sleeps; any context in which RANK_VM_PAGE may be taken.
 */
struct vm_page *vm_page_alloc(unsigned flags);

/*
 * Take `npages` pages with consecutive frame numbers.
 *   npages: 1 to 2^(VM_NORDER - 1).
 * Returns the first; NULL when there is no such run.  The run is aligned to
 *   the power of two at or above npages.
 */
struct vm_page *vm_page_alloc_contig(unsigned npages, unsigned flags);

/*
 * Take the page of one frame.
 *   pfn: any number.
 * Returns NULL when that frame is not RAM, used, or in a CPU's cache.
 */
struct vm_page *vm_page_alloc_frame(pfn_t pfn, unsigned flags);

/*
 * Give one page back.  Panics, naming the frame, if it is free already, wired
 * or not RAM.
 */
void vm_page_free(struct vm_page *m);

/* Give a run back, whole or in parts. */
void vm_page_free_contig(struct vm_page *m, unsigned npages);

/* One more, or one fewer, who relies on the page.  Panics when the count runs
 * over, or below 0, and when the page is not USED.  vm_page_unwire() returns
 * true when that was the last. */
void vm_page_wire(struct vm_page *m);
bool vm_page_unwire(struct vm_page *m);

static inline bool
vm_page_wired(const struct vm_page *m)
{
	/* A plain read, that a compiler can make part of a comparison. */
	return (load_folded(&m->wire_count) != 0);
}

/* Fixed after vm_page_init(); for the conversions below only. */
struct vm_page_array {
	struct vm_page *base; /* the page of frame 0 */
	pfn_t npages;         /* frames from 0 up to this have one */
	pfn_t direct_end;     /* first frame outside the direct map */
};
extern struct vm_page_array vm_page_array;

static inline pfn_t
vm_page_pfn(const struct vm_page *m)
{
	return ((pfn_t)(m - vm_page_array.base));
}

static inline vm_paddr_t
VM_PAGE_TO_PHYS(const struct vm_page *m)
{
	return ((vm_paddr_t)vm_page_pfn(m) << PAGE_SHIFT);
}

/* The page that holds a physical address; NULL if it has none. */
static inline struct vm_page *
PHYS_TO_VM_PAGE(vm_paddr_t pa)
{
	if ((pa >> PAGE_SHIFT) >= vm_page_array.npages)
		return (NULL);
	return (&vm_page_array.base[pa >> PAGE_SHIFT]);
}

/* The page of a frame below npages. */
static inline struct vm_page *
vm_page_at(pfn_t pfn)
{
	return (&vm_page_array.base[pfn]);
}

/* The zone that a frame belongs to. */
static inline enum vm_zone
vm_page_zone(pfn_t pfn)
{
	return (pfn < vm_page_array.direct_end ? VM_ZONE_DIRECT : VM_ZONE_HIGH);
}

static inline enum vm_page_state
vm_page_get_state(const struct vm_page *m)
{
	return ((enum vm_page_state)load_relaxed(&m->state));
}

/* Is the page visible in the direct map? */
static inline bool
vm_page_is_direct(const struct vm_page *m)
{
	return (vm_page_pfn(m) < vm_page_array.direct_end);
}

struct vm_page_stats {
	uint32_t total_pages[VM_NZONE];            /* given by vm_page_init */
	uint32_t free_pages[VM_NZONE];             /* in blocks */
	uint32_t cached_pages[VM_NZONE];           /* in CPUs' caches */
	uint32_t used_pages[VM_NZONE];             /* handed out */
	uint32_t free_blocks[VM_NZONE][VM_NORDER]; /* by order */
};

/*
 * Read the counts.  Within each zone free + cached + used = total, exactly when
 * nobody allocates meanwhile.
 */
void vm_page_get_stats(struct vm_page_stats *st);

/* Free and cached pages of both zones: what could still be had. */
uint32_t vm_page_available(void);

/*
 * Give the calling CPU's cache back to the free lists (so that a run that it
 * interrupts can form again).
 */
void vm_page_drain_cache(void);

/*
 * Walk all free lists and every struct vm_page, and panic on the first that
 * contradicts another or the counts.  Slow: seconds per 10 GiB.
 * Requires: nobody else allocates.
 */
void vm_page_check(void);

#endif
