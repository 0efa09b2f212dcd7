/*
 * sf_buf(9): waiting, where several things happen at once or several pages are
 * wanted.
 */
#include <sys/sf_buf.h>
#include "kernel/signal.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* Threads that each allocate n pages, and say what became of it. */
#define MOST_WAITERS 4
#define MOST_PAGES 3

static struct waiter {
	struct thread *td;
	struct vm_page *page[MOST_PAGES];
	struct sf_buf *sf[MOST_PAGES];
	unsigned n;
	int flags;
	_Atomic bool over; /* it has returned, with: */
	bool got;
} waiter[MOST_WAITERS];

static struct crew crew;

static void
wait_for_buffers(void *arg)
{
	struct waiter *w = arg;

	if (w->n == 1) {
		w->sf[0] = sf_buf_alloc(w->page[0], w->flags);
		w->got = w->sf[0] != NULL;
	} else {
		w->got = sf_buf_alloc_n(w->page, w->sf, w->n, w->flags);
	}
	store_release(&w->over, true);
}

/*
 * A thread on `cpu` that waits for n buffers when this returns.
 *   first: the first of its pages; NULL: a new one, as the others.
 */
static struct waiter *
start_waiter_for(unsigned i, unsigned cpu, unsigned n, int flags,
    struct vm_page *first, struct vm_page *second)
{
	struct waiter *w = &waiter[i];
	uint32_t waits = kit_stats().allocwait;

	*w = (struct waiter){.n = n, .flags = flags};
	for (unsigned j = 0; j < n; j++) {
		w->page[j] = j == 0 ? first : j == 1 ? second : NULL;
		if (w->page[j] == NULL)
			w->page[j] = kit_tagged_page();
		ASSERT(w->page[j] != NULL, "no memory for a page");
	}
	w->td = crew_add_on(&crew, cpu, wait_for_buffers, w);
	WAIT_UNTIL(kit_stats().allocwait != waits);
	return (w);
}

static struct waiter *
start_waiter(unsigned i, unsigned cpu, unsigned n, int flags,
    struct vm_page *first)
{
	return (start_waiter_for(i, cpu, n, flags, first, NULL));
}

static bool
has_returned(const struct waiter *w)
{
	return (load_acquire(&w->over));
}

/* Wait until it has returned; its buffers show its pages, and are freed. */
static void
finish(struct waiter *w)
{
	WAIT_UNTIL(has_returned(w));
	if (!w->got)
		return;
	for (unsigned i = 0; i < w->n; i++)
		if (*kit_word(w->sf[i]) != vm_page_pfn(w->page[i]))
			test_fail(__FILE__, __LINE__, "a stale page");
	sf_buf_free_n(w->sf, w->n);
}

/* Every waiter ends, whatever became of the test: give all buffers back. */
static void
end_race(void)
{
	kit_unmap_all();
	for (unsigned i = 0; i < crew.n; i++)
		tdsignal(crew.member[i], SIGTERM);
	crew_join(&crew);
}

/* The window is full.  False: skipped. */
static bool
full_window(unsigned least)
{
	if (kit_stats().nsfbufs < least) {
		test_skip("a window of %u buffers", kit_stats().nsfbufs);
		return (false);
	}
	return (kit_fill());
}

/* A test with waiters; a failed CHECK does not leave them waiting.  It stays on
 * its CPU, so that waiters there run when it yields. */
#define RACE_TEST(name_)                \
	static void race_##name_(void); \
	WINDOW_TEST(sf_buf, name_)      \
	{                               \
		sched_pin();            \
		race_##name_();         \
		end_race();             \
		sched_unpin();          \
	}                               \
	static void race_##name_(void)

/*
 * Kills: waking every waiter at each free.
 */
RACE_TEST(one_free_wakes_one_waiter)
{
	struct waiter *w[3];

	if (!full_window(nitems(w)))
		return;
	for (unsigned i = 0; i < nitems(w); i++)
		w[i] = start_waiter(i, curcpu_id(), 1, SFB_DEFAULT, NULL);
	for (unsigned i = 0; i < nitems(w) && !test_failed(); i++) {
		kit_mark();
		kit_unmap(kit_any());
		WAIT_UNTIL(has_returned(w[i]));
		/* Who was woken for nothing has slept again. */
		CHECK_EQ(kit_cost(CTR_sf_allocwait), 0);
		for (unsigned j = i + 1; j < nitems(w); j++)
			CHECK(!has_returned(w[j]));
		CHECK_EQ(kit_stats().nsfbufsused, kit_stats().nsfbufs);
	}
	for (unsigned i = 0; i < nitems(w); i++)
		finish(w[i]);
}

/*
 * Kills: serving who asks for less first.
 */
RACE_TEST(a_waiter_behind_a_request_for_several_pages_waits_its_turn)
{
	struct waiter *two, *one;

	if (!full_window(2))
		return;
	two = start_waiter(0, curcpu_id(), 2, SFB_DEFAULT, NULL);
	one = start_waiter(1, curcpu_id(), 1, SFB_DEFAULT, NULL);
	kit_mark();
	kit_unmap(kit_any());
	for (unsigned i = 0; i < 10; i++)
		sched_yield(); /* whoever was woken runs on this CPU */
	CHECK(!has_returned(two) && !has_returned(one));
	kit_unmap(kit_any());
	WAIT_UNTIL(has_returned(two));
	CHECK(two->got && !has_returned(one));
	finish(two);
	finish(one);
	CHECK(one->got);
}

/*
 * Kills: a request that leaves with what it has collected.
 */
RACE_TEST(a_signalled_request_for_several_pages_passes_on_what_it_has)
{
	struct waiter *two, *one;

	if (!full_window(2))
		return;
	two = start_waiter(0, curcpu_id(), 2, SFB_CATCH, NULL);
	one = start_waiter(1, curcpu_id(), 1, SFB_DEFAULT, NULL);
	kit_unmap(kit_any());
	for (unsigned i = 0; i < 10; i++)
		sched_yield();
	CHECK(!has_returned(two) && !has_returned(one));
	tdsignal(two->td, SIGINT);
	WAIT_UNTIL(has_returned(two) && has_returned(one));
	CHECK(!two->got && one->got);
	finish(one);
}

/*
 * Of its two pages one is cached, and that buffer is the only idle one: it must
 * not be taken from the request, until that leaves.
 *
 * Kills: a request that leaves idle buffers behind while others wait.
 */
RACE_TEST(who_leaves_passes_on_the_idle_buffer_that_it_had_found)
{
	struct vm_page *m = kit_tagged_page();
	struct waiter *two, *one;

	if (kit_stats().strict)
		SKIP("strict mode keeps no mapping");
	CHECK(m != NULL);
	if (kit_stats().nsfbufs < 2)
		SKIP("a window of one buffer");
	if (kit_fill_but_one() == NULL)
		return;
	kit_unmap(kit_map(m, SFB_DEFAULT));
	two = start_waiter(0, curcpu_id(), 2, SFB_CATCH, m);
	one = start_waiter(1, curcpu_id(), 1, SFB_DEFAULT, NULL);
	CHECK(!has_returned(two) && !has_returned(one));
	tdsignal(two->td, SIGINT);
	WAIT_UNTIL(has_returned(two) && has_returned(one));
	CHECK(!two->got && one->got);
	finish(one);
}

/*
 * The buffer was used, and taken away from its page, but not flushed for: the
 * next sweep has to see to that.
 *
 * Kills: a sweep that takes a clear A for clean, whatever the round.
 */
RACE_TEST(a_buffer_that_a_waiter_gives_back_is_swept_before_its_next_use)
{
	uint32_t n = kit_stats().nsfbufs;
	struct waiter *two;
	struct sf_buf *sf;

	if (kit_stats().strict)
		SKIP("strict mode keeps no mapping");
	if (n < 100 || n > 600)
		SKIP("a window of %u buffers", n);
	if (!full_window(2))
		return;
	sf = kit_any();
	kit_word(sf)[1] = 1;
	two = start_waiter(0, curcpu_id(), 2, SFB_CATCH, NULL);
	kit_unmap(sf);
	tdsignal(two->td, SIGINT);
	WAIT_UNTIL(has_returned(two));
	CHECK(!two->got);
	kit_unmap_all();
	for (unsigned i = 0; i < n; i++) {
		struct vm_page *m = kit_tagged_page();

		CHECK(m != NULL);
		sf = sf_buf_alloc(m, SFB_DEFAULT);
		if (*kit_word(sf) != vm_page_pfn(m))
			test_fail(__FILE__, __LINE__, "a stale page");
		sf_buf_free(sf);
	}
}

static struct vm_page *mapped;
static unsigned mapped_refs;

static void
note_refs(unsigned index __unused, vm_offset_t kva __unused, struct vm_page *m,
    unsigned refs, void *arg __unused)
{
	if (m == mapped)
		mapped_refs = refs;
}

/*
 * Of its two pages one is mapped.
 *
 * Kills: holding what was found while waiting for the rest.
 */
RACE_TEST(a_request_that_waits_holds_no_buffer_of_its_mapped_pages)
{
	struct sf_buf *sf;
	struct waiter *w;

	if (!full_window(2))
		return;
	sf = kit_any();
	mapped = sf_buf_page(sf);
	w = start_waiter(0, curcpu_id(), 2, SFB_DEFAULT, mapped);
	sf_buf_foreach(note_refs, NULL);
	CHECK_EQ(mapped_refs, 1);
	kit_unmap(sf);
	for (unsigned i = 0; i < 10; i++)
		sched_yield();
	CHECK(!has_returned(w)); /* it needs two now */
	kit_unmap(kit_any());
	WAIT_UNTIL(has_returned(w));
	CHECK(w->got && sf_buf_page(w->sf[0]) == mapped);
	sf_buf_free_n(w->sf, w->n);
}

/*
 * Two requests for two, and two buffers are freed.  The first request had found
 * one of its pages mapped, and collects just that page's buffer: now it needs
 * two, when the other buffer has gone to the second.
 *
 * Kills: a request that keeps what the one before it needs.
 */
RACE_TEST(requests_for_several_pages_do_not_wait_for_each_other)
{
	struct waiter *first, *second;
	struct vm_page *m;
	struct sf_buf *sf;

	if (!full_window(2))
		return;
	kit_unmap(kit_any());
	m = kit_tagged_page();
	sf = kit_map(m, SFB_DEFAULT);
	first = start_waiter(0, curcpu_id(), 2, SFB_DEFAULT, m);
	second = start_waiter(1, curcpu_id(), 2, SFB_DEFAULT, NULL);
	/* Neither can run in between. */
	critical_enter();
	kit_unmap(sf);
	kit_unmap(kit_any());
	critical_exit();
	finish(first);
	CHECK(first->got);
	finish(second);
	CHECK(second->got);
}

/* Half a free: what comes before the lock. */
static void
half_free(struct sf_buf *sf)
{
	sf_buf_ref(sf);
	kit_unmap(sf);
	if (sf_buf_drop(sf))
		sf_buf_count_unused();
}

/*
 * A request for three: the buffer of the first page is freed while it is looked
 * for, so that letting go of it is the last free; the second page gets mapped;
 * the third is missing.
 *
 * Kills: a request that gives itself what it lets go, and sleeps.
 */
RACE_TEST(a_request_that_lets_go_of_the_last_hold_is_woken_by_the_next_free)
{
	struct waiter *one, *three;
	struct vm_page *m;
	struct sf_buf *sf;

	if (!full_window(4))
		return;
	kit_unmap(kit_any());
	m = kit_tagged_page();
	sf = kit_map(m, SFB_DEFAULT);
	one = start_waiter(0, curcpu_id(), 1, SFB_DEFAULT, NULL);
	three =
	    start_waiter_for(1, curcpu_id(), 3, SFB_DEFAULT, m, one->page[0]);
	half_free(sf);
	kit_unmap(kit_any());
	WAIT_UNTIL(has_returned(one));
	for (unsigned i = 0; i < 10; i++)
		sched_yield();
	sf_buf_idle(sf);
	for (unsigned i = 0; i < 2; i++)
		kit_unmap(kit_any());
	finish(three);
	CHECK(three->got);
	finish(one);
}

/*
 * Two runs that overlap; the last buffer that the first needs is freed, but
 * whoever frees it is preempted on the way to the list, and the second run
 * comes.
 *
 * Kills: a run that takes what one before it waits for.
 */
RACE_TEST(a_run_takes_nothing_that_one_before_it_waits_for)
{
	struct waiter *first, *second;
	struct sf_buf *slot = (struct sf_buf *)SF_BUFS_BASE;

	if (kit_stats().strict)
		SKIP("strict mode has no runs");
	if (!full_window(MOST_PAGES))
		return;
	first = start_waiter(0, curcpu_id(), MOST_PAGES, SFB_RUN, NULL);
	for (unsigned i = 1; i < MOST_PAGES; i++)
		kit_unmap(&slot[i]);
	half_free(&slot[0]);
	second = start_waiter(1, curcpu_id(), MOST_PAGES, SFB_RUN, NULL);
	sf_buf_idle(&slot[0]);
	finish(first);
	CHECK(first->got);
	kit_unmap_all();
	finish(second);
	CHECK(second->got);
}

/*
 * Two runs that do not overlap; whoever frees a buffer of the second is on the
 * way to the list.
 */
RACE_TEST(a_run_takes_what_the_one_before_it_cannot_use)
{
	struct waiter *first, *second;
	struct sf_buf *slot = (struct sf_buf *)SF_BUFS_BASE;
	unsigned last = kit_stats().nsfbufs - 1;

	if (kit_stats().strict)
		SKIP("strict mode has no runs");
	if (!full_window(2 * MOST_PAGES))
		return;
	first = start_waiter(0, curcpu_id(), MOST_PAGES, SFB_RUN, NULL);
	half_free(&slot[last]);
	second = start_waiter(1, curcpu_id(), 2, SFB_RUN, NULL);
	sf_buf_idle(&slot[last]); /* the second run has it by now */
	kit_unmap(&slot[last - 1]);
	finish(second);
	CHECK(second->got && !has_returned(first));
	kit_unmap_all();
	finish(first);
	CHECK(first->got);
}

/*
 * All buffers are freed, one after the other; somewhere the run is complete.
 *
 * Kills: a run that forgets a buffer of its stretch that others get.
 */
RACE_TEST(a_run_waits_until_its_stretch_is_free)
{
	struct waiter *w;

	if (kit_stats().strict)
		SKIP("strict mode has no runs");
	if (!full_window(MOST_PAGES))
		return;
	w = start_waiter(0, curcpu_id(), MOST_PAGES, SFB_RUN, NULL);
	for (unsigned i = 1; i < MOST_PAGES; i++) {
		kit_unmap(kit_any());
		sched_yield();
		CHECK(!has_returned(w)); /* too few are free */
	}
	kit_unmap_all();
	WAIT_UNTIL(has_returned(w));
	CHECK(w->got);
	for (unsigned i = 1; i < MOST_PAGES; i++)
		CHECK_EQ(sf_buf_kva(w->sf[i]),
		    sf_buf_kva(w->sf[0]) + i * PAGE_SIZE);
	finish(w);
	CHECK_EQ(kit_stats().nsfbufsused, 0);
}

/* Those that a run cannot use are for who waits behind it. */
RACE_TEST(a_run_does_not_keep_others_from_buffers_that_it_cannot_use)
{
	struct waiter *run, *one;

	if (kit_stats().strict)
		SKIP("strict mode has no runs");
	if (!full_window(MOST_PAGES + 1))
		return;
	run = start_waiter(0, curcpu_id(), MOST_PAGES, SFB_RUN, NULL);
	one = start_waiter(1, curcpu_id(), 1, SFB_DEFAULT, NULL);
	/* One that is outside of it is among these at the latest. */
	for (unsigned i = 0; i <= MOST_PAGES && !has_returned(one); i++) {
		kit_unmap(kit_any());
		for (unsigned j = 0; j < 10; j++)
			sched_yield();
	}
	CHECK(has_returned(one) && one->got);
	finish(one);
	kit_unmap_all();
	finish(run);
	CHECK(run->got);
}

/* --- a signal and a free at once --- */

static struct sf_buf *last;
static _Atomic unsigned ready;
static uint32_t delay[2];

/* The first frees, the other one signals, each a little later than `ready`. */
static void
free_or_signal(unsigned cpu, void *arg __unused)
{
	unsigned who = cpu == 0 ? 0 : 1;

	atomic_fetch_add(&ready, 1);
	SPIN_UNTIL(load_acquire(&ready) == 2);
	for (uint32_t i = delay[who]; i != 0; i--)
		cpu_pause();
	if (who == 0)
		sf_buf_free(last);
	else
		tdsignal(waiter[0].td, SIGINT);
}

#define RACES 100

/*
 * Whichever comes first, the buffer goes to the one who is signalled or to who
 * waits behind.
 *
 * Kills: a waiter that leaves with a buffer, or with the wakeup for one.
 */
RACE_TEST(nothing_is_lost_when_a_signal_races_a_free)
{
	uint32_t random = test_seed(), won = 0;
	struct vm_page *m = kit_tagged_page();

	if (cpu_count() < 2)
		SKIP("needs two CPUs");
	CHECK(m != NULL);
	if (kit_fill_but_one() == NULL || kit_gang(2) == 0)
		return;
	for (unsigned i = 0; i < RACES && !test_failed(); i++) {
		struct waiter *caught, *behind;

		last = sf_buf_alloc(m, SFB_DEFAULT);
		caught = start_waiter(0, i % cpu_count(), 1, SFB_CATCH, NULL);
		behind =
		    start_waiter(1, i / 2 % cpu_count(), 1, SFB_DEFAULT, NULL);
		atomic_store(&ready, 0);
		delay[0] = test_random(&random) % 200;
		delay[1] = test_random(&random) % 200;
		kit_gang_run(free_or_signal, NULL);
		finish(caught);
		won += caught->got;
		finish(behind);
		CHECK(behind->got);
		crew_join(&crew);
		kit_free_page(caught->page[0]);
		kit_free_page(behind->page[0]);
	}
	test_note("the free won %u times of %u", won, RACES);
	CHECK(kit_map(m, SFB_NOWAIT) != NULL);
}

/* --- many, for the few --- */

static struct vm_page *two_of[KIT_MAX_GANG][2];
#define TURNS 40
#define STRICT_TURNS 10 /* each of their frees is a round */

/* All ask at the same moment. */
static void
take_two(unsigned cpu, void *members)
{
	unsigned n = *(const unsigned *)members;
	unsigned self = cpu * (n - 1) / MAX(cpu_count() - 1, 1u);
	struct sf_buf *sf[2];

	atomic_fetch_add(&ready, 1);
	SPIN_UNTIL(load_acquire(&ready) == n);
	CHECK(sf_buf_alloc_n(two_of[self], sf, 2, SFB_DEFAULT));
	for (unsigned i = 0; i < 2; i++)
		CHECK_EQ(*kit_word(sf[i]), vm_page_pfn(sf_buf_page(sf[i])));
	sf_buf_free_n(sf, 2);
}

/*
 * As many buffers as threads, each of which wants two at once.
 *
 * Does not kill, but with luck: holding the first while waiting for the second.
 */
WINDOW_TEST(sf_buf, each_of_k_threads_gets_two_of_k_buffers)
{
	unsigned n = MIN(MIN(cpu_count(), 8), kit_stats().nsfbufs);
	unsigned turns = kit_stats().strict ? STRICT_TURNS : TURNS;

	if (n < 2)
		SKIP("needs two CPUs and two buffers");
	for (unsigned i = 0; i < 2 * n; i++) {
		two_of[i / 2][i % 2] = kit_tagged_page();
		CHECK(two_of[i / 2][i % 2] != NULL);
	}
	if (kit_fill_but_one() == NULL)
		return;
	for (unsigned i = 1; i < n; i++)
		kit_unmap(kit_any());
	if (kit_gang(n) == 0)
		return;
	for (unsigned i = 0; i < turns && !test_failed(); i++) {
		atomic_store(&ready, 0);
		kit_gang_run(take_two, &n);
	}
}
