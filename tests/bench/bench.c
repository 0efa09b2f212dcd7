/*
 * The benchmark runner: which ones, in which state of the machine, and the
 * lines that say what came out.
 */
#include "tests/bench/bench.h"
#include <sys/sf_buf.h>
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "tests/bench/cost.h"
#include "tests/bench/engine.h"
#include "tests/bench/pace.h"
#include "tests/bench/team.h"

/* Odd: one is in the middle. */
#define TIME_REPEATS 5
#define EMPTY_REPEATS 3
/* But no more than fit into so long: where there are more CPUs than the host
 * has, an operation that needs them all can take a tenth of a second. */
#define TIME_SPAN (200 * MSEC)
#define SCALING_REPEATS 15
/* So many times more often on 1 and 2 CPUs, where it takes little time, and
 * where a host that has other work to do disturbs it most. */
#define FEW_CPUS_REPEATS (PACE_MAX_REPEATS / SCALING_REPEATS)

static struct bench_walk walks[MAXCPU];

/* How many operations were what the name says; of `ops`. */
static uint32_t
right_ones(const struct bench *b, uint32_t counted, uint32_t ops)
{
	bool known = b->counted != COUNTED_NOT && (b->can & ENGINE_KEEPS) != 0;

	return (known ? counted : ops);
}

static void
print_cost(const struct bench *b, const struct cost *c)
{
	static const struct {
		const char *name;
		enum counter counter;
	} field[] = {
	    {"hits", CTR_sf_hit},
	    {"misses", CTR_sf_miss},
	    {"waits", CTR_sf_allocwait},
	    {"rounds", CTR_tlb_rounds},
	    {"ipis", CTR_tlb_ipis_sent},
	    {"invlpg", CTR_tlb_invlpg},
	    {"invlpg_remote", CTR_tlb_remote_invlpg},
	    {"cr3_reloads", CTR_tlb_cr3_reloads},
	    {"reloads_remote", CTR_tlb_remote_reloads},
	    {"pte_writes", CTR_pte_writes},
	    {"sweeps", CTR_sf_sweeps},
	    {"engine_locks", CTR_engine_locks},
	    {"contended", CTR_lock_waits},
	    {"switches", CTR_ctx_switches},
	};
	char line[400];
	int n = 0;

	for (unsigned i = 0; i < nitems(field); i++)
		n += ksnprintf(line + n, sizeof(line) - (size_t)n, " %s=%u",
		    field[i].name, c->count[field[i].counter]);
	kprintf_line("BENCH %s.%s engine=%s cpus=%u ops=%u instructions=%llu%s "
		     "counted=%u spoiled=%u\n",
	    b->suite, b->name, b->engine, cpu_count(), c->ops, c->ticks, line,
	    right_ones(b, b->counted == COUNTED_NOT ? 0 : c->count[b->counted],
		c->ops),
	    c->spoiled);
}

/* The middle one, the shortest, the longest; and the loop itself. */
static void
print_pace(const struct bench *b, struct pace *p, struct pace *empty,
    unsigned ncpus)
{
	pace_sort(p);
	pace_sort(empty);
	kprintf_line("BENCH %s.%s engine=%s cpus=%u ops=%u counted=%u "
		     "contended=%u ps=%llu least_ps=%llu most_ps=%llu "
		     "empty_ps=%llu\n",
	    b->suite, b->name, b->engine, ncpus, p->ops,
	    right_ones(b, p->counted, p->ops), p->contended, p->ps[p->n / 2],
	    p->ps[0], p->ps[p->n - 1], empty->ps[empty->n / 2]);
}

/* --- one benchmark --- */

static void
set_up(const struct bench *b, unsigned workers)
{
	b->setup(workers);
	for (unsigned i = 0; i < workers; i++) {
		struct bench_walk *w = &walks[i];

		*w = (struct bench_walk){.worker = i};
		if (b->pages != NULL)
			b->pages(w, i);
		w->next = w->first;
	}
}

static void
run_cost(const struct bench *b, unsigned ncpus)
{
	struct cost cost = cost_measure(b, walks, ncpus);

	print_cost(b, &cost);
}

static void
run_time(const struct bench *b, unsigned ncpus)
{
	struct pace pace = {0}, empty = {0};

	if (b->once != 0) {
		pace_measure(b, b->loop, walks, ncpus, &pace);
		pace_measure(b, b->empty, walks, ncpus, &empty);
	} else {
		nsec_t since = clock_now();
		struct pace warm_up = {0};

		pace_measure(b, b->loop, walks, ncpus, &warm_up);
		do
			pace_measure(b, b->loop, walks, ncpus, &pace);
		while (pace.n < TIME_REPEATS &&
		    clock_now() - since < TIME_SPAN);
		for (unsigned i = 0; i < EMPTY_REPEATS && b->empty != NULL; i++)
			pace_measure(b, b->empty, walks, ncpus, &empty);
	}
	print_pace(b, &pace, &empty, cpu_count());
}

/* 1, 2, 4.. CPUs: how many numbers that are, and the n-th. */
static unsigned
steps(unsigned ncpus)
{
	unsigned n = 1;

	while (2u << (n - 1) <= ncpus)
		n++;
	return (n);
}

/* A repetition of each, in turn: what else the host does hits all alike.  The
 * loop is part of the figures. */
static void
run_scaling(const struct bench *b, unsigned ncpus)
{
	struct pace pace[8] = {0}, none = {.n = 1};
	unsigned n = steps(ncpus);

	team_go_round(b, walks, bench_workers(b, ncpus));
	for (unsigned i = 0; i < SCALING_REPEATS; i++)
		for (unsigned k = 0; k < n; k++)
			for (unsigned j = k < 2 ? FEW_CPUS_REPEATS : 1; j != 0;
			     j--)
				pace_measure(b, b->loop, walks, 1u << k,
				    &pace[k]);
	for (unsigned k = 0; k < n; k++)
		print_pace(b, &pace[k], &none, 1u << k);
}

static void
run_one(const struct bench *b, enum bench_what what)
{
	unsigned ncpus = MIN(cpu_count(), TEAM_MAX);

	set_up(b, bench_workers(b, ncpus));
	switch (what) {
	case BENCH_COST:
		run_cost(b, ncpus);
		break;
	case BENCH_TIME:
		run_time(b, ncpus);
		break;
	case BENCH_SCALING:
		run_scaling(b, ncpus);
		break;
	}
	if (b->teardown != NULL)
		b->teardown();
}

/* --- those that match --- */

/* Does the name match one of the globs, which have commas between them? */
static bool
matches_any(const char *name, const char *globs)
{
	char glob[80];

	for (;;) {
		unsigned n = 0;

		for (; *globs != '\0' && *globs != ','; globs++)
			if (n < sizeof(glob) - 1)
				glob[n++] = *globs;
		glob[n] = '\0';
		if (glob_match(glob, name))
			return (true);
		if (*globs++ == '\0')
			return (false);
	}
}

/* What is asked for. */
static struct {
	const char *globs, *engines;
	enum bench_what what;
} asked;

static bool
is_asked_for(const struct bench *b)
{
	char name[80];

	ksnprintf(name, sizeof(name), "%s.%s", b->suite, b->name);
	return ((b->needs & ~b->can) == 0 &&
	    (asked.what != BENCH_SCALING ||
		(b->others == OTHERS_WORK && b->stride == 0)) &&
	    matches_any(name, asked.globs) &&
	    matches_any(b->engine, asked.engines));
}

static void
print_known(void)
{
	kprintf_line("no benchmark matches \"%s\" of an engine like \"%s\"; "
		     "these exist:\n",
	    asked.globs, asked.engines);
	for (const struct bench *b = benches_start; b < benches_end; b++)
		if ((b->needs & ~b->can) == 0)
			kprintf_line("  %s.%s %s\n", b->suite, b->name,
			    b->engine);
}

unsigned
bench_run(const char *globs, const char *engines, enum bench_what what)
{
	unsigned n = 0;

	asked.globs = globs;
	asked.engines = engines;
	asked.what = what;
	for (const struct bench *b = benches_start; b < benches_end; b++)
		n += is_asked_for(b);
	if (n == 0) {
		print_known();
		return (0);
	}
	if (what == BENCH_SCALING)
		n *= steps(MIN(cpu_count(), TEAM_MAX));
	kprintf_line("BENCH plan cases=%u\n", n);
	sched_bind(0);
	for (const struct bench *b = benches_start; b < benches_end; b++)
		if (is_asked_for(b))
			run_one(b, what);
	sched_unbind();
	return (n);
}

unsigned
bench_window(void)
{
	struct sf_buf_stats st;

	sf_buf_get_stats(&st);
	return (st.nsfbufs);
}

/* The fence stands for the operation: the compiler may not carry the walk's
 * state over it in registers either. */
void
bench_empty_loop(struct bench_walk *w)
{
	for (; bench_next(w) != NULL; bench_turn(w))
		atomic_signal_fence(memory_order_seq_cst);
}
