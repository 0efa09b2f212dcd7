/*
 * sf_buf(9): several pages at once, and all mappings of a page.
 */
#include <sys/sf_buf.h>
#include "kernel/atomic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"

#define MANY 4

static struct vm_page *page[2 * MANY];
static struct sf_buf *sf[2 * MANY];

/* Tagged pages.  Returns false, with the test skipped, if there are too few, or
 * fewer than n buffers. */
static bool
pages(unsigned n, unsigned nslots)
{
	if (kit_stats().nsfbufs < nslots) {
		test_skip("a window of %u buffers", kit_stats().nsfbufs);
		return (false);
	}
	for (unsigned i = 0; i < n; i++) {
		page[i] = kit_tagged_page();
		if (page[i] == NULL) {
			test_skip("too little memory");
			return (false);
		}
	}
	return (true);
}

static void
check_tags(unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		CHECK(sf_buf_page(sf[i]) == page[i]);
		CHECK_EQ(*kit_word(sf[i]), vm_page_pfn(page[i]));
	}
}

WINDOW_TEST(sf_buf, several_pages_are_mapped_in_their_order)
{
	uint32_t used = kit_stats().nsfbufsused;

	if (!pages(MANY, MANY))
		return;
	CHECK(sf_buf_alloc_n(page, sf, MANY, SFB_DEFAULT));
	check_tags(MANY);
	CHECK_EQ(kit_stats().nsfbufsused, used + MANY);
	sf_buf_free_n(sf, MANY);
	CHECK_EQ(kit_stats().nsfbufsused, used);
}

WINDOW_TEST(sf_buf, a_page_named_twice_has_one_buffer)
{
	if (!pages(1, 2))
		return;
	page[1] = page[0];
	CHECK(sf_buf_alloc_n(page, sf, 2, SFB_DEFAULT));
	CHECK(sf[0] == sf[1]);
	sf_buf_free_n(sf, 2);
}

WINDOW_TEST(sf_buf, several_pages_are_mapped_all_or_none)
{
	uint32_t used;

	if (!pages(2, 2) || kit_fill_but_one() == NULL)
		return;
	used = kit_stats().nsfbufsused;
	kit_mark();
	CHECK(!sf_buf_alloc_n(page, sf, 2, SFB_NOWAIT));
	CHECK_EQ(kit_stats().nsfbufsused, used);
	CHECK_EQ(kit_cost(CTR_sf_allocwait), 0);
	CHECK(sf_buf_alloc_n(page, sf, 1, SFB_NOWAIT));
	sf_buf_free_n(sf, 1);
}

/* Of the two only one needs a buffer, and there is one. */
WINDOW_TEST(sf_buf, a_page_of_the_direct_map_takes_no_buffer_from_the_others)
{
	struct vm_page *high = kit_page(VM_ALLOC_HIGH);
	uint32_t used;

	if (high == NULL)
		SKIP("no memory outside the direct map");
	if (kit_stats().strict)
		SKIP("strict mode has no direct map");
	page[0] = kit_page(VM_ALLOC_DIRECT);
	page[1] = high;
	CHECK(page[0] != NULL);
	if (kit_stats().nsfbufs < 2 || kit_fill_but_one() == NULL)
		return;
	sf_buf_set_dmap(true);
	used = kit_stats().nsfbufsused;
	kit_mark();
	CHECK(sf_buf_alloc_n(page, sf, 2, SFB_NOWAIT));
	CHECK(sf_buf_is_direct(sf[0]) && !sf_buf_is_direct(sf[1]));
	CHECK_EQ(kit_stats().nsfbufsused, used + 1);
	CHECK_EQ(kit_cost(CTR_sf_allocfail), 0);
	sf_buf_free_n(sf, 2);
}

WINDOW_TEST(sf_buf, a_run_is_one_range_of_addresses)
{
	struct sf_buf *shared;
	volatile uint32_t *range;

	if (!pages(MANY, MANY + 1))
		return;
	if (kit_stats().strict)
		SKIP("strict mode has no runs");
	shared = kit_map(page[1], SFB_DEFAULT);
	CHECK(sf_buf_alloc_n(page, sf, MANY, SFB_RUN));
	check_tags(MANY);
	range = kit_word(sf[0]);
	for (unsigned i = 0; i < MANY; i++)
		CHECK_EQ(range[i * PAGE_SIZE / sizeof(*range)],
		    vm_page_pfn(page[i]));
	/* Its buffers are its own. */
	CHECK(sf[1] != shared);
	kit_word(sf[1])[1] = 77;
	CHECK_EQ(kit_word(shared)[1], 77);
	sf_buf_free_n(sf, MANY);
}

WINDOW_TEST(sf_buf, a_run_has_to_find_neighbours)
{
	if (!pages(2, 2) || kit_fill_but_one() == NULL)
		return;
	CHECK(!sf_buf_alloc_n(page, sf, 2, SFB_RUN | SFB_NOWAIT));
}

/* --- who wants two of the last few --- */

#define TAKERS 3
#define TURNS 50

/* Each its own two pages, of the 2 * TAKERS that page[] has. */
static void
take_two(unsigned cpu __unused, void *arg)
{
	unsigned self = atomic_fetch_add((_Atomic unsigned *)arg, 1) % TAKERS;
	struct sf_buf *two[2];

	for (unsigned i = 0; i < TURNS && !test_failed(); i++) {
		if (!sf_buf_alloc_n(&page[2 * self], two, 2, SFB_DEFAULT))
			return;
		for (unsigned j = 0; j < 2; j++)
			CHECK_EQ(*kit_word(two[j]),
			    vm_page_pfn(page[2 * self + j]));
		sched_yield();
		sf_buf_free_n(two, 2);
	}
}

WINDOW_TEST(sf_buf, threads_that_each_want_two_of_the_last_few_all_get_them)
{
	static _Atomic unsigned next;
	struct sf_buf *last;

	if (!pages(2 * TAKERS, 3))
		return;
	last = kit_fill_but_one();
	if (last == NULL)
		return;
	/* Three are free: enough for one and a half of them. */
	for (unsigned i = 0; i < 2; i++)
		kit_unmap(kit_any());
	atomic_store(&next, 0);
	if (kit_gang(TAKERS) != 0)
		kit_gang_run(take_two, &next);
}

/* --- one page, many who want it --- */

static struct sf_buf *got[KIT_MAX_GANG];
static _Atomic unsigned ngot;

static void
map_the_page(unsigned cpu __unused, void *m)
{
	struct sf_buf *mine = sf_buf_alloc(m, SFB_DEFAULT);

	got[atomic_fetch_add(&ngot, 1)] = mine;
}

WINDOW_TEST(sf_buf, cpus_that_miss_on_one_page_at_once_share_one_buffer)
{
	unsigned n = kit_gang(8);

	for (unsigned turn = 0; turn < 20 && !test_failed(); turn++) {
		struct vm_page *m = kit_tagged_page();

		CHECK(m != NULL);
		atomic_store(&ngot, 0);
		kit_gang_run(map_the_page, m);
		CHECK_EQ(atomic_load(&ngot), n);
		for (unsigned i = 0; i < n; i++) {
			CHECK(got[i] == got[0]);
			sf_buf_free(got[i]);
		}
	}
}

/* --- every mapping of a page --- */

/* The first three of sf[] are to be visited; a frame that was used before may
 * be mapped elsewhere, too. */
static unsigned visited[3];

static void
visit(struct sf_buf *buf)
{
	CHECK(sf_buf_page(buf) == page[0]); /* not all are for this CPU */
	for (unsigned i = 0; i < nitems(visited); i++)
		visited[i] += sf[i] == buf;
}

WINDOW_TEST(sf_buf, process_page_visits_shared_private_and_run)
{
	if (!pages(1, 2))
		return;
	if (kit_stats().strict)
		SKIP("strict mode has no runs");
	memset(visited, 0, sizeof(visited));
	sched_pin();
	sf[0] = kit_map(page[0], SFB_CPUPRIVATE);
	sf[1] = kit_map(page[0], SFB_DEFAULT);
	kit_unmap(sf[1]); /* cached counts, too */
	CHECK(sf_buf_alloc_n(page, &sf[2], 1, SFB_RUN));
	CHECK(sf_buf_process_page(page[0], visit));
	sched_unpin();
	for (unsigned i = 0; i < nitems(visited); i++)
		CHECK_EQ(visited[i], 1);
	sf_buf_free(sf[2]);
}
