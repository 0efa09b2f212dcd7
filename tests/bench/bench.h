/*
 * Benchmarks in the kernel: how one is written, and running them.
 *
 *	static void
 *	map_each(struct bench_walk *w)
 *	{
 *		struct vm_page *m;
 *
 *		for (; (m = bench_next(w)) != NULL; bench_turn(w))
 *			...the operation...
 *	}
 *	BENCH(sf_buf, shared_hit, .engine = "sf_buf", .loop = map_each, ...);
 *
 * registers sf_buf.shared_hit, of one engine, through a linker section.
 */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include "kernel/counter.h"
#include "kernel/types.h"
#include "kernel/x86.h"

struct vm_page;

/*
 * Pages that a loop goes over, round and round.  All its state is in memory,
 * so that a loop without an operation costs what it costs around one.
 */
struct bench_walk {
	struct vm_page *const *first, *const *end;
	struct vm_page *const *next;
	uint32_t left;   /* operations until the loop is over */
	uint32_t turns;  /* not 0: give way after each operation */
	uint32_t worker; /* whose walk it is: on CPU worker * stride */
} __aligned(CACHE_LINE_BYTES);

static inline struct vm_page *
bench_next(struct bench_walk *w)
{
	struct vm_page *m;

	if (w->left == 0)
		return (NULL);
	w->left--;
	m = *w->next++;
	if (w->next == w->end)
		w->next = w->first;
	return (m);
}

/* With several CPUs at work, a pause gives the emulator's one thread to the
 * next of them, so that they take turns after each operation. */
static inline void
bench_turn(const struct bench_walk *w)
{
	if (w->turns != 0)
		cpu_pause();
}

/* What the CPUs other than CPU 0, which works, do meanwhile. */
enum bench_others {
	OTHERS_IDLE,
	OTHERS_SPIN, /* with interrupts enabled: shootdowns interrupt them */
	OTHERS_WORK, /* the same as CPU 0, each on pages of its own */
};

struct bench {
	const char *suite, *name, *engine;
	/* What the engine can do, and what the benchmark needs of it: of enum
	 * engine_can. */
	unsigned can, needs;
	/* `left` operations on the pages of a walk; and the same without them,
	 * whose cost is taken off: NULL, nothing is. */
	void (*loop)(struct bench_walk *w);
	void (*empty)(struct bench_walk *w);
	/* Before and after, unmeasured; the latter may be NULL.
	 *   workers: CPUs that work. */
	void (*setup)(unsigned workers);
	void (*teardown)(void);
	/* Say which pages a worker's walk is over, first and end; or NULL. */
	void (*pages)(struct bench_walk *w, unsigned worker);
	/* Each operation raises this counter by one, or it is not what the name
	 * says: of engines that keep mappings.  COUNTED_NOT: nothing is. */
	enum counter counted;
	enum bench_others others;
	/* With OTHERS_WORK, only every second CPU works, or so; 0: each.  The
	 * rest is for threads that the benchmark starts. */
	unsigned stride;
	/* Not 0: something happens once in many operations of engines that
	 * batch.  So many times as many are needed, and counting is to begin
	 * right after it. */
	unsigned rare;
	/* Not 0: just so many operations, on a machine that has not done the
	 * like before. */
	unsigned once;
};

#define COUNTED_NOT NCOUNTER

/* How many of `ncpus` CPUs work, and which: of each, its distance to the next. */
static inline unsigned
bench_stride(const struct bench *b)
{
	return (MAX(b->stride, 1));
}

static inline unsigned
bench_workers(const struct bench *b, unsigned ncpus)
{
	return (b->others == OTHERS_WORK ?
		(ncpus + bench_stride(b) - 1) / bench_stride(b) :
		1);
}

/* Every benchmark of the image, gathered by linker.ld. */
extern const struct bench benches_start[], benches_end[];

/* Register one; what follows the names are designated initialisers. */
#define BENCH(suite_, name_, ...)                                 \
	static const struct bench bench_##suite_##_##name_ __used \
	    __section(".benches")                                 \
		__aligned(4) = {.suite = #suite_, .name = #name_, __VA_ARGS__}

enum bench_what {
	BENCH_COST,    /* instructions and events */
	BENCH_TIME,    /* nanoseconds, by the clock */
	BENCH_SCALING, /* of those in which all work: on 1, 2, 4.. CPUs */
};

/*
 * Run the benchmarks whose "suite.name", and whose engine, match, in order of
 * the image, and print for each one line (for scaling, one for each number of
 * CPUs):
 *
 *	BENCH sf_buf.shared_hit engine=sf_buf cpus=1 ops=4096 ...
 *
 * before which one line `BENCH plan cases=N` says how many there are.
 * docs/bench.md has the meaning of each field.
 *   globs, engines: one, or more with commas between them.
 * Requires: a thread that may sleep; nothing else runs.
 * Returns how many lines there were; 0 (and says so) when none matched.
 */
unsigned
bench_run(const char *globs, const char *engines, enum bench_what what);

/* How many buffers an engine is to have: the kernel's own window's. */
unsigned bench_window(void);

/* The loop without an operation.  Nothing is carried over in registers. */
void bench_empty_loop(struct bench_walk *w);

#endif
