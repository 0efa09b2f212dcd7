/*
 * Tests of the memory map: whatever a loader says, the ranges come out sorted,
 * disjoint and page-aligned, and hold nothing but RAM.
 */
#include "kernel/types.h"
#include "kernel/string.h"
#include "mm/memmap.h"
#include "tests/test.h"

#define LIMIT ((vm_paddr_t)64 << 30)
#define MIB ((uint64_t)1 << 20)

/* Too large for a stack; tests run one at a time. */
static struct bootinfo boot;
static struct memmap map;

static void
clear(void)
{
	memset(&boot, 0, sizeof(boot));
}

static void
region(vm_paddr_t start, uint64_t bytes, bool usable)
{
	boot.region[boot.nregions++] =
	    (struct boot_region){start, bytes, usable};
}

/* The invariant of every map. */
static bool
is_clean(void)
{
	for (unsigned i = 0; i < map.nranges; i++) {
		const struct memrange *r = &map.range[i];

		if (!IS_ALIGNED(r->start, PAGE_SIZE) ||
		    !IS_ALIGNED(r->end, PAGE_SIZE) || r->start >= r->end ||
		    r->end > LIMIT || (i > 0 && r[-1].end >= r->start))
			return (false);
	}
	return (map.nranges <= MEMMAP_MAX_RANGES);
}

static bool
has(vm_paddr_t start, vm_paddr_t end)
{
	return (memmap_bytes(&map, start, end) == end - start);
}

TEST(memmap, unsorted_overlapping_regions_are_one_range)
{
	clear();
	region(0x30000, 0x10000, true);
	region(0x10000, 0x10000, true);
	region(0x18000, 0x20000, true);
	memmap_build(&map, &boot, LIMIT);
	CHECK(is_clean());
	CHECK_EQ(map.nranges, 1);
	CHECK(has(0x10000, 0x40000));
}

TEST(memmap, reserved_wins_wherever_it_stands_in_the_list)
{
	clear();
	region(0x20000, 0x1000, false);
	region(0x10000, 0x20000, true);
	region(0x2f800, 0x10, false);
	memmap_build(&map, &boot, LIMIT);
	CHECK(is_clean());
	CHECK(has(0x10000, 0x20000) && has(0x21000, 0x2f000));
	CHECK_EQ(memmap_bytes(&map, 0, LIMIT), 0x1e000);
}

TEST(memmap, partial_pages_do_not_count)
{
	clear();
	region(0x10001, 0x2000, true);
	region(0x20000, 0xfff, true);
	memmap_build(&map, &boot, LIMIT);
	CHECK_EQ(map.nranges, 1);
	CHECK(has(0x11000, 0x12000));
}

TEST(memmap, a_page_that_two_regions_make_counts)
{
	clear();
	region(0x10000, 0x1800, true);
	region(0x11800, 0x800, true);
	memmap_build(&map, &boot, LIMIT);
	CHECK(has(0x10000, 0x12000));
}

TEST(memmap, empty_and_wrapping_ram_is_not_believed)
{
	clear();
	region(0x10000, 0, true);
	region(0x10000, UINT64_MAX, true);
	region(UINT64_MAX, 1, true);
	region(UINT64_MAX, UINT64_MAX, true);
	memmap_build(&map, &boot, LIMIT);
	CHECK_EQ(map.nranges, 0);
	CHECK_EQ(memmap_end(&map), 0);
}

TEST(memmap, a_reserved_region_that_wraps_reaches_to_the_top)
{
	clear();
	region(0, 64 * MIB, true);
	region(16 * MIB, UINT64_MAX, false);
	region(8 * MIB, 0, false);
	memmap_build(&map, &boot, LIMIT);
	CHECK_EQ(map.nranges, 1);
	CHECK(has(0, 16 * MIB));
	CHECK_EQ(memmap_end(&map), 16 * MIB);
}

TEST(memmap, ram_above_the_limit_is_dropped_and_counted)
{
	clear();
	region(LIMIT - MIB, 3 * MIB, true);
	region(LIMIT + MIB, 2 * MIB, true);
	region(LIMIT * 4, MIB, true);
	region(LIMIT * 4, PAGE_SIZE, false);
	memmap_build(&map, &boot, LIMIT);
	CHECK(is_clean());
	CHECK_EQ(memmap_end(&map), LIMIT);
	CHECK_EQ(memmap_bytes(&map, 0, UINT64_MAX), MIB);
	CHECK_EQ(map.dropped_bytes, 4 * MIB - PAGE_SIZE);
}

TEST(memmap, ram_at_the_top_of_64_bits_does_no_harm)
{
	clear();
	region(UINT64_MAX - 100, 50, true);
	region(UINT64_MAX - MIB, MIB, true);
	region(MIB, MIB, true);
	memmap_build(&map, &boot, LIMIT);
	CHECK_EQ(map.nranges, 1);
	CHECK(has(MIB, 2 * MIB));
}

TEST(memmap, as_many_regions_as_there_can_be)
{
	clear();
	region(0, 512 * MIB, true);
	for (unsigned i = 1; i < BOOT_MAX_REGIONS; i++)
		region(i * MIB, PAGE_SIZE, false);
	memmap_build(&map, &boot, LIMIT);
	CHECK(is_clean() && !map.overflow);
	CHECK_EQ(map.nranges, BOOT_MAX_REGIONS);
	CHECK_EQ(memmap_bytes(&map, 0, LIMIT),
	    512 * MIB - (BOOT_MAX_REGIONS - 1) * PAGE_SIZE);
}

TEST(memmap, too_many_ranges_leave_out_the_smallest)
{
	clear();
	region(0, 1024 * MIB, true);
	memmap_build(&map, &boot, LIMIT);
	/* Each cuts a page off 1 MiB: small ranges and large ones in turn. */
	for (unsigned i = 0; i < MEMMAP_MAX_RANGES; i++) {
		memmap_reserve(&map, i * MIB, i * MIB + PAGE_SIZE);
		memmap_reserve(&map, i * MIB + 2 * PAGE_SIZE,
		    i * MIB + 3 * PAGE_SIZE);
	}
	CHECK(is_clean() && map.overflow);
	CHECK_EQ(map.nranges, MEMMAP_MAX_RANGES);
	for (unsigned i = 0; i < MEMMAP_MAX_RANGES - 1; i++)
		CHECK(has(i * MIB + 3 * PAGE_SIZE, (i + 1) * MIB));
}

TEST(memmap, reserving_takes_whole_pages)
{
	clear();
	region(0, MIB, true);
	memmap_build(&map, &boot, LIMIT);
	memmap_reserve(&map, 0x10fff, 0x11001);
	CHECK_EQ(memmap_bytes(&map, 0, MIB), MIB - 2 * PAGE_SIZE);
	CHECK_EQ(memmap_bytes(&map, 0x10000, 0x12000), 0);
	memmap_reserve(&map, 0x40000, 0x40000);
	memmap_reserve(&map, 0x50000, 0x40000);
	CHECK_EQ(memmap_bytes(&map, 0, MIB), MIB - 2 * PAGE_SIZE);
	memmap_reserve(&map, 0x80000, UINT64_MAX);
	CHECK_EQ(memmap_end(&map), 0x80000);
}

TEST(memmap, taking_gives_the_highest_run_below)
{
	clear();
	region(0, 4 * MIB, true);
	region(8 * MIB, 8 * MIB, true);
	memmap_build(&map, &boot, LIMIT);
	CHECK_EQ(memmap_take(&map, 2 * MIB, 2 * MIB, LIMIT), 14 * MIB);
	CHECK_EQ(memmap_take(&map, MIB, MIB, 12 * MIB + 1), 11 * MIB);
	CHECK_EQ(memmap_take(&map, 4 * MIB, 4 * MIB, LIMIT), 0);
	CHECK_EQ(memmap_take(&map, PAGE_SIZE, PAGE_SIZE, 8 * MIB),
	    4 * MIB - PAGE_SIZE);
	CHECK(is_clean());
	CHECK_EQ(memmap_bytes(&map, 0, LIMIT), 9 * MIB - PAGE_SIZE);
}

TEST(memmap, page_0_is_never_taken)
{
	clear();
	region(0, 2 * PAGE_SIZE, true);
	memmap_build(&map, &boot, LIMIT);
	CHECK_EQ(memmap_take(&map, PAGE_SIZE, PAGE_SIZE, LIMIT), PAGE_SIZE);
	CHECK_EQ(memmap_take(&map, PAGE_SIZE, PAGE_SIZE, LIMIT), 0);
	CHECK_EQ(memmap_bytes(&map, 0, LIMIT), PAGE_SIZE);
}

/* --- against a map of another kind: one flag for each quarter page --- */

#define QUARTER (PAGE_SIZE / 4)
#define WORLD 1024u /* quarter pages */

static bool ram[WORLD], taken[WORLD];

static void
random_region(uint32_t *random)
{
	unsigned start = test_random(random) % WORLD;
	unsigned n = test_random(random) % (WORLD / 8);
	bool usable = test_random(random) % 3 != 0;

	n = MIN(n, WORLD - start);
	region(start * QUARTER, n * QUARTER, usable);
	for (unsigned i = start; i < start + n; i++) {
		ram[i] |= usable;
		taken[i] |= !usable;
	}
}

static bool
page_is_ram(unsigned page, unsigned limit_page)
{
	for (unsigned i = 4 * page; i < 4 * page + 4; i++)
		if (!ram[i] || taken[i])
			return (false);
	return (page < limit_page);
}

TEST(memmap, random_maps_agree_with_a_plain_table)
{
	uint32_t random = test_seed();

	for (unsigned round = 0; round < 100; round++) {
		unsigned nregions = 1 + test_random(&random) % 30;
		unsigned limit_page = test_random(&random) % (WORLD / 4);

		clear();
		memset(ram, 0, sizeof(ram));
		memset(taken, 0, sizeof(taken));
		while (boot.nregions < nregions)
			random_region(&random);
		memmap_build(&map, &boot, limit_page * PAGE_SIZE);
		CHECK(is_clean());
		for (unsigned page = 0; page < WORLD / 4; page++)
			CHECK_MSG(has(page * PAGE_SIZE,
				      (page + 1) * PAGE_SIZE) ==
				page_is_ram(page, limit_page),
			    "round %u: page %u", round, page);
	}
}
