/*
 * From the loader's structures to struct bootinfo.  For boot/ only.
 */
#ifndef BOOT_PARSE_H
#define BOOT_PARSE_H

#include "boot/bootinfo.h"

struct multiboot_info;

/*
 * Copy everything out.
 *   mbi: the structure that the loader passed.
 *   phys: turns a physical address below 4 GiB into a pointer.
 *   bi: zeroed; receives the copy.
 */
void multiboot_parse(const struct multiboot_info *mbi,
    const void *(*phys)(uint32_t pa), struct bootinfo *bi);

#endif
