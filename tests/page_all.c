/*
 * Tests of the page allocator on all CPUs at once, and over all of memory.
 */
#include "kernel/types.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/test.h"

/* --- all CPUs at once --- */

#define STORM_HOLDINGS 32 /* runs that one CPU holds at a time */
#define STORM_STEPS 20000 /* of all CPUs together */

struct holding {
	struct vm_page *m;
	unsigned npages; /* 0: nothing is held */
	uint32_t tag;
};

/* Take a run, sign each page of it; or nothing, when memory is short. */
static void
storm_take(struct holding *h, uint32_t tag, uint32_t random)
{
	unsigned npages = random % 8 < 6 ? 1 : 1 + random / 8 % 8;
	unsigned flags = random & 0x100 ? VM_ALLOC_DIRECT : VM_ALLOC_ANY;

	h->m = npages == 1 ? vm_page_alloc(flags) :
			     vm_page_alloc_contig(npages, flags);
	h->npages = h->m == NULL ? 0 : npages;
	h->tag = tag;
	for (unsigned i = 0; i < h->npages; i++)
		pmap_copy_to_page(h->m + i, 0, &tag, sizeof(tag));
}

/* Give it back, if no one else has written to it. */
static void
storm_give(struct holding *h)
{
	unsigned foreign = 0;

	for (unsigned i = 0; i < h->npages; i++) {
		uint32_t tag;

		pmap_copy_from_page(h->m + i, 0, &tag, sizeof(tag));
		foreign += tag != h->tag;
	}
	if (h->npages == 1)
		vm_page_free(h->m);
	else if (h->npages > 1)
		vm_page_free_contig(h->m, h->npages);
	h->npages = 0;
	CHECK_EQ(foreign, 0);
}

static void
storm(unsigned cpu, void *arg __unused)
{
	struct holding holding[STORM_HOLDINGS] = {0};
	unsigned steps = MAX(STORM_STEPS / cpu_count(), 50u);
	uint32_t random = test_seed() + cpu;

	for (uint32_t step = 0; step < steps && !test_failed(); step++) {
		uint32_t r = test_random(&random);
		struct holding *h = &holding[r % STORM_HOLDINGS];

		if (h->npages == 0)
			storm_take(h, cpu << 16 | (step & 0xffff), r >> 5);
		else
			storm_give(h);
	}
	for (unsigned i = 0; i < STORM_HOLDINGS; i++)
		storm_give(&holding[i]);
}

TEST(page, storms_on_all_cpus_leave_every_page_to_one_holder)
{
	test_run_on_all(storm, NULL);
	vm_page_check();
}

/* A page freed by another CPU than took it: the caches exchange pages. */
struct handover {
	struct vm_page *page[64];
	unsigned n;
};

static void
free_what_another_cpu_took(unsigned cpu __unused, void *arg)
{
	struct handover *h = arg;

	while (h->n > 0)
		vm_page_free(h->page[--h->n]);
}

TEST(page, a_page_may_be_freed_on_any_cpu)
{
	struct handover h = {.n = 0};
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		while (h.n < nitems(h.page) &&
		    (h.page[h.n] = vm_page_alloc(VM_ALLOC_ANY)) != NULL)
			h.n++;
		test_run_on(cpu, free_what_another_cpu_took, &h);
	}
	vm_page_check();
}

/* --- all memory --- */

#define GIB_FRAMES (1u << 18)
#define MAX_GIBS 64

/* One page for each GiB that has one, mapped side by side. */
struct gibs {
	struct vm_page *page[MAX_GIBS];
	unsigned n;
	vm_offset_t va;
};

/* Any free page of a GiB; NULL if it has none (a hole in the memory map). */
static struct vm_page *
some_page_of_gib(unsigned gib)
{
	struct vm_page *m = NULL;

	/* Upwards from the middle in long steps, then around, every eighth. */
	for (pfn_t i = 0; i < GIB_FRAMES && m == NULL; i += 8) {
		pfn_t frame = (GIB_FRAMES / 2 + i * 257) % GIB_FRAMES;

		m = vm_page_alloc_frame(gib * GIB_FRAMES + frame, 0);
	}
	return (m);
}

static uint32_t
tag_of(const struct vm_page *m)
{
	return (vm_page_pfn(m) * 2654435761u);
}

static void
read_tags(unsigned cpu, void *arg)
{
	const struct gibs *g = arg;

	for (unsigned i = 0; i < g->n; i++) {
		const uint32_t *word =
		    (const uint32_t *)(g->va + i * PAGE_SIZE);
		uint32_t want = tag_of(g->page[i]);

		CHECK_MSG(word[0] == want && word[1023] == ~want,
		    "CPU %u reads %#x and %#x in frame %#x, not %#x and %#x",
		    cpu, word[0], word[1023], vm_page_pfn(g->page[i]), want,
		    ~want);
	}
}

static void
map_and_tag(struct gibs *g)
{
	for (unsigned i = 0; i < g->n; i++) {
		uint32_t *word = (uint32_t *)(g->va + i * PAGE_SIZE);

		pmap_kenter(g->va + i * PAGE_SIZE, VM_PAGE_TO_PHYS(g->page[i]),
		    VM_PROT_WRITE);
		word[0] = tag_of(g->page[i]);
		word[1023] = ~word[0];
	}
}

static void
unmap_and_free(struct gibs *g)
{
	for (unsigned i = 0; i < g->n; i++)
		(void)pmap_kremove(g->va + i * PAGE_SIZE);
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	critical_exit();
	kva_free(g->va, MAX_GIBS * PAGE_SIZE);
	for (unsigned i = 0; i < g->n; i++)
		vm_page_free(g->page[i]);
}

TEST(page, a_page_in_every_gib_keeps_its_tag)
{
	struct gibs g = {.n = 0};

	g.va = kva_alloc(MAX_GIBS * PAGE_SIZE);
	CHECK(g.va != 0);
	for (unsigned gib = 0; gib * GIB_FRAMES < vm_page_array.npages; gib++) {
		struct vm_page *m = some_page_of_gib(gib);

		if (m != NULL)
			g.page[g.n++] = m;
	}
	test_note("%u GiB have a page", g.n);
	map_and_tag(&g);
	test_run_on_all(read_tags, &g);
	for (unsigned i = 0; i < g.n; i++) {
		uint32_t word;

		pmap_copy_from_page(g.page[i], 0, &word, sizeof(word));
		if (word != tag_of(g.page[i]))
			test_fail(__FILE__, __LINE__,
			    "frame %#x holds %#x by another mapping",
			    vm_page_pfn(g.page[i]), word);
	}
	unmap_and_free(&g);
	CHECK(g.n > 0);
}
