/*
 * The shared page tables, for mm/pmap*.c and the start of other CPUs only.
 */
#ifndef MM_PMAP_TABLES_H
#define MM_PMAP_TABLES_H

#include "mm/pmap.h"

#define PT_ENTRIES 512

/* Which entry of its table an address selects. */
#define PDPT_INDEX(va) ((va) >> 30)
#define PD_INDEX(va) (((va) >> 21) & (PT_ENTRIES - 1))
#define PT_INDEX(va) (((va) >> 12) & (PT_ENTRIES - 1))

enum { SLOT_START, SLOT_PRIVATE, SLOT_SHARED, SLOT_DIRECT, NSLOTS };

/* RAM seldom has more than one or two ends within a 2 MiB span. */
#define NEDGES 4

struct pmap_tables {
	/* The directories that every CPU shares; 512 entries each. */
	pt_entry_t shared[PT_ENTRIES]; /* slot 2: under the pmap lock */
	pt_entry_t direct[PT_ENTRIES]; /* slot 3: fixed, but for devices */
	/* Spans of slot 3 that are RAM in part; fixed. */
	pt_entry_t edge[NEDGES][PT_ENTRIES];
	/* While a CPU starts: the trampoline's page at its own address. */
	pt_entry_t start[PT_ENTRIES];
	pt_entry_t start_pt[PT_ENTRIES];
	/* The table that a starting CPU turns paging on with. */
	uint64_t start_pdpt[NSLOTS] __aligned(32);
} __aligned(PAGE_SIZE);

struct pmap_tables *pmap_tables(void);

/* Protection bits of an entry: readable, plus what `prot` allows. */
uint64_t pmap_prot_bits(enum vm_prot prot);

/* PG_G where the processor has it, else 0. */
uint64_t pmap_global_bit(void);

/* The table that an entry (not a large page) points to. */
static inline pt_entry_t *
pmap_table(uint64_t entry)
{
	return (pmap_phys_to_direct(entry & PG_FRAME));
}

#endif
