/*
 * Threads and the scheduler.
 */
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "tests/test.h"
#include "tests/threads.h"

static _Atomic uint32_t arrived;
static _Atomic bool go;

static void
arrive(void *arg __unused)
{
	atomic_fetch_add(&arrived, 1);
}

/* --- where threads run --- */

TEST(sched, a_bound_thread_runs_on_its_cpu)
{
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		sched_bind(cpu);
		CHECK_EQ(curcpu_id(), cpu);
		CHECK(sched_is_pinned());
	}
	sched_unbind();
	CHECK(!sched_is_pinned());
}

static void
note_cpu(void *arg)
{
	*(unsigned *)arg = curcpu_id();
}

TEST(sched, a_thread_created_on_a_cpu_starts_there)
{
	struct crew crew = {0};
	unsigned cpu, ran_on;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		ran_on = MAXCPU;
		crew_add_on(&crew, cpu, note_cpu, &ran_on);
		crew_join(&crew);
		CHECK_EQ(ran_on, cpu);
	}
}

static _Atomic uint32_t migrations;

/* Pinned where it happens to be, under whatever the others do. */
static void
stay(void *arg)
{
	uint32_t seed = test_seed() + *(unsigned *)arg;

	for (unsigned i = 0; i < 10; i++) {
		unsigned home;

		sched_pin();
		home = curcpu_id();
		for (unsigned j = 0; j < 10; j++) {
			if (test_random(&seed) % 4 == 0)
				pause_sleep("pinned", 20 * USEC);
			else
				sched_yield();
			if (curcpu_id() != home)
				atomic_fetch_add(&migrations, 1);
		}
		sched_unpin();
		sched_yield();
	}
}

TEST(sched, a_pinned_thread_never_migrates)
{
	unsigned n = 3 * one_per_cpu(8), number[24];
	struct crew crew = {0};

	atomic_store(&migrations, 0);
	for (unsigned i = 0; i < n; i++) {
		number[i] = i;
		crew_add(&crew, stay, &number[i]);
	}
	crew_join(&crew);
	CHECK_EQ(atomic_load(&migrations), 0);
}

TEST(sched, pins_nest)
{
	sched_pin();
	sched_pin();
	sched_unpin();
	CHECK(sched_is_pinned());
	sched_unpin();
	CHECK(!sched_is_pinned());
}

TEST(sched, a_ready_thread_is_given_an_idle_cpu)
{
	struct crew crew = {0};

	if (cpu_count() == 1)
		SKIP("needs two CPUs");
	atomic_store(&arrived, 0);
	critical_enter(); /* so not here */
	crew_add(&crew, arrive, NULL);
	SPIN_UNTIL(atomic_load(&arrived) == 1);
	critical_exit();
	crew_join(&crew);
}

static void
keep_busy(void *arg __unused)
{
	atomic_fetch_add(&arrived, 1);
	SPIN_UNTIL(atomic_load(&go));
}

#define BUSY_MAX 16

TEST(sched, an_idle_cpu_takes_threads_that_wait_for_a_busy_one)
{
	uint32_t steals = counter_read(CTR_sched_steals);
	struct crew crew = {0};
	unsigned cpu, others = 0;

	if (cpu_count() == 1 || cpu_count() > BUSY_MAX)
		SKIP("needs 2 to %u CPUs", BUSY_MAX);
	atomic_store(&arrived, 0);
	atomic_store(&go, false);
	sched_bind(0);
	CPUMASK_FOREACH(cpu, cpu_online()) {
		if (cpu == 0)
			continue;
		crew_add_on(&crew, cpu, keep_busy, NULL);
		others++;
	}
	WAIT_UNTIL(atomic_load(&arrived) == others);
	critical_enter(); /* every CPU is busy, and this one stays so */
	for (unsigned i = 0; i < 8; i++)
		crew_add(&crew, arrive, NULL);
	atomic_store(&go, true);
	SPIN_UNTIL(atomic_load(&arrived) == others + 8);
	critical_exit();
	crew_join(&crew);
	sched_unbind();
	CHECK(counter_read(CTR_sched_steals) - steals >= 8);
}

/* --- who runs when --- */

/*
 * Switches on CPU 0, where the caller is bound.  What tests of preemption look
 * at: that another thread has run to its end says less, because a pending
 * interrupt can end its first turn before its first step.
 */
static uint32_t
switches(void)
{
	return (counter_read_cpu(0, CTR_ctx_switches));
}

TEST(sched, a_yield_lets_a_ready_thread_run)
{
	struct crew crew = {0};
	uint32_t before, after;
	bool ran_already;

	atomic_store(&arrived, 0);
	sched_bind(0);
	crew_add_on(&crew, 0, arrive, NULL);
	before = switches();
	ran_already = atomic_load(&arrived) != 0;
	sched_yield();
	after = switches();
	sched_unbind();
	crew_join(&crew);
	CHECK(ran_already || after - before >= 2);
}

static void
let_go(void *arg __unused)
{
	atomic_store(&go, true);
}

TEST(sched, a_busy_thread_does_not_starve_one_on_the_same_cpu)
{
	unsigned cpu = another_cpu(0);
	struct crew crew = {0};

	atomic_store(&arrived, 0);
	atomic_store(&go, false);
	sched_bind(0);
	crew_add_on(&crew, cpu, keep_busy, NULL);
	WAIT_UNTIL(atomic_load(&arrived) == 1);
	crew_add_on(&crew, cpu, let_go,
	    NULL); /* needs the other's slice to end */
	crew_join(&crew);
	sched_unbind();
}

TEST(sched, a_critical_section_defers_a_switch_to_its_end)
{
	struct crew crew = {0};
	uint32_t before, inside, after;

	sched_bind(0);
	critical_enter();
	critical_enter();
	before = switches();
	crew_add_on(&crew, 0, arrive, NULL);
	ipi_send(0, IPI_RESCHED);
	clock_delay(2 * SCHED_SLICE);
	critical_exit();
	inside = switches();
	critical_exit();
	after = switches();
	crew_join(&crew);
	sched_unbind();
	CHECK_EQ(inside, before);
	CHECK(after - inside >= 2); /* away and back */
}

TEST(sched, releasing_the_last_spinlock_makes_a_switch_that_came_due)
{
	static struct spinlock lock = SPINLOCK_INITIALIZER("test", RANK_TEST);
	struct crew crew = {0};
	uint32_t before, inside, after;

	sched_bind(0);
	critical_enter();
	before = switches();
	crew_add_on(&crew, 0, arrive, NULL);
	ipi_send(0, IPI_RESCHED);
	clock_delay(2 * SCHED_SLICE);
	spin_lock(&lock);
	critical_exit();
	inside = switches();
	spin_unlock(&lock);
	after = switches();
	crew_join(&crew);
	sched_unbind();
	CHECK_EQ(inside, before);
	CHECK(after - inside >= 2);
}

TEST(sched, a_switch_is_counted)
{
	uint32_t before, after;

	if (cpu_count() == 1)
		SKIP("needs two CPUs");
	sched_bind(0);
	before = switches();
	sched_bind(another_cpu(0)); /* this thread away, */
	sched_bind(0);              /* and back */
	after = switches();
	sched_unbind();
	CHECK(after - before >= 2);
}

/*
 * Pairs that wake each other: a thread is often woken before it has left its
 * stack, and its next CPU must not take it too early.
 */
#define ROUNDS 150

struct pair {
	_Atomic uint32_t turn;
};

struct player {
	struct pair *pair;
	uint32_t parity;
};

/* Each takes the turns of its parity; the channel is the word itself. */
static void
play(void *arg)
{
	struct player *p = arg;
	_Atomic uint32_t *turn = &p->pair->turn;

	while (atomic_load(turn) < 2 * ROUNDS) {
		sleepq_lock(turn);
		if (atomic_load(turn) % 2 != p->parity &&
		    atomic_load(turn) < 2 * ROUNDS)
			(void)sleepq_wait_locked(turn, 0, "turn", 0);
		else
			sleepq_unlock(turn);
		if (atomic_load(turn) % 2 == p->parity &&
		    atomic_load(turn) < 2 * ROUNDS) {
			atomic_fetch_add(turn, 1);
			(void)wakeup(turn);
		}
	}
}

TEST(sched, threads_that_wake_each_other_keep_their_stacks)
{
	unsigned n = one_per_cpu(8);
	struct pair pairs[8];
	struct player players[16];
	struct crew crew = {0};

	for (unsigned i = 0; i < 2 * n; i++) {
		if (i % 2 == 0)
			atomic_store(&pairs[i / 2].turn, 0);
		players[i] = (struct player){&pairs[i / 2], i % 2};
		crew_add(&crew, play, &players[i]);
	}
	crew_join(&crew);
	for (unsigned i = 0; i < n; i++)
		CHECK_EQ(atomic_load(&pairs[i].turn), 2 * ROUNDS);
}

static void
sleep_often(void *arg)
{
	for (unsigned i = 0; i < 500; i++)
		(void)msleep(arg, NULL, 0, "often", 0);
	atomic_store(&go, true);
}

TEST(sched, a_thread_may_be_woken_before_it_has_left_its_stack)
{
	struct crew crew = {0};
	static char channel;

	atomic_store(&go, false);
	crew_add(&crew, sleep_often, &channel);
	while (!atomic_load(&go)) {
		/* Often waits for the queue that the sleeper just enters. */
		if (wakeup(&channel) == 0)
			sched_yield();
		cpu_pause();
	}
	crew_join(&crew);
}

/* --- threads --- */

TEST(sched, joined_threads_leave_their_stacks_to_the_next)
{
	uint32_t before = thread_stacks();
	struct crew crew = {0};

	for (unsigned i = 0; i < 100; i++) {
		crew_add(&crew, arrive, NULL);
		crew_join(&crew);
	}
	CHECK(thread_stacks() <= before + 1);
}

TEST(sched, there_are_as_many_stacks_as_threads_lived_at_once)
{
	struct crew crew = {0};
	unsigned first, second;

	for (unsigned i = 0; i < CREW_MAX / 2; i++)
		crew_add(&crew, arrive, NULL);
	crew_join(&crew);
	first = thread_stacks();
	for (unsigned i = 0; i < CREW_MAX / 2; i++)
		crew_add(&crew, arrive, NULL);
	crew_join(&crew);
	second = thread_stacks();
	CHECK_EQ(second, first);
}

TEST(sched, join_waits_for_the_end_and_finds_one_that_has_ended)
{
	struct crew crew = {0};
	struct thread *td;

	atomic_store(&arrived, 0);
	td = crew_add(&crew, arrive, NULL);
	WAIT_UNTIL(atomic_load(&td->state) == TDS_DEAD);
	crew_join(&crew);
	crew_add(&crew, arrive, NULL);
	crew_join(&crew);
	CHECK_EQ(atomic_load(&arrived), 2);
}

struct census {
	const struct thread *wanted;
	unsigned seen;
};

static void
take_census(const struct thread *td, void *arg)
{
	struct census *c = arg;

	c->seen += td == c->wanted;
}

TEST(sched, the_list_of_threads_holds_each_live_thread_once)
{
	struct census alive = {curthread, 0}, joined = {NULL, 0};
	struct crew crew = {0};

	thread_foreach(take_census, &alive);
	joined.wanted = crew_add(&crew, arrive, NULL);
	crew_join(&crew);
	thread_foreach(take_census, &joined);
	CHECK_EQ(alive.seen, 1);
	CHECK_EQ(joined.seen, 0);
}

/* --- sets of CPUs --- */

TEST(sched, a_set_of_cpus_is_walked_in_order)
{
	static const unsigned members[] = {0, 31, 32, 63, 64, 200, MAXCPU - 1};
	struct cpumask set = {0};
	unsigned cpu, n = 0;

	for (unsigned i = 0; i < nitems(members); i++)
		cpumask_add(&set, members[i]);
	CPUMASK_FOREACH(cpu, &set)
		CHECK_EQ(cpu, members[n++]);
	CHECK_EQ(n, nitems(members));
	CHECK_EQ(cpumask_count(&set), nitems(members));
	cpumask_remove(&set, 32);
	CHECK_EQ(cpumask_next(&set, 32), 63);
	CHECK_EQ(cpumask_next(&set, MAXCPU), MAXCPU);
}
