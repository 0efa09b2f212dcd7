/*
 * sf_buf(9) in the way of Linux's kmap_local_page() on 32 bits: each CPU has a
 * few addresses, used as a stack; a mapping is thrown away at once.
 *
 * All buffers are private to a CPU.  They are freed there, the last first, and
 * the thread is not preempted and does not sleep meanwhile.  (So it was with
 * kmap_atomic(); Linux now saves a thread's mappings when it switches.)
 */
#ifndef SYS_SF_BUF_H
#define SYS_SF_BUF_H

#include "mm/vm_page.h"
#include "tests/bench/engines/sfb.h"

struct sf_buf *local_alloc(struct vm_page *m) __regargs;
void local_free(struct sf_buf *sf) __regargs;
struct vm_page *local_page(const struct sf_buf *sf);

static inline struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags __unused)
{
	return (local_alloc(m));
}

static inline void
sf_buf_free(struct sf_buf *sf)
{
	local_free(sf);
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
	return (local_page(sf));
}

unsigned local_start(unsigned nbufs);
void local_stop(void);

#endif
