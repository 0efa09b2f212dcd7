/*
 * How long operations take, by the clock.
 *
 * CPUs work in batches until CPU 0, which works too, finds that the time is
 * over.  What counts is the operations of all in that time.  So a CPU that the
 * host does not run for a while makes the figure neither better nor worse than
 * it is, which waiting for the last one would.
 */
#include "tests/bench/pace.h"
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "tests/bench/team.h"

/*
 * The clock is read once in a batch of operations, which grows until it takes
 * long enough, or is large enough.
 */
#define LEAST_BATCH_SPAN (1 * MSEC)
#define MAX_BATCH 256

/* A repetition: longer with more CPUs, for the host may have fewer. */
#define SPAN (12 * MSEC)
#define MAX_SPANS 4

static struct {
	void (*loop)(struct bench_walk *w);
	struct bench_walk *walk;
	unsigned once;          /* not 0: one batch, of so many */
	_Atomic uint32_t batch; /* operations */
	nsec_t since, span;     /* of CPU 0 */
	_Atomic uint32_t over;  /* 1: the time */
} job;

static struct {
	uint32_t ops;
} __aligned(CACHE_LINE_BYTES) member[MAXCPU];

static void
batch(unsigned worker, uint32_t ops)
{
	job.walk[worker].left = ops;
	job.loop(&job.walk[worker]);
	member[worker].ops += ops;
}

static void
work(unsigned worker)
{
	member[worker].ops = 0;
	if (worker != 0) {
		while (load_relaxed(&job.over) == 0)
			batch(worker, load_relaxed(&job.batch));
		return;
	}
	job.since = clock_now();
	do {
		nsec_t since = clock_now();
		uint32_t ops = load_relaxed(&job.batch);

		batch(0, ops);
		if (ops < MAX_BATCH && clock_now() - since < LEAST_BATCH_SPAN)
			store_relaxed(&job.batch, 2 * ops);
	} while (job.once == 0 && clock_now() - job.since < job.span);
	job.span = clock_now() - job.since;
	store_relaxed(&job.over, 1);
}

void
pace_measure(const struct bench *b, void (*loop)(struct bench_walk *w),
    struct bench_walk *walk, unsigned ncpus, struct pace *p)
{
	unsigned workers = bench_workers(b, ncpus);
	uint32_t waits = counter_read(CTR_lock_waits), ops = 0;
	uint32_t counted =
	    b->counted != COUNTED_NOT ? counter_read(b->counted) : 0;

	ASSERT(p->n < PACE_MAX_REPEATS, "bench %s: too many repetitions",
	    b->name);
	job.loop = loop;
	job.walk = walk;
	job.once = b->once;
	store_relaxed(&job.batch, b->once != 0 ? b->once : 1);
	job.span = SPAN * MIN(workers, MAX_SPANS);
	store_relaxed(&job.over, 0);
	if (b->others == OTHERS_SPIN) {
		team_spin(ncpus);
		work(0);
	} else {
		team_muster(workers, bench_stride(b), work);
		team_work();
	}
	team_dismiss();
	for (unsigned i = 0; i < workers; i++) {
		walk[i].turns = 0;
		ops += member[i].ops;
	}
	p->ps[p->n++] = div64(job.span * 1000 * workers, ops, NULL);
	p->ops += ops;
	p->contended += counter_read(CTR_lock_waits) - waits;
	if (b->counted != COUNTED_NOT)
		p->counted += counter_read(b->counted) - counted;
}

void
pace_sort(struct pace *p)
{
	for (unsigned i = 1; i < p->n; i++)
		for (unsigned k = i; k > 0 && p->ps[k] < p->ps[k - 1]; k--) {
			uint64_t ps = p->ps[k];

			p->ps[k] = p->ps[k - 1];
			p->ps[k - 1] = ps;
		}
}
