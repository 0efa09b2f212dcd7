/*
 * What the boot loader told us, copied out once.  Nothing else knows which
 * boot protocol it was.
 */
#ifndef BOOT_BOOTINFO_H
#define BOOT_BOOTINFO_H

#include "kernel/types.h"

#define BOOT_MAX_REGIONS 128
#define BOOT_MAX_MODULES 8
#define BOOT_CMDLINE_BYTES 512
#define BOOT_NAME_BYTES 128

struct boot_region {
	vm_paddr_t start; /* as the loader gave it: any alignment and order, */
	uint64_t bytes;   /* may overlap, be empty or wrap */
	bool usable;      /* RAM that is free to use */
};

struct boot_module {
	vm_paddr_t start, end;      /* [start, end) */
	char name[BOOT_NAME_BYTES]; /* the module's words, cut to fit */
};

struct bootinfo {
	unsigned nregions; /* at most BOOT_MAX_REGIONS */
	struct boot_region region[BOOT_MAX_REGIONS];
	unsigned nmodules; /* at most BOOT_MAX_MODULES */
	struct boot_module module[BOOT_MAX_MODULES];
	char cmdline[BOOT_CMDLINE_BYTES]; /* without the kernel's own name */
	char loader_name[32];             /* or "" */
	unsigned nloader;
	struct {
		vm_paddr_t start, end;
	} loader[24];     /* where the loader's own structures lie */
	bool cmdline_cut; /* it was longer */
	bool regions_cut; /* there were more */
	bool modules_cut;
};

/* The one instance; constant after boot_main() has filled it. */
const struct bootinfo *bootinfo(void);

#endif
