/*
 * Data races on purpose: each must be met with its report, see
 * tests/sanitize/rows.cfg.  The runner runs a suite of this name only if the
 * test is named in full.
 */
#include "kernel/atomic.h"
#include "kernel/spinlock.h"
#include "tests/test.h"

static struct spinlock lock = SPINLOCK_INITIALIZER("kcsan", RANK_TEST);

#define TURNS 20000

static unsigned counter;

/* Without a lock.  The compiler must not add up first. */
static void
count_unlocked(unsigned cpu __unused, void *arg __unused)
{
	for (unsigned i = 0; i < TURNS; i++) {
		counter++;
		atomic_signal_fence(memory_order_seq_cst);
	}
}

TEST(selftest_kcsan, unlocked_counter)
{
	test_run_on_all(count_unlocked, NULL);
}

/* Only who writes takes the lock. */
static unsigned guarded;

static void
read_unlocked(unsigned cpu, void *arg __unused)
{
	static _Atomic unsigned sum;

	for (unsigned i = 0; i < TURNS; i++) {
		if (cpu == 0) {
			spin_lock(&lock);
			guarded++;
			spin_unlock(&lock);
		} else {
			atomic_fetch_add(&sum, guarded);
		}
	}
}

TEST(selftest_kcsan, read_without_the_lock)
{
	test_run_on_all(read_unlocked, NULL);
}

/* Made with plain stores, waited for with an atomic load. */
static struct {
	unsigned value;
	unsigned ready;
} message;

static void
pass_message(unsigned cpu, void *arg __unused)
{
	for (unsigned i = 0; i < TURNS; i++) {
		if (cpu == 0)
			message.ready = i;
		else
			(void)load_acquire((_Atomic unsigned *)&message.ready);
		atomic_signal_fence(memory_order_seq_cst);
	}
}

TEST(selftest_kcsan, plain_store_to_publish)
{
	test_run_on_all(pass_message, NULL);
}
