/*
 * The benchmark runner: what an operation costs, in ticks of the time-stamp
 * counter and in events.
 *
 * Under QEMU's -icount shift=0 a tick is an instruction, of whichever CPU:
 * one host thread runs the CPUs in turn, and virtual time is the number of
 * instructions that all have executed.  So the difference of two readings is
 * the sum over all CPUs, interrupt handlers included, as long as one CPU is
 * always busy: when all halt, time jumps to the next timer.
 *
 * The timer's interrupt is no part of any operation.  Operations are measured
 * in chunks far shorter than a time slice; a chunk into which an interrupt of
 * any CPU's timer fell is spoiled, and measured again.
 */
#include "tests/bench/bench.h"
#include "kernel/atomic.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/x86.h"
#include "tests/threads.h"

/* A slice is 10 million instructions: a chunk fits one as long as an operation
 * takes fewer than 39,000, of all CPUs together. */
#define CHUNK 256
#define CHUNKS 16

/* A chunk that is still spoiled then is longer than a slice: it counts. */
#define MAX_TRIES 8

struct cost {
	uint64_t ticks;
	uint32_t count[NCOUNTER];
	uint32_t ops;
	uint32_t spoiled; /* chunks with a timer interrupt in them */
};

static struct bench_walk walks[MAXCPU];

/* The loop that all CPUs run at once. */
static struct {
	void (*loop)(struct bench_walk *w);
	_Atomic uint32_t ready, done; /* members */
	_Atomic uint32_t go, end;     /* 1: what members wait for */
} team;

/* The readings themselves cost instructions: the tick count is read last at
 * the beginning, and first at the end. */
static void
cost_begin(struct cost *c)
{
	for (enum counter i = 0; i < NCOUNTER; i++)
		c->count[i] -= counter_read(i);
	c->ticks -= rdtsc();
}

static void
cost_end(struct cost *c)
{
	c->ticks += rdtsc();
	for (enum counter i = 0; i < NCOUNTER; i++)
		c->count[i] += counter_read(i);
}

static void
team_member(void *arg)
{
	struct bench_walk *w = arg;

	atomic_fetch_add(&team.ready, 1);
	SPIN_UNTIL(atomic_load(&team.go) != 0);
	team.loop(w);
	atomic_fetch_add(&team.done, 1);
	/* Ending a thread is not to be measured. */
	SPIN_UNTIL(atomic_load(&team.end) != 0);
}

/* A loop on `ncpus` CPUs at once, this one among them. */
static void
loop_on_all(void (*loop)(struct bench_walk *w), unsigned ncpus, struct cost *c)
{
	struct crew crew = {0};

	team.loop = loop;
	atomic_store(&team.ready, 0);
	atomic_store(&team.done, 0);
	atomic_store(&team.go, 0);
	atomic_store(&team.end, 0);
	for (unsigned cpu = 1; cpu < ncpus; cpu++)
		crew_add_on(&crew, cpu, team_member, &walks[cpu]);
	SPIN_UNTIL(atomic_load(&team.ready) == ncpus - 1);
	cost_begin(c);
	atomic_store(&team.go, 1);
	loop(&walks[0]);
	SPIN_UNTIL(atomic_load(&team.done) == ncpus - 1);
	cost_end(c);
	atomic_store(&team.end, 1);
	crew_join(&crew);
}

/* `ops` operations on each CPU that takes part, added to `c`. */
static void
measure_chunk(void (*loop)(struct bench_walk *w), unsigned ncpus, uint32_t ops,
    struct cost *c)
{
	for (unsigned cpu = 0; cpu < ncpus; cpu++)
		walks[cpu].left = ops;
	if (ncpus > 1) {
		loop_on_all(loop, ncpus, c);
	} else {
		cost_begin(c);
		loop(&walks[0]);
		cost_end(c);
	}
	c->ops += ops * ncpus;
}

static struct cost
measure(void (*loop)(struct bench_walk *w), unsigned ncpus)
{
	struct cost sum = {0};

	for (unsigned chunk = 0; chunk < CHUNKS; chunk++) {
		struct cost c;
		unsigned tries = 0;
		bool spoiled;

		do {
			c = sum;
			measure_chunk(loop, ncpus, CHUNK, &c);
			spoiled = c.count[CTR_timer_intrs] !=
			    sum.count[CTR_timer_intrs];
		} while (spoiled && ++tries < MAX_TRIES);
		sum = c;
		sum.spoiled += spoiled;
	}
	return (sum);
}

/* The same of what can be done only once: right after this CPU's timer
 * interrupt, so that none falls into it. */
static struct cost
measure_once(void (*loop)(struct bench_walk *w), uint32_t ops)
{
	struct cost sum = {0};
	uint32_t tick = counter_read_cpu(0, CTR_timer_intrs);

	SPIN_UNTIL(counter_read_cpu(0, CTR_timer_intrs) != tick);
	measure_chunk(loop, 1, ops, &sum);
	sum.spoiled = sum.count[CTR_timer_intrs] != 0;
	return (sum);
}

/* Bring the machine to the state that the loop keeps it in: every page of
 * every walk once. */
static void
warm_up(const struct bench *b, unsigned ncpus)
{
	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		struct bench_walk *w = &walks[cpu];

		w->left = (uint32_t)(w->end - w->first);
		b->loop(w);
	}
}

static void
print(const struct bench *b, const struct cost *c, uint64_t empty)
{
	kprintf_line("BENCH %s.%s engine=%s cpus=%u ops=%u instructions=%llu "
		     "rounds=%u ipis=%u invlpg=%u cr3_reloads=%u "
		     "pte_writes=%u counted=%u spoiled=%u\n",
	    b->engine, b->name, b->engine, cpu_count(), c->ops,
	    c->ticks > empty ? c->ticks - empty : 0, c->count[CTR_tlb_rounds],
	    c->count[CTR_tlb_ipis_sent], c->count[CTR_tlb_invlpg],
	    c->count[CTR_tlb_cr3_reloads], c->count[CTR_pte_writes],
	    c->count[b->counted], c->spoiled);
}

static void
run_one(const struct bench *b)
{
	unsigned ncpus = b->on_all ? one_per_cpu(CREW_MAX) : 1;
	struct cost cost, empty;

	b->setup();
	for (unsigned cpu = 0; cpu < ncpus; cpu++) {
		struct bench_walk *w = &walks[cpu];

		b->pages(w, cpu);
		ASSERT(w->first < w->end, "bench %s: CPU %u has no pages",
		    b->name, cpu);
		w->next = w->first;
	}
	if (b->once != 0) {
		cost = measure_once(b->loop, b->once);
		empty = measure_once(b->empty, b->once);
	} else {
		warm_up(b, ncpus);
		cost = measure(b->loop, ncpus);
		empty = measure(b->empty, ncpus);
	}
	print(b, &cost, empty.ticks);
	if (b->teardown != NULL)
		b->teardown();
}

static bool
matches(const struct bench *b, const char *glob)
{
	char name[80];

	ksnprintf(name, sizeof(name), "%s.%s", b->engine, b->name);
	return (glob_match(glob, name));
}

unsigned
bench_run(const char *glob)
{
	unsigned n = 0;

	for (const struct bench *b = benches_start; b < benches_end; b++)
		n += matches(b, glob);
	if (n == 0) {
		kprintf_line("no benchmark matches \"%s\"; these exist:\n",
		    glob);
		for (const struct bench *b = benches_start; b < benches_end;
		     b++)
			kprintf_line("  %s.%s\n", b->engine, b->name);
		return (0);
	}
	kprintf_line("BENCH plan cases=%u\n", n);
	sched_bind(0);
	for (const struct bench *b = benches_start; b < benches_end; b++)
		if (matches(b, glob))
			run_one(b);
	sched_unbind();
	return (n);
}
