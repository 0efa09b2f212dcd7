/*
 * A clock that jumps.
 *
 * The kernel promises a clock that never goes back on one CPU, and has no other;
 * this is what holds if the hardware breaks that.  A jump forward makes what was
 * waited for due: it comes no later than without the jump.  A jump back makes it
 * late by the jump, and no more.  Nothing hangs, and nothing is early by the
 * clock that its caller sees.
 */
#include "kernel/clock.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/kva.h"
#include "tests/faults/inject.h"
#include "tests/test.h"
#include "tests/threads.h"

#define SPAN (20 * MSEC)
#define HOUR (3600 * SEC)
/* Until a thread that is due runs: a slice of each of a few others. */
#define SLACK (10 * SCHED_SLICE)

/* One on each CPU, and what became of it. */
struct sleeper_result {
	nsec_t span; /* asked for */
	nsec_t seen; /* by clock_now() */
	nsec_t real; /* by the hardware */
	int result;  /* of msleep() */
	_Atomic bool over;
};

static struct sleeper_result slept[MAXCPU];
static _Atomic unsigned asleep;

static void
sleep_once(void *arg)
{
	struct sleeper_result *r = arg;
	nsec_t start = clock_now(), real = fault_clock_real();

	atomic_fetch_add(&asleep, 1);
	r->result = msleep(r, NULL, 0, "fault", r->span);
	r->seen = clock_now() - start;
	r->real = fault_clock_real() - real;
	store_release(&r->over, true);
}

/*
 * Threads on all CPUs sleep, and the clock jumps.  By the hardware each sleeps
 * `least` to `most`.
 */
static void
jump_while_all_sleep(nsec_t span, int64_t jump, nsec_t least, nsec_t most)
{
	unsigned n = one_per_cpu(CREW_MAX - 1);
	struct crew crew = {0};

	atomic_store(&asleep, 0);
	for (unsigned i = 0; i < n; i++) {
		slept[i] = (struct sleeper_result){.span = span};
		crew_add_on(&crew, i, sleep_once, &slept[i]);
	}
	WAIT_UNTIL(atomic_load(&asleep) == n);
	/* On a busy host some have woken up already. */
	for (unsigned i = 0; i < n; i++)
		WAIT_UNTIL(sleepq_count(&slept[i]) == 1 ||
		    load_acquire(&slept[i].over));
	fault_clock(jump, 1);
	crew_join(&crew);
	for (unsigned i = 0; i < n; i++) {
		const struct sleeper_result *r = &slept[i];

		CHECK_EQ(r->result, EWOULDBLOCK);
		CHECK_MSG((int64_t)r->seen >= (int64_t)span,
		    "CPU %u: %llu us of %llu by the clock", i,
		    div64(r->seen, USEC, NULL), div64(span, USEC, NULL));
		CHECK_MSG(r->real >= least, "CPU %u: early, after %llu us", i,
		    div64(r->real, USEC, NULL));
		CHECK_MSG(!fault_time_is_exact() || r->real <= most,
		    "CPU %u: late, after %llu us", i,
		    div64(r->real, USEC, NULL));
	}
}

#define JUMP_TEST(name_) TEST_BUDGETED(fault, name_, 30 * HOUR)

JUMP_TEST(a_clock_that_jumps_1_s_ahead_makes_no_sleep_longer)
{
	jump_while_all_sleep(SPAN, SEC, 0, SPAN + SLACK);
}

JUMP_TEST(a_clock_that_jumps_1_hour_ahead_makes_no_sleep_longer)
{
	jump_while_all_sleep(SPAN, HOUR, 0, SPAN + SLACK);
}

/* The timer is looked at again within 1000 s, at its longest. */
JUMP_TEST(a_clock_that_jumps_1_hour_ahead_ends_long_sleeps)
{
	if (!fault_time_is_exact())
		SKIP("only where idle time costs nothing");
	jump_while_all_sleep(HOUR, HOUR, 0, 1000 * SEC + SLACK);
}

JUMP_TEST(a_clock_that_jumps_1_ms_back_makes_sleeps_so_much_longer)
{
	jump_while_all_sleep(SPAN, -(int64_t)MSEC, SPAN, SPAN + MSEC + SLACK);
}

JUMP_TEST(a_clock_that_jumps_1_s_back_makes_sleeps_so_much_longer)
{
	jump_while_all_sleep(SPAN, -(int64_t)SEC, SPAN, SPAN + SEC + SLACK);
}

/* --- timeouts in a row --- */

#define NTIMEOUTS 8

static _Atomic uint32_t fired;
static uint32_t order[NTIMEOUTS];

static void
fire(void *arg)
{
	order[atomic_fetch_add(&fired, 1) % NTIMEOUTS] =
	    (uint32_t)(vm_offset_t)arg;
}

/* Whatever the clock does, each is called once, and in order. */
static void
jump_between_timeouts(int64_t jump)
{
	struct timeout t[NTIMEOUTS];
	nsec_t start;

	atomic_store(&fired, 0);
	sched_bind(0);
	start = clock_now();
	for (uint32_t i = 0; i < NTIMEOUTS; i++) {
		timeout_init(&t[i], fire, (void *)(vm_offset_t)i);
		timeout_set(&t[i], start + (i + 1) * MSEC);
	}
	WAIT_UNTIL(atomic_load(&fired) >= NTIMEOUTS / 2);
	fault_clock(jump, 1);
	WAIT_UNTIL(atomic_load(&fired) >= NTIMEOUTS);
	pause_sleep("fault", NTIMEOUTS * MSEC);
	sched_unbind();
	for (uint32_t i = 0; i < NTIMEOUTS; i++)
		(void)timeout_cancel(&t[i]);
	CHECK_EQ(atomic_load(&fired), NTIMEOUTS);
	for (uint32_t i = 0; i < NTIMEOUTS; i++)
		CHECK_EQ(order[i], i);
}

JUMP_TEST(timeouts_come_once_and_in_order_though_the_clock_jumps)
{
	static const int64_t jumps[] = {
	    (int64_t)SEC, (int64_t)HOUR, -(int64_t)MSEC, -(int64_t)SEC};

	for (unsigned i = 0; i < nitems(jumps) && !test_failed(); i++)
		jump_between_timeouts(jumps[i]);
}

/* --- a shootdown meanwhile --- */

static _Atomic bool over;

static void
jump_about(void *arg __unused)
{
	for (unsigned i = 0; i < 200; i++) {
		fault_clock((int64_t)SEC, 1);
		clock_delay(50 * USEC);
		fault_clock(-(int64_t)MSEC, 1);
		clock_delay(50 * USEC);
	}
	store_release(&over, true);
}

JUMP_TEST(shootdowns_and_slices_go_on_though_the_clock_jumps)
{
	struct crew crew = {0};
	uint32_t rounds = 0;

	store_relaxed(&over, false);
	crew_add_on(&crew, cpu_count() - 1, jump_about, NULL);
	for (; !load_acquire(&over) && !test_failed(); rounds++) {
		void *p = kmem_alloc(PAGE_SIZE);

		CHECK(p != NULL);
		kmem_free(p, PAGE_SIZE);
		sched_yield();
	}
	crew_join(&crew);
	test_note("fault: %u shootdowns", rounds);
	CHECK(rounds > (fault_time_is_exact() ? 10 : 0));
}
