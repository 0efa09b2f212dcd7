/*
 * What is done to whole page frames, and the checksum of cksum(1).
 *
 * The checksums below are what a cksum(1) prints for the same bytes.
 */
#include "sf_buf/consumers/page_ops.h"
#include <sys/sf_buf.h>
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/cksum.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

#define NPAGES 3

static struct vm_page *page[NPAGES];
static uint8_t piece[PAGE_SIZE];

/* The byte at an offset of the pages. */
static uint8_t
pattern(size_t offset)
{
	return ((uint8_t)(offset * 7 + (offset >> PAGE_SHIFT) * 101 + 3));
}

static void
fill_page(struct vm_page *m, size_t first)
{
	for (size_t i = 0; i < PAGE_SIZE; i++)
		piece[i] = pattern(first + i);
	pmap_copy_to_page(m, 0, piece, PAGE_SIZE);
}

/* Does a page hold what fill_page() has put there, or zeros? */
static bool
page_holds(struct vm_page *m, size_t first)
{
	pmap_copy_from_page(m, 0, piece, PAGE_SIZE);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		if (piece[i] != pattern(first + i))
			return (false);
	return (true);
}

static bool
page_is_zero(struct vm_page *m)
{
	pmap_copy_from_page(m, 0, piece, PAGE_SIZE);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		if (piece[i] != 0)
			return (false);
	return (true);
}

/* A test with NPAGES pages that hold the pattern. */
#define PAGES_TEST(name_)                                     \
	static void pages_##name_(void);                      \
	WINDOW_TEST(page_ops, name_)                          \
	{                                                     \
		for (unsigned i = 0; i < NPAGES; i++) {       \
			CHECK((page[i] = kit_tagged_page())); \
			fill_page(page[i], i *PAGE_SIZE);     \
		}                                             \
		pages_##name_();                              \
		CHECK_EQ(kit_private_used(), 0);              \
		CHECK(!sched_is_pinned());                    \
	}                                                     \
	static void pages_##name_(void)

PAGES_TEST(a_page_is_zeroed_and_its_neighbours_are_not)
{
	page_zero(page[1]);
	CHECK(page_is_zero(page[1]));
	CHECK(page_holds(page[0], 0));
	CHECK(page_holds(page[2], 2 * PAGE_SIZE));
}

PAGES_TEST(a_page_is_copied_and_the_source_stays)
{
	page_copy(page[0], page[2]);
	CHECK(page_holds(page[0], 2 * PAGE_SIZE));
	CHECK(page_holds(page[2], 2 * PAGE_SIZE));
	CHECK(page_holds(page[1], PAGE_SIZE));
}

PAGES_TEST(no_cpu_is_told_and_the_window_is_not_used)
{
	uint32_t used = kit_stats().nsfbufsused;
	struct cksum c;

	cksum_init(&c);
	if (!kit_fill())
		return;
	kit_mark();
	page_zero(page[0]);
	page_copy(page[1], page[2]);
	page_cksum(page, 0, NPAGES * PAGE_SIZE, &c);
	CHECK_EQ(kit_cost(CTR_sf_private), 1 + 2 + NPAGES);
	CHECK_EQ(kit_cost(CTR_sf_hit) + kit_cost(CTR_sf_miss), 1 + 2 + NPAGES);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK_EQ(kit_cost(CTR_sf_allocwait), 0);
	kit_unmap_all();
	CHECK_EQ(kit_stats().nsfbufsused, used);
}

/* --- when private buffers run out --- */

/* The places that a page may have in a private window. */
#define WAYS 4

static _Atomic bool copied;

static void
copy_thread(void *arg)
{
	struct vm_page **m = arg;

	page_copy(m[0], m[1]);
	store_release(&copied, true);
}

/* Private buffers are held, and all shared ones.  Requires: pinned. */
static bool
hold_everything(struct vm_page **m)
{
	for (unsigned i = 0; i < WAYS; i++)
		kit_map(m[i], SFB_CPUPRIVATE);
	return (kit_fill());
}

/* m: WAYS pages to hold places, then two to copy. */
static void
copy_when_short(struct vm_page **m, struct crew *crew)
{
	fill_page(m[WAYS + 1], 0);
	if (!hold_everything(m))
		return;
	kit_mark();
	store_relaxed(&copied, false);
	crew_add_on(crew, curcpu_id(), copy_thread, m + WAYS);
	/* It sleeps for its first buffer; given that, it asks for the second
	 * one, and lets the first one go each time it fails. */
	WAIT_UNTIL(kit_cost(CTR_sf_allocwait) != 0);
	kit_unmap(kit_any());
	WAIT_UNTIL(kit_cost(CTR_sf_allocfail) >= 3);
	CHECK(!load_acquire(&copied));
	kit_unmap_all();
	crew_join(crew);
	CHECK(load_acquire(&copied));
	CHECK(page_holds(m[WAYS], 0));
}

WINDOW_TEST(page_ops, a_copy_short_of_buffers_waits_for_both)
{
	struct vm_page *m[WAYS + 2];
	struct crew crew = {.n = 0};

	if (!kit_colliding_pages(m, nitems(m)))
		return;
	sched_bind(curcpu_id());
	sched_pin();
	copy_when_short(m, &crew);
	kit_unmap_all();
	crew_join(&crew);
	sched_unpin();
	sched_unbind();
	CHECK_EQ(kit_private_used(), 0);
}

/* --- checksums --- */

static uint32_t
cksum_of(const char *text)
{
	struct cksum c;

	cksum_init(&c);
	cksum_update(&c, text, strlen(text));
	return (cksum_final(&c));
}

TEST(page_ops, the_checksum_is_that_of_cksum)
{
	CHECK_EQ(cksum_of(""), 4294967295u);
	CHECK_EQ(cksum_of("a"), 1220704766u);
	CHECK_EQ(cksum_of("123456789"), 930766865u);
	CHECK_EQ(cksum_of("The quick brown fox jumps over the lazy dog"),
	    2074844392u);
}

/* 70,000 zeros: their number has three bytes. */
TEST(page_ops, the_checksum_counts_the_bytes)
{
	static const uint8_t zeros[1000];
	struct cksum c;

	cksum_init(&c);
	for (unsigned i = 0; i < 70; i++)
		cksum_update(&c, zeros, sizeof(zeros));
	CHECK_EQ(cksum_final(&c), 1774371287u);
	CHECK_EQ(c.bytes, 70000);
}

static uint32_t
cksum_of_pages(size_t offset, size_t n)
{
	struct cksum c;

	cksum_init(&c);
	page_cksum(page, offset, n, &c);
	return (cksum_final(&c));
}

PAGES_TEST(pages_have_the_checksum_of_their_bytes)
{
	CHECK_EQ(cksum_of_pages(0, NPAGES * PAGE_SIZE), 3269084796u);
	CHECK_EQ(cksum_of_pages(100, 9000), 3950334477u);
	CHECK_EQ(cksum_of_pages(0, PAGE_SIZE - 1), 4097401891u);
	CHECK_EQ(cksum_of_pages(PAGE_SIZE, 2 * PAGE_SIZE), 2297992882u);
	CHECK_EQ(cksum_of_pages(NPAGES * PAGE_SIZE, 0), 4294967295u);
}

PAGES_TEST(a_checksum_can_be_made_piece_by_piece)
{
	const size_t all = NPAGES * PAGE_SIZE;

	for (size_t step = 1; step < all; step = step * 3 + 1) {
		struct cksum c;

		cksum_init(&c);
		for (size_t at = 0; at < all; at += step)
			page_cksum(page, at, MIN(step, all - at), &c);
		CHECK_EQ(cksum_final(&c), 3269084796u);
	}
}
