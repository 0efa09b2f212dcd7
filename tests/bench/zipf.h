/*
 * Choices as unequal as those of files in a server: number k of n is chosen 1 / k
 * times as often as the first (Zipf's distribution, exponent 1).
 *
 * Source: Breslau, Cao, Fan, Phillips, Shenker, "Web Caching and Zipf-like
 * Distributions", INFOCOM 1999, for why.
 */
#ifndef TESTS_BENCH_ZIPF_H
#define TESTS_BENCH_ZIPF_H

#include "kernel/types.h"

#define ZIPF_CHOICES 4096

/*
 * Choose ZIPF_CHOICES times, the same ones each time.
 *   choice: receives numbers below n.
 *   n: at most ZIPF_CHOICES.
 */
void zipf_choose(uint16_t *choice, unsigned n);

#endif
