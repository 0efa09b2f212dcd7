/*
 * For tests that need threads of their own.
 */
#include "tests/threads.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"

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
