/*
 * Linux's kmap() as an engine.
 */
#ifndef TESTS_BENCH_ENGINES_PKMAP_ENGINE_H
#define TESTS_BENCH_ENGINES_PKMAP_ENGINE_H

#include "tests/bench/engine.h"
#include "tests/bench/engines/pkmap/sys/sf_buf.h"
#include "tests/bench/engines/each.h"
#include "tests/bench/pool.h"

#define ENGINE_NAME "pkmap"
#define ENGINE_CAN \
	(ENGINE_SHARES | ENGINE_KEEPS | ENGINE_RUNS_OUT | ENGINE_BATCHES)
#define ENGINE_PAGES POOL_MAPPED

#define engine_start pkmap_start
#define engine_stop pkmap_stop

#endif
