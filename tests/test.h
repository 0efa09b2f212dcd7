/*
 * In-kernel tests: how one is written.
 *
 *	TEST(page, alloc_gives_distinct_frames)
 *	{
 *		...
 *		CHECK_EQ(a, b);
 *	}
 *
 * registers page.alloc_gives_distinct_frames through a linker section.  A test
 * runs on a thread of its own and leaves the machine as it found it; the
 * runner checks pages for leaks after each.
 */
#ifndef TESTS_TEST_H
#define TESTS_TEST_H

#include "kernel/types.h"

struct test {
	const char *suite;
	const char *name; /* a sentence, with underscores for spaces */
	void (*fn)(void);
	const char *file;
	nsec_t budget; /* guest time until it counts as hung */
};

/* Every test of the image, gathered by linker.ld. */
extern const struct test tests_start[], tests_end[];

#define TEST_BUDGET (20 * SEC)

/* A test with a budget of its own, in nanoseconds of guest time. */
#define TEST_BUDGETED(suite_, name_, budget_)                                 \
	static void test_##suite_##_##name_(void);                            \
	static const struct test test_entry_##suite_##_##name_ __used         \
	    __section(".tests") __aligned(4) = {                              \
		#suite_, #name_, test_##suite_##_##name_, __FILE__, budget_}; \
	static void test_##suite_##_##name_(void)

#define TEST(suite_, name_) TEST_BUDGETED(suite_, name_, TEST_BUDGET)

/*
 * Check a condition; when it fails, say so (a KTAP diagnostic with file, line
 * and values), mark the test failed and return from the enclosing function.
 * For helpers that run on other threads use CHECK the same way: the test that
 * is under way fails.
 */
#define CHECK(cond)                                                 \
	do {                                                        \
		if (!(cond)) {                                      \
			test_fail(__FILE__, __LINE__, "%s", #cond); \
			return;                                     \
		}                                                   \
	} while (0)

/* The same, with a printf format and its values. */
#define CHECK_MSG(cond, ...)                                        \
	do {                                                        \
		if (!(cond)) {                                      \
			test_fail(__FILE__, __LINE__, __VA_ARGS__); \
			return;                                     \
		}                                                   \
	} while (0)

#define CHECK_EQ(got, want)                                                    \
	do {                                                                   \
		uint64_t got_ = (uint64_t)(got), want_ = (uint64_t)(want);     \
		if (got_ != want_) {                                           \
			test_fail(__FILE__, __LINE__,                          \
			    "%s is %llu (%#llx), not %s = %llu (%#llx)", #got, \
			    got_, got_, #want, want_, want_);                  \
			return;                                                \
		}                                                              \
	} while (0)

/* Leave the test: it cannot be done on this machine, for a reason. */
#define SKIP(...)                       \
	do {                            \
		test_skip(__VA_ARGS__); \
		return;                 \
	} while (0)

/* Mark the running test failed and print a diagnostic.  Any thread. */
void
test_fail(const char *file, int line, const char *fmt, ...) __printflike(3, 4);

/* Mark the running test skipped.  Its own thread. */
void test_skip(const char *fmt, ...) __printflike(1, 2);

/* Has the running test failed already?  For loops of helper threads. */
bool test_failed(void);

/* Print a `# ...` diagnostic line. */
void test_note(const char *fmt, ...) __printflike(1, 2);

/*
 * The seed of this run (option seed=N), and a generator: the next number of
 * the state's sequence.
 */
uint32_t test_seed(void);
uint32_t test_random(uint32_t *state);

/*
 * Run fn(cpu) on one CPU, or on every online CPU at once; return when it has
 * returned everywhere.
 */
void test_run_on(unsigned cpu, void (*fn)(unsigned cpu, void *arg), void *arg);
void test_run_on_all(void (*fn)(unsigned cpu, void *arg), void *arg);

#endif
