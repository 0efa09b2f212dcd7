/*
 * Memory disks.
 */
#include "sf_buf/consumers/md.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* Two whole pages and a part of a third. */
#define SECTORS 19
#define DISK_BYTES (SECTORS * MD_SECTOR_BYTES)
#define SECTORS_PER_PAGE (PAGE_SIZE / MD_SECTOR_BYTES)

/* The test's own thread, but for the contents. */
static struct md disk;
static uint8_t buffer[DISK_BYTES + 2 * MD_SECTOR_BYTES];

/* The byte at an offset: no two sectors are alike. */
static uint8_t
pattern(uint64_t offset)
{
	return ((uint8_t)(offset * 7 + offset / MD_SECTOR_BYTES * 101 + 3));
}

static void
fill_buffer(uint64_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buffer[i] = pattern(offset + i);
}

static bool
buffer_is(uint64_t offset, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (buffer[i] != pattern(offset + i))
			return (false);
	return (true);
}

/* A test with a disk that holds the pattern. */
#define DISK_TEST(name_)                                           \
	static void disk_##name_(void);                            \
	WINDOW_TEST(md, name_)                                     \
	{                                                          \
		CHECK_EQ(md_create(&disk, SECTORS), 0);            \
		fill_buffer(0, DISK_BYTES);                        \
		if (md_write(&disk, 0, SECTORS, buffer) != 0)      \
			test_fail(__FILE__, __LINE__, "md_write"); \
		else                                               \
			disk_##name_();                            \
		md_destroy(&disk);                                 \
	}                                                          \
	static void disk_##name_(void)

/* --- making one --- */

WINDOW_TEST(md, a_new_disk_is_zeros)
{
	unsigned dirty = 0;

	/* Pages that have been used, most likely. */
	CHECK_EQ(md_create(&disk, SECTORS), 0);
	memset(buffer, 0xff, sizeof(buffer));
	CHECK_EQ(md_write(&disk, 0, SECTORS, buffer), 0);
	md_destroy(&disk);
	CHECK_EQ(md_create(&disk, SECTORS), 0);
	CHECK_EQ(md_read(&disk, 0, SECTORS, buffer), 0);
	for (unsigned i = 0; i < DISK_BYTES; i++)
		dirty += buffer[i] != 0;
	CHECK_EQ(md_bytes(&disk), DISK_BYTES);
	md_destroy(&disk);
	CHECK_EQ(dirty, 0);
}

WINDOW_TEST(md, a_disk_of_no_sectors_or_too_many_is_refused)
{
	uint64_t too_many =
	    ((uint64_t)vm_page_available() + 1) * SECTORS_PER_PAGE;

	CHECK_EQ(md_create(&disk, 0), EINVAL);
	CHECK_EQ(md_create(&disk, too_many), ENOMEM);
	CHECK_EQ(md_create(&disk, UINT64_MAX / MD_SECTOR_BYTES), ENOMEM);
	CHECK_EQ(md_create(&disk, UINT64_MAX / MD_SECTOR_BYTES + 1), ENOMEM);
	CHECK_EQ(md_create(&disk, UINT64_MAX), ENOMEM);
	CHECK_EQ(md_create_from_phys(&disk, 0, 0), EINVAL);
	CHECK_EQ(md_create_from_phys(&disk, 0, UINT64_MAX), ENOMEM);
}

DISK_TEST(its_pages_are_high_ones_where_there_are_any)
{
	struct vm_page_stats st;

	vm_page_get_stats(&st);
	if (st.free_pages[VM_ZONE_HIGH] < disk.file.npages)
		SKIP("no high memory");
	for (unsigned i = 0; i < disk.file.npages; i++)
		CHECK(!vm_page_is_direct(disk.file.page[i]));
}

#define MODULE_PAGES 3
#define MODULE_SKIP 300 /* its start lies within a page */
#define MODULE_BYTES (2 * PAGE_SIZE + 100)

WINDOW_TEST(md, a_disk_is_made_of_physical_memory_and_its_tail_is_zeros)
{
	struct vm_page *module =
	    vm_page_alloc_contig(MODULE_PAGES, VM_ALLOC_ANY);
	uint64_t rounded = ROUND_UP(MODULE_BYTES, MD_SECTOR_BYTES);
	int error;

	if (module == NULL)
		SKIP("no %u pages in a row", MODULE_PAGES);
	for (unsigned i = 0; i < MODULE_BYTES; i++) {
		uint64_t at = MODULE_SKIP + i;
		uint8_t byte = pattern(i);

		pmap_copy_to_page(module + (at >> PAGE_SHIFT),
		    (size_t)(at & PAGE_MASK), &byte, 1);
	}
	error = md_create_from_phys(&disk,
	    VM_PAGE_TO_PHYS(module) + MODULE_SKIP, MODULE_BYTES);
	vm_page_free_contig(module, MODULE_PAGES);
	CHECK_EQ(error, 0);
	CHECK_EQ(md_bytes(&disk), rounded);
	CHECK_EQ(md_read_bytes(&disk, 0, (size_t)rounded, buffer), 0);
	md_destroy(&disk);
	CHECK(buffer_is(0, MODULE_BYTES));
	for (uint64_t i = MODULE_BYTES; i < rounded; i++)
		CHECK_EQ(buffer[i], 0);
}

WINDOW_TEST(md, memory_beyond_the_address_limit_makes_no_disk)
{
	uint32_t available = vm_page_available();

	CHECK_EQ(md_create_from_phys(&disk, ~(vm_paddr_t)0 - PAGE_SIZE,
		     PAGE_SIZE),
	    EFAULT);
	CHECK_EQ(vm_page_available(), available);
}

/* --- reading and writing --- */

DISK_TEST(each_sector_keeps_what_was_written)
{
	for (unsigned s = 0; s < SECTORS; s++) {
		CHECK_EQ(md_read(&disk, s, 1, buffer), 0);
		CHECK_MSG(buffer_is(s * MD_SECTOR_BYTES, MD_SECTOR_BYTES),
		    "sector %u", s);
	}
}

/* Of an odd address, as a buffer may have. */
#define GUARD 3

/* Read a run of sectors: all of it comes, and nothing else is touched. */
static void
check_run(unsigned sector, unsigned count)
{
	size_t n = count * MD_SECTOR_BYTES;
	uint64_t at = (uint64_t)sector * MD_SECTOR_BYTES;

	memset(buffer, 0xa5, sizeof(buffer));
	CHECK_EQ(md_read(&disk, sector, count, buffer + GUARD), 0);
	for (unsigned i = 0; i < GUARD; i++)
		CHECK(buffer[i] == 0xa5 && buffer[GUARD + n + i] == 0xa5);
	memmove(buffer, buffer + GUARD, n);
	CHECK_MSG(buffer_is(at, n), "%u sectors at %u", count, sector);
}

DISK_TEST(any_run_of_sectors_can_be_read)
{
	for (unsigned s = 0; s <= SECTORS; s++)
		for (unsigned n = 0; n <= SECTORS - s && !test_failed(); n++)
			check_run(s, n);
}

DISK_TEST(a_write_leaves_the_neighbours_alone)
{
	static const struct {
		unsigned sector, count;
	} run[] = {{0, 1}, {7, 1}, {8, 1}, {7, 2}, {6, 10}, {18, 1}, {3, 0}};
	static uint8_t other[10 * MD_SECTOR_BYTES];

	memset(other, 0xee, sizeof(other));
	for (unsigned i = 0; i < nitems(run); i++) {
		unsigned s = run[i].sector, n = run[i].count;
		size_t start = s * MD_SECTOR_BYTES, bytes = n * MD_SECTOR_BYTES;

		CHECK_EQ(md_write(&disk, s, n, other), 0);
		CHECK_EQ(md_read(&disk, 0, SECTORS, buffer), 0);
		CHECK_EQ(memcmp(buffer + start, other, bytes), 0);
		/* Put it right again. */
		for (size_t at = start; at < start + bytes; at++)
			buffer[at] = pattern(at);
		CHECK(buffer_is(0, DISK_BYTES));
		CHECK_EQ(md_write(&disk, s, n, buffer + start), 0);
	}
}

DISK_TEST(bytes_can_be_read_from_anywhere)
{
	static const size_t edge[] = {0, 1, 511, 512, PAGE_SIZE - 1, PAGE_SIZE,
	    PAGE_SIZE + 1, 2 * PAGE_SIZE, DISK_BYTES - 1, DISK_BYTES};

	for (unsigned i = 0; i < nitems(edge) * nitems(edge); i++) {
		size_t from = edge[i / nitems(edge)],
		       n = edge[i % nitems(edge)];

		if (from + n > DISK_BYTES) {
			CHECK_EQ(md_read_bytes(&disk, from, n, buffer), EIO);
			continue;
		}
		CHECK_EQ(md_read_bytes(&disk, from, n, buffer), 0);
		CHECK(buffer_is(from, n));
	}
}

/* --- what cannot be --- */

DISK_TEST(what_reaches_beyond_the_end_is_refused_and_nothing_is_done)
{
	static const struct {
		uint64_t sector;
		size_t count;
		int error;
	} bad[] = {
	    {0, SECTORS + 1, EIO},
	    {1, SECTORS, EIO},
	    {SECTORS, 1, EIO},
	    {SECTORS + 1, 0, EIO},
	    {SECTORS + 1, 1, EIO},
	    {UINT64_MAX, 1, EIO},
	    /* Their first bytes are those of sector 0, modulo 2^64. */
	    {UINT64_MAX / MD_SECTOR_BYTES + 1, 1, EIO},
	    {0, SIZE_MAX / MD_SECTOR_BYTES, EIO},
	    {0, SIZE_MAX / MD_SECTOR_BYTES + 1, EINVAL},
	    {0, SIZE_MAX, EINVAL},
	};

	memset(buffer, 0xa5, sizeof(buffer));
	for (unsigned i = 0; i < nitems(bad); i++) {
		CHECK_EQ(md_read(&disk, bad[i].sector, bad[i].count, buffer),
		    bad[i].error);
		CHECK_EQ(md_write(&disk, bad[i].sector, bad[i].count, buffer),
		    bad[i].error);
	}
	CHECK_EQ(md_read_bytes(&disk, UINT64_MAX, 2, buffer), EIO);
	CHECK_EQ(md_read_bytes(&disk, 1, SIZE_MAX, buffer), EIO);
	for (unsigned i = 0; i < sizeof(buffer); i++)
		CHECK_EQ(buffer[i], 0xa5);
	CHECK_EQ(md_read(&disk, 0, SECTORS, buffer), 0);
	CHECK(buffer_is(0, DISK_BYTES));
}

/* So much of the buffer is there. */
#define GOOD_BYTES (MD_SECTOR_BYTES + 88)

/* [good, good + GOOD_BYTES) is mapped, what follows is not. */
static void
use_bad_buffer(uint8_t *good)
{
	CHECK_EQ(md_read(&disk, 7, 2, good), EFAULT);
	memcpy(buffer, good, GOOD_BYTES);
	CHECK(buffer_is(7 * MD_SECTOR_BYTES, GOOD_BYTES));
	memset(good, 0xee, GOOD_BYTES);
	CHECK_EQ(md_write(&disk, 7, 2, good), EFAULT);
	CHECK_EQ(md_read(&disk, 0, SECTORS, buffer), 0);
	for (unsigned i = 0; i < DISK_BYTES; i++) {
		bool written = i >= 7 * MD_SECTOR_BYTES &&
		    i < 7 * MD_SECTOR_BYTES + GOOD_BYTES;

		CHECK_EQ(buffer[i], written ? 0xee : pattern(i));
	}
}

DISK_TEST(a_bad_buffer_gets_and_gives_what_lies_before_the_hole)
{
	/* Nothing is mapped behind a stack. */
	vm_offset_t stack = kstack_alloc(1);

	CHECK(stack != 0);
	use_bad_buffer((uint8_t *)(stack + PAGE_SIZE - GOOD_BYTES));
	kstack_free(stack, 1);
}

DISK_TEST(a_buffer_that_is_not_there_is_refused)
{
	CHECK_EQ(md_read(&disk, 0, 1, NULL), EFAULT);
	CHECK_EQ(md_write(&disk, 0, 1, NULL), EFAULT);
	/* Nothing is moved, so none is needed. */
	CHECK_EQ(md_read(&disk, 0, 0, NULL), 0);
	CHECK_EQ(md_read(&disk, 0, SECTORS, buffer), 0);
	CHECK(buffer_is(0, DISK_BYTES));
	CHECK_EQ(kit_private_used(), 0);
}

/* --- what it costs --- */

#define REQUESTS 10

/* With every other CPU awake, so that an interrupt would have somewhere to go;
 * and with no idle shared buffer. */
static void
read_and_write(void *arg __unused)
{
	kit_mark();
	for (unsigned i = 0; i < REQUESTS; i++) {
		CHECK_EQ(md_write(&disk, 0, SECTORS, buffer), 0);
		CHECK_EQ(md_read(&disk, 0, SECTORS, buffer), 0);
	}
	/* A private mapping for each page of each request. */
	CHECK_EQ(kit_cost(CTR_sf_private), 2 * REQUESTS * disk.file.npages);
	CHECK_EQ(kit_cost(CTR_sf_hit) + kit_cost(CTR_sf_miss),
	    2 * REQUESTS * disk.file.npages);
	CHECK_EQ(kit_cost(CTR_sf_allocwait), 0);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK_EQ(kit_cost(CTR_tlb_ipis_sent), 0);
}

DISK_TEST(no_request_interrupts_another_cpu)
{
	NEED_FEW_CPUS();
	if (!kit_fill())
		return;
	run_while_all_are_busy(read_and_write, NULL);
	CHECK(buffer_is(0, DISK_BYTES));
}

DISK_TEST(no_buffer_stays_held_and_no_thread_pinned)
{
	uint32_t used = kit_stats().nsfbufsused;

	CHECK_EQ(md_read(&disk, 0, SECTORS, buffer), 0);
	CHECK_EQ(md_read(&disk, SECTORS, 1, buffer), EIO);
	CHECK_EQ(kit_stats().nsfbufsused, used);
	CHECK_EQ(kit_private_used(), 0);
	CHECK(!sched_is_pinned());
}

/* --- several at once --- */

#define ROUNDS 20

/* Each CPU has sectors of its own, in pages that it shares with others. */
static void
use_own_sectors(unsigned cpu, void *arg __unused)
{
	uint8_t mine[MD_SECTOR_BYTES], got[MD_SECTOR_BYTES];
	uint64_t sectors = md_bytes(&disk) / MD_SECTOR_BYTES;

	for (unsigned i = 0; i < ROUNDS && !test_failed(); i++) {
		memset(mine, (int)(cpu * ROUNDS + i), sizeof(mine));
		for (uint64_t s = cpu; s < sectors; s += cpu_count())
			CHECK_EQ(md_write(&disk, s, 1, mine), 0);
		for (uint64_t s = cpu; s < sectors; s += cpu_count()) {
			CHECK_EQ(md_read(&disk, s, 1, got), 0);
			CHECK_MSG(memcmp(mine, got, sizeof(got)) == 0,
			    "sector %llu of CPU %u was changed", s, cpu);
		}
	}
}

WINDOW_TEST(md, cpus_do_not_disturb_each_others_sectors)
{
	uint64_t sectors = 2 * cpu_count() + SECTORS;

	CHECK_EQ(md_create(&disk, sectors), 0);
	if (kit_gang(KIT_MAX_GANG) != 0) {
		kit_mark();
		kit_gang_run(use_own_sectors, NULL);
		if (kit_cost(CTR_tlb_ipis_sent) != 0)
			test_fail(__FILE__, __LINE__, "%u interrupts",
			    kit_cost(CTR_tlb_ipis_sent));
	}
	md_destroy(&disk);
}

/* What the two writers write. */
static const uint8_t value[] = {0x11, 0xee};

static void
overwrite(void *arg)
{
	uint8_t mine[4 * MD_SECTOR_BYTES];

	memset(mine, value[(vm_offset_t)arg % nitems(value)], sizeof(mine));
	for (unsigned i = 0; i < ROUNDS; i++) {
		/* Over the border between two pages. */
		for (unsigned s = 0; s + 4 <= SECTORS; s++)
			CHECK_EQ(md_write(&disk, s, 4, mine), 0);
		sched_yield();
	}
}

static void
look(void *arg __unused)
{
	uint8_t got[4 * MD_SECTOR_BYTES];

	for (unsigned i = 0; i < ROUNDS && !test_failed(); i++) {
		CHECK_EQ(md_read(&disk, i % (SECTORS - 3), 4, got), 0);
		for (unsigned at = 0; at < sizeof(got); at++)
			CHECK_MSG(got[at] == value[0] || got[at] == value[1],
			    "byte %u is %#x, which nobody wrote", at, got[at]);
		sched_yield();
	}
}

DISK_TEST(overlapping_requests_see_what_was_there_or_what_is_written)
{
	struct crew crew = {.n = 0};

	memset(buffer, value[0], sizeof(buffer));
	CHECK_EQ(md_write(&disk, 0, SECTORS, buffer), 0);
	for (vm_offset_t i = 0; i < 4; i++) {
		crew_add(&crew, overwrite, (void *)i);
		crew_add(&crew, look, NULL);
	}
	crew_join(&crew);
}
