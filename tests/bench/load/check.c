/*
 * What every engine has to do right, or measuring it means nothing.
 *
 * Frames carry their own number, so a translation that should have been
 * forgotten shows a wrong one.  The windows are small: addresses are used again
 * and again.  Of the kernel's own engine, whose window has its own size, the
 * suite sf_buf tests the rest.
 */
#include "tests/bench/load/load.h"
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/signal.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/vm_page.h"
#include "tests/test.h"
#include "tests/threads.h"

#define SLOTS 32 /* more than CPUs that map at once */
#define PAGES (4 * SLOTS)

/* So many, but fewer where each needs the answers of all CPUs, and the host
 * runs these one after the other. */
#define STORM_OPS 600
#define STORM_SPAN (200 * MSEC)

static struct {
	struct vm_page *page[PAGES];
	unsigned npages;
	struct sf_buf *held[SLOTS];
	unsigned nheld;
	unsigned nslots;
	struct crew crew;
} check;

/* The word of the page that a CPU may write; the first is the tag. */
static volatile uint32_t *
word(struct sf_buf *sf, unsigned i)
{
	return ((volatile uint32_t *)sf_buf_kva(sf) + i);
}

static struct sf_buf *
map_private(struct vm_page *m)
{
	sched_pin();
	return (sf_buf_alloc(m, SFB_CPUPRIVATE));
}

static void
unmap_private(struct sf_buf *sf)
{
	sf_buf_free(sf);
	sched_unpin();
}

static bool
shows(struct sf_buf *sf, const struct vm_page *m)
{
	return (*word(sf, 0) == vm_page_pfn(m));
}

/* --- before and after each test --- */

static bool
take_page(void)
{
	unsigned flags = ENGINE_PAGES == POOL_DIRECT ? VM_ALLOC_DIRECT : 0;
	struct vm_page *m =
	    vm_page_alloc(flags | VM_ALLOC_WIRED | VM_ALLOC_ZERO);
	struct sf_buf *sf;

	if (m == NULL)
		return (false);
	check.page[check.npages++] = m;
	sf = map_private(m);
	*word(sf, 0) = vm_page_pfn(m);
	unmap_private(sf);
	return (true);
}

/* False: there is nothing to test here, or it cannot be done. */
static bool
begin(unsigned needs)
{
	if ((needs & ~(unsigned)ENGINE_CAN) != 0) {
		test_skip("the engine %s does not do that", ENGINE_NAME);
		return (false);
	}
	if ((needs & ENGINE_RUNS_OUT) != 0 &&
	    (ENGINE_CAN & ENGINE_IS_OURS) != 0) {
		test_skip("the suite sf_buf tests that");
		return (false);
	}
	check.nslots = engine_start(SLOTS);
	if (check.nslots == 0) {
		test_skip("too little memory");
		return (false);
	}
	while (check.npages < PAGES && take_page())
		;
	return (true);
}

static void
end(void)
{
	if (check.nslots == 0)
		return;
	crew_join(&check.crew);
	while (check.nheld != 0)
		sf_buf_free(check.held[--check.nheld]);
	while (check.npages != 0) {
		struct vm_page *m = check.page[--check.npages];

		vm_page_unwire(m);
		vm_page_free(m);
	}
	engine_stop();
	check.nslots = 0;
}

/* A failed CHECK leaves the inner function; the outer one cleans up. */
#define ENGINE_TEST(name_, needs_)                                             \
	static void check_##name_(void);                                       \
	static void run_##name_(void)                                          \
	{                                                                      \
		if (begin(needs_) && check.npages == PAGES)                    \
			check_##name_();                                       \
		else if (check.nslots != 0)                                    \
			test_skip("too little memory");                        \
		end();                                                         \
	}                                                                      \
	static const struct test test_entry_##name_ __used __section(".tests") \
	    __aligned(4) = {"engine_" ENGINE_NAME, #name_, run_##name_,        \
		__FILE__, TEST_BUDGET};                                        \
	static void check_##name_(void)

/* Hold every buffer there is. */
static void
hold_all(void)
{
	while (check.nheld < check.nslots) {
		struct vm_page *m = check.page[check.nheld];

		check.held[check.nheld++] = sf_buf_alloc(m, SFB_DEFAULT);
	}
}

/* --- one CPU --- */

ENGINE_TEST(a_buffer_shows_the_page_that_it_was_given, 0)
{
	for (unsigned i = 0; i < 3 * PAGES; i++) {
		struct vm_page *m = check.page[i * 7 % PAGES];
		struct sf_buf *sf = map_private(m);
		bool right = shows(sf, m) && sf_buf_page(sf) == m &&
		    (sf_buf_kva(sf) & PAGE_MASK) == 0;

		unmap_private(sf);
		CHECK(right);
	}
}

ENGINE_TEST(two_buffers_of_a_page_show_the_same, 0)
{
	struct vm_page *m = check.page[0];
	struct sf_buf *a = map_private(m), *b = map_private(m);
	bool right;

	*word(a, 1) = 4711;
	right = *word(b, 1) == 4711;
	unmap_private(b);
	unmap_private(a);
	CHECK(right);
}

ENGINE_TEST(all_buffers_at_once_show_their_pages, ENGINE_SHARES)
{
	check.nslots = MIN(check.nslots, SLOTS);
	for (unsigned round = 0; round < 4; round++) {
		struct vm_page **page = &check.page[round * SLOTS];

		while (check.nheld < check.nslots) {
			check.held[check.nheld] =
			    sf_buf_alloc(page[check.nheld], SFB_DEFAULT);
			check.nheld++;
		}
		for (unsigned i = 0; i < check.nslots; i++)
			CHECK(shows(check.held[i], page[i]));
		while (check.nheld != 0)
			sf_buf_free(check.held[--check.nheld]);
	}
}

/* --- every CPU --- */

static struct {
	struct vm_page *page;
	struct sf_buf *sf;
} shown;

static void
look(unsigned cpu, void *arg __unused)
{
	CHECK_MSG(shows(shown.sf, shown.page), "CPU %u reads %#x of frame %#x",
	    cpu, *word(shown.sf, 0), vm_page_pfn(shown.page));
}

/* Few CPUs: each look is a thread on each. */
ENGINE_TEST(every_cpu_sees_the_new_page_at_an_old_address, ENGINE_SHARES)
{
	nsec_t since = clock_now();

	NEED_FEW_CPUS();
	for (unsigned i = 0; i < 2 * PAGES && !test_failed() &&
	     clock_now() - since < 2 * STORM_SPAN;
	     i++) {
		shown.page = check.page[i % PAGES];
		shown.sf = sf_buf_alloc(shown.page, SFB_DEFAULT);
		test_run_on_all(look, NULL);
		sf_buf_free(shown.sf);
	}
}

/* Each CPU counts in a word of its own of each page. */
static _Atomic uint32_t storm_ops;

static void
storm(unsigned cpu, bool private)
{
	uint32_t state = test_seed() + cpu;
	nsec_t since = clock_now();

	for (unsigned i = 0; i < STORM_OPS && !test_failed() &&
	     clock_now() - since < STORM_SPAN;
	     i++) {
		struct vm_page *m = check.page[test_random(&state) % PAGES];
		struct sf_buf *sf =
		    private ? map_private(m) : sf_buf_alloc(m, SFB_DEFAULT);
		bool right = shows(sf, m);

		++*word(sf, 1 + cpu);
		if (private)
			unmap_private(sf);
		else
			sf_buf_free(sf);
		atomic_fetch_add(&storm_ops, 1);
		CHECK_MSG(right, "CPU %u read a wrong page", cpu);
	}
}

static void
private_storm(unsigned cpu, void *arg __unused)
{
	storm(cpu, true);
}

static void
shared_storm(unsigned cpu, void *arg __unused)
{
	storm(cpu, false);
}

/* What all CPUs have counted in all pages. */
static uint32_t
count_all(void)
{
	uint32_t sum = 0;

	for (unsigned i = 0; i < PAGES; i++) {
		struct sf_buf *sf = map_private(check.page[i]);

		for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
			sum += *word(sf, 1 + cpu);
		unmap_private(sf);
	}
	return (sum);
}

ENGINE_TEST(cpus_that_map_for_themselves_at_once_lose_nothing, 0)
{
	NEED_FEW_CPUS();
	atomic_store(&storm_ops, 0);
	test_run_on_all(private_storm, NULL);
	CHECK_EQ(count_all(), atomic_load(&storm_ops));
}

ENGINE_TEST(cpus_that_map_for_all_at_once_lose_nothing, ENGINE_SHARES)
{
	NEED_FEW_CPUS();
	atomic_store(&storm_ops, 0);
	test_run_on_all(shared_storm, NULL);
	CHECK_EQ(count_all(), atomic_load(&storm_ops));
}

/* --- when there is none left --- */

ENGINE_TEST(with_none_left_who_may_not_wait_gets_none, ENGINE_RUNS_OUT)
{
	struct sf_buf *sf;

	hold_all();
	CHECK(sf_buf_alloc(check.page[SLOTS], SFB_NOWAIT) == NULL);
	sf_buf_free(check.held[--check.nheld]);
	sf = sf_buf_alloc(check.page[SLOTS], SFB_NOWAIT);
	CHECK(sf != NULL);
	check.held[check.nheld++] = sf;
	CHECK(shows(sf, check.page[SLOTS]));
}

static struct {
	struct sf_buf *got;
	int flags;
	_Atomic bool over;
} waiter;

static void
wait_for_one(void *arg __unused)
{
	waiter.got = sf_buf_alloc(check.page[SLOTS], waiter.flags);
	store_release(&waiter.over, true);
}

/* Start a thread that has to wait; return it when it sleeps. */
static struct thread *
start_waiter(int flags)
{
	struct thread *td;

	hold_all();
	waiter.flags = flags;
	waiter.got = NULL;
	store_relaxed(&waiter.over, false);
	td = crew_add(&check.crew, wait_for_one, NULL);
	WAIT_UNTIL(load_relaxed(&td->state) == TDS_SLEEPING);
	return (td);
}

ENGINE_TEST(who_waits_gets_the_buffer_that_is_freed, ENGINE_RUNS_OUT)
{
	start_waiter(SFB_DEFAULT);
	sf_buf_free(check.held[--check.nheld]);
	WAIT_UNTIL(load_acquire(&waiter.over));
	CHECK(waiter.got != NULL);
	check.held[check.nheld++] = waiter.got;
	CHECK(shows(waiter.got, check.page[SLOTS]));
}

ENGINE_TEST(a_signal_ends_the_wait, ENGINE_RUNS_OUT | ENGINE_CATCHES)
{
	struct thread *td = start_waiter(SFB_CATCH);

	tdsignal(td, SIGINT);
	WAIT_UNTIL(load_acquire(&waiter.over));
	CHECK(waiter.got == NULL);
}

static void
map_often(void *arg)
{
	uint32_t state = test_seed() + (uint32_t)(uintptr_t)arg;
	nsec_t since = clock_now();

	for (unsigned i = 0;
	     i < 50 && !test_failed() && clock_now() - since < STORM_SPAN;
	     i++) {
		struct vm_page *m = check.page[test_random(&state) % PAGES];
		struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

		sched_yield();
		if (!shows(sf, m))
			test_fail(__FILE__, __LINE__, "a wrong page is shown");
		sf_buf_free(sf);
	}
	atomic_fetch_add(&storm_ops, 1);
}

ENGINE_TEST(more_threads_than_buffers_all_get_one, ENGINE_RUNS_OUT)
{
	const unsigned nthreads = 8;

	hold_all();
	sf_buf_free(check.held[--check.nheld]);
	sf_buf_free(check.held[--check.nheld]);
	atomic_store(&storm_ops, 0);
	for (unsigned i = 0; i < nthreads; i++)
		crew_add(&check.crew, map_often, (void *)(uintptr_t)i);
	WAIT_UNTIL(atomic_load(&storm_ops) == nthreads);
}

/* --- the end --- */

ENGINE_TEST(what_it_took_it_gives_back, 0)
{
	struct kva_stats before, after;

	end();
	kva_get_stats(&before);
	check.nslots = engine_start(SLOTS);
	CHECK(check.nslots != 0);
	CHECK(take_page());
	end();
	kva_get_stats(&after);
	CHECK_EQ(after.free_bytes, before.free_bytes);
}
