/*
 * For tests that need threads of their own.
 */
#include "tests/threads.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "tests/test.h"

static struct thread *
enlist(struct crew *crew, struct thread *td)
{
	ASSERT(td != NULL, "no memory for thread %u of a test", crew->n);
	ASSERT(crew->n < CREW_MAX, "a test starts more than %u threads",
	    CREW_MAX);
	crew->member[crew->n++] = td;
	return (td);
}

struct thread *
crew_add(struct crew *crew, void (*fn)(void *), void *arg)
{
	return (enlist(crew, thread_create("test-crew", fn, arg)));
}

struct thread *
crew_add_on(struct crew *crew, unsigned cpu, void (*fn)(void *), void *arg)
{
	return (enlist(crew, thread_create_on(cpu, "test-crew", fn, arg)));
}

void
crew_join(struct crew *crew)
{
	while (crew->n != 0)
		thread_join(crew->member[--crew->n]);
}

unsigned
one_per_cpu(unsigned limit)
{
	return (MIN(cpu_count(), limit));
}

unsigned
another_cpu(unsigned cpu)
{
	unsigned other = cpumask_next(cpu_online(), cpu + 1);

	return (other < MAXCPU ? other : cpumask_next(cpu_online(), 0));
}

void
wait_asleep(const void *chan, unsigned n)
{
	WAIT_UNTIL(sleepq_count(chan) == n);
}

/* --- what the other CPUs do --- */

static struct {
	void (*fn)(void *arg);
	void *arg;
	_Atomic unsigned spinning; /* CPUs */
	_Atomic bool over;
} busy;

static void
spin_or_call(unsigned cpu, void *arg __unused)
{
	if (cpu != 0) {
		atomic_fetch_add(&busy.spinning, 1);
		SPIN_UNTIL(load_acquire(&busy.over));
		return;
	}
	SPIN_UNTIL(load_acquire(&busy.spinning) == cpu_count() - 1);
	busy.fn(busy.arg);
	store_release(&busy.over, true);
}

void
run_while_all_are_busy(void (*fn)(void *arg), void *arg)
{
	busy.fn = fn;
	busy.arg = arg;
	store_relaxed(&busy.spinning, 0);
	store_relaxed(&busy.over, false);
	test_run_on_all(spin_or_call, NULL);
}

/* The timer interrupts of the others: what wakes an idle CPU. */
static uint32_t
ticks_of_others(void)
{
	return (counter_read(CTR_timer_intrs) -
	    counter_read_cpu(curcpu_id(), CTR_timer_intrs));
}

void
run_while_others_are_idle(void (*fn)(void *arg), void *arg)
{
	uint32_t ticks;

	sched_bind(0);
	do {
		WAIT_UNTIL(cpumask_count(tlb_busy_cpus()) == 1);
		ticks = ticks_of_others();
		fn(arg);
	} while (!test_failed() &&
	    (cpumask_count(tlb_busy_cpus()) != 1 ||
		ticks_of_others() != ticks));
	sched_unbind();
}
