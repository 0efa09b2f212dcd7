/*
 * sf_buf(9), promise by promise, with exact costs.
 */
#include <sys/sf_buf.h>
#include "kernel/cpu.h"
#include "kernel/signal.h"
#include "kernel/thread.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* A page for the body of a test. */
#define NEW_PAGE(m, flags)                   \
	struct vm_page *m = kit_page(flags); \
	CHECK_MSG(m != NULL, "no memory for a page")

/* For what strict mode does otherwise. */
#define NEED_CACHE()            \
	if (kit_stats().strict) \
	SKIP("strict mode keeps no mapping")

/* --- what a mapping is --- */

WINDOW_TEST(sf_buf, a_mapping_shows_the_page)
{
	uint32_t seen;
	struct sf_buf *sf;
	NEW_PAGE(m, VM_ALLOC_ANY);

	sf = kit_map(m, SFB_DEFAULT);
	*kit_word(sf) = 0x5f6275f0;
	pmap_copy_from_page(m, 0, &seen, sizeof(seen));
	CHECK_EQ(seen, 0x5f6275f0);
	CHECK(sf_buf_page(sf) == m);
	CHECK_EQ(sf_buf_kva(sf) & PAGE_MASK, 0);
}

WINDOW_TEST(sf_buf, without_the_direct_map_a_direct_page_is_in_the_window)
{
	vm_offset_t kva;
	NEW_PAGE(m, VM_ALLOC_DIRECT);

	kva = sf_buf_kva(kit_map(m, SFB_DEFAULT));
	CHECK(kva >= WINDOW_BASE && kva < WINDOW_END);
	CHECK_EQ(kit_cost(CTR_sf_direct), 0);
}

WINDOW_TEST(sf_buf, with_the_direct_map_a_direct_page_costs_nothing)
{
	struct sf_buf *sf;
	uint32_t used;
	NEW_PAGE(m, VM_ALLOC_DIRECT);

	NEED_CACHE();
	sf_buf_set_dmap(true);
	used = kit_stats().nsfbufsused;
	kit_mark();
	sf = kit_map(m, SFB_DEFAULT);
	CHECK_EQ(sf_buf_kva(sf),
	    (vm_offset_t)pmap_phys_to_direct(VM_PAGE_TO_PHYS(m)));
	CHECK(sf_buf_page(sf) == m);
	sf_buf_ref(sf);
	sf_buf_free(sf);
	CHECK_EQ(kit_stats().nsfbufsused, used);
	CHECK_EQ(kit_cost(CTR_sf_direct), 1);
	CHECK_EQ(kit_cost(CTR_sf_miss), 0);
	CHECK_EQ(kit_cost(CTR_pte_writes), 0);
}

WINDOW_TEST(sf_buf, with_the_direct_map_a_high_page_is_in_the_window)
{
	vm_offset_t kva;
	struct vm_page *m = kit_page(VM_ALLOC_HIGH);

	if (m == NULL)
		SKIP("no memory outside the direct map");
	sf_buf_set_dmap(true);
	kva = sf_buf_kva(kit_map(m, SFB_DEFAULT));
	CHECK(kva >= WINDOW_BASE && kva < WINDOW_END);
}

WINDOW_TEST(sf_buf, a_buffer_held_while_the_direct_map_is_switched_on_stays)
{
	struct sf_buf *sf;
	vm_offset_t kva;
	NEW_PAGE(m, VM_ALLOC_DIRECT);

	sf = kit_map(m, SFB_DEFAULT);
	kva = sf_buf_kva(sf);
	sf_buf_set_dmap(true);
	CHECK_EQ(sf_buf_kva(sf), kva);
	CHECK(sf_buf_page(sf) == m);
}

/* --- sharing --- */

WINDOW_TEST(sf_buf, a_page_mapped_twice_shares_one_buffer)
{
	struct sf_buf *first, *second;
	uint32_t used = kit_stats().nsfbufsused;
	NEW_PAGE(m, VM_ALLOC_ANY);

	first = kit_map(m, SFB_DEFAULT);
	second = kit_map(m, SFB_NOWAIT);
	CHECK(first == second);
	CHECK_EQ(kit_stats().nsfbufsused, used + 1);
	kit_unmap(first);
	CHECK_EQ(kit_stats().nsfbufsused, used + 1);
	kit_unmap(second);
	CHECK_EQ(kit_stats().nsfbufsused, used);
}

WINDOW_TEST(sf_buf, sf_buf_ref_adds_a_holder)
{
	struct sf_buf *sf;
	uint32_t used = kit_stats().nsfbufsused;
	NEW_PAGE(m, VM_ALLOC_ANY);

	sf = kit_map(m, SFB_DEFAULT);
	sf_buf_ref(sf);
	sf_buf_free(sf);
	CHECK_EQ(kit_stats().nsfbufsused, used + 1);
	CHECK(sf_buf_page(sf) == m);
}

/* But if this CPU has mapped the frame before, and still has it, it uses that:
 * then another page has to show it. */
WINDOW_TEST(sf_buf, a_private_request_uses_a_shared_buffer_that_is_held)
{
	struct sf_buf *private = NULL, *shared = NULL;

	for (unsigned i = 0; i < 64; i++) {
		NEW_PAGE(m, VM_ALLOC_ANY);

		shared = kit_map(m, SFB_DEFAULT);
		sched_pin();
		kit_mark();
		private = kit_map(m, SFB_CPUPRIVATE);
		CHECK_EQ(kit_cost(CTR_sf_private), 1);
		CHECK_EQ(kit_cost(CTR_pte_writes), 0);
		sched_unpin();
		if (private == shared)
			break;
		kit_unmap(private);
		kit_unmap(shared);
	}
	CHECK(private == shared);
}

static void
free_here(unsigned cpu __unused, void *arg)
{
	sf_buf_free(arg);
}

WINDOW_TEST(sf_buf, any_cpu_may_free)
{
	struct sf_buf *sf;
	uint32_t used = kit_stats().nsfbufsused;
	NEW_PAGE(m, VM_ALLOC_ANY);

	for (unsigned cpu = 0; cpu < MIN(cpu_count(), 8); cpu++) {
		sched_pin();
		sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
		sched_unpin();
		test_run_on(cpu, free_here, sf);
	}
	CHECK_EQ(kit_stats().nsfbufsused, used);
}

/* --- the cache --- */

WINDOW_TEST(sf_buf, mapping_a_page_again_after_free_writes_nothing)
{
	struct sf_buf *sf;
	NEW_PAGE(m, VM_ALLOC_ANY);

	NEED_CACHE();
	sf = kit_map(m, SFB_DEFAULT);
	*kit_word(sf) = 1;
	kit_unmap(sf);
	kit_mark();
	CHECK(kit_map(m, SFB_DEFAULT) == sf);
	CHECK_EQ(kit_cost(CTR_sf_hit), 1);
	CHECK_EQ(kit_cost(CTR_sf_miss), 0);
	CHECK_EQ(kit_cost(CTR_pte_writes), 0);
	CHECK_EQ(kit_cost(CTR_tlb_invlpg), 0);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
}

WINDOW_TEST(sf_buf, the_coldest_buffer_is_recycled_first)
{
	/* Mapped in the order 0, 1, 2, they go cold in another. */
	static const unsigned order[] = {1, 2, 0};
	struct sf_buf *sf[nitems(order)];

	if (kit_stats().nsfbufs < nitems(order))
		SKIP("a window of %u buffers is too small",
		    kit_stats().nsfbufs);
	for (unsigned i = 0; i < nitems(order); i++) {
		NEW_PAGE(m, VM_ALLOC_ANY);

		sf[i] = kit_map(m, SFB_DEFAULT);
	}
	if (!kit_fill())
		return;
	for (unsigned i = 0; i < nitems(order); i++)
		kit_unmap(sf[order[i]]);
	for (unsigned i = 0; i < nitems(order); i++) {
		NEW_PAGE(m, VM_ALLOC_ANY);

		CHECK(kit_map(m, SFB_DEFAULT) == sf[order[i]]);
	}
}

WINDOW_TEST(sf_buf, using_a_cached_page_makes_its_buffer_the_warmest)
{
	struct sf_buf *first, *second;
	NEW_PAGE(a, VM_ALLOC_ANY);
	NEW_PAGE(b, VM_ALLOC_ANY);
	NEW_PAGE(c, VM_ALLOC_ANY);

	if (kit_stats().nsfbufs < 2)
		SKIP("the window has one buffer");
	first = kit_map(a, SFB_DEFAULT);
	second = kit_map(b, SFB_DEFAULT);
	if (!kit_fill())
		return;
	kit_unmap(first);
	kit_unmap(second);
	kit_unmap(kit_map(a, SFB_DEFAULT));
	CHECK(kit_map(c, SFB_DEFAULT) == second);
}

WINDOW_TEST(sf_buf, a_recycled_buffer_forgets_its_former_page)
{
	struct sf_buf *sf;
	NEW_PAGE(old, VM_ALLOC_ANY);
	NEW_PAGE(new, VM_ALLOC_ANY);

	if (kit_fill_but_one() == NULL)
		return;
	sf = kit_map(old, SFB_DEFAULT);
	kit_unmap(sf);
	CHECK(kit_map(new, SFB_DEFAULT) == sf);
	CHECK(sf_buf_page(sf) == new);
	CHECK(kit_map(old, SFB_NOWAIT) == NULL);
}

WINDOW_TEST(sf_buf, a_frame_freed_while_cached_is_harmless)
{
	struct sf_buf *sf;
	struct vm_page *again = NULL;
	uint32_t seen;
	NEW_PAGE(m, VM_ALLOC_ANY);

	sf = kit_map(m, SFB_DEFAULT);
	*kit_word(sf) = 1;
	kit_unmap(sf);
	/* Give it back; the kit would do that at the end. */
	sched_pin();
	kit_free_page(m);
	for (unsigned i = 0; i < 32 && again != m; i++)
		again = kit_page(VM_ALLOC_ANY);
	sched_unpin();
	if (again != m)
		SKIP("the allocator did not give the frame out again");

	*kit_word(kit_map(again, SFB_DEFAULT)) = 2;
	pmap_copy_from_page(again, 0, &seen, sizeof(seen));
	CHECK_EQ(seen, 2);
}

/* --- exact costs --- */

/* Reuse the one free buffer for `n` pages, each touched; count from the second
 * on, when what the buffer was before no longer matters. */
static void
reuse(struct vm_page **page, unsigned n)
{
	for (unsigned i = 0; i <= n; i++) {
		struct sf_buf *sf = kit_map(page[i], SFB_DEFAULT);

		if (i == 0)
			kit_mark();
		*kit_word(sf) = i;
		kit_unmap(sf);
	}
}

#define REUSES 8

static bool
pages_for_reuse(struct vm_page **page)
{
	for (unsigned i = 0; i <= REUSES; i++)
		page[i] = kit_page(VM_ALLOC_ANY);
	return (page[REUSES] != NULL && kit_fill_but_one() != NULL);
}

/* One idle slot: each miss sweeps just that, then maps. */
static void
check_reuse(struct vm_page **page, unsigned others)
{
	reuse(page, REUSES);
	CHECK_EQ(kit_cost(CTR_sf_miss), REUSES);
	CHECK_EQ(kit_cost(CTR_sf_sweeps), REUSES);
	CHECK_EQ(kit_cost(CTR_pte_writes), REUSES);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), others != 0 ? REUSES : 0);
	CHECK_EQ(kit_cost(CTR_tlb_ipis_sent), REUSES * others);
}

static void
reuse_while_busy(void *page)
{
	check_reuse(page, cpu_count() - 1);
}

WINDOW_TEST(sf_buf, with_one_idle_buffer_a_miss_costs_one_round)
{
	struct vm_page *page[REUSES + 1];

	NEED_CACHE();
	NEED_FEW_CPUS();
	if (pages_for_reuse(page))
		run_while_all_are_busy(reuse_while_busy, page);
}

static void
reuse_while_idle(void *page)
{
	reuse(page, REUSES);
}

WINDOW_TEST(sf_buf, a_miss_interrupts_no_idle_cpu)
{
	struct vm_page *page[REUSES + 1];

	if (!pages_for_reuse(page))
		return;
	run_while_others_are_idle(reuse_while_idle, page);
	CHECK_EQ(kit_cost(CTR_sf_miss), REUSES);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK_EQ(kit_cost(CTR_tlb_ipis_sent), 0);
}

/* Map, touch and free page after page, from the first. */
static void
walk_over(struct vm_page **pages, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct sf_buf *sf = kit_map(pages[i], SFB_DEFAULT);

		*kit_word(sf) = i;
		kit_unmap(sf);
	}
}

#define SWEPT_PAGES (KIT_MAX_FILL + 1)

/* Twice as many pages as buffers in turn: each has gone when it comes again. */
WINDOW_TEST(sf_buf, one_round_serves_as_many_misses_as_there_are_idle_buffers)
{
	static struct vm_page *pages[SWEPT_PAGES];
	uint32_t n = kit_stats().nsfbufs, sweeps;

	if (n > SWEPT_PAGES / 2)
		SKIP("a window of %u buffers takes more than one sweep", n);
	NEED_CACHE();
	for (unsigned i = 0; i < 2 * n; i++) {
		pages[i] = kit_page(VM_ALLOC_ANY);
		if (pages[i] == NULL)
			SKIP("too little memory");
	}
	walk_over(pages, 2 * n);
	kit_mark();
	walk_over(pages, 2 * n);
	walk_over(pages, 2 * n);
	CHECK_EQ(kit_cost(CTR_sf_miss), 4 * n);
	/* Four times around the window; a sweep is made when a tenth of the
	 * last is left, and the first was begun anywhere. */
	sweeps = kit_cost(CTR_sf_sweeps);
	CHECK_MSG(sweeps >= 3 && sweeps <= 6,
	    "%u sweeps for %u misses of %u buffers", sweeps, 4 * n, n);
	CHECK(kit_cost(CTR_tlb_rounds) <= (cpu_count() > 1 ? sweeps : 0));
}

/* A sweep leaves mappings live: a page used just before one is found after. */
WINDOW_TEST(sf_buf, a_mapping_survives_a_sweep)
{
	static struct vm_page *pages[SWEPT_PAGES];
	uint32_t n = kit_stats().nsfbufs, i = 0;

	NEED_CACHE();
	if (n < 2 || n > 4096)
		SKIP("a window of %u buffers", n);
	for (unsigned j = 0; j <= n; j++) {
		pages[j] = kit_page(VM_ALLOC_ANY);
		if (pages[j] == NULL)
			SKIP("too little memory");
	}
	walk_over(pages, n + 1);
	do {
		CHECK_MSG(i < 3 * (n + 1), "no sweep in %u misses", i);
		kit_mark();
		walk_over(&pages[i % (n + 1)], 1);
		i++;
	} while (kit_cost(CTR_sf_sweeps) == 0);
	kit_mark();
	walk_over(&pages[(i + n - 1) % (n + 1)], 1); /* the one before it */
	CHECK_EQ(kit_cost(CTR_sf_hit), 1);
	CHECK_EQ(kit_cost(CTR_pte_writes), 0);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
}

WINDOW_TEST(sf_buf, recycling_a_mapping_that_nobody_used_flushes_nothing)
{
	NEW_PAGE(a, VM_ALLOC_ANY);
	NEW_PAGE(b, VM_ALLOC_ANY);

	if (kit_fill_but_one() == NULL)
		return;
	kit_unmap(kit_map(a, SFB_DEFAULT));
	kit_mark();
	kit_unmap(kit_map(b, SFB_DEFAULT));
	CHECK_EQ(kit_cost(CTR_pte_writes), 1);
	CHECK_EQ(kit_cost(CTR_tlb_invlpg), 0);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
}

static void
count_one(unsigned index __unused, vm_offset_t kva __unused,
    struct vm_page *m __unused, unsigned refs __unused, void *arg)
{
	++*(unsigned *)arg;
}

/* Where a window is too large to fill, some buffers are never used. */
WINDOW_TEST(sf_buf, a_buffer_never_used_needs_no_flush)
{
	unsigned ever = 0;

	sf_buf_foreach(count_one, &ever);
	if (ever == kit_stats().nsfbufs)
		SKIP("all %u buffers have been in use", ever);
	/* Not a frame that an earlier test has left mapped. */
	do {
		NEW_PAGE(m, VM_ALLOC_ANY);

		kit_mark();
		kit_map(m, SFB_DEFAULT);
	} while (kit_cost(CTR_sf_hit) != 0);
	CHECK_EQ(kit_cost(CTR_sf_miss), 1);
	CHECK_EQ(kit_cost(CTR_tlb_invlpg), 0);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
}

/* --- figures --- */

struct found {
	struct vm_page *m;
	vm_offset_t kva;
	unsigned refs, times;
};

static void
find_page(unsigned index __unused, vm_offset_t kva, struct vm_page *m,
    unsigned refs, void *arg)
{
	struct found *f = arg;

	if (m == f->m) {
		f->kva = kva;
		f->refs = refs;
		f->times++;
	}
}

WINDOW_TEST(sf_buf, sf_buf_foreach_lists_a_held_and_a_cached_buffer)
{
	struct sf_buf *sf;
	struct found f = {0};
	NEW_PAGE(m, VM_ALLOC_ANY);

	NEED_CACHE();
	f.m = m;
	sf = kit_map(m, SFB_DEFAULT);
	sf_buf_foreach(find_page, &f);
	CHECK_EQ(f.times, 1);
	CHECK_EQ(f.kva, sf_buf_kva(sf));
	CHECK_EQ(f.refs, 1);
	kit_unmap(sf);
	sf_buf_foreach(find_page, &f);
	CHECK_EQ(f.times, 2);
	CHECK_EQ(f.refs, 0);
}

WINDOW_TEST(sf_buf, used_and_peak_reach_the_size_of_a_full_window)
{
	struct sf_buf_stats st;

	if (!kit_fill())
		return;
	st = kit_stats();
	CHECK_EQ(st.nsfbufsused, st.nsfbufs);
	CHECK_EQ(st.nsfbufspeak, st.nsfbufs);
}

WINDOW_TEST(sf_buf, peak_stays_when_buffers_are_freed)
{
	uint32_t peak;
	NEW_PAGE(m, VM_ALLOC_ANY);

	kit_unmap(kit_map(m, SFB_DEFAULT));
	peak = kit_stats().nsfbufspeak;
	CHECK(peak >= kit_stats().nsfbufsused + 1);
	kit_unmap(kit_map(m, SFB_DEFAULT));
	CHECK_EQ(kit_stats().nsfbufspeak, peak);
}

/* --- SFB_NOWAIT --- */

WINDOW_TEST(sf_buf, nowait_fails_when_every_buffer_is_held)
{
	NEW_PAGE(m, VM_ALLOC_ANY);

	if (!kit_fill())
		return;
	kit_mark();
	CHECK(kit_map(m, SFB_NOWAIT) == NULL);
	CHECK_EQ(kit_cost(CTR_sf_allocfail), 1);
	CHECK_EQ(kit_cost(CTR_sf_allocwait), 0);
	CHECK_EQ(kit_cost(CTR_pte_writes), 0);
}

WINDOW_TEST(sf_buf, nowait_with_catch_never_sleeps)
{
	NEW_PAGE(m, VM_ALLOC_ANY);

	if (!kit_fill())
		return;
	kit_mark();
	CHECK(kit_map(m, SFB_NOWAIT | SFB_CATCH) == NULL);
	tdsignal(curthread, SIGINT);
	CHECK(kit_map(m, SFB_NOWAIT | SFB_CATCH) == NULL);
	CHECK_EQ(signal_take(), SIGINT);
	CHECK_EQ(kit_cost(CTR_sf_allocwait), 0);
	CHECK_EQ(kit_cost(CTR_sf_allocfail), 2);
}

WINDOW_TEST(sf_buf, a_page_that_is_mapped_never_fails)
{
	struct sf_buf *sf;
	NEW_PAGE(m, VM_ALLOC_ANY);

	sf = kit_map(m, SFB_DEFAULT);
	if (!kit_fill())
		return;
	kit_mark();
	CHECK(kit_map(m, SFB_NOWAIT) == sf);
	CHECK_EQ(kit_cost(CTR_sf_allocfail), 0);
}
