/*
 * Working sets from one page to sixteen windows: mappings that all CPUs may use,
 * round and round.
 *
 * The other CPUs are busy, so that whoever has to be told is told.
 */
#include "tests/bench/load/load.h"
#include "kernel/counter.h"

static void
setup(unsigned workers __unused)
{
	load_start();
}

/* So many pages; the usual window of benchmarks has 1,024 buffers. */
#define SET(n)                                                                \
	static void pages_##n(struct bench_walk *w, unsigned worker __unused) \
	{                                                                     \
		w->first = load_pages(n);                                     \
		w->end = w->first + n;                                        \
	}                                                                     \
	LOAD(set, n, .loop = load_map_each, .empty = bench_empty_loop,        \
	    .setup = setup, .teardown = engine_stop, .pages = pages_##n,      \
	    .counted = COUNTED_NOT, .others = OTHERS_SPIN, .rare = 4,         \
	    .needs = ENGINE_SHARES)

SET(1);
SET(64);
SET(512);
SET(1024);
SET(1536);
SET(2048);
SET(4096);
SET(16384);
