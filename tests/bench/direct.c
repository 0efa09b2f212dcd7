/*
 * What an sf_buf of a page of the direct map costs, which needs no mapping.
 */
#include <sys/sf_buf.h>
#include "tests/bench/bench.h"
#include "tests/bench/pool.h"

#define PAGES 16

static bool dmap_before;

static void
direct_loop(struct bench_walk *w)
{
	struct vm_page *m;

	for (; (m = bench_next(w)) != NULL; bench_turn(w)) {
		struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

		(void)*(volatile uint32_t *)sf_buf_kva(sf);
		sf_buf_free(sf);
	}
}

static void
switch_on(unsigned ncpus __unused)
{
	dmap_before = sf_buf_set_dmap(true);
}

static void
restore(void)
{
	sf_buf_set_dmap(dmap_before);
}

static void
pages(struct bench_walk *w, unsigned cpu __unused)
{
	w->first = pool_pages(POOL_DIRECT, PAGES);
	w->end = w->first + PAGES;
}

BENCH(sf_buf, direct, .engine = "sf_buf", .loop = direct_loop,
    .empty = bench_empty_loop, .setup = switch_on, .teardown = restore,
    .pages = pages, .counted = CTR_sf_direct);
