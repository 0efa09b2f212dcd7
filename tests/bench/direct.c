/*
 * What an sf_buf of a page of the direct map costs, which needs no mapping: of the
 * kernel's own engine, which is where headers are looked for otherwise.
 */
#include "tests/bench/load/load.h"

#define PAGES 16

static bool dmap_before;

static void
switch_on(unsigned workers __unused)
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

LOAD(sf_buf, direct, .loop = load_map_each, .empty = bench_empty_loop,
    .setup = switch_on, .teardown = restore, .pages = pages,
    .counted = CTR_sf_direct);
