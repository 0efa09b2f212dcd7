/*
 * Tests of the page allocator.  That nothing is lost need not be said in each:
 * the runner compares what is to be had before and after.
 */
#include "kernel/types.h"
#include "boot/bootinfo.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/thread.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/test.h"

static bool
have_high_memory(void)
{
	struct vm_page_stats st;

	vm_page_get_stats(&st);
	return (st.free_pages[VM_ZONE_HIGH] > 0);
}

static void
free_all(struct vm_page **page, unsigned n)
{
	while (n-- > 0)
		vm_page_free(page[n]);
}

TEST(page, no_frame_is_handed_out_twice)
{
	struct vm_page *page[128];
	unsigned n = 0, twice = 0;

	while (n < nitems(page) && (page[n] = vm_page_alloc(0)) != NULL)
		page[n++]->next = 0;
	for (unsigned i = 0; i < n; i++)
		page[i]->next++;
	for (unsigned i = 0; i < n; i++)
		twice += page[i]->next != 1;
	free_all(page, n);
	CHECK_EQ(n, nitems(page));
	CHECK_EQ(twice, 0);
}

/* Is every frame of [start, end) out of the allocator's hands for good? */
static bool
all_reserved(vm_paddr_t start, vm_paddr_t end)
{
	vm_paddr_t pa = ROUND_DOWN(start, PAGE_SIZE);

	for (; pa < end; pa += PAGE_SIZE) {
		struct vm_page *m = PHYS_TO_VM_PAGE(pa);

		if (m != NULL && vm_page_get_state(m) != VM_PAGE_RESERVED)
			return (false);
	}
	return (true);
}

TEST(page, what_the_loader_left_is_never_free)
{
	const struct bootinfo *bi = bootinfo();

	CHECK(all_reserved(0, 1 << 20));
	CHECK(all_reserved(pmap_direct_to_phys(image_text),
	    pmap_direct_to_phys(image_end)));
	for (unsigned i = 0; i < bi->nmodules; i++)
		CHECK(all_reserved(bi->module[i].start, bi->module[i].end));
	for (unsigned i = 0; i < bi->nloader; i++)
		CHECK(all_reserved(bi->loader[i].start, bi->loader[i].end));
}

TEST(page, the_direct_flag_gives_pages_of_the_direct_map)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT);
	bool direct;

	CHECK(m != NULL);
	direct = vm_page_is_direct(m) && VM_PAGE_TO_PHYS(m) < pmap_direct_end();
	vm_page_free(m);
	CHECK(direct);
}

TEST(page, high_memory_goes_first)
{
	struct vm_page *any, *high;
	bool direct;

	if (!have_high_memory())
		SKIP("all memory is in the direct map");
	any = vm_page_alloc(VM_ALLOC_ANY);
	high = vm_page_alloc(VM_ALLOC_HIGH);
	CHECK(any != NULL && high != NULL);
	direct = vm_page_is_direct(any) || vm_page_is_direct(high);
	vm_page_free(any);
	vm_page_free(high);
	CHECK(!direct);
}

TEST(page, without_high_memory_the_high_flag_gives_nothing)
{
	if (have_high_memory())
		SKIP("there is memory outside the direct map");
	CHECK(vm_page_alloc(VM_ALLOC_HIGH) == NULL);
	CHECK(vm_page_alloc_contig(4, VM_ALLOC_HIGH) == NULL);
}

/* Is every byte of the page `byte`? */
static bool
page_is_filled_with(struct vm_page *m, uint8_t byte)
{
	const uint8_t *p;
	bool same = true;
	uint32_t flags;

	flags = intr_disable();
	p = pmap_quick_enter_page(m);
	for (unsigned i = 0; i < PAGE_SIZE; i++)
		same = same && p[i] == byte;
	pmap_quick_remove_page((void *)p);
	intr_restore(flags);
	return (same);
}

/*
 * The cache gives the page last freed: the second page is the first again,
 * unless this thread has moved to another CPU.
 */
static bool
a_zero_page_is_zero(unsigned zone_flag)
{
	static const uint8_t dirt[64] = {[0 ... 63] = 0xa5};
	struct vm_page *m = vm_page_alloc(zone_flag);
	bool zero;

	if (m == NULL)
		return (false);
	for (unsigned i = 0; i < PAGE_SIZE; i += sizeof(dirt))
		pmap_copy_to_page(m, i, dirt, sizeof(dirt));
	vm_page_free(m);
	m = vm_page_alloc(zone_flag | VM_ALLOC_ZERO);
	if (m == NULL)
		return (false);
	zero = page_is_filled_with(m, 0);
	vm_page_free(m);
	return (zero);
}

TEST(page, a_zero_page_of_the_direct_map_is_zero)
{
	CHECK(a_zero_page_is_zero(VM_ALLOC_DIRECT));
}

TEST(page, a_zero_page_of_high_memory_is_zero)
{
	if (!have_high_memory())
		SKIP("all memory is in the direct map");
	CHECK(a_zero_page_is_zero(VM_ALLOC_HIGH));
}

TEST(page, runs_are_consecutive_aligned_and_apart)
{
	static const unsigned npages[] = {1, 2, 3, 4, 5, 16, 31, 64, 100, 129};
	struct vm_page *run[nitems(npages)];
	unsigned crooked = 0, torn = 0;

	for (unsigned i = 0; i < nitems(run); i++) {
		unsigned align = 1;

		run[i] = vm_page_alloc_contig(npages[i], VM_ALLOC_ANY);
		CHECK(run[i] != NULL);
		while (align < npages[i])
			align *= 2;
		crooked += !IS_ALIGNED(vm_page_pfn(run[i]), align);
		for (unsigned k = 0; k < npages[i]; k++)
			run[i][k].next = i;
	}
	for (unsigned i = 0; i < nitems(run); i++) {
		for (unsigned k = 0; k < npages[i]; k++)
			torn += run[i][k].next != i ||
			    vm_page_get_state(&run[i][k]) != VM_PAGE_USED;
		vm_page_free_contig(run[i], npages[i]);
	}
	CHECK_EQ(crooked, 0);
	CHECK_EQ(torn, 0);
}

TEST(page, a_run_may_be_freed_in_parts)
{
	struct vm_page *m = vm_page_alloc_contig(16, VM_ALLOC_ANY);

	CHECK(m != NULL);
	vm_page_free_contig(m + 3, 6);
	vm_page_free(m + 15);
	vm_page_free_contig(m, 3);
	vm_page_free_contig(m + 9, 6);
	vm_page_check();
}

/*
 * The free blocks are a function of the set of free frames, so however these
 * went and came, the numbers of blocks must be what they were.
 */
TEST(page, blocks_join_with_their_buddies)
{
	static struct vm_page *page[200];
	struct vm_page_stats before, after;
	struct vm_page *run;
	uint32_t random = test_seed();
	unsigned differing = 0;

	sched_pin();
	vm_page_drain_cache();
	vm_page_get_stats(&before);
	run = vm_page_alloc_contig(37, VM_ALLOC_DIRECT);
	for (unsigned i = 0; i < nitems(page); i++)
		page[i] = vm_page_alloc(VM_ALLOC_DIRECT);
	for (unsigned i = nitems(page); i > 0; i--) {
		unsigned k = test_random(&random) % i;

		if (page[k] != NULL)
			vm_page_free(page[k]);
		page[k] = page[i - 1];
	}
	if (run != NULL)
		vm_page_free_contig(run, 37);
	vm_page_drain_cache();
	vm_page_get_stats(&after);
	sched_unpin();
	for (unsigned order = 0; order < VM_NORDER; order++)
		differing += before.free_blocks[VM_ZONE_DIRECT][order] !=
		    after.free_blocks[VM_ZONE_DIRECT][order];
	CHECK_EQ(differing, 0);
}

TEST(page, wirings_are_counted)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);

	CHECK(m != NULL && vm_page_wired(m));
	vm_page_wire(m);
	CHECK(!vm_page_unwire(m));
	CHECK(vm_page_wired(m));
	CHECK(vm_page_unwire(m));
	CHECK(!vm_page_wired(m));
	vm_page_free(m);
}

TEST(page, every_page_is_counted)
{
	uint32_t allocs = counter_read(CTR_page_allocs);
	uint32_t frees = counter_read(CTR_page_frees);
	struct vm_page *one = vm_page_alloc(VM_ALLOC_ANY);
	struct vm_page *run = vm_page_alloc_contig(6, VM_ALLOC_ANY);

	CHECK(one != NULL && run != NULL);
	vm_page_free(one);
	vm_page_free_contig(run, 6);
	CHECK_EQ(counter_read(CTR_page_allocs) - allocs, 7);
	CHECK_EQ(counter_read(CTR_page_frees) - frees, 7);
}

TEST(page, a_chosen_frame_is_had_once)
{
	struct vm_page *run = vm_page_alloc_contig(8, VM_ALLOC_ANY), *m;
	bool again;

	CHECK(run != NULL);
	vm_page_free_contig(run, 8);
	m = vm_page_alloc_frame(vm_page_pfn(run) + 5, 0);
	CHECK(m == run + 5);
	again = vm_page_alloc_frame(vm_page_pfn(m), 0) != NULL;
	vm_page_free(m);
	CHECK(!again);
	CHECK(vm_page_alloc_frame(0, 0) == NULL);
	CHECK(vm_page_alloc_frame(vm_page_array.npages, 0) == NULL);
	CHECK(vm_page_alloc_frame(UINT32_MAX, 0) == NULL);
}

/*
 * Takes all there is, in a chain, so no other memory is needed for it.  What
 * other CPUs have cached cannot be had; it is a sixteenth at most.
 */
TEST(page, exhaustion_is_reported_and_passes)
{
	struct vm_page_stats st;
	struct vm_page *m;
	pfn_t chain = 0;
	uint32_t taken = 0, left;
	bool no_run;

	while ((m = vm_page_alloc(VM_ALLOC_DIRECT)) != NULL) {
		m->next = chain;
		chain = vm_page_pfn(m);
		taken++;
	}
	no_run = vm_page_alloc_contig(1, VM_ALLOC_DIRECT) == NULL;
	vm_page_get_stats(&st);
	left = st.free_pages[VM_ZONE_DIRECT] + st.cached_pages[VM_ZONE_DIRECT];
	while (chain != 0) {
		m = vm_page_at(chain);
		chain = m->next;
		vm_page_free(m);
	}
	CHECK(taken > 0);
	CHECK(no_run);
	CHECK_MSG(left <= st.total_pages[VM_ZONE_DIRECT] / 16,
	    "%u of %u pages could not be had", left,
	    st.total_pages[VM_ZONE_DIRECT]);
	m = vm_page_alloc(VM_ALLOC_DIRECT);
	CHECK(m != NULL);
	vm_page_free(m);
}

TEST(page, the_counts_add_up)
{
	struct vm_page_stats st;

	vm_page_get_stats(&st);
	for (unsigned zone = 0; zone < VM_NZONE; zone++) {
		uint32_t in_blocks = 0;

		for (unsigned order = 0; order < VM_NORDER; order++)
			in_blocks += st.free_blocks[zone][order] << order;
		CHECK_EQ(in_blocks, st.free_pages[zone]);
		CHECK_EQ(st.free_pages[zone] + st.cached_pages[zone] +
			st.used_pages[zone],
		    st.total_pages[zone]);
		CHECK(st.used_pages[zone] <= st.total_pages[zone]);
	}
	vm_page_check();
}
