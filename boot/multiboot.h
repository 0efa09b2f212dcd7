/*
 * The structures of the Multiboot Specification version 0.6.96, as far as they
 * are read.  For boot/ only.
 */
#ifndef BOOT_MULTIBOOT_H
#define BOOT_MULTIBOOT_H

#include "kernel/types.h"

#define MULTIBOOT_BOOTLOADER_MAGIC 0x2badb002

enum {
	MULTIBOOT_INFO_CMDLINE = 1 << 2,
	MULTIBOOT_INFO_MODS = 1 << 3,
	MULTIBOOT_INFO_MMAP = 1 << 6,
	MULTIBOOT_INFO_LOADER_NAME = 1 << 9,
};

/* "Boot information format".  Addresses are physical. */
struct multiboot_info {
	uint32_t flags;
	uint32_t mem_lower_kib, mem_upper_kib;
	uint32_t boot_device;
	uint32_t cmdline;
	uint32_t mods_count, mods_addr;
	uint32_t syms[4];
	uint32_t mmap_bytes, mmap_addr;
	uint32_t drives_length, drives_addr;
	uint32_t config_table;
	uint32_t boot_loader_name;
};

struct multiboot_mod {
	uint32_t start, end; /* [start, end) */
	uint32_t cmdline;
	uint32_t reserved;
};

#define MULTIBOOT_MEMORY_AVAILABLE 1

struct multiboot_mmap_entry {
	uint32_t size; /* of the rest; the next entry is size + 4 further on */
	uint64_t addr, len;
	uint32_t type;
} __packed;

#endif
