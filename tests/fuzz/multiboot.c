/*
 * Fuzz target: what the boot loader passes, and what becomes of it.
 *
 * Each thing that the loader has left stands in memory of its own, of just its
 * size, at an address that is made up: what is read beyond it is noticed.
 */
#include "boot/multiboot.h"
#include "boot/parse.h"
#include "mm/memmap.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libc.h"

#define LIMIT ((vm_paddr_t)64 << 30)
#define STRING_BYTES 700
#define MMAP_BYTES (160 * sizeof(struct multiboot_mmap_entry))
#define THINGS_PA 0x10000u
#define THING_STRIDE 0x1000u

/* What lies in memory; the parser reads no more modules than it keeps. */
static struct thing {
	uint8_t *byte;
	size_t size;
} things[4 + BOOT_MAX_MODULES];
static unsigned nthings;

static const void *
phys(uint32_t pa)
{
	uint32_t i = (pa - THINGS_PA) / THING_STRIDE;

	ASSERT(i < nthings && IS_ALIGNED(pa, THING_STRIDE),
	    "the loader left nothing at %#x", pa);
	return (things[i].byte);
}

/* Put at most `n` bytes of the input, or as many zeros as are missing. */
static uint32_t
put(struct input *in, size_t n)
{
	struct thing *thing = &things[nthings];

	thing->byte = malloc(n);
	thing->size = n;
	memset(thing->byte, 0, n);
	input_bytes(in, thing->byte, n);
	return (THINGS_PA + nthings++ * THING_STRIDE);
}

/* A string, up to its first 0. */
static uint32_t
put_string(struct input *in)
{
	size_t n = input_number(in, 2) % STRING_BYTES, length = 0;
	uint32_t pa;

	n = MIN(n, in->left);
	while (length < n && in->at[length] != '\0')
		length++;
	pa = put(in, length);
	/* With its end; realloc() would do the same. */
	struct thing *thing = &things[nthings - 1];
	uint8_t *whole = malloc(length + 1);

	memcpy(whole, thing->byte, length);
	whole[length] = '\0';
	free(thing->byte);
	thing->byte = whole;
	thing->size = length + 1;
	return (pa);
}

static void
put_modules(struct input *in, struct multiboot_info *mbi)
{
	struct multiboot_mod *mod;
	unsigned n;

	mbi->mods_count = (uint32_t)input_number(in, 1);
	if (mbi->mods_count == 255)
		mbi->mods_count = UINT32_MAX;
	n = MIN(mbi->mods_count, BOOT_MAX_MODULES);
	mbi->mods_addr = put(in, n * sizeof(*mod));
	mod = (struct multiboot_mod *)things[nthings - 1].byte;
	for (unsigned i = 0; i < n; i++)
		if (mod[i].cmdline % 2 != 0)
			mod[i].cmdline = put_string(in);
		else
			mod[i].cmdline = 0;
}

/* Is `copy` what there is room for of `s`? */
static bool
is_copy(const char *copy, size_t size, const char *s)
{
	size_t n = MIN(strlen(s), size - 1);

	return (memcmp(copy, s, n) == 0 && copy[n] == '\0');
}

static void
check_cmdline(const struct bootinfo *bi, const char *s)
{
	const char *rest = s, *slash = NULL;

	for (; *rest != '\0' && *rest != ' '; rest++)
		if (*rest == '/')
			slash = rest;
	while (*rest == ' ')
		rest++;
	if (slash == NULL)
		rest = s;
	ASSERT(is_copy(bi->cmdline, sizeof(bi->cmdline), rest),
	    "multiboot: the command line is \"%s\"", rest);
	ASSERT(bi->cmdline_cut == (strlen(rest) >= sizeof(bi->cmdline)),
	    "multiboot: of %zu bytes it says that %u were cut", strlen(rest),
	    bi->cmdline_cut);
}

static void
check_regions(const struct bootinfo *bi, const uint8_t *table, size_t size)
{
	size_t at = 0;
	unsigned n = 0;

	while (size - at >= 24) {
		uint64_t word[2];
		uint32_t bytes, type;

		memcpy(&bytes, table + at, 4);
		memcpy(word, table + at + 4, 16);
		memcpy(&type, table + at + 20, 4);
		if (bytes < 20 || bytes > size - at - 4)
			break;
		if (n == BOOT_MAX_REGIONS) {
			ASSERT(bi->regions_cut, "multiboot: cut in silence");
			break;
		}
		ASSERT(n < bi->nregions && bi->region[n].start == word[0] &&
			bi->region[n].bytes == word[1] &&
			bi->region[n].usable == (type == 1),
		    "multiboot: region %u differs", n);
		n++;
		at += bytes + 4;
	}
	ASSERT(bi->nregions == n, "multiboot: %u regions, not %u", bi->nregions,
	    n);
}

static void
check_modules(const struct bootinfo *bi, const struct multiboot_info *mbi)
{
	const struct multiboot_mod *mod = phys(mbi->mods_addr);

	ASSERT(bi->nmodules == MIN(mbi->mods_count, BOOT_MAX_MODULES) &&
		bi->modules_cut == (mbi->mods_count > BOOT_MAX_MODULES),
	    "multiboot: %u modules of %u", bi->nmodules, mbi->mods_count);
	for (unsigned i = 0; i < bi->nmodules; i++) {
		const struct boot_module *m = &bi->module[i];

		ASSERT(m->start == mod[i].start && m->end >= m->start &&
			(m->end == mod[i].end || m->end == m->start),
		    "multiboot: module %u is %#llx to %#llx", i, m->start,
		    m->end);
		ASSERT(is_copy(m->name, sizeof(m->name),
			   mod[i].cmdline == 0 ? "" : phys(mod[i].cmdline)),
		    "multiboot: module %u is called %s", i, m->name);
	}
}

/* No memory is free that something lies in. */
static void
check_map(const struct bootinfo *bi)
{
	static struct memmap map;

	memmap_build(&map, bi, LIMIT);
	for (unsigned i = 0; i < bi->nmodules; i++)
		memmap_reserve(&map, bi->module[i].start, bi->module[i].end);
	for (unsigned i = 0; i < bi->nloader; i++)
		memmap_reserve(&map, bi->loader[i].start, bi->loader[i].end);
	for (unsigned i = 0; i < bi->nmodules; i++)
		ASSERT(memmap_bytes(&map, bi->module[i].start,
			   bi->module[i].end) == 0,
		    "multiboot: module %u lies in free memory", i);
	for (unsigned i = 0; i < nthings; i++) {
		vm_paddr_t pa = THINGS_PA + i * THING_STRIDE;

		ASSERT(memmap_bytes(&map, pa, pa + things[i].size) == 0,
		    "multiboot: what the loader left at %#llx lies in free "
		    "memory",
		    pa);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct bootinfo bi;
	struct input in = {data, size};
	struct multiboot_info mbi = {0};

	memset(&bi, 0, sizeof(bi));
	nthings = 0;
	mbi.flags = (uint32_t)input_number(&in, 2);
	if (mbi.flags & MULTIBOOT_INFO_CMDLINE)
		mbi.cmdline = put_string(&in);
	if (mbi.flags & MULTIBOOT_INFO_LOADER_NAME)
		mbi.boot_loader_name = put_string(&in);
	if (mbi.flags & MULTIBOOT_INFO_MODS)
		put_modules(&in, &mbi);
	if (mbi.flags & MULTIBOOT_INFO_MMAP) {
		mbi.mmap_bytes = MIN(input_number(&in, 2), MMAP_BYTES);
		mbi.mmap_addr = put(&in, mbi.mmap_bytes);
	}
	multiboot_parse(&mbi, phys, &bi);

	if (mbi.flags & MULTIBOOT_INFO_CMDLINE)
		check_cmdline(&bi, phys(mbi.cmdline));
	if (mbi.flags & MULTIBOOT_INFO_LOADER_NAME)
		ASSERT(is_copy(bi.loader_name, sizeof(bi.loader_name),
			   phys(mbi.boot_loader_name)),
		    "multiboot: the loader is called %s", bi.loader_name);
	if (mbi.flags & MULTIBOOT_INFO_MODS)
		check_modules(&bi, &mbi);
	if (mbi.flags & MULTIBOOT_INFO_MMAP)
		check_regions(&bi, phys(mbi.mmap_addr), mbi.mmap_bytes);
	ASSERT(bi.nloader <= nitems(bi.loader), "multiboot: %u of the loader's",
	    bi.nloader);
	check_map(&bi);
	while (nthings > 0)
		free(things[--nthings].byte);
	return (0);
}
