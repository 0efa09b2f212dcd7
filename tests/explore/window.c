/*
 * Explorations of a window with many idle buffers: hits, misses, sweeps, and
 * the way to few idle buffers and back.
 *
 * Kills: a hit without a second look; `scarce` set after the look at all slots.
 */
#include "tests/explore/kit.h"
#include "sf_buf/sf_idle.h"
#include "sf_buf/sf_window.h"

#define NPAGES 200

static struct vm_page *page[NPAGES];

/* Some pages are wanted more often than others. */
static struct vm_page *
some_page(uint32_t r)
{
	return (page[r % 4 == 0 ? r / 4 % 8 : r / 4 % NPAGES]);
}

/* --- buffers that go from hand to hand --- */

/* With what is in hand besides, 32 stay idle. */
#define NHELD 26

static _Atomic(struct sf_buf *) held[NHELD];

/* Map a page and leave the buffer in the place of another. */
static void
replace(_Atomic(struct sf_buf *) *place, uint32_t r)
{
	int flags = r % 4 == 0 ? SFB_NOWAIT : SFB_DEFAULT;
	struct sf_buf *sf = atomic_exchange(place, NULL);

	if (sf != NULL) {
		explore_check(sf);
		sf_buf_free(sf);
	}
	sf = sf_buf_alloc(some_page(r >> 2), flags);
	if (sf == NULL)
		return;
	explore_check(sf);
	sf = atomic_exchange(place, sf);
	if (sf != NULL)
		sf_buf_free(sf);
}

/* Use a buffer that has been mapped long ago, perhaps by another CPU. */
static void
use(_Atomic(struct sf_buf *) *place)
{
	struct sf_buf *sf = atomic_exchange(place, NULL);

	if (sf == NULL)
		return;
	explore_check(sf);
	sf = atomic_exchange(place, sf);
	if (sf != NULL)
		sf_buf_free(sf);
}

static void
hand_around(unsigned self)
{
	for (unsigned i = 0; i < 400 && !test_failed(); i++) {
		uint32_t r = explore_random(self);
		_Atomic(struct sf_buf *) *place = &held[r / 8 % NHELD];

		if (r % 8 < 5)
			replace(place, r >> 8);
		else if (r % 8 < 7)
			use(place);
		else
			explore_peek(r / 8 % explore_many_buffers);
	}
}

EXPLORE_TEST(explore_many, every_cpu_sees_the_page_of_a_buffer_in_hand)
{
	if (!explore_pages(page, NPAGES))
		return;
	explore_threads(MAX(2, one_per_cpu(EXPLORE_THREADS)), hand_around);
	for (unsigned i = 0; i < NHELD; i++) {
		struct sf_buf *sf = atomic_exchange(&held[i], NULL);

		if (sf != NULL)
			sf_buf_free(sf);
	}
	if (!test_failed())
		explore_check_idle(page, NPAGES);
}

/* --- few idle, and many again --- */

#define MOST 32

/* As every request does that finds no clean slot. */
static void
become_scarce(void)
{
	spin_lock(&sf_window_lock);
	sf_idle_enter_locked();
	spin_unlock(&sf_window_lock);
}

static void
take_and_free(unsigned self)
{
	struct sf_buf *sf[MOST];

	for (unsigned i = 0; i < 40 && !test_failed(); i++) {
		uint32_t r = explore_random(self);
		unsigned n, most = 1 + r / 8 % (r % 8 == 0 ? MOST : 4);

		for (n = 0; n < most; n++) {
			r = explore_random(self);
			sf[n] = sf_buf_alloc(some_page(r), SFB_NOWAIT);
			if (sf[n] == NULL)
				break;
			explore_check(sf[n]);
		}
		if (r % 4 == 0)
			explore_peek(r / 8 % explore_many_buffers);
		else if (r % 4 == 1)
			become_scarce();
		while (n != 0)
			sf_buf_free(sf[--n]);
	}
}

EXPLORE_TEST(explore_many, no_buffer_is_lost_on_the_way_to_scarcity_and_back)
{
	struct sf_buf *sf;

	if (!explore_pages(page, NPAGES))
		return;
	explore_threads(MAX(2, one_per_cpu(EXPLORE_THREADS)), take_and_free);
	/* All are idle now, and a free sees it. */
	sf = sf_buf_alloc(page[0], SFB_NOWAIT);
	CHECK(sf != NULL);
	sf_buf_free(sf);
	explore_check_idle(page, NPAGES);
	CHECK_MSG(load_relaxed(&sf_buf_control.scarce) == 0,
	    "%u idle buffers are listed of %u",
	    load_relaxed(&sf_idle.n) & ~SF_IDLE_PARTIAL, kit_stats().nsfbufs);
}
