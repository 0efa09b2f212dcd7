/*
 * Moving bytes between lists of buffers and page frames.
 *
 * Every byte's value tells where it comes from; what is not to change is
 * looked at, too.
 */
#include "sf_buf/consumers/uio.h"
#include <sys/sf_buf.h>
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"

#define NPAGES 3
#define ALL_BYTES (NPAGES * PAGE_SIZE)
#define FILLER 0xee

static struct vm_page *page[NPAGES];

/* Memory of the kernel image: as large as the pages, and some around it. */
#define SLACK 16
static uint8_t buffer[ALL_BYTES + 2 * SLACK];

/* The byte at an offset of the pages: no two of them are alike. */
static uint8_t
pattern(size_t offset)
{
	return ((uint8_t)(offset * 7 + (offset >> PAGE_SHIFT) * 101 + 3));
}

/* What buffers are written with. */
static uint8_t
other_pattern(size_t i)
{
	return ((uint8_t) ~(i * 11));
}

static void
fill_pages(void)
{
	static uint8_t piece[PAGE_SIZE];

	for (size_t p = 0; p < NPAGES; p++) {
		for (size_t i = 0; i < PAGE_SIZE; i++)
			piece[i] = pattern(p * PAGE_SIZE + i);
		pmap_copy_to_page(page[p], 0, piece, PAGE_SIZE);
	}
}

/*
 * Do the pages hold the pattern, but for n bytes at `offset`, which were
 * written from the start of a buffer?
 */
static bool
pages_changed_at(size_t offset, size_t n)
{
	static uint8_t piece[PAGE_SIZE];

	for (size_t at = 0; at < ALL_BYTES; at++) {
		bool inside = at >= offset && at - offset < n;

		if ((at & PAGE_MASK) == 0)
			pmap_copy_from_page(page[at >> PAGE_SHIFT], 0, piece,
			    PAGE_SIZE);
		if (piece[at & PAGE_MASK] !=
		    (inside ? other_pattern(at - offset) : pattern(at)))
			return (false);
	}
	return (true);
}

/* A test with NPAGES pages that hold the pattern. */
#define PAGES_TEST(name_)                                     \
	static void pages_##name_(void);                      \
	WINDOW_TEST(uio, name_)                               \
	{                                                     \
		for (unsigned i = 0; i < NPAGES; i++)         \
			CHECK((page[i] = kit_tagged_page())); \
		fill_pages();                                 \
		pages_##name_();                              \
		CHECK_EQ(kit_private_used(), 0);              \
		CHECK(!sched_is_pinned());                    \
	}                                                     \
	static void pages_##name_(void)

/* Places around the edges of pages. */
static const size_t edge[] = {0, 1, 2, 3, 5, PAGE_SIZE - 3, PAGE_SIZE - 1,
    PAGE_SIZE, PAGE_SIZE + 1, 2 * PAGE_SIZE - 2, 2 * PAGE_SIZE,
    2 * PAGE_SIZE + 7, ALL_BYTES - 1, ALL_BYTES};

/* --- the sweep --- */

static void
read_at(size_t offset, size_t align, size_t n)
{
	uint8_t *start = buffer + SLACK + align;
	struct iovec iov;
	struct uio uio;

	memset(buffer, FILLER, sizeof(buffer));
	uio_init(&uio, &iov, start, n, UIO_READ);
	CHECK_EQ(uiomove_fromphys(page, offset, n, &uio), 0);
	CHECK_EQ(uio.uio_resid, 0);
	CHECK_EQ(iov.iov_len, 0);
	CHECK(iov.iov_base == start + n);
	for (size_t i = 0; i < sizeof(buffer); i++) {
		bool inside = i >= SLACK + align && i - SLACK - align < n;
		uint8_t want = FILLER;

		if (inside)
			want = pattern(offset + i - SLACK - align);
		CHECK_MSG(buffer[i] == want,
		    "offset %zu, align %zu, n %zu: byte %zu is %#x, not %#x",
		    offset, align, n, i, buffer[i], want);
	}
}

static void
write_at(size_t offset, size_t align, size_t n)
{
	uint8_t *start = buffer + SLACK + align;
	struct iovec iov;
	struct uio uio;

	memset(buffer, FILLER, sizeof(buffer));
	for (size_t i = 0; i < n; i++)
		start[i] = other_pattern(i);
	uio_init(&uio, &iov, start, n, UIO_WRITE);
	CHECK_EQ(uiomove_fromphys(page, offset, n, &uio), 0);
	CHECK_EQ(uio.uio_resid, 0);
	CHECK_MSG(pages_changed_at(offset, n),
	    "written at offset %zu, align %zu, n %zu", offset, align, n);
	fill_pages();
}

PAGES_TEST(every_offset_alignment_and_length_is_moved_both_ways)
{
	for (size_t i = 0; i < nitems(edge); i++)
		for (size_t j = 0; j < nitems(edge); j++) {
			size_t align = (i + j) % 5;

			if (edge[i] + edge[j] > ALL_BYTES)
				continue;
			read_at(edge[i], align, edge[j]);
			write_at(edge[i], align, edge[j]);
			if (test_failed())
				return;
		}
}

PAGES_TEST(parts_of_any_place_are_moved)
{
	uint32_t random = test_seed();

	for (unsigned round = 0; round < 100 && !test_failed(); round++) {
		size_t offset = test_random(&random) % (ALL_BYTES + 1);
		size_t n = test_random(&random) % (ALL_BYTES - offset + 1);
		size_t align = test_random(&random) % SLACK;

		read_at(offset, align, n);
		write_at(offset, align, n);
	}
}

/* --- lists --- */

/* Buffers of these sizes, one byte apart; their number. */
static unsigned
cut(struct iovec *iov, const size_t *size, unsigned n)
{
	uint8_t *at = buffer;

	for (unsigned i = 0; i < n; i++) {
		iov[i] = (struct iovec){at, size[i]};
		at += size[i] + 1;
	}
	return (n);
}

PAGES_TEST(several_buffers_are_filled_one_after_the_other)
{
	static const size_t size[] = {0, 1, PAGE_SIZE, 0, 0, 3, 4097, 0};
	struct iovec iov[nitems(size)];
	struct uio uio = {.uio_iov = iov, .uio_rw = UIO_READ};
	size_t at = 100, start = 0;

	memset(buffer, FILLER, sizeof(buffer));
	uio.uio_iovcnt = cut(iov, size, nitems(size));
	for (unsigned i = 0; i < nitems(size); i++)
		uio.uio_resid += size[i];
	CHECK_EQ(uiomove_fromphys(page, at, ALL_BYTES - at, &uio), 0);
	CHECK_EQ(uio.uio_resid, 0);
	for (unsigned i = 0; i < nitems(size); i++) {
		for (size_t k = 0; k < size[i]; k++, at++)
			CHECK_EQ(buffer[start + k], pattern(at));
		CHECK_EQ(buffer[start + size[i]], FILLER);
		start += size[i] + 1;
	}
}

PAGES_TEST(a_list_is_continued_where_the_last_move_ended)
{
	static const size_t size[] = {10, 20, 30};
	struct iovec iov[nitems(size)];
	struct uio uio = {.uio_iov = iov, .uio_resid = 60, .uio_rw = UIO_READ};

	uio.uio_iovcnt = cut(iov, size, nitems(size));
	for (size_t at = 0; at < 60; at += 6)
		CHECK_EQ(uiomove_fromphys(page, at, 6, &uio), 0);
	CHECK_EQ(uio.uio_resid, 0);
	for (size_t i = 0; i < 60; i++)
		CHECK_EQ(buffer[i + (i >= 10) + (i >= 30)], pattern(i));
}

PAGES_TEST(no_more_is_moved_than_the_list_wants)
{
	struct iovec iov;
	struct uio uio;

	memset(buffer, FILLER, sizeof(buffer));
	uio_init(&uio, &iov, buffer, PAGE_SIZE, UIO_READ);
	uio.uio_resid = 5; /* less than its buffer holds */
	kit_mark();
	CHECK_EQ(uiomove_fromphys(page, 4000, PAGE_SIZE, &uio), 0);
	CHECK_EQ(kit_cost(CTR_sf_private), 1);
	CHECK_EQ(uio.uio_resid, 0);
	CHECK_EQ(iov.iov_len, PAGE_SIZE - 5);
	CHECK_EQ(buffer[4], pattern(4004));
	CHECK_EQ(buffer[5], FILLER);
}

PAGES_TEST(nothing_to_move_maps_nothing)
{
	struct iovec iov = {NULL, 0};
	struct uio uio = {.uio_iov = &iov, .uio_iovcnt = 1, .uio_rw = UIO_READ};

	kit_mark();
	CHECK_EQ(uiomove_fromphys(page, 5, 100, &uio), 0);
	uio_init(&uio, &iov, buffer, 100, UIO_WRITE);
	CHECK_EQ(uiomove_fromphys(page, ALL_BYTES, 0, &uio), 0);
	CHECK_EQ(uiomove(buffer, 0, &uio), 0);
	CHECK_EQ(uio.uio_resid, 100);
	CHECK_EQ(kit_cost(CTR_sf_private), 0);
}

TEST(uio, ordinary_memory_is_moved_both_ways)
{
	static const size_t size[] = {3, 0, 7};
	char text[] = "0123456789", copy[sizeof(text)] = "";
	struct iovec iov[nitems(size)];
	struct uio uio = {.uio_iov = iov, .uio_resid = 10, .uio_rw = UIO_READ};

	uio.uio_iovcnt = cut(iov, size, nitems(size));
	CHECK_EQ(uiomove(text, 4, &uio), 0);
	CHECK_EQ(uiomove(text + 4, 100, &uio), 0);
	CHECK_EQ(uio.uio_resid, 0);
	uio = (struct uio){.uio_iov = iov, .uio_resid = 10};
	uio.uio_iovcnt = cut(iov, size, nitems(size));
	uio.uio_rw = UIO_WRITE;
	CHECK_EQ(uiomove(copy, 100, &uio), 0);
	CHECK_EQ(strcmp(copy, text), 0);
}

TEST(uio, a_list_tells_what_is_in_front_and_is_advanced_by_hand)
{
	static const size_t size[] = {3, 0, 7};
	struct iovec iov[nitems(size)];
	struct uio uio = {.uio_iov = iov, .uio_resid = 10, .uio_rw = UIO_READ};
	size_t n;

	uio.uio_iovcnt = cut(iov, size, nitems(size));
	CHECK(uio_front(&uio, &n) == buffer);
	CHECK_EQ(n, 3);
	uio_advance(&uio, 5);
	CHECK(uio_front(&uio, &n) == buffer + 3 + 1 + 1 + 2);
	CHECK_EQ(n, 5);
	CHECK_EQ(uio.uio_resid, 5);
	uio_advance(&uio, 5);
	CHECK(uio_front(&uio, &n) == NULL);
	CHECK_EQ(n, 0);
}

/* --- what it costs --- */

static void
move_pages(enum uio_rw rw)
{
	struct iovec iov;
	struct uio uio;

	uio_init(&uio, &iov, buffer, ALL_BYTES - 10, rw);
	CHECK_EQ(uiomove_fromphys(page, 10, ALL_BYTES, &uio), 0);
}

PAGES_TEST(each_page_is_mapped_once_and_no_cpu_is_told)
{
	uint32_t used = kit_stats().nsfbufsused;

	move_pages(UIO_READ);
	sched_bind(curcpu_id());
	move_pages(UIO_READ); /* so that this CPU has them */
	kit_mark();
	move_pages(UIO_READ);
	move_pages(UIO_WRITE);
	CHECK_EQ(kit_cost(CTR_sf_private), 2 * NPAGES);
	CHECK_EQ(kit_cost(CTR_sf_hit) + kit_cost(CTR_sf_miss), 2 * NPAGES);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK_EQ(kit_cost(CTR_tlb_ipis_sent), 0);
	CHECK_EQ(kit_stats().nsfbufsused, used);
	sched_unbind();
}

PAGES_TEST(a_full_window_stops_nobody)
{
	if (!kit_fill())
		return;
	kit_mark();
	move_pages(UIO_READ);
	CHECK_EQ(kit_cost(CTR_sf_allocwait), 0);
	CHECK_EQ(buffer[0], pattern(10));
	CHECK_EQ(buffer[ALL_BYTES - 11], pattern(ALL_BYTES - 1));
}

/* --- buffers that are not there --- */

/* Two pages with nothing mapped before and behind them. */
#define ISLAND_PAGES 2
#define ISLAND_BYTES (ISLAND_PAGES * PAGE_SIZE)
static uint8_t *island;

#define ISLAND_TEST(name_)                                      \
	static void island_##name_(void);                       \
	PAGES_TEST(name_)                                       \
	{                                                       \
		island = (uint8_t *)kstack_alloc(ISLAND_PAGES); \
		CHECK(island != NULL);                          \
		island_##name_();                               \
		kstack_free((vm_offset_t)island, ISLAND_PAGES); \
	}                                                       \
	static void island_##name_(void)

/* Move 2 pages to or from a buffer whose first `good` bytes are there. */
static void
run_into_the_hole(size_t offset, size_t good, enum uio_rw rw)
{
	uint8_t *start = island + ISLAND_BYTES - good;
	size_t n = ISLAND_BYTES;
	uint32_t want = 0; /* mappings: up to that of the byte that faults */
	struct iovec iov;
	struct uio uio;

	for (size_t i = 0; i < good; i++)
		start[i] = rw == UIO_READ ? FILLER : other_pattern(i);
	uio_init(&uio, &iov, start, n, rw);
	want = (uint32_t)(((offset + good) >> PAGE_SHIFT) -
		   (offset >> PAGE_SHIFT)) +
	    1;
	kit_mark();
	CHECK_EQ(uiomove_fromphys(page, offset, n, &uio), EFAULT);
	CHECK_EQ(kit_cost(CTR_sf_private), want);
	CHECK_EQ(uio.uio_resid, n - good);
	CHECK_EQ(iov.iov_len, n - good);
	CHECK(iov.iov_base == island + ISLAND_BYTES);
	for (size_t i = 0; i < good && rw == UIO_READ; i++)
		CHECK_EQ(start[i], pattern(offset + i));
	CHECK(pages_changed_at(offset, rw == UIO_WRITE ? good : 0));
	fill_pages();
}

ISLAND_TEST(a_bad_buffer_gets_all_before_the_hole_and_leaves_nothing_mapped)
{
	for (size_t i = 0; i < nitems(edge); i++)
		for (size_t offset = 0; offset < 7; offset += 3) {
			if (edge[i] >= ISLAND_BYTES)
				continue;
			run_into_the_hole(offset, edge[i], UIO_READ);
			run_into_the_hole(offset, edge[i], UIO_WRITE);
			run_into_the_hole(offset + 4090, edge[i], UIO_READ);
			run_into_the_hole(offset + 4090, edge[i], UIO_WRITE);
			CHECK_EQ(kit_private_used(), 0);
			CHECK(!sched_is_pinned());
			if (test_failed())
				return;
		}
}

ISLAND_TEST(a_bad_buffer_among_good_ones_ends_the_move_there)
{
	struct iovec iov[] = {{buffer, 100}, {island - 5, 10}, {buffer, 100}};
	struct uio uio = {
	    .uio_iov = iov,
	    .uio_iovcnt = nitems(iov),
	    .uio_resid = 210,
	    .uio_rw = UIO_READ,
	};

	CHECK_EQ(uiomove_fromphys(page, PAGE_SIZE - 50, 210, &uio), EFAULT);
	CHECK_EQ(uio.uio_resid, 110);
	CHECK(uio.uio_iov == &iov[1]);
	CHECK_EQ(iov[1].iov_len, 10);
	/* Its front is there now: the rest can be had. */
	iov[1].iov_base = island;
	CHECK_EQ(uiomove_fromphys(page, PAGE_SIZE + 50, 110, &uio), 0);
	CHECK_EQ(uio.uio_resid, 0);
	CHECK_EQ(island[9], pattern(PAGE_SIZE + 59));
	CHECK_EQ(buffer[99], pattern(PAGE_SIZE + 159));
}

ISLAND_TEST(a_read_only_buffer_is_a_source_and_no_target)
{
	struct iovec iov;
	struct uio uio;

	memset(island, FILLER, PAGE_SIZE);
	pmap_protect((vm_offset_t)island, 1, VM_PROT_READ);
	uio_init(&uio, &iov, island, 9, UIO_READ);
	CHECK_EQ(uiomove_fromphys(page, 0, 9, &uio), EFAULT);
	CHECK_EQ(uio.uio_resid, 9);
	uio.uio_rw = UIO_WRITE;
	CHECK_EQ(uiomove_fromphys(page, 0, 9, &uio), 0);
	CHECK_EQ(uio.uio_resid, 0);
}
