/*
 * The banner: what this machine is and how its addresses are laid out.
 */
#include "kernel/banner.h"
#include "boot/bootinfo.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/topology.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include <sys/sf_buf.h>

static uint32_t
mib(uint64_t bytes)
{
	return ((uint32_t)(bytes >> 20));
}

static void
print_memory(void)
{
	struct vm_page_stats st;
	uint64_t direct, high;

	vm_page_get_stats(&st);
	direct = (uint64_t)st.total_pages[VM_ZONE_DIRECT] << PAGE_SHIFT;
	high = (uint64_t)st.total_pages[VM_ZONE_HIGH] << PAGE_SHIFT;
	kprintf("memory   %u MiB for pages: %u direct-mapped, %u above\n",
	    mib(direct) + mib(high), mib(direct), mib(high));
}

static void
print_cpus(void)
{
	const struct topology *t = topology();

	kprintf("CPUs     %u of %u (%s), TSC %u MHz%s\n", cpu_count(), t->ncpus,
	    t->source, clock_tsc_khz() / 1000,
	    pmap_has_nx() ? "" : ", no NX: data is executable");
	if (t->note[0] != '\0')
		kprintf("         %s\n", t->note);
}

static void
print_range(vm_offset_t start, vm_offset_t end, const char *what)
{
	kprintf("  %08lx-%08lx  %s\n", (unsigned long)start,
	    (unsigned long)(end - 1), what);
}

static void
print_map(void)
{
	vm_offset_t array = (vm_offset_t)vm_page_array.base;
	vm_offset_t direct = DMAP_BASE + (vm_offset_t)pmap_direct_end();

	kprintf("virtual addresses\n");
	print_range(0, PRIVATE_BASE, "nothing: null pointers fault");
	print_range(PRIVATE_BASE, WINDOW_BASE,
	    "CPU-private, a directory for each CPU");
	print_range(WINDOW_BASE, WINDOW_END, "sf_buf window");
	print_range(KVA_BASE, KVA_END, "kernel addresses: stacks, arrays");
	print_range(SF_BUFS_BASE, SF_BUFS_BASE + SF_BUFS_BYTES,
	    "descriptions of sf_bufs");
	print_range(DMAP_BASE, direct, "direct map of low memory");
	print_range((vm_offset_t)image_text, (vm_offset_t)image_end,
	    "  the kernel in it: text RX, rodata R, data RW");
	if (array >= direct)
		print_range(array, MMIO_BASE, "vm_page array");
	kprintf("  %08x-%08x  %s\n", MMIO_BASE, 0xffffffff,
	    "device registers, uncached");
}

static void
print_window(void)
{
	struct sf_buf_stats st;

	sf_buf_get_stats(&st);
	kprintf("sf_buf   %u buffers, %u KiB of window; direct map %s\n",
	    st.nsfbufs, st.nsfbufs * (PAGE_SIZE / 1024),
	    st.dmap ? "used for low pages" : "off");
}

void
banner(void)
{
	const struct bootinfo *bi = bootinfo();

	kprintf_line("\nEphemera: temporary kernel mappings on i386 PAE\n");
	if (bi->loader_name[0] != '\0')
		kprintf("loader   %s\n", bi->loader_name);
	if (bi->cmdline_cut || bi->regions_cut || bi->modules_cut)
		kprintf("loader   passed more than fits: %s%s%s cut\n",
		    bi->cmdline_cut ? "command line " : "",
		    bi->regions_cut ? "memory map " : "",
		    bi->modules_cut ? "modules " : "");
	print_memory();
	print_cpus();
	print_map();
	print_window();
}
