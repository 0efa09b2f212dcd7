/*
 * What the benchmarks share that are compiled for each engine.
 */
#ifndef TESTS_BENCH_LOAD_LOAD_H
#define TESTS_BENCH_LOAD_LOAD_H

#include <engine.h>
#include <sys/sf_buf.h>
#include "kernel/machine.h"
#include "tests/bench/bench.h"
#include "tests/bench/pool.h"

/* One of this engine's. */
#define LOAD(suite_, name_, ...)                                       \
	BENCH(suite_, name_, .engine = ENGINE_NAME, .can = ENGINE_CAN, \
	    __VA_ARGS__)

/* Start the engine with the usual number of buffers; returns how many. */
static inline unsigned
load_start(void)
{
	unsigned n = engine_start(bench_window());

	if (n == 0)
		machine_unable("too little memory for the engine %s.",
		    ENGINE_NAME);
	return (n);
}

/* The first n pages that this engine can map. */
static inline struct vm_page *const *
load_pages(unsigned n)
{
	return (pool_pages(ENGINE_PAGES, n));
}

static inline void
load_touch(struct sf_buf *sf)
{
	(void)*(volatile uint32_t *)sf_buf_kva(sf);
}

/* Map each page for every CPU, read a word of it, unmap it. */
static inline void
load_map_each(struct bench_walk *w)
{
	struct vm_page *m;

	for (; (m = bench_next(w)) != NULL; bench_turn(w)) {
		struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

		load_touch(sf);
		sf_buf_free(sf);
	}
}

#endif
