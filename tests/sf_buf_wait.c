/*
 * sf_buf(9): waiting for a buffer.
 */
#include <sys/sf_buf.h>
#include "kernel/signal.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"

#define NEW_PAGE(m)                                 \
	struct vm_page *m = kit_page(VM_ALLOC_ANY); \
	CHECK_MSG(m != NULL, "no memory for a page")

/* A full window, and a buffer that keeps it so. */
static struct sf_buf *
full_window(void)
{
	struct vm_page *m = kit_page(VM_ALLOC_ANY);

	return (kit_fill_but_one() == NULL ? NULL : kit_map(m, SFB_DEFAULT));
}

WINDOW_TEST(sf_buf, a_waiter_gets_the_buffer_that_is_freed)
{
	struct sf_buf *last = full_window();
	struct sleeper *s;
	NEW_PAGE(m);

	if (last == NULL)
		return;
	s = kit_sleeper(m, SFB_DEFAULT);
	kit_unmap(last);
	CHECK(kit_join(s) == last);
	CHECK(sf_buf_page(last) == m);
}

WINDOW_TEST(sf_buf, waiters_are_served_in_the_order_of_their_arrival)
{
	struct sf_buf *last = full_window();
	struct sleeper *s[3];

	if (last == NULL)
		return;
	for (unsigned i = 0; i < nitems(s); i++) {
		NEW_PAGE(m);

		s[i] = kit_sleeper(m, SFB_DEFAULT);
	}
	for (unsigned i = 0; i < nitems(s); i++) {
		kit_unmap(last);
		CHECK(kit_join(s[i]) == last);
		CHECK(sf_buf_page(last) == s[i]->page);
	}
}

WINDOW_TEST(sf_buf, a_newcomer_does_not_overtake_a_waiter)
{
	struct sf_buf *last = full_window(), *sf;
	struct sleeper *s;
	NEW_PAGE(m);
	NEW_PAGE(newcomer);

	if (last == NULL)
		return;
	sched_pin();
	s = kit_sleeper(m, SFB_DEFAULT);
	/* The waiter cannot run between the free and the attempt. */
	critical_enter();
	kit_unmap(last);
	sf = kit_map(newcomer, SFB_NOWAIT);
	critical_exit();
	sched_unpin();
	CHECK(sf == NULL);
	CHECK(kit_join(s) == last);
}

WINDOW_TEST(sf_buf, waiters_for_one_page_share_one_buffer)
{
	struct sf_buf *last = full_window();
	struct sleeper *first, *second;
	NEW_PAGE(m);

	if (last == NULL)
		return;
	first = kit_sleeper(m, SFB_DEFAULT);
	second = kit_sleeper(m, SFB_DEFAULT);
	kit_mark();
	kit_unmap(last);
	CHECK(kit_join(first) == last);
	CHECK(kit_join(second) == last);
	CHECK_EQ(kit_cost(CTR_sf_miss), 1);
	CHECK_EQ(kit_cost(CTR_sf_hit), 1);
}

WINDOW_TEST(sf_buf, a_waiter_further_back_shares_a_page_that_gets_mapped)
{
	struct sf_buf *last = full_window();
	struct sleeper *first, *other, *sharer;
	NEW_PAGE(m);
	NEW_PAGE(another);

	if (last == NULL)
		return;
	first = kit_sleeper(m, SFB_DEFAULT);
	other = kit_sleeper(another, SFB_DEFAULT);
	sharer = kit_sleeper(m, SFB_DEFAULT);
	kit_unmap(last);
	CHECK(kit_join(first) == last);
	CHECK(kit_join(sharer) == last);
	/* And now the one between them. */
	kit_unmap(last);
	kit_unmap(last);
	CHECK(kit_join(other) == last);
}

WINDOW_TEST(sf_buf, hits_pass_waiters)
{
	struct sf_buf *last = full_window();
	struct sleeper *s;
	NEW_PAGE(m);

	if (last == NULL)
		return;
	s = kit_sleeper(m, SFB_DEFAULT);
	CHECK(kit_map(sf_buf_page(last), SFB_NOWAIT) == last);
	kit_unmap(last);
	kit_unmap(last);
	CHECK(kit_join(s) == last);
}

WINDOW_TEST(sf_buf, a_signal_ends_a_wait_with_catch)
{
	struct sf_buf *last = full_window();
	struct sleeper *s;
	NEW_PAGE(m);

	if (last == NULL)
		return;
	kit_mark();
	s = kit_sleeper(m, SFB_CATCH);
	tdsignal(s->td, SIGTERM);
	CHECK(kit_join(s) == NULL);
	CHECK_EQ(kit_cost(CTR_sf_allocwait), 1);
	CHECK_EQ(kit_cost(CTR_sf_allocfail), 1);
	/* It has left the queue: nobody comes before a newcomer. */
	kit_unmap(last);
	CHECK(kit_map(m, SFB_NOWAIT) == last);
}

WINDOW_TEST(sf_buf, a_signal_pending_before_a_wait_with_catch_ends_it)
{
	struct sf_buf *last = full_window();
	NEW_PAGE(m);

	if (last == NULL)
		return;
	tdsignal(curthread, SIGINT);
	CHECK(kit_map(m, SFB_CATCH) == NULL);
	/* Nothing to wait for: a pending signal does not matter. */
	kit_unmap(last);
	CHECK(kit_map(m, SFB_CATCH) == last);
	CHECK_EQ(signal_take(), SIGINT);
}

WINDOW_TEST(sf_buf, without_catch_a_signal_does_not_end_a_wait)
{
	struct sf_buf *last = full_window();
	struct sleeper *s;
	NEW_PAGE(m);

	if (last == NULL)
		return;
	s = kit_sleeper(m, SFB_DEFAULT);
	tdsignal(s->td, SIGINT);
	kit_unmap(last);
	CHECK(kit_join(s) == last);
}

WINDOW_TEST(sf_buf, a_waiter_that_leaves_passes_its_turn_on)
{
	struct sf_buf *last = full_window();
	struct sleeper *first, *second;
	NEW_PAGE(m);
	NEW_PAGE(another);

	if (last == NULL)
		return;
	sched_pin();
	first = kit_sleeper(m, SFB_CATCH);
	second = kit_sleeper(another, SFB_DEFAULT);
	/* The buffer is promised to a thread that is about to leave. */
	critical_enter();
	tdsignal(first->td, SIGINT);
	kit_unmap(last);
	critical_exit();
	sched_unpin();
	CHECK(kit_join(first) == NULL);
	CHECK(kit_join(second) == last);
}

WINDOW_TEST(sf_buf, a_waiter_that_was_woken_is_not_ended_by_a_signal)
{
	struct sf_buf *last = full_window();
	struct sleeper *s;
	NEW_PAGE(m);

	if (last == NULL)
		return;
	sched_pin();
	s = kit_sleeper(m, SFB_CATCH);
	critical_enter();
	kit_unmap(last);
	tdsignal(s->td, SIGINT);
	critical_exit();
	sched_unpin();
	CHECK(kit_join(s) == last);
}

WINDOW_TEST(sf_buf, a_buffer_freed_while_someone_waits_is_the_waiters_at_once)
{
	struct sf_buf *last = full_window(), *hit;
	struct sleeper *first, *second;
	struct vm_page *page;
	NEW_PAGE(m);
	NEW_PAGE(another);

	if (last == NULL)
		return;
	sched_pin();
	first = kit_sleeper(m, SFB_DEFAULT);
	second = kit_sleeper(another, SFB_DEFAULT);
	/* Asked for by its old page before the first waiter runs. */
	page = sf_buf_page(last);
	critical_enter();
	kit_unmap(last);
	hit = kit_map(page, SFB_NOWAIT);
	critical_exit();
	sched_unpin();
	CHECK(hit == NULL);
	CHECK(kit_join(first) == last);
	kit_unmap(last);
	CHECK(kit_join(second) == last);
}
