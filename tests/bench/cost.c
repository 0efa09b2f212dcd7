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
#include "tests/bench/mark.h"
#include "tests/bench/team.h"
#include "tests/threads.h"

/* A slice is 10 million instructions: a chunk fits one as long as an operation
 * takes fewer than 39,000, of all CPUs together. */
#define CHUNK 256
#define CHUNKS 16

/* A chunk that is still spoiled then is longer than a slice: it counts. */
#define MAX_TRIES 8

/* What the team does at present. */
static struct {
	void (*loop)(struct bench_walk *w);
	struct bench_walk *walk;
	unsigned ncpus; /* that work */
	bool keep;      /* for who watches: not while we get ready */
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
work(unsigned cpu)
{
	job.loop(&job.walk[cpu]);
}

/* `ops` operations on each CPU that works, added to `s`.  With others that
 * spin there is a team already. */
static void
measure_chunk(uint32_t ops, bool spinning, struct sample *s)
{
	for (unsigned cpu = 0; cpu < job.ncpus; cpu++)
		job.walk[cpu].left = ops;
	if (spinning) {
		sample_begin(s);
		work(0);
		sample_end(s);
	} else {
		team_muster(job.ncpus, work);
		sample_begin(s);
		team_work();
		sample_end(s);
		team_dismiss();
	}
	s->cost.ops += ops * job.ncpus;
}

static struct sample
measure(void (*loop)(struct bench_walk *w), unsigned chunks, bool spinning)
{
	struct sample sum = {0};

	job.loop = loop;
	for (unsigned chunk = 0; chunk < chunks; chunk++) {
		struct sample s;
		unsigned tries = 0;
		bool spoiled;

		do {
			s = sum;
			measure_chunk(CHUNK, spinning, &s);
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
	uint32_t before = counter_read(CTR_sf_sweeps), seen;

	do {
		job.walk->left = 1;
		b->loop(job.walk);
		seen = counter_read(CTR_sf_sweeps);
	} while (seen == before && --most != 0);
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
	struct sample alone, with;

	job.keep = false;
	alone = measure(pause_loop, 1, false);
	team_spin(ncpus);
	with = measure(pause_loop, 1, true);
	team_dismiss();
	job.keep = true;
	if (with.turns == 0 || with.cost.ticks < alone.cost.ticks)
		return (0); /* no other CPU; or time is not instructions */
	return ((uint32_t)div64(with.cost.ticks - alone.cost.ticks +
		with.turns / 2,
	    with.turns, NULL));
}

static struct sample
measure_among_spinners(const struct bench *b, unsigned chunks, unsigned ncpus)
{
	uint32_t in_turn = instructions_in_turn(ncpus);
	struct sample s;

	team_spin(ncpus);
	reach_round(b);
	s = measure(b->loop, chunks, true);
	team_dismiss();
	s.cost.ticks -= MIN(s.cost.ticks, (uint64_t)s.turns * in_turn);
	return (s);
}

struct cost
cost_measure(const struct bench *b, struct bench_walk *walk, unsigned ncpus)
{
	unsigned chunks = b->chunks != 0 ? b->chunks : CHUNKS;
	struct sample full, empty;

	job.walk = walk;
	job.keep = true;
	job.ncpus = b->others == OTHERS_WORK ? ncpus : 1;
	for (unsigned cpu = 0; cpu < job.ncpus; cpu++)
		walk[cpu].turns = job.ncpus > 1;
	if (b->once == 0)
		team_go_round(b, walk, job.ncpus);
	if (b->once != 0) {
		full = measure_once(b->loop, b->once);
	} else if (b->others == OTHERS_SPIN) {
		full = measure_among_spinners(b, chunks, ncpus);
	} else {
		reach_round(b);
		full = measure(b->loop, chunks, false);
	}
	bench_mark_report();
	empty = b->once != 0 ? measure_once(b->empty, b->once) :
			       measure(b->empty, chunks, false);
	bench_mark_report();
	full.cost.ticks -= MIN(full.cost.ticks, empty.cost.ticks);
	return (full.cost);
}
