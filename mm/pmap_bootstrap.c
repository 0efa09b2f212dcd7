/*
 * Builds the kernel's page tables and turns paging on; then, for each CPU, its
 * own directory-pointer table and slot 1.
 */
#include "mm/pmap_tables.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/trap.h"
#include "kernel/x86.h"
#include "mm/memmap.h"
#include "mm/vm_page.h"

static struct pmap_tables tables;

/* Fixed by pmap_bootstrap(). */
static bool have_nx, have_pge;
static vm_paddr_t direct_end, phys_limit;

struct pmap_tables *
pmap_tables(void)
{
	return (&tables);
}

vm_paddr_t
pmap_direct_end(void)
{
	return (direct_end);
}

vm_paddr_t
pmap_phys_limit(void)
{
	return (phys_limit);
}

bool
pmap_has_nx(void)
{
	return (have_nx);
}

uint64_t
pmap_global_bit(void)
{
	return (have_pge ? PG_G : 0);
}

uint64_t
pmap_prot_bits(enum vm_prot prot)
{
	ASSERT((prot & VM_PROT_WRITE) == 0 || (prot & VM_PROT_EXEC) == 0,
	    "a mapping may not be writable and executable: %#x", prot);
	return (PG_V | (prot & VM_PROT_WRITE ? PG_RW : 0) |
	    (have_nx && (prot & VM_PROT_EXEC) == 0 ? PG_NX : 0));
}

static uint64_t
large_pte(vm_paddr_t pa, enum vm_prot prot)
{
	return (pa | pmap_prot_bits(prot) | PG_PS | pmap_global_bit());
}

/* What the image allows at a physical address: its parts lie on 2 MiB. */
static enum vm_prot
image_prot(vm_paddr_t pa)
{
	if (pa >= pmap_direct_to_phys(image_text) &&
	    pa < pmap_direct_to_phys(image_rodata))
		return (VM_PROT_EXEC);
	if (pa >= pmap_direct_to_phys(image_rodata) &&
	    pa < pmap_direct_to_phys(image_data))
		return (VM_PROT_READ);
	return (VM_PROT_WRITE);
}

/*
 * Where the vm_page array goes.  If the direct map reaches all memory, it is
 * an ordinary piece of it.  Else it takes addresses of its own at the end of
 * slot 3 and frames that the direct map does not need.
 */
struct array_place {
	vm_offset_t va;
	vm_paddr_t pa;
	uint32_t bytes;
	bool own_addresses;
};

/*
 *   map: free memory; the array's frames are taken from it.
 *   end: of all RAM: every frame below it has a struct vm_page.
 */
static struct array_place
place_array(struct memmap *map, vm_paddr_t end)
{
	const uint32_t slot_bytes = MMIO_BASE - DMAP_BASE;
	uint32_t npages = (uint32_t)(end >> PAGE_SHIFT);
	struct array_place a = {
	    .bytes =
		ROUND_UP(npages * (uint32_t)sizeof(struct vm_page), PAGE_SIZE),
	};

	if (end <= slot_bytes) {
		direct_end = ROUND_UP(end, LARGE_PAGE_SIZE);
		a.pa = memmap_take(map, a.bytes, PAGE_SIZE, end);
		a.va = (vm_offset_t)pmap_phys_to_direct(a.pa);
	} else {
		a.own_addresses = true;
		a.bytes = ROUND_UP(a.bytes, LARGE_PAGE_SIZE);
		a.va = MMIO_BASE - a.bytes;
		direct_end = a.va - DMAP_BASE;
		a.pa = memmap_take(map, a.bytes, LARGE_PAGE_SIZE, end);
	}
	if (a.pa == 0)
		machine_unable("too little memory: no %u KiB in one piece for "
			       "the table of pages",
		    a.bytes / 1024);
	return (a);
}

/*
 * Map a span that is RAM in part by 4 KiB pages: a large page over memory of two
 * kinds of caching is undefined (Intel SDM volume 3, "Large Page Size
 * Considerations").
 *   n: how many such spans came before.
 */
static void
map_edge(const struct memmap *ram, vm_paddr_t span, unsigned n)
{
	pt_entry_t *pt = tables.edge[n];

	for (unsigned i = 0; i < PT_ENTRIES; i++) {
		vm_paddr_t pa = span + i * PAGE_SIZE;

		if (memmap_bytes(ram, pa, pa + PAGE_SIZE) != 0)
			pt[i] = pa | pmap_prot_bits(VM_PROT_WRITE) |
			    pmap_global_bit();
	}
	tables.direct[span / LARGE_PAGE_SIZE] =
	    pmap_direct_to_phys((const void *)pt) | PG_V | PG_RW;
}

/*
 * All RAM below direct_end.  The first 2 MiB are mixed on every machine, and
 * the processor sees to it that a large page there is safe.
 *   map: loses the spans for which there is no table.
 */
static void
map_direct(struct memmap *map, const struct memmap *ram)
{
	unsigned nedges = 0;

	for (vm_paddr_t pa = 0; pa < direct_end; pa += LARGE_PAGE_SIZE) {
		vm_paddr_t end = pa + LARGE_PAGE_SIZE;
		uint64_t bytes = memmap_bytes(ram, pa, end);

		if (pa == 0 || bytes == LARGE_PAGE_SIZE)
			tables.direct[pa / LARGE_PAGE_SIZE] =
			    large_pte(pa, image_prot(pa));
		else if (bytes != 0 && nedges < NEDGES)
			map_edge(ram, pa, nedges++);
		else if (bytes != 0)
			memmap_reserve(map, pa, end);
	}
}

static void
map_array(const struct array_place *a)
{
	for (uint32_t off = 0; off < a->bytes; off += LARGE_PAGE_SIZE) {
		vm_paddr_t pa = a->pa + off;

		tables.direct[PD_INDEX(a->va + off)] =
		    large_pte(pa, VM_PROT_WRITE);
		/* Where the direct map saw these frames, it does no longer. */
		if (pa < direct_end)
			tables.direct[pa / LARGE_PAGE_SIZE] = 0;
	}
}

static uint64_t
pdpte(const volatile void *table)
{
	uint64_t e = pmap_direct_to_phys((const void *)table) | PG_V;

	ASSERT((e & PDPTE_RESERVED) == 0, "PDPTE %#llx has reserved bits", e);
	return (e);
}

static void
enable_features(void)
{
	if (have_nx)
		wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_NXE);
	write_cr4(read_cr4() | CR4_PAE);
}

/*
 * Paging goes on with slot 0 as a copy of slot 3: then the unpaged segments,
 * whose linear addresses are the physical ones, keep working until the paged
 * ones are loaded.
 */
static void
turn_paging_on(void)
{
	tables.start_pdpt[SLOT_START] = pdpte(tables.direct);
	tables.start_pdpt[SLOT_SHARED] = pdpte(tables.shared);
	tables.start_pdpt[SLOT_DIRECT] = pdpte(tables.direct);
	enable_features();
	write_cr3((uint32_t)pmap_direct_to_phys(tables.start_pdpt));
	write_cr0(read_cr0() | CR0_PG | CR0_WP);
	cpu_load(curcpu(), 0);
	trap_load(0);
	tables.start_pdpt[SLOT_START] = pdpte(tables.start);
	/* Global pages only now: nothing of slot 0 may stay in the TLB. */
	write_cr3(read_cr3());
	if (have_pge)
		write_cr4(read_cr4() | CR4_PGE);
}

void
pmap_bootstrap(struct memmap *map, const struct memmap *ram, vm_paddr_t limit,
    bool nx, bool pge)
{
	struct array_place array;

	phys_limit = limit;
	have_nx = nx;
	have_pge = pge;
	array = place_array(map, memmap_end(ram));
	map_direct(map, ram);
	if (array.own_addresses)
		map_array(&array);
	turn_paging_on();
	memset((void *)array.va, 0, array.bytes);
	vm_page_init(map, (struct vm_page *)array.va,
	    (pfn_t)(memmap_end(ram) >> PAGE_SHIFT), direct_end);
}

static bool
add_private_pt(struct cpu *c, vm_offset_t va)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_ZERO);

	if (m == NULL)
		return (false);
	c->private_pd[PD_INDEX(va)] = VM_PAGE_TO_PHYS(m) | PG_V | PG_RW;
	return (true);
}

/*
 * The quick page is not the range's first: its page number modulo 256 would
 * equal that of the device registers, and small TLBs keep one of the two.
 */
#define QUICK_OFFSET (LARGE_PAGE_SIZE + 17 * PAGE_SIZE)

bool
pmap_init_cpu(struct cpu *c)
{
	vm_offset_t base = PRIVATE_BASE + c->id * PRIVATE_STRIDE;
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_ZERO);

	if (m == NULL)
		return (false);
	c->private_pd = pmap_phys_to_direct(VM_PAGE_TO_PHYS(m));
	c->quick_va = base + QUICK_OFFSET;
	if (!add_private_pt(c, base) || !add_private_pt(c, c->quick_va))
		return (false);
	c->pdpt[SLOT_START] = 0;
	c->pdpt[SLOT_PRIVATE] = pdpte(c->private_pd);
	c->pdpt[SLOT_SHARED] = pdpte(tables.shared);
	c->pdpt[SLOT_DIRECT] = pdpte(tables.direct);
	return (true);
}

void
pmap_load_cpu(struct cpu *c)
{
	write_cr3((uint32_t)pmap_direct_to_phys(c->pdpt));
	if (have_pge)
		write_cr4(read_cr4() | CR4_PGE);
	c->df_tss.cr3 = read_cr3();
}
