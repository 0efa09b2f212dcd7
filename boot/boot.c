/*
 * The first C code: see that the machine can run us, copy what the loader
 * knows, and turn paging on.
 */
#include "boot/boot.h"
#include "boot/bootinfo.h"
#include "boot/multiboot.h"
#include "boot/parse.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/machine.h"
#include "kernel/main.h"
#include "kernel/trap.h"
#include "kernel/x86.h"
#include "mm/memmap.h"
#include "mm/pmap.h"

static struct bootinfo info;

/* Free memory, and all memory: too large for a stack. */
static struct memmap free_map, ram_map;

/* The image, its tables and a little to work with. */
#define MIN_BYTES ((uint64_t)10 << 20)

const struct bootinfo *
bootinfo(void)
{
	return (&info);
}

/* Before paging, linked addresses come out 0xc0000000 lower: see entry.S. */
static const void *
physical(uint32_t pa)
{
	return ((const void *)(pa + DMAP_BASE));
}

/* EFLAGS.ID can be changed just where CPUID exists. */
static bool
have_cpuid(void)
{
	uint32_t before = read_eflags();
	bool changed;

	write_eflags(before ^ EFLAGS_ID);
	changed = ((read_eflags() ^ before) & EFLAGS_ID) != 0;
	write_eflags(before);
	return (changed && cpuid(0).eax >= 1);
}

struct features {
	bool nx, pge;
	unsigned pa_bits;
};

/* Name all that is missing in one sentence, and end, if anything is. */
static void
require_features(uint32_t edx)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} need[] = {
	    {CPUID_PAE, "PAE"},
	    {CPUID_APIC, "a local APIC"},
	    {CPUID_TSC, "a time-stamp counter (TSC)"},
	    {CPUID_CX8, "CMPXCHG8B"},
	    {CPUID_MSR, "model-specific registers (MSR)"},
	};
	const char *missing[nitems(need)];
	unsigned n = 0;

	for (unsigned i = 0; i < nitems(need); i++)
		if ((edx & need[i].bit) == 0)
			missing[n++] = need[i].name;
	if (n == 0)
		return;
	kprintf_line("Ephemera cannot run here: this processor lacks ");
	for (unsigned i = 0; i < n; i++)
		kprintf("%s%s",
		    i == 0         ? "" :
			i == n - 1 ? " and " :
				     ", ",
		    missing[i]);
	kprintf(" (QEMU: -cpu max has all).\n");
	machine_exit(EXIT_UNABLE);
}

static struct features
check_processor(void)
{
	struct features f;
	uint32_t top;

	if (!have_cpuid())
		machine_unable("this processor has no CPUID instruction to ask "
			       "for PAE, APIC and TSC (QEMU: -cpu max).");
	require_features(cpuid(1).edx);
	f.pge = (cpuid(1).edx & CPUID_PGE) != 0;
	f.nx = false;
	/* Where leaf 80000008h is missing, nothing says how far a processor
	 * with PAE reaches; PSE-36 came with those that reach 36 bits. */
	f.pa_bits = (cpuid(1).edx & CPUID_PSE36) != 0 ? 36 : 32;
	top = cpuid(0x80000000).eax;
	if (top >= 0x80000001 && top <= 0x8000ffff)
		f.nx = (cpuid(0x80000001).edx & CPUID_EXT_NX) != 0;
	if (top >= 0x80000008 && top <= 0x8000ffff)
		f.pa_bits = cpuid(0x80000008).eax & 0xff;
	return (f);
}

/* Keep what is in use out of the free memory. */
static void
reserve_used(struct memmap *map)
{
	/* The firmware's first MiB; the trampoline lives there, too. */
	memmap_reserve(map, 0, 1 << 20);
	memmap_reserve(map, pmap_direct_to_phys(image_text),
	    pmap_direct_to_phys(image_end));
	for (unsigned i = 0; i < info.nmodules; i++)
		memmap_reserve(map, info.module[i].start, info.module[i].end);
	for (unsigned i = 0; i < info.nloader; i++)
		memmap_reserve(map, info.loader[i].start, info.loader[i].end);
}

static void
check_memory(void)
{
	uint64_t bytes = memmap_bytes(&ram_map, 0, PHYS_LIMIT);

	if (info.nregions == 0)
		machine_unable("the boot loader passed no memory map.");
	if (bytes < MIN_BYTES)
		machine_unable("too little memory: %llu KiB, it needs %llu "
			       "(QEMU: -m 16M).",
		    bytes / 1024, MIN_BYTES / 1024);
}

void
boot_main(uint32_t magic, uint32_t info_pa)
{
	struct features cpu;
	vm_paddr_t limit;

	cpu_init(cpu_boot(), 0, 0);
	cpu_load(cpu_boot(), LINEAR_OFFSET_UNPAGED);
	trap_init();
	trap_load(LINEAR_OFFSET_UNPAGED);
	console_init();

	if (magic != MULTIBOOT_BOOTLOADER_MAGIC)
		machine_unable(
		    "it was not started by a multiboot loader "
		    "(%%eax is %#x, not %#x); use GRUB's `multiboot' or "
		    "qemu -kernel.",
		    magic, MULTIBOOT_BOOTLOADER_MAGIC);
	cpu = check_processor();
	multiboot_parse(physical(info_pa), physical, &info);

	limit = MIN(PHYS_LIMIT, (vm_paddr_t)1 << MIN(cpu.pa_bits, 52));
	memmap_build(&ram_map, &info, limit);
	check_memory();
	free_map = ram_map;
	reserve_used(&free_map);
	pmap_bootstrap(&free_map, &ram_map, limit, cpu.nx, cpu.pge);
	kernel_main();
}
