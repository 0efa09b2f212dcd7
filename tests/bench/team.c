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
	void (*work)(unsigned worker);
	unsigned members; /* without CPU 0 */
	unsigned stride;
	_Atomic uint32_t ready, done; /* members */
	_Atomic uint32_t go, end;     /* 1: what members wait for */
} team;

static struct {
	uint32_t turns;
} __aligned(CACHE_LINE_BYTES) spinner[MAXCPU];

static void
work(unsigned worker)
{
	bench_work_begin();
	team.work(worker);
	bench_work_end();
}

static void
work_once(void *arg __unused)
{
	atomic_fetch_add(&team.ready, 1);
	SPIN_UNTIL(load_acquire(&team.go) != 0);
	work(curcpu_id() / team.stride);
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
assemble(unsigned workers, unsigned stride, void (*member)(void *arg))
{
	ASSERT(crew.n == 0, "a team of %u has not been dismissed", crew.n);
	ASSERT(workers >= 1 && workers <= TEAM_MAX &&
		(workers - 1) * stride < cpu_count(),
	    "a team of %u, %u CPUs apart, on %u", workers, stride, cpu_count());
	team.members = workers - 1;
	team.stride = stride;
	atomic_store(&team.ready, 0);
	atomic_store(&team.done, 0);
	atomic_store(&team.go, 0);
	atomic_store(&team.end, 0);
	for (unsigned worker = 1; worker < workers; worker++)
		crew_add_on(&crew, worker * stride, member, NULL);
	SPIN_UNTIL(load_acquire(&team.ready) == team.members);
}

void
team_muster(unsigned workers, unsigned stride, void (*fn)(unsigned worker))
{
	team.work = fn;
	assemble(workers, stride, work_once);
}

void
team_spin(unsigned ncpus)
{
	assemble(ncpus, 1, spin);
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
go_round(unsigned worker)
{
	struct bench_walk *w = &round.walk[worker];

	w->left = (uint32_t)(w->end - w->first);
	round.b->loop(w);
}

void
team_go_round(const struct bench *b, struct bench_walk *walk, unsigned workers)
{
	round.b = b;
	round.walk = walk;
	team_muster(workers, bench_stride(b), go_round);
	team_work();
	team_dismiss();
}
