/*
 * The CPUs that take part in a benchmark.
 *
 * Each member of a team writes lines of its own while it works or spins; only
 * before and after does it write what others read.
 */
#include "tests/bench/team.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "tests/bench/mark.h"
#include "tests/threads.h"

_Static_assert(TEAM_MAX == CREW_MAX, "a team is a crew");

static struct crew crew;
static struct {
	void (*work)(unsigned cpu);
	unsigned members;             /* without CPU 0 */
	_Atomic uint32_t ready, done; /* members */
	_Atomic uint32_t go, end;     /* 1: what members wait for */
} team;

static struct {
	uint32_t turns;
} __aligned(CACHE_LINE_BYTES) spinner[MAXCPU];

static void
work(unsigned cpu)
{
	bench_work_begin();
	team.work(cpu);
	bench_work_end();
}

static void
work_once(void *arg __unused)
{
	atomic_fetch_add(&team.ready, 1);
	SPIN_UNTIL(load_acquire(&team.go) != 0);
	work(curcpu_id());
	atomic_fetch_add(&team.done, 1);
	/* Ending a thread is not to be measured. */
	SPIN_UNTIL(load_acquire(&team.end) != 0);
}

/* No tlb_poll() here: a shootdown is to interrupt, as it does in a thread
 * that computes. */
static void
spin(void *arg __unused)
{
	volatile uint32_t *turns = &spinner[curcpu_id()].turns;

	atomic_fetch_add(&team.ready, 1);
	while (load_relaxed(&team.end) == 0) {
		++*turns;
		cpu_pause();
	}
}

static void
assemble(unsigned ncpus, void (*member)(void *arg))
{
	ASSERT(crew.n == 0, "a team of %u has not been dismissed", crew.n);
	ASSERT(ncpus >= 1 && ncpus <= MIN(TEAM_MAX, cpu_count()),
	    "a team of %u on %u CPUs", ncpus, cpu_count());
	team.members = ncpus - 1;
	atomic_store(&team.ready, 0);
	atomic_store(&team.done, 0);
	atomic_store(&team.go, 0);
	atomic_store(&team.end, 0);
	for (unsigned cpu = 1; cpu < ncpus; cpu++)
		crew_add_on(&crew, cpu, member, NULL);
	SPIN_UNTIL(load_acquire(&team.ready) == team.members);
}

void
team_muster(unsigned ncpus, void (*fn)(unsigned cpu))
{
	team.work = fn;
	assemble(ncpus, work_once);
}

void
team_spin(unsigned ncpus)
{
	assemble(ncpus, spin);
}

void
team_work(void)
{
	store_release(&team.go, 1);
	work(0);
	SPIN_UNTIL(load_acquire(&team.done) == team.members);
}

uint32_t
team_turns(void)
{
	uint32_t n = 0;

	for (unsigned cpu = 1; cpu <= team.members; cpu++)
		n += *(volatile uint32_t *)&spinner[cpu].turns;
	return (n);
}

void
team_dismiss(void)
{
	store_release(&team.end, 1);
	crew_join(&crew);
}

static struct {
	const struct bench *b;
	struct bench_walk *walk;
} round;

static void
go_round(unsigned cpu)
{
	struct bench_walk *w = &round.walk[cpu];

	w->left = (uint32_t)(w->end - w->first);
	round.b->loop(w);
}

void
team_go_round(const struct bench *b, struct bench_walk *walk, unsigned ncpus)
{
	round.b = b;
	round.walk = walk;
	team_muster(ncpus, go_round);
	team_work();
	team_dismiss();
}
