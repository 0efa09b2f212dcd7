/*
 * sf_buf(9) by the algorithm that FreeBSD published: see classic.c.
 */
#ifndef SYS_SF_BUF_H
#define SYS_SF_BUF_H

#include "kernel/cpumask.h"
#include "mm/vm_page.h"
#include "tests/bench/engines/sfb.h"

/* Under the engine's lock, but that kva and page are fixed while it is held. */
struct sf_buf {
	struct sf_buf *hash_next, **hash_link; /* of the page's chain */
	struct sf_buf *free_next, *free_prev;  /* while nobody holds it */
	struct vm_page *page;                  /* NULL: none yet */
	vm_offset_t kva;
	unsigned index; /* in the window */
	unsigned refs;
	/* CPUs that have forgotten what was mapped here before. */
	uint32_t valid[CPUMASK_WORDS];
};

struct sf_buf *classic_alloc(struct vm_page *m, int flags) __regargs;
void classic_free(struct sf_buf *sf) __regargs;

static inline struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	return (classic_alloc(m, flags));
}

static inline void
sf_buf_free(struct sf_buf *sf)
{
	classic_free(sf);
}

static inline vm_offset_t
sf_buf_kva(const struct sf_buf *sf)
{
	return (sf->kva);
}

static inline struct vm_page *
sf_buf_page(const struct sf_buf *sf)
{
	return (sf->page);
}

unsigned classic_start(unsigned nbufs);
void classic_stop(void);

#endif
