/*
 * Files in page frames.
 */
#include "sf_buf/consumers/memfile.h"
#include <sys/sf_buf.h>
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"

WINDOW_TEST(memfile, a_file_takes_as_many_pages_as_it_needs)
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

WINDOW_TEST(memfile, a_file_larger_than_memory_is_refused)
{
	uint64_t bytes = ((uint64_t)vm_page_available() + 1) << PAGE_SHIFT;
	struct memfile f;

	CHECK_EQ(memfile_create(&f, bytes), ENOMEM);
	CHECK_EQ(memfile_create(&f, ~0ull), ENOMEM);
	CHECK_EQ(f.npages, 0);
}

/* 2 GiB: to take all memory and give it back takes a while. */
#define MAX_EXHAUSTED_PAGES (1u << 19)

WINDOW_TEST(memfile, a_file_that_does_not_quite_fit_leaves_nothing_behind)
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

/* Three whole pages and a part of a fourth; the module holds them. */
#define FILE_BYTES (3 * PAGE_SIZE + 1234)
#define MODULE_PAGES 4

static struct memfile file;

/* The byte at an offset of the module: no two pages are alike. */
static uint8_t
pattern(uint64_t at)
{
	return ((uint8_t)(at * 7 + (at >> PAGE_SHIFT) * 101 + 3));
}

static void
count_progress(uint64_t done, uint64_t total, void *arg)
{
	uint64_t *last = arg;

	if (done > *last && done <= total)
		*last = done;
}

/* Copy all of the module but its first `from` bytes to `to`. */
static void
copy_in(struct vm_page *module, uint64_t from, uint64_t to)
{
	uint64_t n = FILE_BYTES - MAX(from, to), progress = 0;

	for (size_t i = 0; i < file.npages; i++)
		pmap_zero_page(file.page[i]);
	CHECK_EQ(memfile_copy_from_phys(&file, to,
		     VM_PAGE_TO_PHYS(module) + from, n, count_progress,
		     &progress),
	    0);
	CHECK_EQ(progress, n);
	for (uint64_t at = 0; at < FILE_BYTES; at++) {
		bool inside = at >= to && at - to < n;
		uint8_t byte;

		pmap_copy_from_page(file.page[at >> PAGE_SHIFT],
		    (size_t)(at & PAGE_MASK), &byte, 1);
		CHECK_EQ(byte, inside ? pattern(at - to + from) : 0);
	}
}

static void
fill_module(struct vm_page *module)
{
	for (uint64_t at = 0; at < MODULE_PAGES * PAGE_SIZE; at++) {
		uint8_t byte = pattern(at);

		pmap_copy_to_page(module + (at >> PAGE_SHIFT),
		    (size_t)(at & PAGE_MASK), &byte, 1);
	}
}

WINDOW_TEST(memfile, a_file_is_filled_from_any_physical_address)
{
	struct vm_page *module =
	    vm_page_alloc_contig(MODULE_PAGES, VM_ALLOC_ANY);

	if (module == NULL)
		SKIP("no %u pages in a row", MODULE_PAGES);
	CHECK_EQ(memfile_create(&file, FILE_BYTES), 0);
	fill_module(module);
	copy_in(module, 0, 0);
	copy_in(module, 300, 77);
	copy_in(module, 1, PAGE_SIZE - 1);
	memfile_destroy(&file);
	vm_page_free_contig(module, MODULE_PAGES);
}

WINDOW_TEST(memfile, a_source_beyond_the_address_limit_is_refused)
{
	CHECK_EQ(memfile_create(&file, FILE_BYTES), 0);
	CHECK_EQ(memfile_copy_from_phys(&file, 0, ~(vm_paddr_t)0 - PAGE_SIZE,
		     PAGE_SIZE, NULL, NULL),
	    EFAULT);
	memfile_destroy(&file);
}
