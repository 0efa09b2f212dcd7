/*
 * What an sf_buf costs: allocate, read one word through the mapping, free.
 *
 * Pages come from above the direct map if there are any; on other machines the
 * direct map is switched off.  Pages and held buffers are never given back: the
 * machine ends after the benchmarks.
 */
#include <sys/sf_buf.h>
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/vm_page.h"
#include "tests/bench/bench.h"

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

static struct {
	struct vm_page **page; /* NULL until there is a pool */
	struct sf_buf **held;  /* of the pages before nheld */
	unsigned nheld;
	unsigned nslots, npages;
	unsigned nround; /* pages that one CPU alone goes round */
} pool;

/* --- the operations --- */

static inline void
touch(struct sf_buf *sf)
{
	(void)*(volatile uint32_t *)sf_buf_kva(sf);
}

static void
shared_loop(struct bench_walk *w)
{
	struct vm_page *m;

	for (; (m = bench_next(w)) != NULL; bench_turn(w)) {
		struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

		touch(sf);
		sf_buf_free(sf);
	}
}

static void
private_loop(struct bench_walk *w)
{
	struct vm_page *m;

	for (; (m = bench_next(w)) != NULL; bench_turn(w)) {
		struct sf_buf *sf;

		sched_pin();
		sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
		touch(sf);
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

/* The fence stands for the operation: the compiler may not carry the walk's
 * state over it in registers either. */
static void
empty_loop(struct bench_walk *w)
{
	for (; bench_next(w) != NULL; bench_turn(w))
		atomic_signal_fence(memory_order_seq_cst);
}

/* --- pages and buffers --- */

/* Fill the pool, once. */
static void
setup(void)
{
	unsigned flags = VM_ALLOC_HIGH | VM_ALLOC_WIRED;
	struct sf_buf_stats st;

	if (pool.page != NULL)
		return;
	sf_buf_get_stats(&st);
	pool.nslots = st.nsfbufs;
	pool.nround = pool.nslots +
	    MIN(pool.nslots * (PAGES_PER_BUFFER - 1), PAGES_BEYOND_MAX);
	pool.npages = MAX(pool.nround, PAGES_PER_CPU * cpu_count());
	pool.page = kmem_alloc(pool.npages * sizeof(*pool.page));
	pool.held = kmem_alloc(pool.nslots * sizeof(*pool.held));
	if (pool.page == NULL || pool.held == NULL ||
	    pool.nslots < HIT_PAGES * cpu_count())
		machine_unable("a window of %u buffers is no good for "
			       "benchmarks; try kern.ipc.nsfbufs=1024.",
		    pool.nslots);
	for (unsigned i = 0; i < pool.npages; i++) {
		pool.page[i] = vm_page_alloc(flags);
		if (pool.page[i] == NULL && i == 0) {
			sf_buf_set_dmap(false);
			flags = VM_ALLOC_WIRED;
			pool.page[i] = vm_page_alloc(flags);
		}
		if (pool.page[i] == NULL)
			machine_unable("too little memory for a pool of %u "
				       "pages; try kern.ipc.nsfbufs=1024.",
			    pool.npages);
	}
}

static void
setup_unused(void)
{
	setup();
	ASSERT(counter_read(CTR_sf_miss) == 0 && pool.nslots > FIRST_USES,
	    "bench: the first %u of %u buffers are to be used for the first "
	    "time, after %u misses",
	    FIRST_USES, pool.nslots, counter_read(CTR_sf_miss));
}

/* Hold buffers until only `spare` are not held. */
static void
hold_all_but(unsigned spare)
{
	setup();
	while (pool.nheld < pool.nslots - spare) {
		pool.held[pool.nheld] =
		    sf_buf_alloc(pool.page[pool.nheld], SFB_DEFAULT);
		pool.nheld++;
	}
}

static void
setup_scarce(void)
{
	hold_all_but(1);
}

static void
setup_full(void)
{
	hold_all_but(0);
}

static void
release(void)
{
	while (pool.nheld != 0)
		sf_buf_free(pool.held[--pool.nheld]);
}

static bool dmap_before;

static void
setup_direct(void)
{
	setup();
	dmap_before = sf_buf_set_dmap(true);
}

static void
restore_dmap(void)
{
	sf_buf_set_dmap(dmap_before);
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

static void
direct(struct bench_walk *w, unsigned cpu __unused)
{
	static struct vm_page *page[HIT_PAGES];

	for (unsigned i = 0; i < HIT_PAGES; i++) {
		page[i] = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED);
		if (page[i] == NULL)
			machine_unable("too little memory for benchmarks.");
	}
	w->first = page;
	w->end = page + HIT_PAGES;
}

/* --- the cases; first_use has to be the first --- */

BENCH(sf_buf, first_use, .loop = shared_loop, .empty = empty_loop,
    .setup = setup_unused, .pages = all, .counted = CTR_sf_miss,
    .once = FIRST_USES);
BENCH(sf_buf, direct, .loop = shared_loop, .empty = empty_loop,
    .setup = setup_direct, .teardown = restore_dmap, .pages = direct,
    .counted = CTR_sf_direct);
BENCH(sf_buf, shared_hit, .loop = shared_loop, .empty = empty_loop,
    .setup = setup, .pages = few, .counted = CTR_sf_hit);
BENCH(sf_buf, shared_hit_all, .loop = shared_loop, .empty = empty_loop,
    .setup = setup, .pages = few, .counted = CTR_sf_hit, .others = OTHERS_WORK);
BENCH(sf_buf, private_hit, .loop = private_loop, .empty = empty_loop,
    .setup = setup, .pages = few, .counted = CTR_sf_hit);
BENCH(sf_buf, private_miss, .loop = private_loop, .empty = empty_loop,
    .setup = setup, .pages = all, .counted = CTR_sf_miss);
BENCH(sf_buf, private_miss_all, .loop = private_loop, .empty = empty_loop,
    .setup = setup, .pages = own, .counted = CTR_sf_miss,
    .others = OTHERS_WORK);
BENCH(sf_buf, shared_miss, .loop = shared_loop, .empty = empty_loop,
    .setup = setup, .pages = all, .counted = CTR_sf_miss);
BENCH(sf_buf, shared_miss_all, .loop = shared_loop, .empty = empty_loop,
    .setup = setup, .pages = own, .counted = CTR_sf_miss, .others = OTHERS_WORK,
    .chunks = 4 * 16);
BENCH(sf_buf, shared_miss_busy, .loop = shared_loop, .empty = empty_loop,
    .setup = setup, .pages = all, .counted = CTR_sf_miss, .others = OTHERS_SPIN,
    .chunks = 64 * 16);
BENCH(sf_buf, shared_miss_scarce, .loop = shared_loop, .empty = empty_loop,
    .setup = setup_scarce, .teardown = release, .pages = not_held,
    .counted = CTR_sf_miss);
BENCH(sf_buf, nowait_full, .loop = nowait_loop, .empty = empty_loop,
    .setup = setup_full, .teardown = release, .pages = not_held,
    .counted = CTR_sf_allocfail);
