/*
 * Working sets from one page to sixteen windows: mappings that all CPUs may use,
 * round and round.
 *
 * The other CPUs are busy, so that whoever has to be told is told.
 */
#include "tests/bench/load/load.h"
#include "kernel/counter.h"

static void
loop(struct bench_walk *w)
{
	struct vm_page *m;

	for (; (m = bench_next(w)) != NULL; bench_turn(w)) {
		struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

		load_touch(sf);
		sf_buf_free(sf);
	}
}

static void
setup(unsigned ncpus __unused)
{
	load_start();
}

/* Pages for a sixteenth of the window, and so on: in 1/64 of a window. */
#define SET(name, sixty_fourths)                                              \
	static void pages_##name(struct bench_walk *w, unsigned cpu __unused) \
	{                                                                     \
		unsigned n = MAX(bench_window() * (sixty_fourths) / 64, 1);   \
                                                                              \
		w->first = load_pages(n);                                     \
		w->end = w->first + n;                                        \
	}                                                                     \
	LOAD(set, name, .loop = loop, .empty = bench_empty_loop,              \
	    .setup = setup, .teardown = engine_stop, .pages = pages_##name,   \
	    .counted = COUNTED_NOT, .others = OTHERS_SPIN, .rare = 4,         \
	    .needs = ENGINE_SHARES)

SET(page, 0);
SET(sixteenth, 4);
SET(quarter, 16);
SET(half, 32);
SET(three_quarters, 48);
SET(one, 64);
SET(one_and_a_half, 96);
SET(two, 128);
SET(four, 256);
SET(sixteen, 1024);
