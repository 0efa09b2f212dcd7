/*
 * Explorations of a window of three buffers, for which threads wait; and of
 * private mappings.
 *
 * Kills: a hit without a second look; a lock released before the sleep queue
 * is entered; a load and a store where tlb_poll() exchanges.
 */
#include "tests/explore/kit.h"
#include "kernel/signal.h"
#include "kernel/spinlock.h"
#include "sf_buf/sf_idle.h"
#include "sf_buf/sf_wait.h"
#include "sf_buf/sf_window.h"

#define NPAGES 8

static struct vm_page *page[NPAGES];
static _Atomic(struct sf_buf *) mail;

/* Someone else may free it. */
static void
pass_on(struct sf_buf *sf)
{
	sf = atomic_exchange(&mail, sf);
	if (sf != NULL)
		sf_buf_free(sf);
}

static void
pass_on_nothing(void)
{
	pass_on(NULL);
}

/* --- waiting --- */

/* Holds nothing while it waits, or all could wait for each other. */
static void
share_three(unsigned self)
{
	static const int flags[] = {SFB_DEFAULT, SFB_NOWAIT, SFB_CATCH};

	for (unsigned i = 0; i < 40 && !test_failed(); i++) {
		uint32_t r = explore_random(self);
		struct vm_page *two[2] = {page[r % NPAGES],
		    page[(r + 1 + r / 8 % (NPAGES - 1)) % NPAGES]};
		struct sf_buf *sf[2] = {NULL, NULL};

		r >>= 8;
		if (r % 8 == 0) {
			if (!sf_buf_alloc_n(two, sf, 2, flags[r / 8 % 3]))
				continue;
			explore_check(sf[1]);
			sf_buf_free(sf[1]);
		} else {
			sf[0] = sf_buf_alloc(two[0], flags[r / 8 % 3]);
		}
		if (sf[0] != NULL) {
			explore_check(sf[0]);
			pass_on(sf[0]);
		}
		r >>= 6;
		if (r % 8 == 0)
			tdsignal(explore_thread((self + 1) % EXPLORE_THREADS),
			    SIGINT);
		else if (r % 8 < 3)
			explore_peek_and_use(r / 8 % explore_few_buffers, page,
			    NPAGES);
		pass_on_nothing();
		(void)signal_take();
	}
}

static void
check_list(void)
{
	uint32_t listed;
	bool waits;

	spin_lock(&sf_window_lock);
	listed = load_relaxed(&sf_idle.n);
	waits = sf_wait_first != NULL;
	spin_unlock(&sf_window_lock);
	CHECK_EQ(listed, explore_few_buffers);
	CHECK(!waits);
}

EXPLORE_TEST(explore_few, threads_that_share_three_buffers_lose_none)
{
	if (!explore_pages(page, NPAGES))
		return;
	explore_threads(EXPLORE_THREADS, share_three);
	pass_on_nothing();
	if (test_failed())
		return;
	explore_check_idle(page, NPAGES);
	check_list();
	for (unsigned i = 0; i < explore_few_buffers; i++)
		CHECK(kit_map(page[i], SFB_NOWAIT) != NULL);
}

/* --- private mappings --- */

static void
use_private(unsigned self)
{
	for (unsigned i = 0; i < 50 && !test_failed(); i++) {
		uint32_t r = explore_random(self);
		int flags = r / 8 % 4 == 0 ? SFB_CPUPRIVATE | SFB_NOWAIT :
					     SFB_CPUPRIVATE;
		struct sf_buf *sf;

		sched_pin();
		sf = sf_buf_alloc(page[r % NPAGES], flags);
		if (sf != NULL) {
			explore_check(sf);
			YIELD_POINT();
			explore_check(sf);
			if (r / 32 % 2 == 0)
				pass_on(sf);
			else
				sf_buf_free(sf);
		}
		sched_unpin();
		pass_on_nothing();
	}
}

EXPLORE_TEST(explore_few, pages_that_compete_for_private_slots_keep_apart)
{
	if (!kit_colliding_pages(page, NPAGES))
		return;
	explore_threads(EXPLORE_THREADS, use_private);
	pass_on_nothing();
	if (test_failed())
		return;
	explore_check_idle(page, NPAGES);
	CHECK_EQ(kit_private_used(), 0);
}
