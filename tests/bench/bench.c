/*
 * The benchmark runner: which ones, in which state of the machine, and the
 * lines that say what came out.
 */
#include "tests/bench/bench.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "tests/bench/cost.h"
#include "tests/bench/pace.h"
#include "tests/bench/team.h"

/* Odd: one is in the middle. */
#define TIME_REPEATS 9
#define SCALING_REPEATS 15
/* So many times more often on 1 and 2 CPUs, where it takes little time, and
 * where a host that has other work to do disturbs it most. */
#define FEW_CPUS_REPEATS (PACE_MAX_REPEATS / SCALING_REPEATS)

static struct bench_walk walks[MAXCPU];

static void
print_cost(const struct bench *b, const struct cost *c)
{
	kprintf_line("BENCH %s.%s engine=%s cpus=%u ops=%u instructions=%llu "
		     "rounds=%u ipis=%u invlpg=%u cr3_reloads=%u "
		     "pte_writes=%u sweeps=%u counted=%u spoiled=%u\n",
	    b->engine, b->name, b->engine, cpu_count(), c->ops, c->ticks,
	    c->count[CTR_tlb_rounds], c->count[CTR_tlb_ipis_sent],
	    c->count[CTR_tlb_invlpg], c->count[CTR_tlb_cr3_reloads],
	    c->count[CTR_pte_writes], c->count[CTR_sf_sweeps],
	    c->count[b->counted], c->spoiled);
}

/* The middle one, the shortest, the longest; and the loop itself. */
static void
print_pace(const struct bench *b, struct pace *p, struct pace *empty,
    unsigned ncpus)
{
	pace_sort(p);
	pace_sort(empty);
	kprintf_line("BENCH %s.%s engine=%s cpus=%u ops=%u counted=%u ps=%u "
		     "least_ps=%u most_ps=%u empty_ps=%u\n",
	    b->engine, b->name, b->engine, ncpus, p->ops, p->counted,
	    p->ps[p->n / 2], p->ps[0], p->ps[p->n - 1],
	    empty->ps[empty->n / 2]);
}

/* --- one benchmark --- */

/* Walks for `ncpus` CPUs. */
static void
set_up(const struct bench *b, unsigned ncpus)
{
	b->setup();
	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		struct bench_walk *w = &walks[cpu];

		b->pages(w, cpu);
		ASSERT(w->first < w->end, "bench %s: CPU %u has no pages",
		    b->name, cpu);
		w->next = w->first;
		w->turns = 0;
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
	unsigned repeats = b->once != 0 ? 1 : TIME_REPEATS;
	struct pace pace = {0}, empty = {0};

	if (b->once == 0)
		team_go_round(b, walks, b->others == OTHERS_WORK ? ncpus : 1);
	for (unsigned i = 0; i < repeats; i++) {
		pace_measure(b, b->loop, walks, ncpus, &pace);
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

	team_go_round(b, walks, ncpus);
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

	set_up(b, b->others == OTHERS_WORK ? ncpus : 1);
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

/* Does "engine.name" match one of the globs, which have commas between them? */
static bool
matches_any(const struct bench *b, const char *globs)
{
	char name[80], glob[80];

	ksnprintf(name, sizeof(name), "%s.%s", b->engine, b->name);
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

static bool
is_asked_for(const struct bench *b, const char *globs, enum bench_what what)
{
	return ((what != BENCH_SCALING || b->others == OTHERS_WORK) &&
	    matches_any(b, globs));
}

unsigned
bench_run(const char *globs, enum bench_what what)
{
	unsigned n = 0;

	for (const struct bench *b = benches_start; b < benches_end; b++)
		n += is_asked_for(b, globs, what);
	if (n == 0) {
		kprintf_line("no benchmark matches \"%s\"; these exist:\n",
		    globs);
		for (const struct bench *b = benches_start; b < benches_end;
		     b++)
			kprintf_line("  %s.%s\n", b->engine, b->name);
		return (0);
	}
	if (what == BENCH_SCALING)
		n *= steps(MIN(cpu_count(), TEAM_MAX));
	kprintf_line("BENCH plan cases=%u\n", n);
	sched_bind(0);
	for (const struct bench *b = benches_start; b < benches_end; b++)
		if (is_asked_for(b, globs, what))
			run_one(b, what);
	sched_unbind();
	return (n);
}
