/*
 * Engines: ways to map pages for a while, each behind the interface of
 * sf_buf(9).
 *
 * What stands in tests/bench/load/ and in sf_buf/consumers/ is compiled for
 * each engine, with that engine's folder as the first in which headers are
 * looked for.  There <sys/sf_buf.h> has sf_buf_alloc(), sf_buf_free(),
 * sf_buf_kva(), sf_buf_page() and the flags SFB_DEFAULT, SFB_CATCH,
 * SFB_CPUPRIVATE and SFB_NOWAIT; and <engine.h> has the rest:
 *
 *	ENGINE_NAME	a string
 *	ENGINE_CAN	of enum engine_can, or'ed
 *	ENGINE_PAGES	the pages it can map, enum pool_kind
 *
 *	unsigned engine_start(unsigned nbufs);
 *		Get ready, with so many buffers if it has any: none of them is
 *		in use then, or was.  Returns how many there are, which may be
 *		another number; 0 when memory is short.
 *	void engine_stop(void);
 *		Give all back.  Nobody holds a buffer or waits for one.
 *	void engine_alloc_n(struct vm_page *const *page, struct sf_buf **sf,
 *	    unsigned n);
 *	void engine_free_n(struct sf_buf *const *sf, unsigned n);
 *		Several at once, in the way that it has for that.
 */
#ifndef TESTS_BENCH_ENGINE_H
#define TESTS_BENCH_ENGINE_H

enum engine_can {
	/* A buffer is good on every CPU, and its holder may sleep. */
	ENGINE_SHARES = 1,
	/* A freed mapping is found again. */
	ENGINE_KEEPS = 2,
	/* There are only so many buffers; with none free, callers sleep. */
	ENGINE_RUNS_OUT = 4,
	/* A signal ends that sleep, if the caller says SFB_CATCH. */
	ENGINE_CATCHES = 8,
	/* One shootdown serves many mappings. */
	ENGINE_BATCHES = 16,
	/* It is the kernel's own: started already, and never stopped. */
	ENGINE_IS_OURS = 32,
};

#endif
