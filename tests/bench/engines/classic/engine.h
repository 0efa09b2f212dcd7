/*
 * FreeBSD's published sf_bufs as an engine.
 */
#ifndef TESTS_BENCH_ENGINES_CLASSIC_ENGINE_H
#define TESTS_BENCH_ENGINES_CLASSIC_ENGINE_H

#include "tests/bench/engine.h"
#include "tests/bench/engines/classic/sys/sf_buf.h"
#include "tests/bench/engines/each.h"
#include "tests/bench/pool.h"

#define ENGINE_NAME "classic"
#define ENGINE_CAN \
	(ENGINE_SHARES | ENGINE_KEEPS | ENGINE_RUNS_OUT | ENGINE_CATCHES)
#define ENGINE_PAGES POOL_MAPPED

#define engine_start classic_start
#define engine_stop classic_stop

#endif
