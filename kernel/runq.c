/*
 * Run queues: where a READY thread waits, and which idle CPU is woken for it.
 * The invariants, and why no wakeup is lost, stand at the head of sched.c.
 */
#include "kernel/runq.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/panic.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"

struct runq {
	struct spinlock lock;
	/* Under the lock. */
	struct thread *head, *tail; /* linked by runq_next */
	/* Changed under the lock, sequentially consistent; read without it. */
	_Atomic uint32_t length;
} __aligned(CACHE_LINE_BYTES);

static struct runq runqs[MAXCPU];

/* The CPUs that halt or are about to, less those that are being woken. */
static struct cpumask idle_cpus;

void
runq_init(void)
{
	for (unsigned i = 0; i < MAXCPU; i++)
		spin_init(&runqs[i].lock, "run queue", RANK_RUNQ);
}

bool
runq_has_work(unsigned cpu)
{
	return (atomic_load(&runqs[cpu].length) != 0);
}

static void
put(struct runq *rq, struct thread *td)
{
	spin_lock(&rq->lock);
	td->runq_next = NULL;
	if (rq->tail == NULL)
		rq->head = td;
	else
		rq->tail->runq_next = td;
	rq->tail = td;
	atomic_fetch_add(&rq->length, 1);
	spin_unlock(&rq->lock);
}

/* `prev` stands before `td`; NULL: td is the first. */
static void
remove_locked(struct runq *rq, struct thread *prev, struct thread *td)
{
	if (prev == NULL)
		rq->head = td->runq_next;
	else
		prev->runq_next = td->runq_next;
	if (rq->tail == td)
		rq->tail = prev;
	atomic_fetch_sub(&rq->length, 1);
}

struct thread *
runq_take(unsigned self)
{
	struct runq *rq = &runqs[self];
	struct thread *td;

	if (!runq_has_work(self))
		return (NULL);
	spin_lock(&rq->lock);
	td = rq->head;
	if (td != NULL)
		remove_locked(rq, NULL, td);
	spin_unlock(&rq->lock);
	return (td);
}

/* The first thread of another CPU's queue that may run here, removed. */
static struct thread *
steal_from(unsigned cpu)
{
	struct runq *rq = &runqs[cpu];
	struct thread *prev = NULL, *td;

	if (!runq_has_work(cpu))
		return (NULL);
	spin_lock(&rq->lock);
	for (td = rq->head; td != NULL; prev = td, td = td->runq_next)
		if (load_acquire(&td->on_cpu) == 0 && td->pinned == 0 &&
		    td->bound_cpu < 0)
			break;
	if (td != NULL)
		remove_locked(rq, prev, td);
	spin_unlock(&rq->lock);
	return (td);
}

/* Look for a victim from one's own number upward, so that thieves spread. */
static struct thread *
steal(unsigned self)
{
	unsigned cpu = self;
	struct thread *td;

	for (;;) {
		cpu = cpumask_next(cpu_online(), cpu + 1);
		if (cpu == MAXCPU)
			cpu = cpumask_next(cpu_online(), 0);
		if (cpu == self)
			return (NULL);
		td = steal_from(cpu);
		if (td != NULL) {
			counter_inc(CTR_sched_steals);
			return (td);
		}
	}
}

struct thread *
runq_take_any(unsigned self)
{
	struct thread *td = runq_take(self);

	return (td != NULL ? td : steal(self));
}

void
runq_announce_idle(unsigned self)
{
	cpumask_add(&idle_cpus, self);
}

void
runq_retract_idle(unsigned self)
{
	cpumask_remove(&idle_cpus, self);
}

/*
 * Clear a CPU's idle bit.  Returns true if this caller did: it then owes that
 * CPU an interrupt, sent after it has queued a thread there.
 */
static bool
claim_idle(unsigned cpu)
{
	uint32_t bit = 1u << (cpu % 32);

	return (cpumask_has(&idle_cpus, cpu) &&
	    (atomic_fetch_and(&idle_cpus.word[cpu / 32], ~bit) & bit) != 0);
}

/*
 * Where a thread should run: where it must, else where it ran last if that CPU
 * is idle, else where some CPU is idle, else where it ran last.
 *   claimed: receives whether the CPU was idle and is claimed.
 */
static unsigned
choose_cpu(const struct thread *td, bool *claimed)
{
	unsigned cpu;

	*claimed = false;
	if (td->bound_cpu >= 0)
		return ((unsigned)td->bound_cpu);
	if (td->pinned != 0 || load_acquire(&td->on_cpu) != 0)
		return (td->cpu);
	*claimed = claim_idle(td->cpu);
	if (*claimed)
		return (td->cpu);
	CPUMASK_FOREACH(cpu, &idle_cpus) {
		*claimed = claim_idle(cpu);
		if (*claimed)
			return (cpu);
	}
	return (td->cpu);
}

void
runq_make_ready(struct thread *td)
{
	bool claimed;
	unsigned cpu = choose_cpu(td, &claimed);

	ASSERT(load_relaxed(&td->on_cpu) == 0 || cpu == td->cpu,
	    "thread %s queued on CPU %u while on the stack of CPU %u", td->name,
	    cpu, td->cpu);
	store_relaxed(&td->state, TDS_READY);
	put(&runqs[cpu], td);
	if ((claimed || claim_idle(cpu)) && cpu != curcpu_id()) {
		counter_inc(CTR_resched_ipis);
		ipi_send(cpu, IPI_RESCHED);
	}
}
