/*
 * From the boot loader to the kernel proper.
 */
#ifndef BOOT_BOOT_H
#define BOOT_BOOT_H

#include "kernel/types.h"

/*
 * The first C function, called by boot/entry.S without paging.
 *   magic: what the loader left in %eax.
 *   info_pa: physical address of its structure.
 */
void boot_main(uint32_t magic, uint32_t info_pa) __noreturn;

#endif
