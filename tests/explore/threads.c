/*
 * Explorations of locks, sleep and wakeup; and a race on purpose, which has to
 * be found.
 *
 * Kills: no second look for signals once the sleep queue is entered.
 */
#include "tests/explore/kit.h"
#include "kernel/mutex.h"
#include "kernel/signal.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"

/* --- counting --- */

#define INCREMENTS 30

static struct spinlock count_lock = SPINLOCK_INITIALIZER("explore", RANK_TEST);
static struct mtx count_mtx = MTX_INITIALIZER("explore", MTX_RANK_TEST);
static uint32_t under_spinlock, under_mutex;
static volatile uint32_t unlocked;

static void
count_locked(unsigned self __unused)
{
	for (unsigned i = 0; i < INCREMENTS; i++) {
		uint32_t n;

		spin_lock(&count_lock);
		n = under_spinlock;
		YIELD_POINT();
		under_spinlock = n + 1;
		spin_unlock(&count_lock);
		mtx_lock(&count_mtx);
		n = under_mutex;
		YIELD_POINT();
		under_mutex = n + 1;
		mtx_unlock(&count_mtx);
	}
}

EXPLORE_TEST(explore_few, locks_let_one_in_at_a_time)
{
	under_spinlock = under_mutex = 0;
	explore_threads(EXPLORE_THREADS, count_locked);
	CHECK_EQ(under_spinlock, EXPLORE_THREADS * INCREMENTS);
	CHECK_EQ(under_mutex, EXPLORE_THREADS * INCREMENTS);
}

static void
count_unlocked(unsigned self __unused)
{
	for (unsigned i = 0; i < INCREMENTS; i++) {
		uint32_t n = unlocked;

		YIELD_POINT();
		unlocked = n + 1;
	}
}

/* Has to fail: the planted race. */
EXPLORE_TEST(selftest, an_unlocked_counter_loses_nothing)
{
	unlocked = 0;
	explore_threads(EXPLORE_THREADS, count_unlocked);
	CHECK_EQ(unlocked, EXPLORE_THREADS * INCREMENTS);
}

/* --- sleep and wakeup --- */

#define ITEMS 15
#define ROOM 2
#define PRODUCERS 2

static struct spinlock belt_lock = SPINLOCK_INITIALIZER("belt", RANK_TEST);

/* Under belt_lock: items put and taken so far. */
static uint32_t put, taken;

static void
put_items(void)
{
	for (unsigned i = 0; i < ITEMS; i++) {
		spin_lock(&belt_lock);
		while (put - taken == ROOM)
			msleep_spin(&put, &belt_lock, 0, "room", 0);
		put++;
		spin_unlock(&belt_lock);
		wakeup_one(&taken);
	}
}

/* A signal and the end of time end a sleep, but lose no item. */
static void
take_items(unsigned self)
{
	for (unsigned i = 0; i < ITEMS; i++) {
		uint32_t r = explore_random(self);
		nsec_t timeout = r % 4 == 0 ? 1 + r / 4 % 4000 : 0;

		spin_lock(&belt_lock);
		while (put == taken) {
			msleep_spin(&taken, &belt_lock, PCATCH, "item",
			    timeout);
			(void)signal_take();
		}
		taken++;
		spin_unlock(&belt_lock);
		wakeup_one(&put);
		if (r / 8 % 4 == 0)
			tdsignal(explore_thread(self ^ 1), SIGINT);
	}
}

static void
put_or_take(unsigned self)
{
	if (self < PRODUCERS)
		put_items();
	else
		take_items(self);
}

EXPLORE_TEST(explore_few, no_wakeup_is_lost_between_putting_and_taking)
{
	put = taken = 0;
	explore_threads(2 * PRODUCERS, put_or_take);
	CHECK_EQ(put, PRODUCERS * ITEMS);
	CHECK_EQ(taken, PRODUCERS * ITEMS);
}

/* --- signals --- */

static _Atomic uint32_t answered;

/* Nothing but the signal ends the sleep. */
static void
signal_and_answer(unsigned self)
{
	for (unsigned i = 1; i <= ITEMS; i++) {
		if (self == 0) {
			tdsignal(explore_thread(1), SIGTERM);
			WAIT_UNTIL(atomic_load(&answered) == i);
			continue;
		}
		while (msleep(&answered, NULL, PCATCH, "signal", 0) != EINTR)
			continue;
		CHECK_EQ(signal_take(), SIGTERM);
		atomic_fetch_add(&answered, 1);
	}
}

EXPLORE_TEST(explore_few, a_signal_ends_the_sleep_that_begins)
{
	atomic_store(&answered, 0);
	explore_threads(2, signal_and_answer);
	CHECK_EQ(atomic_load(&answered), ITEMS);
}
