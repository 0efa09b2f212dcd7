/*
 * The monitor's commands about memory and mappings.
 */
#include "kernel/monitor_cmds.h"
#include <sys/sf_buf.h>
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"

/* One past the highest address. */
#define ADDRESS_LIMIT ((uint64_t)1 << 32)

static const char *const zone_name[VM_NZONE] = {
    [VM_ZONE_DIRECT] = "direct",
    [VM_ZONE_HIGH] = "high",
};

static const char *const state_text[] = {
    [VM_PAGE_RESERVED] = "reserved: not RAM, or the kernel's from the start",
    [VM_PAGE_FREE] = "free, the first of its block",
    [VM_PAGE_FREE_PART] = "free, within a block",
    [VM_PAGE_CACHED] = "free, in a CPU's cache",
    [VM_PAGE_USED] = "in use",
};

bool
cmd_mem(unsigned argc __unused, char **argv __unused)
{
	struct vm_page_stats st;

	vm_page_get_stats(&st);
	kprintf("  pages       total        used        free      cached\n");
	for (unsigned z = 0; z < VM_NZONE; z++)
		kprintf("  %-6s %10u  %10u  %10u  %10u\n", zone_name[z],
		    st.total_pages[z], st.used_pages[z], st.free_pages[z],
		    st.cached_pages[z]);
	kprintf("  The direct map ends at %#llx.\n", pmap_direct_end());
	kprintf("  free blocks of      ");
	for (unsigned z = 0; z < VM_NZONE; z++)
		kprintf("%12s", zone_name[z]);
	kprintf("\n");
	for (unsigned order = 0; order < VM_NORDER; order++) {
		kprintf("  %10u pages    ", 1u << order);
		for (unsigned z = 0; z < VM_NZONE; z++)
			kprintf("%12u", st.free_blocks[z][order]);
		kprintf("\n");
	}
	return (true);
}

static void
print_page(const struct vm_page *m)
{
	kprintf("  frame %#x, physical address %#llx: %s\n", vm_page_pfn(m),
	    VM_PAGE_TO_PHYS(m), state_text[m->state]);
	if (vm_page_is_direct(m))
		kprintf("  direct map: %p\n",
		    pmap_phys_to_direct(VM_PAGE_TO_PHYS(m)));
	if (m->state == VM_PAGE_FREE)
		kprintf("  block of %u pages\n", 1u << m->order);
	kprintf("  wire count %u\n", load_relaxed(&m->wire_count));
	if (load_relaxed(&m->sf) != NULL)
		kprintf("  mapped by the sf_buf at %p\n",
		    (void *)load_relaxed(&m->sf));
}

bool
cmd_pages(unsigned argc, char **argv)
{
	pfn_t npages = vm_page_array.npages;
	uint32_t count[nitems(state_text)] = {0};
	uint64_t pfn;

	if (argc > 1) {
		if (!monitor_number(argv[1], "frame", npages, &pfn))
			return (false);
		print_page(&vm_page_array.base[pfn]);
		return (true);
	}
	for (pfn_t i = 0; i < npages; i++)
		count[vm_page_array.base[i].state]++;
	for (unsigned s = 0; s < nitems(count); s++)
		kprintf("%11u  %s\n", count[s], state_text[s]);
	return (true);
}

static void
print_range(vm_offset_t start, vm_offset_t end, bool used, void *arg __unused)
{
	kprintf("  %#10x to %#10x  %8u KiB  %s\n", start, end,
	    (end - start) >> 10, used ? "in use" : "free");
}

bool
cmd_kva(unsigned argc __unused, char **argv __unused)
{
	struct kva_stats st;

	kva_foreach(print_range, NULL);
	kva_get_stats(&st);
	kprintf("  %u ranges in use, %u free; %zu of %zu KiB free, at most "
		"%zu KiB in one\n",
	    st.used_ranges, st.free_ranges, st.free_bytes >> 10,
	    st.total_bytes >> 10, st.largest_free_bytes >> 10);
	return (true);
}

bool
cmd_pt(unsigned argc, char **argv)
{
	uint64_t va, cpu = curcpu_id();

	if (argc < 2 || !monitor_number(argv[1], "address", ADDRESS_LIMIT, &va))
		return (false);
	if (argc > 2 && !monitor_number(argv[2], "CPU", cpu_count(), &cpu))
		return (false);
	pmap_print_walk(cpu_by_id((unsigned)cpu), (vm_offset_t)va);
	return (true);
}

/* --- peek --- */

#define PEEK_BYTES 64
#define PEEK_MAX 4096
#define PEEK_LINE 16

/* A line of up to 16 bytes, all in one page that is mapped. */
static void
dump_line(vm_offset_t va, size_t n)
{
	const volatile uint8_t *p = (const volatile uint8_t *)va;
	char line[80], text[PEEK_LINE + 1];
	int at = ksnprintf(line, sizeof(line), "%08x ", va);

	for (size_t i = 0; i < n; i++) {
		uint8_t c = p[i];

		at +=
		    ksnprintf(line + at, sizeof(line) - (size_t)at, " %02x", c);
		text[i] = c >= ' ' && c < 0x7f ? (char)c : '.';
	}
	text[n] = '\0';
	kprintf("%-58s |%s|\n", line, text);
}

bool
cmd_peek(unsigned argc, char **argv)
{
	uint64_t va, bytes = PEEK_BYTES;
	vm_paddr_t pa;

	if (argc < 2 || !monitor_number(argv[1], "address", ADDRESS_LIMIT, &va))
		return (false);
	if (argc > 2 &&
	    !monitor_number(argv[2], "length", PEEK_MAX + 1, &bytes))
		return (false);
	if (va >= MMIO_BASE) {
		kprintf("%#llx is a device register: reading it may change "
			"it.\n",
		    va);
		return (true);
	}
	/* Pinned: slot 1 differs from CPU to CPU. */
	sched_pin();
	while (bytes != 0 && va < ADDRESS_LIMIT) {
		size_t n =
		    (size_t)MIN(bytes, PEEK_LINE - (va & (PEEK_LINE - 1)));

		if (!pmap_kextract((vm_offset_t)va, &pa)) {
			kprintf("Nothing is mapped at %#llx: pt %#llx shows "
				"why.\n",
			    va, va);
			break;
		}
		dump_line((vm_offset_t)va, n);
		va += n;
		bytes -= n;
	}
	sched_unpin();
	return (true);
}

/* --- sf_bufs --- */

/* Lines of sfbufs: a screenful. */
#define SFBUFS_LINES 20

struct sf_buf_count {
	unsigned held, cached;
};

/* Print those that are held, and count. */
static void
print_held(unsigned index, vm_offset_t kva, struct vm_page *m, unsigned refs,
    void *arg)
{
	struct sf_buf_count *n = arg;

	if (refs == 0)
		n->cached++;
	else if (n->held++ < SFBUFS_LINES)
		kprintf("%8u  %#x  %#10x  %7u\n", index, kva, vm_page_pfn(m),
		    refs);
}

bool
cmd_sfbufs(unsigned argc __unused, char **argv __unused)
{
	struct sf_buf_stats st;
	struct sf_buf_count n = {0};

	kprintf("  buffer     address       frame  holders\n");
	sf_buf_foreach(print_held, &n);
	if (n.held > SFBUFS_LINES)
		kprintf("  ... and %u more that are held\n",
		    n.held - SFBUFS_LINES);
	sf_buf_get_stats(&st);
	kprintf("  %u held, %u cached, %u never used\n", n.held, n.cached,
	    st.nsfbufs - n.held - n.cached);
	kprintf("  nsfbufs %u, nsfbufsused %u, nsfbufspeak %u to %u, "
		"sf_allocwait %u, sf_allocfail %u\n",
	    st.nsfbufs, st.nsfbufsused, st.nsfbufspeak, st.nsfbufspeak_most,
	    st.allocwait, st.allocfail);
	kprintf("  Pages of the direct map %s.\n",
	    st.dmap ? "use the direct map" : "go through the window, too");
	return (true);
}

/* What the person at the monitor has mapped; the monitor's thread only. */
static struct {
	struct sf_buf *sf; /* NULL: this entry is free */
	bool ours;         /* allocated for it */
} mapped[8];

/* The entry that holds `m`, or with NULL a free one; nitems(mapped) if none. */
static unsigned
find_mapped(const struct vm_page *m)
{
	unsigned i;

	for (i = 0; i < nitems(mapped); i++) {
		struct sf_buf *sf = mapped[i].sf;

		if (m == NULL ? sf == NULL : sf != NULL && sf_buf_page(sf) == m)
			break;
	}
	return (i);
}

/* A wired page for cmd_map: an existing one, or a new one.  NULL, having said
 * why, if it cannot be. */
static struct vm_page *
page_to_map(bool fresh, uint64_t pfn)
{
	struct vm_page *m;

	if (fresh) {
		m = vm_page_alloc(VM_ALLOC_ANY | VM_ALLOC_ZERO |
		    VM_ALLOC_WIRED);
		if (m == NULL)
			kprintf("No memory is free.\n");
		return (m);
	}
	m = &vm_page_array.base[pfn];
	if (m->state != VM_PAGE_USED) {
		kprintf(
		    "That frame is %s; only a frame in use can be mapped.\n",
		    state_text[m->state]);
		return (NULL);
	}
	vm_page_wire(m);
	return (m);
}

/* Undo page_to_map(). */
static void
release_page(struct vm_page *m, bool fresh)
{
	vm_page_unwire(m);
	if (fresh)
		vm_page_free(m);
}

bool
cmd_map(unsigned argc, char **argv)
{
	bool fresh = argc < 2;
	unsigned i = find_mapped(NULL);
	uint64_t pfn = 0;
	struct vm_page *m;

	if (!fresh &&
	    !monitor_number(argv[1], "frame", vm_page_array.npages, &pfn))
		return (false);
	if (i == nitems(mapped)) {
		kprintf("%zu are mapped already, which is all the monitor "
			"keeps: unmap one.\n",
		    nitems(mapped));
		return (true);
	}
	m = page_to_map(fresh, pfn);
	if (m == NULL)
		return (true);
	mapped[i].sf = sf_buf_alloc(m, SFB_NOWAIT);
	mapped[i].ours = fresh;
	if (mapped[i].sf == NULL) {
		kprintf("Every sf_buf is in use.\n");
		release_page(m, fresh);
		return (true);
	}
	kprintf("Frame %#x is at %#x.\n", vm_page_pfn(m),
	    sf_buf_kva(mapped[i].sf));
	return (true);
}

bool
cmd_unmap(unsigned argc, char **argv)
{
	struct vm_page *m;
	uint64_t pfn;
	unsigned i;

	if (argc < 2 ||
	    !monitor_number(argv[1], "frame", vm_page_array.npages, &pfn))
		return (false);
	m = &vm_page_array.base[pfn];
	i = find_mapped(m);
	if (i == nitems(mapped)) {
		kprintf("Frame %#llx was not mapped by map.\n", pfn);
		return (true);
	}
	sf_buf_free(mapped[i].sf);
	mapped[i].sf = NULL;
	release_page(m, mapped[i].ours);
	return (true);
}
