/*
 * The kernel's own sf_bufs as an engine.
 */
#ifndef TESTS_BENCH_ENGINES_SF_BUF_ENGINE_H
#define TESTS_BENCH_ENGINES_SF_BUF_ENGINE_H

#include <sys/sf_buf.h>
#include "tests/bench/engine.h"
#include "tests/bench/pool.h"

#define ENGINE_NAME "sf_buf"
#define ENGINE_CAN                                                         \
	(ENGINE_SHARES | ENGINE_KEEPS | ENGINE_RUNS_OUT | ENGINE_CATCHES | \
	    ENGINE_BATCHES | ENGINE_IS_OURS)
#define ENGINE_PAGES POOL_MAPPED

static bool engine_dmap_before;

/* On a machine without memory above the direct map, that is switched off. */
static inline unsigned
engine_start(unsigned nbufs __unused)
{
	struct vm_page_stats pages;
	struct sf_buf_stats st;

	vm_page_get_stats(&pages);
	engine_dmap_before = sf_buf_set_dmap(false);
	if (pages.total_pages[VM_ZONE_HIGH] != 0)
		sf_buf_set_dmap(engine_dmap_before);
	sf_buf_get_stats(&st);
	return (st.nsfbufs);
}

static inline void
engine_stop(void)
{
	sf_buf_set_dmap(engine_dmap_before);
}

static inline void
engine_alloc_n(struct vm_page *const *page, struct sf_buf **sf, unsigned n)
{
	(void)sf_buf_alloc_n(page, sf, n, SFB_DEFAULT);
}

static inline void
engine_free_n(struct sf_buf *const *sf, unsigned n)
{
	sf_buf_free_n(sf, n);
}

#endif
