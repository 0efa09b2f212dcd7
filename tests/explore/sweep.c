/*
 * Explorations of what a sweep and a taker do to one slot.  Some slot is put in
 * a CPU's hand, as one that it has from the harvest before; each access
 * through the slot's address is one that a processor may make at any time.
 *
 * Kills: judging the round before taking the entry; stamping after A is cleared;
 * an entry whose low half comes first.
 */
#include "tests/explore/kit.h"
#include "kernel/cpu.h"
#include "sf_buf/sf_window.h"

/* More than twice the slots, so that most pages have none. */
#define NPAGES (2 * explore_many_buffers + 20)
/* Of many slots, too, these few are taken, so that CPUs meet there. */
#define NSLOTS 3

static struct vm_page *page[NPAGES];

static void
have_in_hand(uint32_t slot, unsigned n)
{
	uint32_t flags = intr_disable();
	struct cpu *c = curcpu();

	c->sf_next = &sf_window.slot[slot];
	c->sf_end = c->sf_next + n;
	intr_restore(flags);
}

static void
check_and_free(struct sf_buf *sf)
{
	if (sf == NULL)
		return;
	explore_check(sf);
	sf_buf_free(sf);
}

/* Take of the harvest until the next sweep is made ahead or nothing is left. */
static void
use_up_harvest(void)
{
	uint32_t sweeps = counter_read(CTR_sf_sweeps);
	bool got = true;

	while (got && counter_read(CTR_sf_sweeps) == sweeps) {
		uint32_t flags = intr_disable();

		got = sf_window_refill();
		intr_restore(flags);
	}
	have_in_hand(0, 0);
}

static void
sweep_and_take(unsigned self)
{
	for (unsigned i = 0; i < 60 && !test_failed(); i++) {
		uint32_t r = explore_random(self);
		uint32_t slot = r / 8 % NSLOTS;
		struct vm_page *m = page[r / 32 % NPAGES];

		switch (r % 8) {
		case 0:
		case 1:
			use_up_harvest();
			check_and_free(sf_buf_alloc(m, SFB_NOWAIT));
			break;
		case 2:
			check_and_free(sf_buf_alloc(m, SFB_DEFAULT));
			break;
		case 3:
		case 4:
			explore_peek_and_use(slot, page, NPAGES);
			break;
		default:
			explore_peek(slot);
			have_in_hand(slot, 1);
			check_and_free(sf_buf_map(m, SFB_DEFAULT));
		}
	}
}

static void
explore_sweeps(void)
{
	if (!explore_pages(page, NPAGES))
		return;
	explore_threads(MAX(2, one_per_cpu(EXPLORE_THREADS)), sweep_and_take);
	if (!test_failed())
		explore_check_idle(page, NPAGES);
}

EXPLORE_TEST(explore_many, a_slot_in_hand_is_taken_while_it_is_swept)
{
	explore_sweeps();
}

EXPLORE_TEST(explore_few, an_idle_slot_in_hand_is_taken_while_it_is_swept)
{
	explore_sweeps();
}
