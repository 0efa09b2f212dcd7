/*
 * The functions of the image, by address: what scripts/gen_symtab.py writes.
 */
#ifndef KERNEL_SYMTAB_H
#define KERNEL_SYMTAB_H

#include "kernel/types.h"

struct symbol {
	vm_offset_t address;
	uint32_t name; /* offset in symtab_names */
};

extern const uint32_t symtab_count;
extern const struct symbol symtab[]; /* symtab_count, ascending */
extern const char symtab_names[];

#endif
