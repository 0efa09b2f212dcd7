/*
 * Pages that benchmarks map.  They are taken when first asked for, and then
 * kept: the machine ends after the benchmarks.
 */
#ifndef TESTS_BENCH_POOL_H
#define TESTS_BENCH_POOL_H

struct vm_page;

enum pool_kind {
	POOL_MAPPED, /* above the direct map; without such: any */
	POOL_DIRECT, /* in the direct map */
	POOL_NKIND
};

/*
 * The first n pages of a kind, wired: always the same ones.
 * Ends the machine with a sentence when memory is short.
 */
struct vm_page *const *pool_pages(enum pool_kind kind, unsigned n);

#endif
