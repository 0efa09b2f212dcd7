/*
 * sf_buf(9) as kernels did it before they had it: take an address, map the page
 * there, use it, unmap it, have every CPU forget the address, give it back.
 * SFB_CPUPRIVATE makes no difference.
 */
#ifndef SYS_SF_BUF_H
#define SYS_SF_BUF_H

#include "mm/vm_page.h"
#include "tests/bench/engines/sfb.h"

struct sf_buf *naive_alloc(struct vm_page *m, int flags) __regargs;
void naive_free(struct sf_buf *sf) __regargs;
struct vm_page *naive_page(const struct sf_buf *sf);

static inline struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	return (naive_alloc(m, flags));
}

static inline void
sf_buf_free(struct sf_buf *sf)
{
	naive_free(sf);
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
	return (naive_page(sf));
}

unsigned naive_start(unsigned nbufs);
void naive_stop(void);

#endif
