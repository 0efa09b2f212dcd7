/*
 * Files in page frames, and sendfile().
 */
#include "sf_buf/consumers/sendfile.h"
#include <sys/sf_buf.h>
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/memfile.h"
#include "tests/sf_kit.h"
#include "tests/test.h"

/* Three whole pages and a part of a fourth. */
#define FILE_BYTES (3 * PAGE_SIZE + 1234)

static struct memfile file;

/* The byte at an offset: no two pages begin alike. */
static uint8_t
pattern(uint64_t offset)
{
	return ((uint8_t)(offset * 7 + (offset >> PAGE_SHIFT) * 101 + 3));
}

/* A test with a file of FILE_BYTES that holds the pattern. */
#define FILE_TEST(name_)                                        \
	static void file_##name_(void);                         \
	WINDOW_TEST(sendfile, name_)                            \
	{                                                       \
		CHECK_EQ(memfile_create(&file, FILE_BYTES), 0); \
		file_fill();                                    \
		file_##name_();                                 \
		memfile_destroy(&file);                         \
	}                                                       \
	static void file_##name_(void)

static void
file_fill(void)
{
	uint8_t piece[64];

	for (uint64_t at = 0; at < FILE_BYTES; at += sizeof(piece)) {
		for (size_t i = 0; i < sizeof(piece); i++)
			piece[i] = pattern(at + i);
		pmap_copy_to_page(file.page[at >> PAGE_SHIFT],
		    (size_t)(at & PAGE_MASK), piece, sizeof(piece));
	}
}

static void
file_clear(void)
{
	for (size_t i = 0; i < file.npages; i++)
		pmap_zero_page(file.page[i]);
}

/* A sink that knows what must come. */
struct receiver {
	uint64_t offset; /* of the next byte */
	uint64_t limit;  /* it refuses what reaches beyond */
	bool wrong;
};

static int
receive(const void *buf, size_t n, void *arg)
{
	struct receiver *r = arg;
	const uint8_t *byte = buf;

	if (n > PAGE_SIZE || r->offset + n > r->limit)
		return (EIO);
	for (size_t i = 0; i < n; i++)
		r->wrong |= byte[i] != pattern(r->offset + i);
	r->offset += n;
	return (0);
}

FILE_TEST(the_bytes_arrive_in_order)
{
	struct receiver r = {.limit = FILE_BYTES};
	uint64_t sent;

	CHECK_EQ(sendfile(&file, 0, FILE_BYTES, receive, &r, SENDFILE_SHARED,
		     &sent),
	    0);
	CHECK_EQ(sent, FILE_BYTES);
	CHECK_EQ(r.offset, FILE_BYTES);
	CHECK(!r.wrong);
}

FILE_TEST(any_part_can_be_sent_and_is_cut_at_the_end)
{
	static const uint64_t edge[] = {0, 1, 100, PAGE_SIZE - 1, PAGE_SIZE,
	    PAGE_SIZE + 1, 2 * PAGE_SIZE, FILE_BYTES - 1, FILE_BYTES,
	    FILE_BYTES + 1, ~0ull};

	for (unsigned i = 0; i < nitems(edge) * nitems(edge); i++) {
		uint64_t offset = edge[i / nitems(edge)], sent;
		uint64_t count = edge[i % nitems(edge)];
		uint64_t want =
		    offset >= FILE_BYTES ? 0 : MIN(count, FILE_BYTES - offset);
		struct receiver r = {.offset = offset, .limit = FILE_BYTES};

		CHECK_EQ(sendfile(&file, offset, count, receive, &r,
			     SENDFILE_PRIVATE, &sent),
		    0);
		CHECK_EQ(sent, want);
		CHECK_EQ(r.offset, offset + want);
		CHECK(!r.wrong);
	}
}

FILE_TEST(an_error_of_the_sink_ends_it_and_the_rest_is_counted)
{
	struct receiver r = {.limit = 2 * PAGE_SIZE};
	uint64_t sent;

	CHECK_EQ(sendfile(&file, 0, FILE_BYTES, receive, &r, SENDFILE_SHARED,
		     &sent),
	    EIO);
	CHECK_EQ(sent, 2 * PAGE_SIZE);
}

/* Keeps the page's buffer, so that none is left, and is sent a signal. */
static int
keep_buffer(const void *buf __unused, size_t n __unused, void *kept)
{
	*(struct sf_buf **)kept = kit_map(file.page[0], SFB_NOWAIT);
	tdsignal(curthread, SIGINT);
	return (0);
}

FILE_TEST(a_signal_ends_a_wait_for_a_buffer)
{
	struct sf_buf *kept = NULL;
	uint64_t sent;
	int error;

	if (kit_fill_but_one() == NULL)
		return;
	error = sendfile(&file, 0, FILE_BYTES, keep_buffer, &kept,
	    SENDFILE_SHARED, &sent);
	if (kept != NULL)
		kit_unmap(kept);
	CHECK_EQ(error, EINTR);
	CHECK_EQ(sent, PAGE_SIZE);
	CHECK_EQ(signal_take(), SIGINT);
}

FILE_TEST(the_private_mode_interrupts_no_other_cpu)
{
	struct receiver r = {.limit = FILE_BYTES};
	uint64_t sent;

	if (kit_fill_but_one() == NULL)
		return;
	kit_mark();
	sendfile(&file, 0, FILE_BYTES, receive, &r, SENDFILE_PRIVATE, &sent);
	CHECK_EQ(sent, FILE_BYTES);
	/* This CPU may have had the frames before. */
	CHECK_EQ(kit_cost(CTR_sf_hit) + kit_cost(CTR_sf_miss), file.npages);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK(!sched_is_pinned());
}

FILE_TEST(no_buffer_stays_held)
{
	struct receiver r = {.limit = 2 * PAGE_SIZE};
	uint32_t used = kit_stats().nsfbufsused;
	uint64_t sent;

	sendfile(&file, 0, FILE_BYTES, receive, &r, SENDFILE_SHARED, &sent);
	CHECK_EQ(kit_stats().nsfbufsused, used);
}

/* --- memfile --- */

WINDOW_TEST(sendfile, a_file_takes_as_many_pages_as_it_needs)
{
	static const struct {
		uint64_t bytes;
		size_t npages;
	} size[] = {{0, 0}, {1, 1}, {PAGE_SIZE, 1}, {PAGE_SIZE + 1, 2}};
	struct memfile f;

	for (unsigned i = 0; i < nitems(size); i++) {
		size_t npages;

		CHECK_EQ(memfile_create(&f, size[i].bytes), 0);
		npages = f.npages;
		memfile_destroy(&f);
		CHECK_EQ(npages, size[i].npages);
	}
}

WINDOW_TEST(sendfile, a_file_larger_than_memory_is_refused)
{
	uint64_t bytes = ((uint64_t)vm_page_available() + 1) << PAGE_SHIFT;
	struct memfile f;

	CHECK_EQ(memfile_create(&f, bytes), ENOMEM);
	CHECK_EQ(memfile_create(&f, ~0ull), ENOMEM);
	CHECK_EQ(f.npages, 0);
}

/* 2 GiB: to take all memory and give it back takes a while. */
#define MAX_EXHAUSTED_PAGES (1u << 19)

WINDOW_TEST(sendfile, a_file_that_does_not_quite_fit_leaves_nothing_behind)
{
	uint32_t available = vm_page_available();
	struct memfile f;

	if (available > MAX_EXHAUSTED_PAGES)
		SKIP("too much memory to exhaust");
	/* The list of its pages has no room.  Once for the page tables that
	 * the list needs, which stay. */
	memfile_create(&f, (uint64_t)available << PAGE_SHIFT);
	available = vm_page_available();
	CHECK_EQ(memfile_create(&f, (uint64_t)available << PAGE_SHIFT), ENOMEM);
	CHECK_EQ(vm_page_available(), available);
}

/* --- filling from physical memory --- */

#define MODULE_PAGES 4

static void
count_progress(uint64_t done, uint64_t total, void *arg)
{
	uint64_t *last = arg;

	if (done > *last && done <= total)
		*last = done;
}

/* The file's bytes from `offset` on stand at `pa` now; copy them in there. */
static void
copy_in(vm_paddr_t pa, uint64_t offset, uint64_t n)
{
	struct receiver r = {.offset = offset, .limit = offset + n};
	uint64_t sent, progress = 0;

	CHECK_EQ(memfile_copy_from_phys(&file, offset, pa, n, count_progress,
		     &progress),
	    0);
	CHECK_EQ(progress, n);
	CHECK_EQ(sendfile(&file, offset, n, receive, &r, SENDFILE_PRIVATE,
		     &sent),
	    0);
	CHECK_EQ(sent, n);
	CHECK(!r.wrong);
}

FILE_TEST(a_file_is_filled_from_any_physical_address)
{
	struct vm_page *module =
	    vm_page_alloc_contig(MODULE_PAGES, VM_ALLOC_ANY);
	/* Where in the module and in the file, neither at a page's edge. */
	const uint32_t from = 300, to = 77;
	const uint64_t n = FILE_BYTES - to;

	if (module == NULL)
		SKIP("no %u pages in a row", MODULE_PAGES);
	for (uint64_t i = 0; i < n; i++) {
		uint8_t byte = pattern(to + i);
		uint64_t at = from + i;

		pmap_copy_to_page(module + (at >> PAGE_SHIFT),
		    (size_t)(at & PAGE_MASK), &byte, 1);
	}
	file_clear();
	copy_in(VM_PAGE_TO_PHYS(module) + from, to, n);
	vm_page_free_contig(module, MODULE_PAGES);
}

FILE_TEST(a_source_beyond_the_address_limit_is_refused)
{
	CHECK_EQ(memfile_copy_from_phys(&file, 0, ~(vm_paddr_t)0 - PAGE_SIZE,
		     PAGE_SIZE, NULL, NULL),
	    EFAULT);
}
