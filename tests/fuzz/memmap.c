/*
 * Fuzz target: the memory map.
 *
 * Its model is a list of cuts: every address at which anything begins or ends.
 * Between two neighbours all bytes are alike, so one of them is asked for all.
 * Whole pages of RAM below the limit must then be the map, no more and no less.
 */
#include "mm/memmap.h"
#include "tests/fuzz/fuzz.h"

#define OPS 40

/* [start, last]: no sum can wrap. */
struct span {
	vm_paddr_t start, last;
	bool usable;
};

/* What was asked for, in bytes; what is to come out, in pages. */
static struct span said[BOOT_MAX_REGIONS + OPS];
static unsigned nsaid;
static struct memrange want[2 * (BOOT_MAX_REGIONS + OPS) + 2];
static unsigned nwant;
static vm_paddr_t cut[2 * (BOOT_MAX_REGIONS + OPS) + 2];
static unsigned ncuts;

/*
 * An address or a size: a byte says how it is made, so that some are near each
 * other, some near the ends of 64 bits, and some are anything.
 */
static uint64_t
number(struct input *in)
{
	uint8_t how = (uint8_t)input_number(in, 1);

	switch (how % 5) {
	case 0:
		return (input_number(in, 1) * (PAGE_SIZE / 4));
	case 1:
		return (input_number(in, 2) << 16 | how >> 3);
	case 2:
		return (-input_number(in, 2));
	case 3:
		return (((uint64_t)1 << how / 5) + input_number(in, 1) - 128);
	default:
		return (input_number(in, 8));
	}
}

static void
say(vm_paddr_t start, vm_paddr_t last, bool usable)
{
	ASSERT(nsaid < nitems(said), "more spans than there can be");
	said[nsaid++] = (struct span){start, last, usable};
}

/* What a region means: mm/memmap.h. */
static void
say_region(const struct boot_region *r)
{
	vm_paddr_t last = r->start + r->bytes - 1;

	if (r->bytes == 0)
		return;
	if (r->usable && last + 1 < r->start)
		return;
	say(r->start, last < r->start ? UINT64_MAX : last, r->usable);
}

static void
add_cut(vm_paddr_t at)
{
	unsigned i = ncuts++;

	for (; i > 0 && cut[i - 1] > at; i--)
		cut[i] = cut[i - 1];
	cut[i] = at;
}

static bool
byte_is_ram(vm_paddr_t at)
{
	bool ram = false;

	for (unsigned i = 0; i < nsaid; i++) {
		if (at < said[i].start || at > said[i].last)
			continue;
		if (!said[i].usable)
			return (false);
		ram = true;
	}
	return (ram);
}

/* Runs of bytes that are RAM, trimmed to pages, at or above `from`, below `to`.
 * The last page of 64 bits is nobody's. */
static void
find_pages(vm_paddr_t from, vm_paddr_t to)
{
	vm_paddr_t start = 0;
	bool inside = false;

	ncuts = nwant = 0;
	for (unsigned i = 0; i < nsaid; i++) {
		add_cut(said[i].start);
		if (said[i].last != UINT64_MAX)
			add_cut(said[i].last + 1);
	}
	add_cut(UINT64_MAX);
	for (unsigned i = 0; i < ncuts; i++) {
		bool ram = cut[i] < UINT64_MAX && byte_is_ram(cut[i]);
		vm_paddr_t first, end;

		if (ram == inside)
			continue;
		inside = ram;
		if (ram) {
			start = cut[i];
			continue;
		}
		end = MIN(cut[i] & ~(vm_paddr_t)PAGE_MASK, to);
		first = MAX(start, from);
		if (first >= end)
			continue;
		first = (first + PAGE_MASK) & ~(vm_paddr_t)PAGE_MASK;
		if (first < end)
			want[nwant++] = (struct memrange){first, end};
	}
}

static uint64_t
wanted_bytes(void)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < nwant; i++)
		bytes += want[i].end - want[i].start;
	return (bytes);
}

static bool
is_wanted(vm_paddr_t start, vm_paddr_t end)
{
	for (unsigned i = 0; i < nwant; i++)
		if (start >= want[i].start && end <= want[i].end)
			return (true);
	return (false);
}

static void
check(const struct memmap *map, vm_paddr_t limit)
{
	find_pages(0, limit);
	ASSERT(map->nranges <= MEMMAP_MAX_RANGES, "memmap: %u ranges",
	    map->nranges);
	ASSERT(map->overflow || map->nranges == nwant,
	    "memmap: %u ranges, not %u", map->nranges, nwant);
	for (unsigned i = 0; i < map->nranges; i++) {
		const struct memrange *r = &map->range[i];

		ASSERT(r->start < r->end && IS_ALIGNED(r->start, PAGE_SIZE) &&
			IS_ALIGNED(r->end, PAGE_SIZE) &&
			(i == 0 || r[-1].end < r->start),
		    "memmap: range %u is %#llx to %#llx", i, r->start, r->end);
		ASSERT(is_wanted(r->start, r->end),
		    "memmap: %#llx to %#llx is not all RAM", r->start, r->end);
		ASSERT(map->overflow ||
			(r->start == want[i].start && r->end == want[i].end),
		    "memmap: %#llx to %#llx is not all: %#llx to %#llx",
		    r->start, r->end, want[i].start, want[i].end);
	}
	ASSERT(map->overflow ||
		memmap_bytes(map, 0, UINT64_MAX) == wanted_bytes(),
	    "memmap: %#llx bytes, not %#llx", memmap_bytes(map, 0, UINT64_MAX),
	    wanted_bytes());
}

/* Is there a run higher than `found` that memmap_take() should have given? */
static void
check_taken(const struct memmap *before, vm_paddr_t found, uint64_t bytes,
    vm_paddr_t align, vm_paddr_t below)
{
	ASSERT(found == 0 ||
		(IS_ALIGNED(found, align) && found + bytes <= below &&
		    memmap_bytes(before, found, found + bytes) == bytes),
	    "memmap: took %#llx bytes at %#llx", bytes, found);
	for (unsigned i = 0; i < before->nranges; i++) {
		const struct memrange *r = &before->range[i];
		vm_paddr_t next = MAX((found & ~(align - 1)) + align,
		    (r->start + align - 1) & ~(align - 1));

		ASSERT(next < r->start || next > MIN(r->end, below) ||
			MIN(r->end, below) - next < bytes,
		    "memmap: took %#llx, but %#llx bytes are at %#llx", found,
		    bytes, next);
	}
}

static void
take(struct memmap *map, struct input *in)
{
	static struct memmap before;
	vm_paddr_t align = (vm_paddr_t)PAGE_SIZE << input_number(in, 1) % 12;
	uint64_t bytes = align * (1 + input_number(in, 1) % 16);
	vm_paddr_t below = number(in), found;

	before = *map;
	found = memmap_take(map, bytes, align, below);
	check_taken(&before, found, bytes, align, below);
	if (found != 0)
		say(found, found + bytes - 1, false);
}

static void
reserve(struct memmap *map, struct input *in)
{
	vm_paddr_t start = number(in), end = number(in);

	memmap_reserve(map, start, end);
	if (start < end)
		say(start & ~(vm_paddr_t)PAGE_MASK, (end - 1) | PAGE_MASK,
		    false);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bootinfo boot;
	static struct memmap map;
	struct input in = {data, size};
	vm_paddr_t limit = (vm_paddr_t)1 << (20 + input_number(&in, 1) % 33);
	unsigned nregions = input_number(&in, 1) % (BOOT_MAX_REGIONS + 1);

	boot.nregions = nsaid = 0;
	while (boot.nregions < nregions && in.left > 0) {
		struct boot_region *r = &boot.region[boot.nregions++];
		uint64_t start = number(&in), bytes = number(&in);

		*r = (struct boot_region){
		    start, bytes, input_number(&in, 1) % 4 != 0};
		say_region(r);
	}
	memset(&map, 0xcc, sizeof(map));
	memmap_build(&map, &boot, limit);
	find_pages(limit, UINT64_MAX);
	ASSERT(!map.overflow && map.dropped_bytes == wanted_bytes(),
	    "memmap: dropped %#llx bytes, not %#llx", map.dropped_bytes,
	    wanted_bytes());
	check(&map, limit);
	for (unsigned i = 0; i < OPS && in.left > 0; i++) {
		if (input_number(&in, 1) % 3 == 0)
			take(&map, &in);
		else
			reserve(&map, &in);
	}
	check(&map, limit);
	return (0);
}
