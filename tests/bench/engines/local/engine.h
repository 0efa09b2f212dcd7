/*
 * Addresses of each CPU, for an instant, as an engine.
 */
#ifndef TESTS_BENCH_ENGINES_LOCAL_ENGINE_H
#define TESTS_BENCH_ENGINES_LOCAL_ENGINE_H

#include "tests/bench/engine.h"
#include "tests/bench/engines/local/sys/sf_buf.h"
#include "tests/bench/engines/each.h"
#include "tests/bench/pool.h"

#define ENGINE_NAME "local"
#define ENGINE_CAN 0
#define ENGINE_PAGES POOL_MAPPED

#define engine_start local_start
#define engine_stop local_stop

#endif
