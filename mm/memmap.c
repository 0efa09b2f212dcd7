/*
 * The memory map made clean.
 *
 * Ranges are kept byte by byte while the loader's regions are added up, so that
 * two regions that meet within a page make it whole; only then are they
 * trimmed to pages.  All sizes are 64 bits wide and nothing is added to them
 * unchecked: whatever the loader says, no sum wraps.
 */
#include "kernel/types.h"
#include "kernel/panic.h"
#include "mm/memmap.h"

static uint64_t
range_bytes(const struct memrange *r)
{
	return (r->end - r->start);
}

static void
range_delete(struct memmap *map, unsigned i)
{
	map->nranges--;
	for (; i < map->nranges; i++)
		map->range[i] = map->range[i + 1];
}

/*
 * Insert a range before range `i`.  When the map is full, the smallest of all,
 * the new one included, is left out.
 */
static void
range_insert(struct memmap *map, unsigned i, struct memrange new)
{
	if (map->nranges == MEMMAP_MAX_RANGES) {
		unsigned smallest = 0;

		map->overflow = true;
		for (unsigned k = 1; k < map->nranges; k++)
			if (range_bytes(&map->range[k]) <
			    range_bytes(&map->range[smallest]))
				smallest = k;
		if (range_bytes(&new) <= range_bytes(&map->range[smallest]))
			return;
		range_delete(map, smallest);
		if (smallest < i)
			i--;
	}
	for (unsigned k = map->nranges; k > i; k--)
		map->range[k] = map->range[k - 1];
	map->range[i] = new;
	map->nranges++;
}

/* Add [start, end): swallow what it overlaps or touches, insert the union. */
static void
add(struct memmap *map, vm_paddr_t start, vm_paddr_t end)
{
	unsigned i = 0;

	while (i < map->nranges && map->range[i].end < start)
		i++;
	while (i < map->nranges && map->range[i].start <= end) {
		start = MIN(start, map->range[i].start);
		end = MAX(end, map->range[i].end);
		range_delete(map, i);
	}
	range_insert(map, i, (struct memrange){start, end});
}

/* Take [start, end) out: of each range it overlaps, two ends may remain. */
static void
subtract(struct memmap *map, vm_paddr_t start, vm_paddr_t end)
{
	if (start >= end)
		return;
	for (unsigned i = 0; i < map->nranges;) {
		struct memrange old = map->range[i];

		if (old.end <= start || old.start >= end) {
			i++;
			continue;
		}
		if (old.start < start && old.end > end) {
			map->range[i].end = start;
			range_insert(map, i + 1,
			    (struct memrange){end, old.end});
			return;
		}
		if (old.start < start)
			map->range[i++].end = start;
		else if (old.end > end)
			map->range[i++].start = end;
		else
			range_delete(map, i);
	}
}

/* Drop the partial pages of each range. */
static void
trim(struct memmap *map)
{
	for (unsigned i = 0; i < map->nranges;) {
		struct memrange *r = &map->range[i];

		/* An end in the very last page is not rounded up past it. */
		r->end = ROUND_DOWN(r->end, (vm_paddr_t)PAGE_SIZE);
		if (r->start >= r->end) {
			range_delete(map, i);
			continue;
		}
		r->start = ROUND_UP(r->start, (vm_paddr_t)PAGE_SIZE);
		if (r->start >= r->end)
			range_delete(map, i);
		else
			i++;
	}
}

void
memmap_build(struct memmap *map, const struct bootinfo *bi, vm_paddr_t limit)
{
	ASSERT(bi->nregions <= BOOT_MAX_REGIONS && IS_ALIGNED(limit, PAGE_SIZE),
	    "memmap_build: %u regions, limit %#llx", bi->nregions, limit);
	*map = (struct memmap){0};
	for (unsigned i = 0; i < bi->nregions; i++) {
		const struct boot_region *r = &bi->region[i];
		bool wraps = r->start + r->bytes < r->start;

		/* RAM that would wrap is a lie as a whole: drop it. */
		if (r->usable && r->bytes > 0 && !wraps)
			add(map, r->start, r->start + r->bytes);
	}
	for (unsigned i = 0; i < bi->nregions; i++) {
		const struct boot_region *r = &bi->region[i];
		bool wraps = r->start + r->bytes < r->start;

		/* What is reserved and would wrap is cut at the top. */
		if (!r->usable)
			subtract(map, r->start,
			    wraps ? UINT64_MAX : r->start + r->bytes);
	}
	trim(map);
	map->dropped_bytes = memmap_bytes(map, limit, UINT64_MAX);
	subtract(map, limit, UINT64_MAX);
}

void
memmap_reserve(struct memmap *map, vm_paddr_t start, vm_paddr_t end)
{
	vm_paddr_t last_page = ROUND_DOWN(UINT64_MAX, (vm_paddr_t)PAGE_SIZE);

	if (start < end)
		subtract(map, ROUND_DOWN(start, (vm_paddr_t)PAGE_SIZE),
		    end > last_page ? UINT64_MAX :
				      ROUND_UP(end, (vm_paddr_t)PAGE_SIZE));
}

vm_paddr_t
memmap_take(struct memmap *map, uint64_t bytes, uint64_t align,
    vm_paddr_t below)
{
	ASSERT(align >= PAGE_SIZE && (align & (align - 1)) == 0 && bytes > 0 &&
		IS_ALIGNED(bytes, align),
	    "memmap_take: %#llx bytes aligned to %#llx", bytes, align);
	for (unsigned i = map->nranges; i-- > 0;) {
		const struct memrange *r = &map->range[i];
		vm_paddr_t end = MIN(r->end, below);
		vm_paddr_t start;

		if (end < bytes)
			continue;
		start = ROUND_DOWN(end - bytes, align);
		if (start < r->start || start == 0)
			continue;
		subtract(map, start, start + bytes);
		return (start);
	}
	return (0);
}

uint64_t
memmap_bytes(const struct memmap *map, vm_paddr_t start, vm_paddr_t end)
{
	uint64_t bytes = 0;

	for (unsigned i = 0; i < map->nranges; i++) {
		vm_paddr_t from = MAX(start, map->range[i].start);
		vm_paddr_t to = MIN(end, map->range[i].end);

		if (from < to)
			bytes += to - from;
	}
	return (bytes);
}

vm_paddr_t
memmap_end(const struct memmap *map)
{
	return (map->nranges == 0 ? 0 : map->range[map->nranges - 1].end);
}
