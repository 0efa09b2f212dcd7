/*
 * Timeouts: when functions are called, and when they are not.
 */
#include "kernel/timeout.h"
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "tests/test.h"
#include "tests/threads.h"

/* A timeout and what became of it. */
struct call {
	struct timeout timeout;
	nsec_t at;           /* clock_now() of the last call */
	unsigned cpu, place; /* where; how many calls came before it */
	_Atomic uint32_t ncalls;
};

static _Atomic uint32_t total_calls;

static void
note_call(void *arg)
{
	struct call *c = arg;

	c->at = clock_now();
	c->cpu = curcpu_id();
	c->place = atomic_fetch_add(&total_calls, 1);
	atomic_fetch_add(&c->ncalls, 1);
}

static void
call_init(struct call *c)
{
	*c = (struct call){.at = 0};
	timeout_init(&c->timeout, note_call, c);
}

static uint32_t
ncalls(struct call *c)
{
	return (atomic_load(&c->ncalls));
}

TEST(timeout, a_function_is_called_once_and_not_before_its_deadline)
{
	nsec_t deadline = clock_now() + 2 * MSEC;
	struct call c;

	call_init(&c);
	timeout_set(&c.timeout, deadline);
	WAIT_UNTIL(ncalls(&c) != 0);
	pause_sleep("again?", 5 * MSEC);
	timeout_cancel(&c.timeout);
	CHECK_EQ(ncalls(&c), 1);
	CHECK(c.at >= deadline);
}

TEST(timeout, functions_are_called_in_the_order_of_their_deadlines)
{
	static const unsigned when[] = {4, 1, 5, 2, 3, 1, 0};
	static const unsigned place[] = {5, 1, 6, 3, 4, 2, 0};
	struct call c[nitems(when)];
	uint32_t flags;
	nsec_t start;

	sched_pin();
	atomic_store(&total_calls, 0);
	/* None is called before all are set, however slow this CPU is. */
	flags = intr_disable();
	start = clock_now() + MSEC;
	for (unsigned i = 0; i < nitems(when); i++) {
		call_init(&c[i]);
		timeout_set(&c[i].timeout, start + when[i] * MSEC);
	}
	intr_restore(flags);
	WAIT_UNTIL(atomic_load(&total_calls) == nitems(when));
	for (unsigned i = 0; i < nitems(when); i++)
		timeout_cancel(&c[i].timeout);
	sched_unpin();
	for (unsigned i = 0; i < nitems(when); i++)
		CHECK_EQ(c[i].place, place[i]);
}

TEST(timeout, a_deadline_that_has_passed_is_due_at_once)
{
	struct call c;

	call_init(&c);
	timeout_set(&c.timeout, 0);
	WAIT_UNTIL(ncalls(&c) != 0);
	CHECK(!timeout_cancel(&c.timeout));
}

TEST(timeout, the_function_is_called_on_the_cpu_that_set_it)
{
	unsigned cpu = another_cpu(0);
	struct call c;

	call_init(&c);
	sched_bind(cpu);
	timeout_set(&c.timeout, clock_now() + MSEC);
	sched_bind(0);
	WAIT_UNTIL(ncalls(&c) != 0);
	sched_unbind();
	timeout_cancel(&c.timeout);
	CHECK_EQ(c.cpu, cpu);
}

TEST(timeout, a_cancelled_function_is_not_called)
{
	struct call cancelled, later;
	bool taken;

	call_init(&cancelled);
	call_init(&later);
	sched_pin();
	critical_enter();
	timeout_set(&cancelled.timeout, clock_now() + MSEC);
	timeout_set(&later.timeout, clock_now() + 2 * MSEC);
	critical_exit();
	taken = timeout_cancel(&cancelled.timeout);
	WAIT_UNTIL(ncalls(&later) != 0);
	timeout_cancel(&later.timeout);
	sched_unpin();
	CHECK_EQ(ncalls(&cancelled), taken ? 0 : 1);
}

TEST(timeout, cancel_says_whether_the_function_is_still_to_be_called)
{
	struct call c;
	bool unset, pending, done;

	call_init(&c);
	unset = timeout_cancel(&c.timeout);
	timeout_set(&c.timeout, clock_now() + 3600 * SEC);
	pending = timeout_cancel(&c.timeout);
	timeout_set(&c.timeout, clock_now());
	WAIT_UNTIL(ncalls(&c) != 0);
	done = timeout_cancel(&c.timeout);
	CHECK(!unset);
	CHECK(pending);
	CHECK(!done);
}

/* A function that takes its time, and the steps of the two CPUs. */
static _Atomic bool setter_left, slow_started, slow_may_end, slow_ended;

/* On the CPU of who set it, who may not have left yet. */
static void
slow_function(void *arg)
{
	if (!atomic_load(&setter_left)) {
		timeout_set(arg, clock_now() + MSEC);
		return;
	}
	atomic_store(&slow_started, true);
	SPIN_UNTIL(atomic_load(&slow_may_end));
	clock_delay(MSEC);
	atomic_store(&slow_ended, true);
}

TEST(timeout, cancel_waits_for_a_function_that_runs_on_another_cpu)
{
	struct timeout t;
	bool cancelled, ended;

	if (cpu_count() == 1)
		SKIP("needs two CPUs");
	atomic_store(&setter_left, false);
	atomic_store(&slow_started, false);
	atomic_store(&slow_may_end, false);
	atomic_store(&slow_ended, false);
	timeout_init(&t, slow_function, &t);
	sched_bind(another_cpu(0));
	timeout_set(&t, clock_now() + MSEC);
	sched_bind(0);
	atomic_store(&setter_left, true);
	WAIT_UNTIL(atomic_load(&slow_started));
	atomic_store(&slow_may_end, true);
	cancelled = timeout_cancel(&t);
	ended = atomic_load(&slow_ended);
	sched_unbind();
	CHECK(!cancelled);
	CHECK(ended);
}

static void
call_again(void *arg)
{
	struct call *c = arg;

	note_call(c);
	timeout_set(&c->timeout, clock_now() + 100 * USEC);
}

TEST(timeout, a_function_may_set_its_timeout_again_until_it_is_cancelled)
{
	struct call c;
	uint32_t n;

	call_init(&c);
	c.timeout.fn = call_again;
	timeout_set(&c.timeout, clock_now());
	WAIT_UNTIL(ncalls(&c) >= 5);
	timeout_cancel(&c.timeout);
	n = ncalls(&c);
	pause_sleep("again?", 2 * MSEC);
	CHECK_EQ(ncalls(&c), n);
}

static void
cancel_own(void *arg)
{
	struct call *c = arg;

	note_call(c);
	timeout_set(&c->timeout, clock_now() + 100 * USEC);
	(void)timeout_cancel(&c->timeout);
}

TEST(timeout, a_function_may_cancel_its_own_timeout)
{
	struct call c;

	call_init(&c);
	c.timeout.fn = cancel_own;
	timeout_set(&c.timeout, clock_now());
	WAIT_UNTIL(ncalls(&c) != 0);
	pause_sleep("again?", MSEC);
	CHECK(!timeout_cancel(&c.timeout));
	CHECK_EQ(ncalls(&c), 1);
}

/* Set on one CPU, cancelled on another about when it is due. */
static void
set_and_cancel(unsigned cpu, void *arg)
{
	uint32_t seed = test_seed() + cpu, *lost = arg;

	for (unsigned i = 0; i < 40; i++) {
		struct call c;
		bool cancelled;

		call_init(&c);
		sched_bind(cpu);
		timeout_set(&c.timeout,
		    clock_now() + test_random(&seed) % (50 * USEC));
		sched_bind(another_cpu(cpu));
		clock_delay(test_random(&seed) % (50 * USEC));
		cancelled = timeout_cancel(&c.timeout);
		if (ncalls(&c) + cancelled != 1)
			__atomic_fetch_add(lost, 1, __ATOMIC_RELAXED);
	}
}

TEST(timeout, each_is_either_called_or_cancelled_whatever_the_race)
{
	uint32_t lost = 0;

	test_run_on_all(set_and_cancel, &lost);
	CHECK_EQ(lost, 0);
}

TEST(timeout, an_idle_cpu_has_no_timer_interrupts)
{
	unsigned cpu = cpu_count() - 1; /* no watchdog there, given five CPUs */
	uint32_t before;

	if (cpu == 0)
		SKIP("needs an idle CPU");
	sched_bind(0);
	pause_sleep("end of slice", 2 * SCHED_SLICE);
	before = counter_read_cpu(cpu, CTR_timer_intrs);
	pause_sleep("idle", 5 * SCHED_SLICE);
	sched_unbind();
	/* One may be of a timeout that was cancelled before. */
	CHECK(counter_read_cpu(cpu, CTR_timer_intrs) - before <= 1);
}
