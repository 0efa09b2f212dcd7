/*
 * Reads the multiboot information once, right after entry, while its memory is
 * still untouched.
 */
#include "boot/parse.h"
#include "boot/multiboot.h"
#include "kernel/string.h"

/* Note that the loader keeps something at [pa, pa + bytes). */
static void
loader_owns(struct bootinfo *bi, uint32_t pa, uint32_t bytes)
{
	if (bi->nloader == nitems(bi->loader))
		return;
	bi->loader[bi->nloader].start = pa;
	bi->loader[bi->nloader].end = (vm_paddr_t)pa + bytes;
	bi->nloader++;
}

/* Copy a string of the loader; false if it was cut. */
static bool
copy_string(struct bootinfo *bi, char *dst, size_t size, uint32_t pa,
    const char *src)
{
	size_t n = 0;

	while (n < size - 1 && src[n] != '\0')
		n++;
	memcpy(dst, src, n);
	dst[n] = '\0';
	loader_owns(bi, pa, n + 1);
	return (src[n] == '\0');
}

/*
 * The command line without its first word, if that is the kernel's own name:
 * QEMU and GRUB put a path there.  A name has a slash or no `=`; GRUB 2 passes
 * the words alone.
 */
static const char *
skip_kernel_name(const char *s)
{
	const char *word = s;

	while (*word != '\0' && *word != ' ' && *word != '/')
		word++;
	if (*word != '/')
		return (s);
	while (*word != '\0' && *word != ' ')
		word++;
	while (*word == ' ')
		word++;
	return (word);
}

static void
parse_regions(const struct multiboot_info *mbi,
    const void *(*phys)(uint32_t pa), struct bootinfo *bi)
{
	const char *at = phys(mbi->mmap_addr);
	uint32_t left = mbi->mmap_bytes;

	loader_owns(bi, mbi->mmap_addr, mbi->mmap_bytes);
	while (left >= sizeof(struct multiboot_mmap_entry)) {
		struct multiboot_mmap_entry e;
		struct boot_region *r;

		memcpy(&e, at, sizeof(e));
		/* An entry that is too short or runs over ends the list. */
		if (e.size < sizeof(e) - sizeof(e.size) ||
		    e.size > left - sizeof(e.size))
			return;
		if (bi->nregions == BOOT_MAX_REGIONS) {
			bi->regions_cut = true;
			return;
		}
		r = &bi->region[bi->nregions++];
		r->start = e.addr;
		r->bytes = e.len;
		r->usable = e.type == MULTIBOOT_MEMORY_AVAILABLE;
		at += e.size + sizeof(e.size);
		left -= e.size + sizeof(e.size);
	}
}

static void
parse_modules(const struct multiboot_info *mbi,
    const void *(*phys)(uint32_t pa), struct bootinfo *bi)
{
	const struct multiboot_mod *mod = phys(mbi->mods_addr);

	if (mbi->mods_count == 0)
		return;
	loader_owns(bi, mbi->mods_addr,
	    MIN(mbi->mods_count, 1024u) * sizeof(*mod));
	for (uint32_t i = 0; i < mbi->mods_count; i++) {
		struct boot_module *m;

		if (bi->nmodules == BOOT_MAX_MODULES) {
			bi->modules_cut = true;
			return;
		}
		m = &bi->module[bi->nmodules++];
		m->start = mod[i].start;
		m->end = MAX(mod[i].start, mod[i].end);
		if (mod[i].cmdline != 0)
			(void)copy_string(bi, m->name, sizeof(m->name),
			    mod[i].cmdline, phys(mod[i].cmdline));
	}
}

void
multiboot_parse(const struct multiboot_info *mbi,
    const void *(*phys)(uint32_t pa), struct bootinfo *bi)
{
	if (mbi->flags & MULTIBOOT_INFO_CMDLINE) {
		const char *line = skip_kernel_name(phys(mbi->cmdline));

		bi->cmdline_cut = !copy_string(bi, bi->cmdline,
		    sizeof(bi->cmdline), mbi->cmdline, line);
	}
	if (mbi->flags & MULTIBOOT_INFO_LOADER_NAME)
		(void)copy_string(bi, bi->loader_name, sizeof(bi->loader_name),
		    mbi->boot_loader_name, phys(mbi->boot_loader_name));
	if (mbi->flags & MULTIBOOT_INFO_MMAP)
		parse_regions(mbi, phys, bi);
	if (mbi->flags & MULTIBOOT_INFO_MODS)
		parse_modules(mbi, phys, bi);
}
