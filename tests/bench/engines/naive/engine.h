/*
 * Mapping without a cache as an engine.
 */
#ifndef TESTS_BENCH_ENGINES_NAIVE_ENGINE_H
#define TESTS_BENCH_ENGINES_NAIVE_ENGINE_H

#include "tests/bench/engine.h"
#include "tests/bench/engines/naive/sys/sf_buf.h"
#include "tests/bench/engines/each.h"
#include "tests/bench/pool.h"

#define ENGINE_NAME "naive"
#define ENGINE_CAN (ENGINE_SHARES | ENGINE_RUNS_OUT | ENGINE_CATCHES)
#define ENGINE_PAGES POOL_MAPPED

#define engine_start naive_start
#define engine_stop naive_stop

#endif
