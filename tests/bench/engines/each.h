/*
 * Several buffers at once, for engines that know no better than one after the
 * other.
 */
#ifndef TESTS_BENCH_ENGINES_EACH_H
#define TESTS_BENCH_ENGINES_EACH_H

#include <sys/sf_buf.h>

static inline void
engine_alloc_n(struct vm_page *const *page, struct sf_buf **sf, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sf[i] = sf_buf_alloc(page[i], SFB_DEFAULT);
}

static inline void
engine_free_n(struct sf_buf *const *sf, unsigned n)
{
	while (n != 0)
		sf_buf_free(sf[--n]);
}

#endif
