/*
 * The test runner: finds the tests that the linker gathered, runs each on a
 * thread of its own, and reports in KTAP version 1.
 *
 * After each test pages must be back where they were: what a test
 * leaks is its failure.  A watchdog on every CPU turns a hang into a report of
 * what every CPU does.
 */
#include "tests/runner.h"
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/option.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/test.h"

/* The test under way. */
static const struct test *running;
static _Atomic bool failed, skipped;
static char skip_reason[128];

/* On several CPUs: one that still takes interrupts reports the hang. */
#define NWATCHDOGS 4
static struct timeout watchdogs[NWATCHDOGS];
static nsec_t watchdog_budget, watchdog_deadline;

static void
full_name(const struct test *t, char *buf, size_t size)
{
	ksnprintf(buf, size, "%s.%s", t->suite, t->name);
}

#define NAME_BYTES 160

static bool
matches(const char *glob, const struct test *t)
{
	char name[NAME_BYTES];

	full_name(t, name, sizeof(name));
	if (strncmp(name, "selftest", 8) == 0)
		return (strcmp(glob, name) == 0);
	return (glob_match(glob, name));
}

void
test_note(const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	kprintf_line("  # %s\n", text);
}

void
test_fail(const char *file, int line, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	/* One line for the first; a storm of failures says nothing more. */
	if (!atomic_exchange(&failed, true))
		kprintf_line("  # %s:%d: CPU %u: %s\n", file, line, curcpu_id(),
		    text);
}

void
test_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(skip_reason, sizeof(skip_reason), fmt, ap);
	va_end(ap);
	atomic_store(&skipped, true);
}

bool
test_failed(void)
{
	return (atomic_load(&failed));
}

uint32_t
test_seed(void)
{
	return ((uint32_t)option_number("seed", 1));
}

/* Numerical Recipes' linear congruential generator, its better half. */
uint32_t
test_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 16 | *state << 16);
}

/* --- the watchdog --- */

static void
watchdog_bark(void *arg __unused)
{
	char name[NAME_BYTES];

	full_name(running, name, sizeof(name));
	panic_watchdog("%s has taken more than its %llu ms", name,
	    div64(watchdog_budget, MSEC, NULL));
}

static void
watchdog_arm(unsigned cpu, void *arg __unused)
{
	timeout_init(&watchdogs[cpu], watchdog_bark, NULL);
	timeout_set(&watchdogs[cpu], watchdog_deadline);
}

static void
watchdog_start(nsec_t budget)
{
	watchdog_budget = budget;
	watchdog_deadline = clock_now() + budget;
	for (unsigned cpu = 0; cpu < MIN(NWATCHDOGS, cpu_count()); cpu++)
		test_run_on(cpu, watchdog_arm, NULL);
}

static void
watchdog_stop(void)
{
	for (unsigned cpu = 0; cpu < MIN(NWATCHDOGS, cpu_count()); cpu++)
		(void)timeout_cancel(&watchdogs[cpu]);
}

/* --- helpers that tests run on other CPUs --- */

struct call {
	void (*fn)(unsigned cpu, void *arg);
	void *arg;
	unsigned cpu;
};

static void
call_thread(void *arg)
{
	struct call *c = arg;

	c->fn(c->cpu, c->arg);
}

void
test_run_on(unsigned cpu, void (*fn)(unsigned cpu, void *arg), void *arg)
{
	struct call c = {fn, arg, cpu};
	struct thread *td = thread_create_on(cpu, "test-cpu", call_thread, &c);

	ASSERT(td != NULL, "test_run_on: no memory for a thread");
	thread_join(td);
}

void
test_run_on_all(void (*fn)(unsigned cpu, void *arg), void *arg)
{
	/* Not on the stack: 255 CPUs.  Tests run one at a time. */
	static struct call calls[MAXCPU];
	static struct thread *threads[MAXCPU];
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		calls[cpu] = (struct call){fn, arg, cpu};
		threads[cpu] =
		    thread_create_on(cpu, "test-cpu", call_thread, &calls[cpu]);
		ASSERT(threads[cpu] != NULL,
		    "test_run_on_all: no memory for a thread");
	}
	CPUMASK_FOREACH(cpu, cpu_online())
		thread_join(threads[cpu]);
}

/* --- running --- */

static void
test_thread(void *arg)
{
	const struct test *t = arg;

	t->fn();
}

/*
 * Pages to be had.  Stacks kept for the next thread and page tables, which are
 * kept for good, are no leak.
 */
static uint32_t
pages_available(void)
{
	return (vm_page_available() + thread_stacks() * KSTACK_PAGES +
	    pmap_shared_table_pages() + smp_late_pages());
}

static void
run_once(const struct test *t)
{
	uint32_t before = pages_available(), after;
	struct thread *td = thread_create("test", test_thread, (void *)t);

	ASSERT(td != NULL, "no memory for a test's thread");
	thread_join(td);
	after = pages_available();
	if (after != before && !test_failed())
		test_fail(t->file, 0, "it leaks %d pages",
		    (int)(before - after));
}

static bool
run_test(const struct test *t, unsigned number, unsigned repeat)
{
	char name[NAME_BYTES];
	nsec_t budget = t->budget;

	full_name(t, name, sizeof(name));
	atomic_store(&failed, false);
	atomic_store(&skipped, false);
	running = t;
	kprintf_line("  # RUN %s\n", name);
	if (option_present("timeout"))
		budget = option_number("timeout", 0) * MSEC;
	for (unsigned i = 0; i < repeat && !test_failed(); i++) {
		watchdog_start(budget);
		run_once(t);
		watchdog_stop();
	}
	if (test_failed())
		kprintf_line("  not ok %u %s\n", number, name);
	else if (atomic_load(&skipped))
		kprintf_line("  ok %u %s # SKIP %s\n", number, name,
		    skip_reason);
	else
		kprintf_line("  ok %u %s\n", number, name);
	return (!test_failed());
}

/* How many tests of a suite match; NULL stands for every suite. */
static unsigned
count_matching(const char *glob, const char *suite)
{
	unsigned n = 0;

	for (const struct test *t = tests_start; t < tests_end; t++)
		if ((suite == NULL || strcmp(t->suite, suite) == 0) &&
		    matches(glob, t))
			n++;
	return (n);
}

/* Is `t` the first test of its suite that matches? */
static bool
opens_suite(const char *glob, const struct test *t)
{
	for (const struct test *u = tests_start; u < t; u++)
		if (strcmp(u->suite, t->suite) == 0 && matches(glob, u))
			return (false);
	return (matches(glob, t));
}

static int
run_suite(const char *glob, const char *suite, unsigned number, unsigned repeat)
{
	unsigned n = 0;
	int bad = 0;

	kprintf_line("  # Subtest: %s\n", suite);
	kprintf_line("  1..%u\n", count_matching(glob, suite));
	for (const struct test *t = tests_start; t < tests_end; t++)
		if (strcmp(t->suite, suite) == 0 && matches(glob, t) &&
		    !run_test(t, ++n, repeat))
			bad++;
	kprintf_line("%sok %u %s\n", bad != 0 ? "not " : "", number, suite);
	return (bad);
}

int
test_run(const char *glob, unsigned repeat)
{
	unsigned suites = 0, number = 0;
	int bad = 0;

	if (count_matching(glob, NULL) == 0) {
		kprintf_line("no test matches \"%s\"; `make list-tests' names "
			     "them\n",
		    glob);
		return (-1);
	}
	for (const struct test *t = tests_start; t < tests_end; t++)
		suites += opens_suite(glob, t);
	kprintf_line("KTAP version 1\n");
	kprintf_line("1..%u\n", suites);
	for (const struct test *t = tests_start; t < tests_end; t++)
		if (opens_suite(glob, t))
			bad += run_suite(glob, t->suite, ++number, repeat);
	return (bad);
}

unsigned
test_list(const char *glob)
{
	unsigned n = 0;

	for (const struct test *t = tests_start; t < tests_end; t++)
		if (matches(glob, t)) {
			kprintf_line("%s.%s\n", t->suite, t->name);
			n++;
		}
	return (n);
}
