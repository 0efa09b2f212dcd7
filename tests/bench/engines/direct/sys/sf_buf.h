/*
 * sf_buf(9) for pages of the direct map: what every engine would like to cost.
 */
#ifndef SYS_SF_BUF_H
#define SYS_SF_BUF_H

#include "kernel/counter.h"
#include "kernel/cpu.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/bench/engines/sfb.h"

/* The page itself stands for its buffer. */
static inline struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags __unused)
{
	counter_inc(CTR_sf_direct);
	return ((struct sf_buf *)m);
}

static inline void
sf_buf_free(struct sf_buf *sf __unused)
{
}

static inline struct vm_page *
sf_buf_page(const struct sf_buf *sf)
{
	return ((struct vm_page *)(vm_offset_t)sf);
}

static inline vm_offset_t
sf_buf_kva(const struct sf_buf *sf)
{
	return ((vm_offset_t)
		pmap_phys_to_direct(VM_PAGE_TO_PHYS(sf_buf_page(sf))));
}

#endif
