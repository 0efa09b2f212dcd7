/*
 * A bug: what maps a page does so by a global entry, which a load of CR3 does
 * not flush.  See tests/variants/global.mk.
 */
#ifndef TESTS_BOCHS_GLOBAL_H
#define TESTS_BOCHS_GLOBAL_H

#include "mm/pmap.h"

/* pte_put_page(), but for PG_G. */
static inline void
pte_put_global_page(pt_entry_t *pte, const struct vm_page *m, uint8_t low)
{
	uint32_t offset =
	    (uint32_t)((vm_offset_t)m - (vm_offset_t)vm_page_array.base);

	pte_put(pte, offset << 8 | offset >> 24 | (uint32_t)PG_G, low);
}

#define pte_put_page pte_put_global_page

#endif
