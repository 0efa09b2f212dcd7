/*
 * One CPU stands between two steps of sf_buf_alloc() or sf_buf_free(), and
 * another goes its way.  The tests make the steps themselves, by sf_slot.h and
 * sf_window.h, so that each order of two CPUs' steps comes for certain.
 */
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/thread.h"
#include "mm/layout.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "sf_buf/sf_window.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* A thread on another CPU that maps or visits a page, once told to. */
static struct {
	struct vm_page *page;
	void (*fn)(void);
	_Atomic bool go;
	_Atomic unsigned visits;
	struct sf_buf *got;
} other;

static void
other_thread(void *arg __unused)
{
	SPIN_UNTIL(atomic_load(&other.go));
	other.fn();
}

static struct thread *
start_other(void (*fn)(void), struct vm_page *m)
{
	struct thread *td;

	other.fn = fn;
	other.page = m;
	other.got = NULL;
	atomic_store(&other.go, false);
	atomic_store(&other.visits, 0);
	td = thread_create_on(another_cpu(curcpu_id()), "other", other_thread,
	    NULL);
	ASSERT(td != NULL, "no memory for a thread");
	return (td);
}

static void
map_page(void)
{
	other.got = sf_buf_alloc(other.page, SFB_DEFAULT);
}

/* Of the page's buffer: another CPU's private one cannot be looked at, and the
 * frame may be cached by one of a run, too. */
static void
count_visit(struct sf_buf *sf)
{
	if (sf != load_relaxed(&other.page->sf))
		return;
	if (*kit_word(sf) != vm_page_pfn(other.page))
		test_fail(__FILE__, __LINE__, "a stale page");
	atomic_fetch_add(&other.visits, 1);
}

static void
visit_page(void)
{
	(void)sf_buf_process_page(other.page, count_visit);
}

/* A page that nobody maps any more and its buffer.  False: skipped. */
static bool
cached_page(struct vm_page **m, struct sf_buf **sf)
{
	if (kit_stats().strict) {
		test_skip("strict mode keeps no mapping");
		return (false);
	}
	*m = kit_tagged_page();
	*sf = kit_map(*m, SFB_DEFAULT);
	kit_word(*sf)[1] = 1;
	kit_unmap(*sf);
	return (true);
}

/* Long enough for the other CPU to come to where it has to wait. */
#define A_WHILE (100 * USEC)

/* The other thread runs while this CPU has marked an idle buffer, and lets go. */
static void
run_other_at_mark(void (*fn)(void), struct vm_page *m, struct sf_buf *sf)
{
	struct thread *td = start_other(fn, m);
	uint32_t flags = intr_disable();
	bool marked = slot_mark(sf);

	atomic_store(&other.go, true);
	clock_delay(A_WHILE);
	if (marked)
		sf_window_let_go(sf);
	intr_restore(flags);
	thread_join(td);
	CHECK(marked);
}

/*
 * The hit's increment, between mark and unmark; then its undoing.
 *
 * Kills: an unmarking that takes a hit under way for a holder.
 */
WINDOW_TEST(sf_buf,
    a_hit_that_meets_a_mark_counts_as_a_holder_until_it_is_undone)
{
	uint32_t used = kit_stats().nsfbufsused, flags;
	struct vm_page *m;
	struct sf_buf *sf;
	bool marked, idle;

	if (!cached_page(&m, &sf))
		return;
	flags = intr_disable();
	marked = slot_mark(sf);
	atomic_fetch_add(&sf->state, 1);
	idle = slot_unmark(sf);
	intr_restore(flags);
	CHECK(marked && !idle);
	CHECK_EQ(kit_stats().nsfbufsused, used + 1);
	sf_buf_unhold(sf);
	CHECK_EQ(kit_stats().nsfbufsused, used);
	CHECK(kit_map(m, SFB_DEFAULT) == sf);
}

/*
 * Kills: a buffer that is let go and not told, so that it is lost.
 */
WINDOW_TEST(sf_buf, a_buffer_that_is_let_go_when_few_are_idle_can_be_had_again)
{
	struct vm_page *m = kit_tagged_page();
	struct sf_buf *sf = kit_fill_but_one(), *none;
	uint32_t flags;
	bool marked;

	if (sf == NULL)
		return;
	CHECK(m != NULL);
	flags = intr_disable();
	marked = slot_mark(sf);
	none = sf_buf_alloc(m, SFB_NOWAIT);
	if (marked)
		sf_window_let_go(sf);
	intr_restore(flags);
	CHECK(marked && none == NULL);
	CHECK(kit_map(m, SFB_NOWAIT) == sf);
}

WINDOW_TEST(sf_buf, a_visit_waits_for_who_is_taking_the_buffer)
{
	struct vm_page *m;
	struct sf_buf *sf;

	if (cpu_count() == 1)
		SKIP("one CPU");
	if (!cached_page(&m, &sf))
		return;
	run_other_at_mark(visit_page, m, sf);
	CHECK_EQ(atomic_load(&other.visits), 1);
	CHECK(kit_map(m, SFB_DEFAULT) == sf);
}

WINDOW_TEST(sf_buf, a_hit_when_few_are_idle_waits_for_who_is_taking_the_buffer)
{
	struct vm_page *m;
	struct sf_buf *sf;

	if (cpu_count() == 1)
		SKIP("one CPU");
	if (kit_fill_but_one() == NULL || !cached_page(&m, &sf))
		return;
	run_other_at_mark(map_page, m, sf);
	CHECK(other.got == sf && sf_buf_page(sf) == m);
	sf_buf_free(sf);
	CHECK(kit_map(m, SFB_NOWAIT) == sf);
}

/* Install `m` in a marked slot, as a CPU does that has the slot in hand. */
static bool
install(struct sf_buf *sf, struct vm_page *m)
{
	(void)pte_take(sf->pte);
	tlb_flush_page(sf->kva); /* no other CPU has used it */
	slot_forget_page(sf);
	slot_install(sf, sf->pte, m);
	if (!slot_publish(sf, m)) {
		sf_window_let_go(sf);
		return (false);
	}
	slot_unmark_held(sf);
	return (true);
}

/*
 * Few are idle.  The other CPU has taken one of two idle buffers for a page and
 * waits for this CPU to forget it; which meanwhile maps the page by the second,
 * as one may that got it before the window became scarce.
 *
 * Kills: a page published by a plain store; a loser that keeps its buffer.
 */
WINDOW_TEST(sf_buf, who_loses_the_race_for_a_page_gets_the_winners_buffer)
{
	struct vm_page *m = kit_tagged_page();
	struct sf_buf *one, *two;
	struct thread *td;
	uint32_t flags;
	nsec_t until;
	bool marked, won = false;

	if (cpu_count() == 1)
		SKIP("one CPU");
	if (kit_stats().strict)
		SKIP("strict mode keeps no mapping");
	if (kit_stats().nsfbufs < 2)
		SKIP("a window of one buffer");
	if (kit_fill_but_one() == NULL)
		return;
	kit_unmap(kit_any());
	sched_pin();
	one = kit_map(kit_tagged_page(), SFB_DEFAULT);
	two = kit_map(kit_tagged_page(), SFB_DEFAULT);
	kit_word(one)[1] = kit_word(two)[1] = 1;
	/* They will be taken in this order. */
	kit_unmap(one);
	kit_unmap(two);
	td = start_other(map_page, m);
	flags = intr_disable();
	marked = slot_mark(two);
	tlb_poll(); /* so that it is asked anew */
	atomic_store(&other.go, true);
	until = clock_now() + SEC;
	while (load_relaxed(&curcpu()->tlb_asked) == 0 && clock_now() < until)
		cpu_pause();
	if (marked)
		won = install(two, m);
	intr_restore(flags);
	tlb_poll();
	thread_join(td);
	sched_unpin();
	CHECK(marked && won && other.got == two);
	sf_buf_free_n(&other.got, 1);
	sf_buf_free(two);
	/* The loser's buffer is idle again. */
	CHECK(kit_map(kit_tagged_page(), SFB_NOWAIT) != NULL);
	CHECK(kit_map(kit_tagged_page(), SFB_NOWAIT) != NULL);
	CHECK(kit_map(kit_tagged_page(), SFB_NOWAIT) == NULL);
}

/* --- reports, each in a row of its own --- */

/*
 * What a report says of addresses at which no page ever was: the row [explain]
 * expects the words.
 */
TEST(selftest, addresses_of_no_buffer_are_explained)
{
	sf_buf_explain_fault(WINDOW_END - PAGE_SIZE);
	sf_buf_explain_fault(PRIVATE_BASE + (MAXCPU - 1) * PRIVATE_STRIDE);
	sf_buf_explain_fault(PRIVATE_BASE + PRIVATE_WINDOW_PAGES * PAGE_SIZE);
	sf_buf_explain_fault(PRIVATE_BASE);
	sf_buf_explain_fault(WINDOW_BASE - 1);
	sf_buf_explain_fault(WINDOW_BASE +
	    (kit_stats().nsfbufs - 1) * PAGE_SIZE);
}
