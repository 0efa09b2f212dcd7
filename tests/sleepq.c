/*
 * Sleep and wakeup: who wakes, in which order, and with what result.
 */
#include "kernel/sleepq.h"
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/mutex.h"
#include "kernel/signal.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "tests/test.h"
#include "tests/threads.h"

static struct mtx mtx = MTX_INITIALIZER("test", MTX_RANK_TEST);
static struct spinlock lock = SPINLOCK_INITIALIZER("test", RANK_TEST);

static char channel, other_channel;

/* What a sleeper is to do, and what became of it. */
struct sleep {
	const void *chan;
	int flags;
	nsec_t timeout;
	int result;
	unsigned place; /* how many had ended before it */
};

static _Atomic uint32_t ended;

static void
sleep_once(void *arg)
{
	struct sleep *s = arg;

	s->result = msleep(s->chan, NULL, s->flags, "test", s->timeout);
	s->place = atomic_fetch_add(&ended, 1);
}

/* Start sleepers on one channel, each asleep before the next starts. */
static void
start_sleepers(struct crew *crew, struct sleep *s, unsigned n)
{
	atomic_store(&ended, 0);
	for (unsigned i = 0; i < n; i++) {
		crew_add(crew, sleep_once, &s[i]);
		wait_asleep(s[i].chan, i + 1);
	}
}

/* --- wakeup --- */

TEST(sleepq, wakeup_one_wakes_the_one_that_has_slept_longest)
{
	struct sleep s[5] = {{0}};
	struct crew crew = {0};
	unsigned woken = 0;

	for (unsigned i = 0; i < nitems(s); i++)
		s[i].chan = &channel;
	start_sleepers(&crew, s, nitems(s));
	for (unsigned i = 0; i < nitems(s); i++) {
		woken += wakeup_one(&channel);
		WAIT_UNTIL(atomic_load(&ended) == i + 1);
	}
	crew_join(&crew);
	CHECK_EQ(woken, nitems(s));
	for (unsigned i = 0; i < nitems(s); i++)
		CHECK_EQ(s[i].place, i);
}

TEST(sleepq, wakeup_wakes_all_and_says_how_many)
{
	struct sleep s[5] = {{0}};
	struct crew crew = {0};
	unsigned woken;

	for (unsigned i = 0; i < nitems(s); i++)
		s[i] = (struct sleep){.chan = &channel, .result = -1};
	start_sleepers(&crew, s, nitems(s));
	woken = wakeup(&channel);
	crew_join(&crew);
	CHECK_EQ(woken, nitems(s));
	for (unsigned i = 0; i < nitems(s); i++)
		CHECK_EQ(s[i].result, 0);
}

TEST(sleepq, wakeup_without_sleepers_is_not_remembered)
{
	CHECK_EQ(wakeup(&channel), 0);
	CHECK_EQ(wakeup_one(&channel), 0);
	CHECK_EQ(msleep(&channel, NULL, 0, "test", MSEC), EWOULDBLOCK);
}

TEST(sleepq, wakeups_of_other_channels_leave_a_sleeper_alone)
{
	static char others[2048];
	struct sleep s = {.chan = &channel};
	unsigned disturbed = 0, asleep;
	struct crew crew = {0};

	start_sleepers(&crew, &s, 1);
	for (unsigned i = 0; i < sizeof(others); i++)
		disturbed += wakeup(&others[i]) + wakeup_one(&others[i]);
	asleep = sleepq_count(&channel);
	wakeup(&channel);
	crew_join(&crew);
	CHECK_EQ(disturbed, 0);
	CHECK_EQ(asleep, 1);
}

static void
wake_channel(void *arg __unused)
{
	(void)wakeup(&channel);
}

TEST(sleepq, an_interrupt_handler_may_wake)
{
	struct sleep s = {.chan = &channel, .result = -1};
	struct crew crew = {0};
	struct timeout t;

	start_sleepers(&crew, &s, 1);
	timeout_init(&t, wake_channel, NULL);
	timeout_set(&t, clock_now() + MSEC);
	crew_join(&crew);
	timeout_cancel(&t);
	CHECK_EQ(s.result, 0);
}

/* --- timeouts --- */

TEST(sleepq, a_sleep_ends_with_ewouldblock_when_its_time_is_over)
{
	nsec_t start = clock_now();
	int result = msleep(&channel, NULL, 0, "test", 3 * MSEC);

	CHECK(clock_now() - start >= 3 * MSEC);
	CHECK_EQ(result, EWOULDBLOCK);
	CHECK_EQ(sleepq_count(&channel), 0);
}

TEST(sleepq, a_wakeup_before_the_timeout_gives_0)
{
	struct sleep s = {&channel, 0, 3600 * SEC, -1, 0};
	struct crew crew = {0};
	unsigned woken;

	start_sleepers(&crew, &s, 1);
	woken = wakeup(&channel);
	crew_join(&crew);
	CHECK_EQ(woken, 1);
	CHECK_EQ(s.result, 0);
}

TEST(sleepq, pause_sleep_lasts_its_time)
{
	nsec_t start = clock_now();

	pause_sleep("test", 3 * MSEC);
	CHECK(clock_now() - start >= 3 * MSEC);
}

#define RACES 100

static _Atomic uint32_t early_ends;

/* A sleep with a timeout, ended by whatever comes first; then one without,
 * which only the wakeup may end. */
static void
sleep_twice(void *arg)
{
	uint32_t seed = test_seed();

	for (unsigned i = 0; i < RACES; i++) {
		(void)msleep(arg, NULL, 0, "first",
		    10 * USEC + test_random(&seed) % (100 * USEC));
		if (msleep(&other_channel, NULL, 0, "second", 0) != 0)
			atomic_fetch_add(&early_ends, 1);
	}
}

TEST(sleepq, a_timeout_never_ends_a_later_sleep)
{
	uint32_t seed = test_seed() + 1;
	struct crew crew = {0};

	atomic_store(&early_ends, 0);
	crew_add(&crew, sleep_twice, &channel);
	for (unsigned i = 0; i < RACES; i++) {
		nsec_t span = test_random(&seed) % (100 * USEC);

		clock_delay(span);
		(void)wakeup(&channel);
		wait_asleep(&other_channel, 1);
		clock_delay(span); /* a late timeout would strike now */
		CHECK_EQ(wakeup(&other_channel), 1);
	}
	crew_join(&crew);
	CHECK_EQ(atomic_load(&early_ends), 0);
}

/* --- signals --- */

TEST(sleepq, a_pending_signal_forbids_a_sleep_with_pcatch)
{
	int result;

	tdsignal(curthread, SIGINT);
	mtx_lock(&mtx);
	result = msleep(&channel, &mtx, PCATCH, "test", 0);
	CHECK(mtx_owned(&mtx));
	mtx_unlock(&mtx);
	CHECK_EQ(signal_take(), SIGINT);
	CHECK_EQ(result, EINTR);
	CHECK_EQ(sleepq_count(&channel), 0);
}

TEST(sleepq, a_signal_ends_a_sleep_with_pcatch)
{
	struct sleep s = {.chan = &channel, .flags = PCATCH};
	struct crew crew = {0};

	start_sleepers(&crew, &s, 1);
	tdsignal(crew.member[0], SIGTERM);
	crew_join(&crew);
	CHECK_EQ(s.result, EINTR);
}

TEST(sleepq, a_signal_does_not_end_a_sleep_without_pcatch)
{
	struct sleep s = {.chan = &channel, .result = -1};
	struct crew crew = {0};
	unsigned asleep;

	start_sleepers(&crew, &s, 1);
	tdsignal(crew.member[0], SIGTERM);
	asleep = sleepq_count(&channel);
	wakeup(&channel);
	crew_join(&crew);
	CHECK_EQ(asleep, 1);
	CHECK_EQ(s.result, 0);
}

TEST(sleepq, signals_are_taken_lowest_first_and_once)
{
	tdsignal(curthread, SIGTERM);
	tdsignal(curthread, SIGINT);
	tdsignal(curthread, SIGINT);
	CHECK(signal_pending());
	CHECK_EQ(signal_take(), SIGINT);
	CHECK_EQ(signal_take(), SIGTERM);
	CHECK_EQ(signal_take(), 0);
	CHECK(!signal_pending());
}

TEST(sleepq, a_signal_that_was_taken_does_not_end_a_sleep)
{
	tdsignal(curthread, SIGINT);
	CHECK_EQ(signal_take(), SIGINT);
	CHECK_EQ(msleep(&channel, NULL, PCATCH, "test", MSEC), EWOULDBLOCK);
}

/*
 * Two sleepers, one that a signal can end; a wakeup_one() and a signal at the
 * same time.  The wakeup must end one sleep with 0, whichever.
 */
static _Atomic uint32_t zeros;
static _Atomic bool storm_over;

static void
sleep_until_over(void *arg)
{
	int flags = *(int *)arg;

	while (!atomic_load(&storm_over)) {
		if (msleep(&channel, NULL, flags, "storm", 0) == 0)
			atomic_fetch_add(&zeros, 1);
		(void)signal_take();
	}
}

static void
signal_until_over(void *arg)
{
	uint32_t seed = test_seed();

	while (!atomic_load(&storm_over)) {
		tdsignal(arg, SIGINT);
		clock_delay(test_random(&seed) % (20 * USEC));
		sched_yield();
	}
}

TEST(sleepq, a_wakeup_is_never_lost_to_a_signal)
{
	static int flags[2] = {PCATCH, 0};
	uint32_t seed = test_seed() + 1, woken = 0;
	struct crew crew = {0};
	struct thread *victim;

	atomic_store(&zeros, 0);
	atomic_store(&storm_over, false);
	victim = crew_add(&crew, sleep_until_over, &flags[0]);
	crew_add(&crew, sleep_until_over, &flags[1]);
	crew_add(&crew, signal_until_over, victim);
	for (unsigned i = 0; i < RACES; i++) {
		clock_delay(test_random(&seed) % (20 * USEC));
		woken += wakeup_one(&channel);
		WAIT_UNTIL(atomic_load(&zeros) == woken);
	}
	atomic_store(&storm_over, true);
	while (atomic_load(&zeros) != woken || sleepq_count(&channel) != 0) {
		woken += wakeup(&channel);
		sched_yield();
		cpu_pause();
	}
	/* A sleeper may have looked at storm_over just before. */
	while (atomic_load(&victim->state) != TDS_DEAD ||
	    atomic_load(&crew.member[1]->state) != TDS_DEAD) {
		woken += wakeup(&channel);
		sched_yield();
		cpu_pause();
	}
	crew_join(&crew);
	CHECK_EQ(atomic_load(&zeros), woken);
}

/*
 * Sleeps in turn on two channels, so a signal can find that the sleep which it
 * saw is over and another has begun elsewhere.  It takes two signals for that
 * to matter: the first keeps the thread from the other sleep, if it is pending.
 */
static void
alternate(void *arg __unused)
{
	for (unsigned i = 0; i < 10 * RACES; i++) {
		(void)msleep(i % 2 == 0 ? &channel : &other_channel, NULL,
		    PCATCH, "in turn", 0);
		(void)signal_take();
	}
	atomic_store(&storm_over, true);
}

static void
signal_often(void *arg)
{
	while (!atomic_load(&storm_over)) {
		tdsignal(arg, SIGTERM);
		sched_yield();
		cpu_pause();
	}
}

TEST(sleepq, a_signal_may_come_between_two_sleeps)
{
	struct crew crew = {0};
	struct thread *victim;

	atomic_store(&storm_over, false);
	victim = crew_add(&crew, alternate, NULL);
	crew_add(&crew, signal_often, victim);
	crew_add(&crew, signal_until_over, victim);
	while (!atomic_load(&storm_over)) {
		if (wakeup(&channel) + wakeup(&other_channel) == 0)
			sched_yield();
		cpu_pause();
	}
	crew_join(&crew);
	CHECK_EQ(sleepq_count(&channel) + sleepq_count(&other_channel), 0);
}

/* --- locks --- */

static bool held_after;

static void
sleep_with_mutex(void *arg)
{
	int flags = *(int *)arg;

	mtx_lock(&mtx);
	(void)msleep(&channel, &mtx, flags, "test", 0);
	held_after = mtx_owned(&mtx);
	if (held_after)
		mtx_unlock(&mtx);
}

static void
sleep_with_spinlock(void *arg)
{
	int flags = *(int *)arg;

	spin_lock(&lock);
	(void)msleep_spin(&channel, &lock, flags, "test", 0);
	held_after = spin_held(&lock);
	if (held_after)
		spin_unlock(&lock);
}

/* Returns only if the sleeper releases its lock, of either kind: soon after it
 * is on the queue. */
static void
sleep_and_look(void (*fn)(void *), int flags)
{
	struct crew crew = {0};

	crew_add(&crew, fn, &flags);
	wait_asleep(&channel, 1);
	WAIT_UNTIL(load_relaxed(&mtx.owner) == NULL &&
	    load_relaxed(&lock.owner) == NULL);
	wakeup(&channel);
	crew_join(&crew);
}

TEST(sleepq, msleep_releases_the_mutex_and_takes_it_again)
{
	sleep_and_look(sleep_with_mutex, 0);
	CHECK(held_after);
	sleep_and_look(sleep_with_mutex, PDROP);
	CHECK(!held_after);
}

TEST(sleepq, msleep_spin_releases_the_spinlock_and_takes_it_again)
{
	sleep_and_look(sleep_with_spinlock, 0);
	CHECK(held_after);
	sleep_and_look(sleep_with_spinlock, PDROP);
	CHECK(!held_after);
}

/* --- producers and consumers --- */

#define ITEMS_EACH 200
#define SLOTS 3

/* Under `lock`. */
static uint32_t slots[SLOTS], first, used;
static uint64_t consumed_sum;

static void
produce(void *arg)
{
	uint32_t number = *(uint32_t *)arg;

	for (uint32_t i = 0; i < ITEMS_EACH; i++) {
		spin_lock(&lock);
		while (used == SLOTS)
			(void)msleep_spin(&channel, &lock, 0, "full", 0);
		slots[(first + used++) % SLOTS] = number * ITEMS_EACH + i;
		spin_unlock(&lock);
		(void)wakeup_one(&other_channel);
	}
}

static void
consume(void *arg __unused)
{
	for (uint32_t i = 0; i < ITEMS_EACH; i++) {
		spin_lock(&lock);
		while (used == 0)
			(void)msleep_spin(&other_channel, &lock, 0, "empty", 0);
		consumed_sum += slots[first];
		first = (first + 1) % SLOTS;
		used--;
		spin_unlock(&lock);
		(void)wakeup_one(&channel);
	}
}

TEST(sleepq, producers_and_consumers_lose_no_wakeup)
{
	unsigned n = one_per_cpu(8);
	uint64_t items = n * ITEMS_EACH;
	struct crew crew = {0};
	uint32_t number[8];

	first = used = 0;
	consumed_sum = 0;
	for (unsigned i = 0; i < n; i++) {
		number[i] = i;
		crew_add(&crew, produce, &number[i]);
		crew_add(&crew, consume, NULL);
	}
	crew_join(&crew);
	CHECK_EQ(used, 0);
	CHECK_EQ(consumed_sum, items * (items - 1) / 2);
}
