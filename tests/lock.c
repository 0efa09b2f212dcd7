/*
 * Spinlocks and mutexes.
 */
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/mutex.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "mm/tlb.h"
#include "tests/test.h"
#include "tests/threads.h"

static struct spinlock lock = SPINLOCK_INITIALIZER("test", RANK_TEST);
static struct spinlock inner = SPINLOCK_INITIALIZER("test inner", RANK_LEAF);

static struct mtx mtx = MTX_INITIALIZER("test", MTX_RANK_TEST);
static struct mtx inner_mtx = MTX_INITIALIZER("test inner", MTX_RANK_LEAF);

/* Under `lock` or `mtx`.  Volatile: each count is a load and a store. */
static volatile uint32_t shared_count;

static _Atomic uint32_t stage;

/* A read and a write with room between them for another CPU's. */
static void
count_slowly(void)
{
	uint32_t n = shared_count;

	cpu_pause();
	shared_count = n + 1;
}

static void
count_under_spinlock(unsigned cpu __unused, void *arg)
{
	for (unsigned i = *(unsigned *)arg; i != 0; i--) {
		spin_lock(&lock);
		count_slowly();
		spin_unlock(&lock);
	}
}

TEST(lock, a_spinlock_excludes_other_cpus)
{
	unsigned each = 4000 / cpu_count() + 1;

	shared_count = 0;
	test_run_on_all(count_under_spinlock, &each);
	CHECK_EQ(shared_count, each * cpu_count());
}

static void
count_under_trylock(unsigned cpu __unused, void *arg)
{
	for (unsigned i = *(unsigned *)arg; i != 0; i--) {
		while (!spin_trylock(&lock))
			cpu_pause();
		count_slowly();
		spin_unlock(&lock);
	}
}

TEST(lock, a_spinlock_taken_by_trylock_excludes_too)
{
	unsigned each = 2000 / cpu_count() + 1;

	shared_count = 0;
	test_run_on_all(count_under_trylock, &each);
	CHECK_EQ(shared_count, each * cpu_count());
}

TEST(lock, interrupts_are_disabled_until_the_last_spinlock_is_released)
{
	bool with_two, with_one, with_none;

	spin_lock(&lock);
	spin_lock(&inner);
	with_two = intr_enabled();
	spin_unlock(&lock); /* not the one taken last */
	with_one = intr_enabled();
	spin_unlock(&inner);
	with_none = intr_enabled();
	CHECK(!with_two);
	CHECK(!with_one);
	CHECK(with_none);
}

TEST(lock, a_spinlock_leaves_disabled_interrupts_disabled)
{
	uint32_t eflags = intr_disable();
	bool enabled;

	spin_lock(&lock);
	spin_unlock(&lock);
	enabled = intr_enabled();
	intr_restore(eflags);
	CHECK(!enabled);
}

TEST(lock, spin_held_knows_the_holder)
{
	bool before = spin_held(&lock), during, after;

	spin_lock(&lock);
	during = spin_held(&lock);
	spin_unlock(&lock);
	after = spin_held(&lock);
	CHECK(!before && during && !after);
}

TEST(lock, trylock_of_a_held_spinlock_fails_and_changes_nothing)
{
	bool taken, enabled;

	spin_lock(&lock);
	taken = spin_trylock(&lock);
	enabled = intr_enabled();
	spin_unlock(&lock);
	CHECK(!taken);
	CHECK(!enabled);
	CHECK(intr_enabled());
}

static void
take_when_told(void *arg __unused)
{
	WAIT_UNTIL(atomic_load(&stage) == 1);
	spin_lock(&lock);
	spin_unlock(&lock);
}

TEST(lock, a_spinlock_counts_an_acquisition_that_had_to_wait)
{
	uint32_t before = load_relaxed(&lock.contended), uncontended;
	struct crew crew = {0};

	if (cpu_count() == 1)
		SKIP("needs two CPUs");
	atomic_store(&stage, 0);
	spin_lock(&lock);
	spin_unlock(&lock);
	uncontended = load_relaxed(&lock.contended);
	sched_bind(0);
	crew_add_on(&crew, another_cpu(0), take_when_told, NULL);
	spin_lock(&lock);
	atomic_store(&stage, 1);
	SPIN_UNTIL(load_relaxed(&lock.contended) != uncontended);
	spin_unlock(&lock);
	crew_join(&crew);
	sched_unbind();
	CHECK_EQ(uncontended, before);
	CHECK_EQ(load_relaxed(&lock.contended), before + 1);
}

TEST(lock, a_cpu_that_waits_for_a_spinlock_serves_shootdowns)
{
	struct crew crew = {0};
	uint32_t before = load_relaxed(&lock.contended);

	if (cpu_count() == 1)
		SKIP("needs two CPUs");
	sched_bind(0);
	atomic_store(&stage, 0);
	crew_add_on(&crew, another_cpu(0), take_when_told, NULL);
	spin_lock(&lock);
	atomic_store(&stage, 1);
	SPIN_UNTIL(load_relaxed(&lock.contended) != before);
	tlb_shootdown_all(NULL, 0); /* else waits for ever */
	spin_unlock(&lock);
	crew_join(&crew);
	sched_unbind();
}

/* --- mutexes --- */

static void
count_under_mutex(void *arg)
{
	uint32_t seed = test_seed() + *(unsigned *)arg;

	for (unsigned i = 0; i < 200; i++) {
		uint32_t n;

		mtx_lock(&mtx);
		n = shared_count;
		if (test_random(&seed) % 8 == 0)
			sched_yield();
		shared_count = n + 1;
		mtx_unlock(&mtx);
	}
}

TEST(lock, a_mutex_excludes_other_threads)
{
	unsigned n = 2 * one_per_cpu(8), number[16];
	struct crew crew = {0};

	shared_count = 0;
	for (unsigned i = 0; i < n; i++) {
		number[i] = i;
		crew_add(&crew, count_under_mutex, &number[i]);
	}
	crew_join(&crew);
	CHECK_EQ(shared_count, 200 * n);
	CHECK_EQ(load_relaxed(&mtx.waiters), 0);
}

static void
count_once(void *arg __unused)
{
	mtx_lock(&mtx);
	shared_count = shared_count + 1;
	mtx_unlock(&mtx);
}

TEST(lock, a_thread_that_finds_a_mutex_held_sleeps_until_its_release)
{
	uint32_t before = load_relaxed(&mtx.contended), count;
	struct crew crew = {0};

	shared_count = 0;
	mtx_lock(&mtx);
	crew_add(&crew, count_once, NULL);
	wait_asleep(&mtx, 1);
	count = shared_count;
	mtx_unlock(&mtx);
	crew_join(&crew);
	CHECK_EQ(count, 0);
	CHECK_EQ(shared_count, 1);
	CHECK_EQ(load_relaxed(&mtx.contended), before + 1);
}

TEST(lock, every_waiter_for_a_mutex_gets_it)
{
	struct crew crew = {0};

	shared_count = 0;
	mtx_lock(&mtx);
	for (unsigned i = 0; i < 8; i++)
		crew_add(&crew, count_once, NULL);
	wait_asleep(&mtx, 8);
	mtx_unlock(&mtx);
	crew_join(&crew);
	CHECK_EQ(shared_count, 8);
}

#define RACES 500

/* The round under way, and the one that the partner has done. */
static _Atomic uint32_t round, done;

static void
lock_each_round(void *arg __unused)
{
	uint32_t seed = test_seed();

	for (uint32_t i = 1; i <= RACES; i++) {
		WAIT_UNTIL(atomic_load(&round) == i);
		clock_delay(test_random(&seed) % (2 * USEC));
		mtx_lock(&mtx);
		mtx_unlock(&mtx);
		atomic_store(&done, i);
	}
}

TEST(lock, a_wait_and_a_release_at_once_lose_no_wakeup)
{
	uint32_t seed = test_seed() + 1;
	struct crew crew = {0};

	atomic_store(&round, 0);
	crew_add(&crew, lock_each_round, NULL);
	for (uint32_t i = 1; i <= RACES; i++) {
		mtx_lock(&mtx);
		atomic_store(&round, i);
		clock_delay(test_random(&seed) % (2 * USEC));
		mtx_unlock(&mtx);
		WAIT_UNTIL(atomic_load(&done) == i);
	}
	crew_join(&crew);
}

static void
try_mutex(void *arg)
{
	bool *taken = arg;

	*taken = mtx_trylock(&mtx);
	if (*taken)
		mtx_unlock(&mtx);
}

TEST(lock, trylock_of_a_mutex_fails_while_another_thread_holds_it)
{
	struct crew crew = {0};
	bool while_held, while_free;

	mtx_lock(&mtx);
	crew_add(&crew, try_mutex, &while_held);
	crew_join(&crew);
	mtx_unlock(&mtx);
	crew_add(&crew, try_mutex, &while_free);
	crew_join(&crew);
	CHECK(!while_held);
	CHECK(while_free);
}

TEST(lock, mutexes_may_be_released_in_any_order)
{
	bool outer_owned, inner_owned;

	mtx_lock(&mtx);
	mtx_lock(&inner_mtx);
	mtx_unlock(&mtx);
	outer_owned = mtx_owned(&mtx);
	inner_owned = mtx_owned(&inner_mtx);
	mtx_unlock(&inner_mtx);
	CHECK(!outer_owned);
	CHECK(inner_owned);
	CHECK(!mtx_owned(&inner_mtx));
}
