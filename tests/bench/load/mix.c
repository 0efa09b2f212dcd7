/*
 * Shortage: twice as many threads as there are buffers for want one each, so half
 * of them sleep.  An operation is one buffer: waited for, held while others
 * run, and freed.
 */
#include "tests/bench/load/load.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "tests/test.h"
#include "tests/threads.h"

#define THREADS_PER_CPU 4
#define MAX_THREADS CREW_MAX

/* Pages that they choose from, for each buffer that is left. */
#define PAGES_PER_BUFFER 4

static struct {
	struct vm_page *const *page; /* to choose from */
	unsigned npages;
	struct sf_buf **held; /* all buffers but those that are left */
	unsigned nheld, nslots;
	struct crew crew;
	_Atomic int32_t left; /* operations that nobody has begun */

	struct spinlock lock;
	/* Under it. */
	unsigned go;      /* raised: there is work, or the end */
	unsigned working; /* threads */
	bool over;
} mix = {.lock = SPINLOCK_INITIALIZER("mix", RANK_TEST)};

/* --- the threads --- */

static void
work(uint32_t *state)
{
	while (atomic_fetch_sub(&mix.left, 1) > 0) {
		struct vm_page *m = mix.page[test_random(state) % mix.npages];
		struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

		load_touch(sf);
		sched_yield();
		cpu_pause(); /* and other CPUs */
		sf_buf_free(sf);
	}
}

static void
thread(void *arg)
{
	uint32_t state = (uint32_t)(uintptr_t)arg;
	unsigned seen = 0;

	for (;;) {
		spin_lock(&mix.lock);
		while (mix.go == seen && !mix.over)
			msleep_spin(&mix.go, &mix.lock, 0, "mixgo", 0);
		seen = mix.go;
		spin_unlock(&mix.lock);
		if (mix.over)
			return;
		work(&state);
		spin_lock(&mix.lock);
		if (--mix.working == 0)
			wakeup(&mix.working);
		spin_unlock(&mix.lock);
	}
}

/* CPU 0 only says when, and waits. */
static void
loop(struct bench_walk *w)
{
	atomic_store(&mix.left, (int32_t)w->left);
	w->left = 0;
	spin_lock(&mix.lock);
	mix.go++;
	mix.working = mix.crew.n;
	wakeup(&mix.go);
	while (mix.working != 0)
		msleep_spin(&mix.working, &mix.lock, 0, "mixend", 0);
	spin_unlock(&mix.lock);
}

/* --- before and after --- */

static void
setup(unsigned workers __unused)
{
	unsigned nthreads = MIN(THREADS_PER_CPU * cpu_count(), MAX_THREADS);
	unsigned spare = nthreads / 2;

	mix.nslots = load_start();
	mix.held = kmem_alloc(mix.nslots * sizeof(mix.held[0]));
	if (mix.held == NULL || mix.nslots <= spare)
		machine_unable("too little memory for benchmarks.");
	mix.npages = spare * PAGES_PER_BUFFER;
	mix.page = load_pages(mix.npages + mix.nslots);
	for (mix.nheld = 0; mix.nheld < mix.nslots - spare; mix.nheld++)
		mix.held[mix.nheld] =
		    sf_buf_alloc(mix.page[mix.npages + mix.nheld], SFB_DEFAULT);
	mix.over = false;
	mix.go = 0;
	for (unsigned i = 0; i < nthreads; i++)
		crew_add_on(&mix.crew, i % cpu_count(), thread,
		    (void *)(uintptr_t)(i + 1));
}

static void
teardown(void)
{
	spin_lock(&mix.lock);
	mix.over = true;
	wakeup(&mix.go);
	spin_unlock(&mix.lock);
	crew_join(&mix.crew);
	while (mix.nheld != 0)
		sf_buf_free(mix.held[--mix.nheld]);
	kmem_free(mix.held, mix.nslots * sizeof(mix.held[0]));
	engine_stop();
}

LOAD(mix, shortage, .loop = loop, .setup = setup, .teardown = teardown,
    .counted = COUNTED_NOT, .needs = ENGINE_SHARES | ENGINE_RUNS_OUT);
