/*
 * What operations cost, in ticks of the time-stamp counter and in events.
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
 *
 * CPUs that spin execute instructions, too, whenever CPU 0 waits.  They count
 * how often they go round their loop, and what one round costs is measured:
 * that is taken off.
 */
#include "tests/bench/cost.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "tests/bench/engine.h"
#include "tests/bench/mark.h"
#include "tests/bench/team.h"
#include "tests/threads.h"

/*
 * A slice is 10 million instructions.  A chunk is to take no more than a part of
 * it, of all CPUs together, so that most fit between two timer interrupts; each
 * CPU that works has its own.
 */
#define CHUNK_TICKS 3000000
#define MAX_CHUNK 256 /* operations of each CPU */
#define TRIAL 8       /* to see how many fit */

/* All chunks: so many operations of each CPU, unless that takes too long. */
#define OPS (16 * MAX_CHUNK)
#define MAX_TICKS 40000000

/* A chunk that is still spoiled then is longer than a slice: it counts. */
#define MAX_TRIES 8

/* What the team does at present. */
static struct {
	void (*loop)(struct bench_walk *w);
	struct bench_walk *walk;
	unsigned workers, stride;
	bool keep; /* for who watches: not while we get ready */
} job;

struct sample {
	struct cost cost;
	uint32_t turns; /* of CPUs that spin */
};

/* The readings themselves cost instructions: the tick count is read last at
 * the beginning, and first at the end. */
static void
sample_begin(struct sample *s)
{
	for (enum counter i = 0; i < NCOUNTER; i++)
		s->cost.count[i] -= counter_read(i);
	s->turns -= team_turns();
	bench_mark_begin();
	s->cost.ticks -= rdtsc();
}

static void
sample_end(struct sample *s)
{
	s->cost.ticks += rdtsc();
	bench_mark_end();
	s->turns += team_turns();
	for (enum counter i = 0; i < NCOUNTER; i++)
		s->cost.count[i] += counter_read(i);
}

static void
work(unsigned worker)
{
	job.loop(&job.walk[worker]);
}

/* `ops` operations on each CPU that works, added to `s`.  With others that
 * spin there is a team already. */
static void
measure_chunk(uint32_t ops, bool spinning, struct sample *s)
{
	for (unsigned i = 0; i < job.workers; i++)
		job.walk[i].left = ops;
	if (spinning) {
		sample_begin(s);
		work(0);
		sample_end(s);
	} else {
		team_muster(job.workers, job.stride, work);
		sample_begin(s);
		team_work();
		sample_end(s);
		team_dismiss();
	}
	s->cost.ops += ops * job.workers;
}

/* How a measurement is cut. */
struct plan {
	uint32_t ops; /* of each CPU in a chunk */
	unsigned chunks;
};

static struct sample
measure(void (*loop)(struct bench_walk *w), struct plan plan, bool spinning)
{
	struct sample sum = {0};

	job.loop = loop;
	for (unsigned chunk = 0; chunk < plan.chunks; chunk++) {
		struct sample s;
		unsigned tries = 0;
		bool spoiled;

		do {
			s = sum;
			measure_chunk(plan.ops, spinning, &s);
			spoiled = s.cost.count[CTR_timer_intrs] !=
			    sum.cost.count[CTR_timer_intrs];
		} while (spoiled && ++tries < MAX_TRIES);
		if (job.keep)
			bench_mark_keep();
		sum = s;
		sum.cost.spoiled += spoiled;
	}
	return (sum);
}

/* Try a few operations, and plan by what they take. */
static struct plan
make_plan(const struct bench *b, bool spinning)
{
	unsigned rare = (b->can & ENGINE_BATCHES) != 0 ? MAX(b->rare, 1) : 1;
	uint32_t total = OPS * rare, per_op;
	struct plan plan;
	struct sample s = {0};

	job.loop = b->loop;
	measure_chunk(TRIAL, spinning, &s);
	per_op = (uint32_t)div64(s.cost.ticks, TRIAL, NULL) + 1;
	plan.ops = MIN(MAX(CHUNK_TICKS / job.workers / per_op, 1), MAX_CHUNK);
	total = MIN(total, MAX(MAX_TICKS / per_op * rare, 1));
	plan.chunks = (total + plan.ops - 1) / plan.ops;
	return (plan);
}

/* The same of what can be done only once: right after this CPU's timer
 * interrupt, so that none falls into it. */
static struct sample
measure_once(void (*loop)(struct bench_walk *w), uint32_t ops)
{
	struct sample sum = {0};
	uint32_t tick = counter_read_cpu(0, CTR_timer_intrs);

	job.loop = loop;
	SPIN_UNTIL(counter_read_cpu(0, CTR_timer_intrs) != tick);
	measure_chunk(ops, false, &sum);
	if (job.keep)
		bench_mark_keep();
	sum.cost.spoiled = sum.cost.count[CTR_timer_intrs] != 0;
	return (sum);
}

/*
 * Go on to where a sweep or a round has just been made: a count of them that
 * begins there is not one too many.
 */
static void
reach_round(const struct bench *b)
{
	uint32_t most = (uint32_t)(job.walk->end - job.walk->first);
	uint32_t before = counter_read(CTR_sf_sweeps);
	bool rare = (b->can & ENGINE_BATCHES) != 0 && b->rare != 0;

	while (rare && most-- != 0 && counter_read(CTR_sf_sweeps) == before) {
		job.walk->left = 1;
		b->loop(job.walk);
	}
}

/* --- CPUs that spin --- */

static void
pause_loop(struct bench_walk *w)
{
	while (bench_next(w) != NULL)
		cpu_pause();
}

/*
 * Instructions in one turn of a CPU that spins: what a loop of pauses costs
 * with those CPUs more than without, for each of the turns that they made.
 */
static uint32_t
instructions_in_turn(unsigned ncpus)
{
	const struct plan one = {.ops = MAX_CHUNK, .chunks = 1};
	struct sample alone, with;

	job.keep = false;
	alone = measure(pause_loop, one, false);
	team_spin(ncpus);
	with = measure(pause_loop, one, true);
	team_dismiss();
	job.keep = true;
	if (with.turns == 0 || with.cost.ticks < alone.cost.ticks)
		return (0); /* no other CPU; or time is not instructions */
	return ((uint32_t)div64(with.cost.ticks - alone.cost.ticks +
		with.turns / 2,
	    with.turns, NULL));
}

static struct sample
measure_among_spinners(const struct bench *b, unsigned ncpus, struct plan *plan)
{
	uint32_t in_turn = instructions_in_turn(ncpus);
	struct sample s;

	team_spin(ncpus);
	*plan = make_plan(b, true);
	reach_round(b);
	s = measure(b->loop, *plan, true);
	team_dismiss();
	s.cost.ticks -= MIN(s.cost.ticks, (uint64_t)s.turns * in_turn);
	return (s);
}

struct cost
cost_measure(const struct bench *b, struct bench_walk *walk, unsigned ncpus)
{
	struct sample full, empty = {0};
	struct plan plan;

	job.walk = walk;
	job.keep = true;
	job.workers = bench_workers(b, ncpus);
	job.stride = bench_stride(b);
	for (unsigned i = 0; i < job.workers; i++)
		walk[i].turns = job.workers > 1;
	if (b->once == 0)
		team_go_round(b, walk, job.workers);
	if (b->once != 0) {
		full = measure_once(b->loop, b->once);
	} else if (b->others == OTHERS_SPIN) {
		full = measure_among_spinners(b, ncpus, &plan);
	} else {
		plan = make_plan(b, false);
		reach_round(b);
		full = measure(b->loop, plan, false);
	}
	bench_mark_report();
	if (b->once != 0)
		empty = measure_once(b->empty, b->once);
	else if (b->empty != NULL)
		empty = measure(b->empty, plan, false);
	bench_mark_report();
	full.cost.ticks -= MIN(full.cost.ticks, empty.cost.ticks);
	return (full.cost);
}
