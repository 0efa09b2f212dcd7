/*
 * Soaks: very many operations, and a very long time.
 *
 * selftest.soak_* are run by name only; the tests of the usual kernel are in this
 * one, too.
 */
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/sleepq.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "tests/faults/words.h"
#include "tests/sf_kit.h"
#include "tests/soak/mix.h"
#include "tests/soak/wrap.h"
#include "tests/test.h"
#include "tests/threads.h"

#define HOUR (3600 * SEC)
#define BATCH 4096

/* --- very many operations --- */

#define MANY 100000000u
#define NEWS (5 * SEC)

static _Atomic uint32_t done;

static void
run_many(unsigned cpu, void *arg)
{
	uint32_t share = *(const uint32_t *)arg / cpu_count();
	uint32_t random = test_seed() + cpu, n = 0;
	nsec_t news = clock_now() + NEWS;

	sched_pin();
	while (n < share && !test_failed()) {
		uint32_t batch = mix_run(MIN(BATCH, share - n), &random);

		n += batch;
		atomic_fetch_add(&done, batch);
		if (cpu == 0 && clock_now() >= news) {
			test_note("soak: %u operations", load_relaxed(&done));
			news = clock_now() + NEWS;
		}
	}
	sched_unpin();
}

/*
 * Kills: a translation that survives its buffer, however seldom; a buffer that
 * two pages have at once.
 */
static void
soak_many(void)
{
	uint32_t n = variant_word("operations", MANY);
	uint32_t used = kit_stats().nsfbufsused;
	nsec_t start = clock_now();

	if (!mix_begin())
		return;
	atomic_store(&done, 0);
	kit_mark();
	test_run_on_all(run_many, &n);
	test_note("soak: %u operations with tags checked on %u CPUs in %llu s",
	    load_relaxed(&done), cpu_count(),
	    div64(clock_now() - start, SEC, NULL));
	test_note("soak: %u found mapped, %u mapped anew, %u of both private, "
		  "%u handed over, %u sweeps, %u rounds",
	    kit_cost(CTR_sf_hit), kit_cost(CTR_sf_miss),
	    kit_cost(CTR_sf_private), mix_handed_over(),
	    kit_cost(CTR_sf_sweeps), kit_cost(CTR_tlb_rounds));
	mix_end();
	CHECK_EQ(load_relaxed(&done), n / cpu_count() * cpu_count());
	CHECK(kit_cost(CTR_sf_hit) > n / 4);
	CHECK(kit_cost(CTR_sf_miss) > n / 4);
	CHECK(mix_handed_over() > n / 40);
	CHECK_EQ(kit_stats().nsfbufsused, used);
}

TEST_BUDGETED(selftest, soak_100_million_operations, HOUR)
{
	soak_many();
}

/* The same, and it has to fail. */
TEST_BUDGETED(selftest, soak_finds_a_shootdown_that_nobody_waits_for, HOUR)
{
	mix_break_shootdowns();
	soak_many();
}

/* --- a very long time --- */

/* Operations between two sleeps, and how long those are. */
static const struct habit {
	unsigned cpu, burst;
	nsec_t period;
} habits[] = {
    {0, 100, 2100 * MSEC},
    {1, 180, 5700 * MSEC},
    {1, 290, 9300 * MSEC},
    {0, 660, 24900 * MSEC},
};

static nsec_t end;

static void
live(void *arg)
{
	const struct habit *h = arg;
	uint32_t random = test_seed() + h->burst;

	sched_pin();
	while (clock_now() < end && !test_failed()) {
		/* Others of this CPU see its words only between operations. */
		critical_enter();
		atomic_fetch_add(&done, mix_run(h->burst, &random));
		critical_exit();
		pause_sleep("soak", h->period);
	}
	sched_unpin();
}

static void
do_nothing(void *arg __unused)
{
}

/* Threads and memory come and go; and a line for each hour. */
static void
come_and_go(void)
{
	nsec_t news = clock_now() + HOUR;

	while (clock_now() < end && !test_failed()) {
		struct thread *td = thread_create("mayfly", do_nothing, NULL);
		void *p = kmem_alloc(3 * PAGE_SIZE);

		CHECK(td != NULL && p != NULL);
		thread_join(td);
		kmem_free(p, 3 * PAGE_SIZE);
		wrap_step();
		pause_sleep("soak", 20 * SEC);
		if (clock_now() < news)
			continue;
		test_note("soak: %u h, %u operations",
		    (uint32_t)div64(clock_now(), SEC, NULL) / 3600,
		    load_relaxed(&done));
		news += HOUR;
	}
}

TEST_BUDGETED(selftest, soak_24_hours_while_numbers_wrap, 1000 * HOUR)
{
	nsec_t start = clock_now(), span = variant_word("seconds", 86400) * SEC;
	unsigned threads, kva_ranges;
	struct crew crew = {0};
	struct kva_stats st;

	if (!mix_begin())
		return;
	wrap_begin();
	atomic_store(&done, 0);
	kva_get_stats(&st);
	kva_ranges = st.used_ranges - thread_stacks();
	threads = wrap_count_threads();
	end = start + span;
	for (unsigned i = 0; i < nitems(habits); i++)
		crew_add_on(&crew, habits[i].cpu % cpu_count(), live,
		    (void *)&habits[i]);
	come_and_go();
	crew_join(&crew);
	kva_get_stats(&st);
	test_note("soak: from %llu s to %llu s, %u operations",
	    div64(start, SEC, NULL), div64(clock_now(), SEC, NULL),
	    load_relaxed(&done));
	mix_end();
	CHECK(clock_now() - start >= span);
	CHECK_EQ(threads, wrap_count_threads());
	CHECK_EQ(kva_ranges, st.used_ranges - thread_stacks());
	wrap_check();
}
