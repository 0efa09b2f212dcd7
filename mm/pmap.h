/*
 * PAE page tables: a four-entry directory-pointer table per CPU, whose slots 2
 * and 3 are shared and whose slot 1 is the CPU's own.  See mm/layout.h.
 *
 * Source: Intel SDM volume 3, "PAE Paging".
 */
#ifndef MM_PMAP_H
#define MM_PMAP_H

#include "kernel/types.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "mm/layout.h"
#include "mm/vm_page.h"

struct memmap;

/* Bits of an entry.  Bits 9 to 11 are ignored by the processor. */
#define PG_V ((uint64_t)1 << 0)  /* present */
#define PG_RW ((uint64_t)1 << 1) /* writable */
#define PG_PWT ((uint64_t)1 << 3)
#define PG_PCD ((uint64_t)1 << 4) /* not cached */
#define PG_A ((uint64_t)1 << 5)   /* accessed: set before a TLB may hold it */
#define PG_M ((uint64_t)1 << 6)   /* dirty */
#define PG_PS ((uint64_t)1 << 7)  /* a 2 MiB page, in a directory */
#define PG_G ((uint64_t)1 << 8)   /* global: survives a CR3 reload */
#define PG_NX ((uint64_t)1 << 63)
#define PG_FRAME 0x000ffffffffff000ull
/* Reserved in a PAE directory-pointer entry: 2:1, 8:5, above the frame. */
#define PDPTE_RESERVED (0x1e6ull | ~(PG_FRAME | 0xfff))

/* One entry, read by the processor at any time. */
typedef volatile uint64_t pt_entry_t;

/* Protection of a mapping; always readable. */
enum vm_prot {
	VM_PROT_READ = 0,
	VM_PROT_WRITE = 1,
	VM_PROT_EXEC = 2, /* never together with WRITE */
};

/*
 * Build the kernel's page tables, turn paging on with them, and start the page
 * allocator.
 *   map: RAM that is free; what the vm_page array needs is taken out.
 *   ram: all RAM, in use or free: what the direct map shows.
 *   limit: first physical address that the processor cannot reach.
 *   nx, pge: the processor has no-execute, global pages.
 * Boot CPU, before paging.  Ends the machine with a sentence when memory is
 * too small.
 */
void pmap_bootstrap(struct memmap *map, const struct memmap *ram,
    vm_paddr_t limit, bool nx, bool pge);

/*
 * Make the page tables of a CPU: directory-pointer table and slot 1.
 * Returns false when memory is short; what was taken stays with the CPU.
 */
bool pmap_init_cpu(struct cpu *c);

/* Load its own tables, which flushes all it has cached.  On that CPU. */
void pmap_load_cpu(struct cpu *c);

/* First physical address outside the direct map. */
vm_paddr_t pmap_direct_end(void);

/* First physical address that cannot be mapped. */
vm_paddr_t pmap_phys_limit(void);

/* Is no-execute in force? */
bool pmap_has_nx(void);

/* The direct map's address of a physical address below pmap_direct_end(). */
static inline void *
pmap_phys_to_direct(vm_paddr_t pa)
{
	return ((void *)(vm_offset_t)(DMAP_BASE + (uint32_t)pa));
}

/* The physical address of something in the direct map or kernel image. */
static inline vm_paddr_t
pmap_direct_to_phys(const void *p)
{
	return ((vm_paddr_t)((vm_offset_t)p - DMAP_BASE));
}

/*
 * Have page-table pages for [va, va + npages pages) of slot 2, so that
 * pmap_pte() and pmap_kenter() work there.  Returns false when memory is short.
 * Effects: takes RANK_PMAP; does not sleep.
 */
bool pmap_grow(vm_offset_t va, size_t npages);

/* How many pages pmap_grow() has made page tables of; they stay. */
uint32_t pmap_shared_table_pages(void);

/*
 * The entry that maps the 4 KiB page of `va`, in slot 2, or in the calling
 * CPU's own range of slot 1.
 * Requires: page tables there (pmap_grow).  For slot 1, cannot migrate.
 */
pt_entry_t *pmap_pte(vm_offset_t va);

/* The same, slot 1 being that of another CPU. */
pt_entry_t *pmap_cpu_pte(const struct cpu *c, vm_offset_t va);

/*
 * Map the page of `va` to `pa`.
 * Requires: nothing is mapped there, and page tables exist.
 * Effects: no invalidation is needed, and none made: a TLB does not hold
 *   entries that are not present.
 */
void pmap_kenter(vm_offset_t va, vm_paddr_t pa, enum vm_prot prot);

/*
 * Unmap the page of `va`.  The caller sees to invalidation (mm/tlb.h) before
 * the address or the frame is used again.
 * Returns the old entry; 0 if nothing was mapped.
 */
uint64_t pmap_kremove(vm_offset_t va);

/*
 * The physical address `va` maps to on this CPU, in any slot.
 *   pa: receives it.
 * Returns false if nothing is mapped there.
 */
bool pmap_kextract(vm_offset_t va, vm_paddr_t *pa);

/*
 * Change the protection of npages mapped 4 KiB pages in slot 2, and shoot the
 * old ones down.
 * Effects: sends TLB IPIs.
 */
void pmap_protect(vm_offset_t va, size_t npages, enum vm_prot prot);

/*
 * Entries are read and written whole: the processor never sees half of one.
 *   pte_load: read.
 *   pte_store_fresh: write where the entry is not present: high half first.
 *   pte_swap: exchange, by cmpxchg8b.  Returns the old entry, with the A and M
 *     bits that the processor had set until that instant.
 *   pte_cas: replace `expect` by `v`; false if the entry was not `expect`.
 */
uint64_t pte_load(const pt_entry_t *pte);
void pte_store_fresh(pt_entry_t *pte, uint64_t v);
uint64_t pte_swap(pt_entry_t *pte, uint64_t v);
bool pte_cas(pt_entry_t *pte, uint64_t expect, uint64_t v);

/*
 * The same replacement in two steps, cheaper than a cmpxchg8b.  Between them
 * the entry is not present, so nobody may need the mapping.
 *   pte_take: make it not present.  Returns the low half as it was, with the A
 *     that the processor had set until that instant.
 *   pte_put: the new entry, but for its bytes 5 to 7, which stay as they are.
 *     address: bits 12 to 39 of the physical address in bits 8 to 31 and 0 to 7,
 *     that is, what 2^8 times a 32-bit number gives by rotation.
 *     low: bits 0 to 7.
 *   pte_put_back: the old entry.
 * Counted as one write.
 */
static inline volatile _Atomic uint32_t *
pte_low(pt_entry_t *pte)
{
	return ((volatile _Atomic uint32_t *)pte);
}

static inline uint32_t
pte_take(pt_entry_t *pte)
{
	return (atomic_exchange(pte_low(pte), 0));
}

static inline void
pte_put(pt_entry_t *pte, uint32_t address, uint8_t low)
{
	union {
		uint32_t word;
		uint8_t byte[4];
	} half = {.word = address};

	counter_inc(CTR_pte_writes);
	store_relaxed((volatile _Atomic uint8_t *)pte + sizeof(half),
	    half.byte[0]);
	half.byte[0] = low;
	store_release(pte_low(pte), half.word);
}

/*
 * pte_put() for a page.  2^VM_PAGE_SCALE times the offset of its struct in the
 * array is the physical address; rotated by so many bits, the offset has the
 * four bytes of it that matter: this saves three instructions.
 */
static inline void
pte_put_page(pt_entry_t *pte, const struct vm_page *m, uint8_t low)
{
	uint32_t offset =
	    (uint32_t)((vm_offset_t)m - (vm_offset_t)vm_page_array.base);

	pte_put(pte, offset << VM_PAGE_SCALE | offset >> (32 - VM_PAGE_SCALE),
	    low);
}
_Static_assert(sizeof(struct vm_page) << VM_PAGE_SCALE == PAGE_SIZE &&
	PHYS_LIMIT <= (vm_paddr_t)1 << 40,
    "see pte_put_page()");

static inline void
pte_put_back(pt_entry_t *pte, uint32_t low)
{
	store_release(pte_low(pte), low);
}

/* Is A set?  The processor may set it at any time. */
static inline bool
pte_is_accessed(const pt_entry_t *pte)
{
	return ((load_folded((const _Atomic uint32_t *)pte) & PG_A) != 0);
}

/*
 * Clear A, in one locked operation.  A TLB may keep the translation: only a
 * flush that begins after this makes a clear A a proof.  Not counted.
 */
static inline void
pte_clear_accessed(pt_entry_t *pte)
{
	(void)atomic_fetch_and(pte_low(pte), ~(uint32_t)PG_A);
}

/* The entry for a page mapped readable, with `prot`, in slot 1 or 2. */
uint64_t pmap_make_pte(vm_paddr_t pa, enum vm_prot prot);

/* What a walk found, from the top; levels after the last present are 0. */
struct pmap_walk {
	unsigned levels; /* entries read: 1 to 3 */
	uint64_t pdpte, pde, pte;
	bool present;  /* the address is mapped */
	bool large;    /* by a 2 MiB page */
	vm_paddr_t pa; /* where to, if present */
	bool writable, executable;
};

/* Walk the tables of a CPU (as its processor would) for `va`. */
void pmap_walk(const struct cpu *c, vm_offset_t va, struct pmap_walk *w);

/* Print a walk in words, a line a level. */
void pmap_print_walk(const struct cpu *c, vm_offset_t va);

/*
 * Call fn for each run of pages of one kind in the shared tables and in the
 * CPU's own: start, end, one entry of the run.  For checks and the monitor.
 */
void pmap_foreach_range(const struct cpu *c,
    void (*fn)(vm_offset_t start, uint64_t bytes, const struct pmap_walk *w,
	void *arg),
    void *arg);

/*
 * Map one page at this CPU's quick address, readable and writable.
 * Requires: interrupts disabled, until the remove; one page at a time.  Panics
 *   when nested.
 * Returns the address (for a direct page, the direct map's).
 * Effects: one invlpg at the remove.
 */
void *pmap_quick_enter_page(struct vm_page *m);
void pmap_quick_remove_page(void *va);

/* Fill, or copy, whole pages, wherever they are. */
void pmap_zero_page(struct vm_page *m);
/* Copy `n` bytes between a buffer and [offset, offset + n) of one page. */
void
pmap_copy_to_page(struct vm_page *m, size_t offset, const void *src, size_t n);
void pmap_copy_from_page(struct vm_page *m, size_t offset, void *dst, size_t n);

/*
 * Copy from physical memory, whether RAM or not, mapped or not (tables of the
 * firmware, boot modules).  Returns false at or above the address limit.
 */
bool pmap_read_phys(vm_paddr_t pa, void *dst, size_t n);

/*
 * Map a 2 MiB page of device registers at its physical address, uncached.
 *   pa: any address in it; [MMIO_BASE, 4 GiB), else it panics.
 * Returns pa as a pointer.
 */
volatile uint32_t *pmap_map_device(vm_paddr_t pa);

#endif
