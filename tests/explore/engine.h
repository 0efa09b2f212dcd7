/*
 * Seeded interleavings: who yields at which YIELD_POINT(), and for how long.
 */
#ifndef TESTS_EXPLORE_ENGINE_H
#define TESTS_EXPLORE_ENGINE_H

#include "kernel/types.h"

/* From now on yields happen as `seed` wants it, until explore_end(). */
void explore_begin(uint32_t seed);
void explore_end(void);

/* Points that were passed since explore_begin(), yields among them, and thread
 * switches that those asked for. */
struct explore_counts {
	uint32_t points, yields, switches;
};
struct explore_counts explore_counts(void);

#endif
