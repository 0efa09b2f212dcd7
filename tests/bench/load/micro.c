/*
 * What one mapping costs: allocate, read one word through it, free.
 */
#include "tests/bench/load/load.h"
#include "kernel/counter.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/vm_page.h"

/*
 * More pages than buffers, so that going round never finds one mapped.  Of a
 * large window nearly all buffers are held, and only the pages beyond matter.
 */
#define PAGES_PER_BUFFER 4
#define PAGES_BEYOND_MAX 12288

/* So many for each CPU: several for each address that it has for private
 * mappings, wherever the frames happen to lie. */
#define PAGES_PER_CPU 2048

/* Few enough to stay mapped on any machine, on each CPU. */
#define HIT_PAGES 16

/* Of the window, so that there are buffers left which were never used. */
#define FIRST_USES 512

/* How many pages are mapped at once. */
#define AT_ONCE 16

static struct {
	struct vm_page *const *page;
	unsigned nslots, npages;
	unsigned nround;      /* pages that one CPU alone goes round */
	struct sf_buf **held; /* of the pages before nheld */
	unsigned nheld;
} pool;

/* --- the operations --- */

static void
private_loop(struct bench_walk *w)
{
	struct vm_page *m;

	for (; (m = bench_next(w)) != NULL; bench_turn(w)) {
		struct sf_buf *sf;

		sched_pin();
		sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
		load_touch(sf);
		sf_buf_free(sf);
		sched_unpin();
	}
}

/* Nothing to read and to free: there is no buffer. */
static void
nowait_loop(struct bench_walk *w)
{
	struct vm_page *m;

	for (; (m = bench_next(w)) != NULL; bench_turn(w))
		(void)sf_buf_alloc(m, SFB_NOWAIT);
}

/* The next pages, AT_ONCE or as many as are left; how many. */
static inline unsigned
next_n(struct bench_walk *w, struct vm_page **page)
{
	unsigned n = 0;

	while (n < AT_ONCE && (page[n] = bench_next(w)) != NULL)
		n++;
	return (n);
}

/* An operation is one page. */
static void
n_loop(struct bench_walk *w)
{
	struct vm_page *page[AT_ONCE];
	struct sf_buf *sf[AT_ONCE];
	unsigned n;

	for (; (n = next_n(w, page)) != 0; bench_turn(w)) {
		engine_alloc_n(page, sf, n);
		for (unsigned i = 0; i < n; i++)
			load_touch(sf[i]);
		engine_free_n(sf, n);
	}
}

static void
n_empty_loop(struct bench_walk *w)
{
	struct vm_page *page[AT_ONCE];

	for (; next_n(w, page) != 0; bench_turn(w))
		;
}

/* --- pages and buffers --- */

static void
setup(unsigned workers)
{
	pool.nslots = load_start();
	pool.nround = pool.nslots +
	    MIN(pool.nslots * (PAGES_PER_BUFFER - 1), PAGES_BEYOND_MAX);
	pool.npages = MAX(pool.nround, PAGES_PER_CPU * workers);
	pool.page = load_pages(pool.npages);
	if ((ENGINE_CAN & ENGINE_KEEPS) != 0 &&
	    pool.nslots < HIT_PAGES * cpu_count())
		machine_unable("a window of %u buffers is no good for "
			       "benchmarks; try kern.ipc.nsfbufs=1024.",
		    pool.nslots);
}

static void
setup_unused(unsigned workers)
{
	setup(workers);
	ASSERT((ENGINE_CAN & ENGINE_IS_OURS) == 0 ||
		(counter_read(CTR_sf_miss) == 0 && pool.nslots > FIRST_USES),
	    "bench: the first %u of %u buffers are to be used for the first "
	    "time, after %u misses",
	    FIRST_USES, pool.nslots, counter_read(CTR_sf_miss));
}

/* Hold buffers until only `spare` are not held. */
static void
hold_all_but(unsigned spare, unsigned workers)
{
	setup(workers);
	pool.held = kmem_alloc(pool.nslots * sizeof(pool.held[0]));
	if (pool.held == NULL)
		machine_unable("too little memory for benchmarks.");
	while (pool.nheld < pool.nslots - spare) {
		pool.held[pool.nheld] =
		    sf_buf_alloc(pool.page[pool.nheld], SFB_DEFAULT);
		pool.nheld++;
	}
}

static void
setup_scarce(unsigned workers)
{
	hold_all_but(1, workers);
}

static void
setup_full(unsigned workers)
{
	hold_all_but(0, workers);
}

static void
release(void)
{
	while (pool.nheld != 0)
		sf_buf_free(pool.held[--pool.nheld]);
	kmem_free(pool.held, pool.nslots * sizeof(pool.held[0]));
	engine_stop();
}

static void
over(struct bench_walk *w, unsigned first, unsigned end)
{
	w->first = &pool.page[first];
	w->end = &pool.page[end];
}

static void
few(struct bench_walk *w, unsigned cpu)
{
	over(w, cpu * HIT_PAGES, (cpu + 1) * HIT_PAGES);
}

static void
all(struct bench_walk *w, unsigned cpu __unused)
{
	over(w, 0, pool.nround);
}

/* A part of the pool for each CPU. */
static void
own(struct bench_walk *w, unsigned cpu)
{
	unsigned n = pool.npages / cpu_count();

	over(w, cpu * n, (cpu + 1) * n);
}

/* Those that hold_all_but() leaves alone. */
static void
not_held(struct bench_walk *w, unsigned cpu __unused)
{
	over(w, pool.nslots, pool.nround);
}

/* --- the cases; of the kernel's own engine, first_use has to be the first --- */

#define CASE(name, ...)                                               \
	LOAD(sf_buf, name, .empty = bench_empty_loop, .setup = setup, \
	    .teardown = engine_stop, __VA_ARGS__)

LOAD(sf_buf, first_use, .loop = load_map_each, .empty = bench_empty_loop,
    .setup = setup_unused, .teardown = engine_stop, .pages = all,
    .counted = CTR_sf_miss, .once = FIRST_USES,
    .needs = ENGINE_SHARES | ENGINE_KEEPS);
CASE(shared_hit, .loop = load_map_each, .pages = few, .counted = CTR_sf_hit,
    .needs = ENGINE_SHARES);
CASE(shared_hit_all, .loop = load_map_each, .pages = few, .counted = CTR_sf_hit,
    .others = OTHERS_WORK, .needs = ENGINE_SHARES);
CASE(private_hit, .loop = private_loop, .pages = few, .counted = CTR_sf_hit);
CASE(private_miss, .loop = private_loop, .pages = all, .counted = CTR_sf_miss);
CASE(private_miss_all, .loop = private_loop, .pages = own,
    .counted = CTR_sf_miss, .others = OTHERS_WORK);
CASE(shared_miss, .loop = load_map_each, .pages = all, .counted = CTR_sf_miss,
    .rare = 1, .needs = ENGINE_SHARES);
CASE(shared_miss_all, .loop = load_map_each, .pages = own,
    .counted = CTR_sf_miss, .others = OTHERS_WORK, .rare = 4,
    .needs = ENGINE_SHARES);
CASE(shared_miss_busy, .loop = load_map_each, .pages = all,
    .counted = CTR_sf_miss, .others = OTHERS_SPIN, .rare = 64,
    .needs = ENGINE_SHARES);
LOAD(sf_buf, alloc_n, .loop = n_loop, .empty = n_empty_loop, .setup = setup,
    .teardown = engine_stop, .pages = all, .counted = CTR_sf_miss, .rare = 1,
    .needs = ENGINE_SHARES);
LOAD(sf_buf, shared_miss_scarce, .loop = load_map_each,
    .empty = bench_empty_loop, .setup = setup_scarce, .teardown = release,
    .pages = not_held, .counted = CTR_sf_miss,
    .needs = ENGINE_KEEPS | ENGINE_RUNS_OUT);
LOAD(sf_buf, nowait_full, .loop = nowait_loop, .empty = bench_empty_loop,
    .setup = setup_full, .teardown = release, .pages = not_held,
    .counted = CTR_sf_allocfail, .needs = ENGINE_KEEPS | ENGINE_RUNS_OUT);
