/*
 * The direct map as an engine.
 */
#ifndef TESTS_BENCH_ENGINES_DIRECT_ENGINE_H
#define TESTS_BENCH_ENGINES_DIRECT_ENGINE_H

#include "tests/bench/engine.h"
#include "tests/bench/engines/direct/sys/sf_buf.h"
#include "tests/bench/engines/each.h"
#include "tests/bench/pool.h"

#define ENGINE_NAME "direct"
#define ENGINE_CAN ENGINE_SHARES
#define ENGINE_PAGES POOL_DIRECT

static inline unsigned
engine_start(unsigned nbufs)
{
	return (nbufs);
}

static inline void
engine_stop(void)
{
}

#endif
