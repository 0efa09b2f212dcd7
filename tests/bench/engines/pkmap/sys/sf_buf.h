/*
 * sf_buf(9) in the way of Linux's kmap() on 32 bits: see pkmap.c.
 * SFB_CPUPRIVATE makes no difference, and SFB_CATCH neither: its waits are not
 * interruptible.
 */
#ifndef SYS_SF_BUF_H
#define SYS_SF_BUF_H

#include "mm/vm_page.h"
#include "tests/bench/engines/sfb.h"

struct sf_buf *pkmap_alloc(struct vm_page *m, int flags) __regargs;
void pkmap_free(struct sf_buf *sf) __regargs;
struct vm_page *pkmap_page(const struct sf_buf *sf);

static inline struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	return (pkmap_alloc(m, flags));
}

static inline void
sf_buf_free(struct sf_buf *sf)
{
	pkmap_free(sf);
}

/* The address stands for its buffer. */
static inline vm_offset_t
sf_buf_kva(const struct sf_buf *sf)
{
	return ((vm_offset_t)sf);
}

static inline struct vm_page *
sf_buf_page(const struct sf_buf *sf)
{
	return (pkmap_page(sf));
}

unsigned pkmap_start(unsigned nbufs);
void pkmap_stop(void);

#endif
