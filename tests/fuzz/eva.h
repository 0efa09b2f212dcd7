/*
 * Entry points for Frama-C's EVA, which follows all paths from them at once:
 * what it proves holds for every value of what is unknown.
 */
#ifndef TESTS_FUZZ_EVA_H
#define TESTS_FUZZ_EVA_H

#include "kernel/types.h"

/* Frama-C reads none of these; what they assert, compilers have seen. */
#undef offsetof
#define offsetof(type, member) ((size_t) & ((type *)0)->member)
#define MM_PMAP_H /* instead of mm/pmap.h, with its atomic fields */
bool pmap_read_phys(vm_paddr_t pa, void *dst, size_t n);
#define _Static_assert(holds, text) struct eva_asserts_nothing

/* Any value at all, at each reading. */
uint64_t eva_any(void);

/* Any value of [least, most]. */
uint32_t eva_between(uint32_t least, uint32_t most);

void eva_firmware(void);

#endif
