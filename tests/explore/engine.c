/*
 * Seeded interleavings.
 *
 * QEMU, when it counts instructions, runs one CPU at a time; `pause` ends its
 * turn, and so does nothing else for thousands of instructions.  So the pauses
 * at yield points are the schedule, and a generator that starts from the seed
 * makes them.  Each gives every other CPU a turn that ends with its next
 * pause.
 *
 * No one way of choosing finds all bugs.  The seed first chooses one:
 *
 *	EVEN	each point yields with the same chance, briefly
 *	SITES	a few places in the code, by a hash of their addresses, stall until
 *		the others have passed some points, few or thousands; elsewhere
 *		yields are brief
 *	SLOW	one CPU yields at each point and the others hardly ever; now and
 *		then it is another CPU's turn to be slow
 *	FEWER	SITES, but fewer of them
 *
 * Where the thread could be preempted anyway, a yield now and then switches
 * threads.  Compiled without yields of its own.
 */
#include "tests/explore/engine.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/x86.h"
#include "tests/test.h"

enum strategy { EVEN, SITES, SLOW, FEWER, NSTRATEGY };

/* Only one CPU runs at a time, so this needs no lock: what an interrupt in the
 * midst of a step loses is lost again when the seed is run again. */
static struct {
	bool on;
	enum strategy strategy;
	unsigned ncpus;
	uint32_t random;       /* the generator's state */
	uint32_t rare;         /* a mask: yield where a number has none of it */
	uint32_t site, sites;  /* a hash, and a mask: which sites stall */
	unsigned longest;      /* points in a stall: 2 to this power */
	uint32_t slow;         /* SLOW: the CPU that is */
	uint32_t change_at;    /* SLOW: the point at which that changes */
	uint32_t change_after; /* SLOW: points in between; a mask */
	struct explore_counts counts;
} explore;

/* A number with the lowest 0 to `most` bits set. */
static uint32_t
some_mask(unsigned least, unsigned most)
{
	unsigned bits =
	    least + test_random(&explore.random) % (most - least + 1);

	return ((1u << bits) - 1);
}

void
explore_begin(uint32_t seed)
{
	explore.ncpus = cpu_count();
	explore.random = seed * 2654435769u + 1;
	(void)test_random(&explore.random);
	explore.strategy = seed % NSTRATEGY;
	explore.rare = some_mask(1, 6);
	explore.site = test_random(&explore.random);
	explore.sites =
	    explore.strategy == SITES ? some_mask(2, 4) : some_mask(4, 6);
	explore.longest = 5 + test_random(&explore.random) % 7;
	explore.change_at = 0;
	explore.change_after = some_mask(4, 11);
	explore.counts = (struct explore_counts){0};
	explore.on = true;
}

void
explore_end(void)
{
	explore.on = false;
}

struct explore_counts
explore_counts(void)
{
	return (explore.counts);
}

static void
switch_threads(void)
{
	explore.counts.switches++;
	intr_disable_enabled();
	curcpu()->need_resched = true;
	sched_preempt();
	intr_enable();
}

/* Is this a moment to yield?  Not in a report; and it may be one to switch
 * threads. */
static bool
begin_yield(uint32_t r)
{
	if (panicking()) {
		explore.on = false;
		return (false);
	}
	explore.counts.yields++;
	if (r % 4 == 0 && intr_enabled() && curthread != NULL)
		switch_threads();
	return (true);
}

/* Give the others so many turns. */
static void
yield_turns(unsigned turns, uint32_t r)
{
	if (!begin_yield(r))
		return;
	for (; turns != 0; turns--)
		cpu_pause();
}

/* The others may all be idle, or wait for this CPU: some turns are enough. */
#define MOST_TURNS 500

/* Stall until the others have passed 1 to 2^longest points. */
static void
yield_points(uint32_t r)
{
	uint32_t n = 1u << (r >> 2) % explore.longest, from;

	if (!begin_yield(r))
		return;
	n += (r >> 8) % n;
	from = explore.counts.points;
	for (unsigned i = 0; i < MOST_TURNS && explore.counts.points - from < n;
	     i++)
		cpu_pause();
}

static bool
is_chosen(uint32_t site)
{
	uint32_t hash = (site ^ explore.site) * 2654435769u;

	return ((hash >> 16 & explore.sites) == 0);
}

static void
yield_at(uint32_t site)
{
	uint32_t r = test_random(&explore.random);
	bool often;

	explore.counts.points++;
	switch (explore.strategy) {
	case EVEN:
		if ((r & explore.rare) == 0)
			yield_turns(1 + (r >> 8 & 3), r >> 16);
		return;
	case SLOW:
		if (explore.counts.points >= explore.change_at) {
			explore.change_at = explore.counts.points + 1 +
			    (r >> 4 & explore.change_after);
			explore.slow = (r >> 20) % explore.ncpus;
		}
		often = explore.slow == curcpu_id();
		if ((r & (often ? 1 : 127)) == 0)
			yield_turns(1 + (r >> 8 & (often ? 7 : 0)), r >> 16);
		return;
	default:
		if (is_chosen(site) && (r & 3) == 0)
			yield_points(r >> 8);
		else if ((r & explore.rare) == 0)
			yield_turns(1, r >> 16);
	}
}

/* Called wherever YIELD_POINT() stands, from before paging on. */
void
explore_yield(void)
{
	if (__predict_false(explore.on))
		yield_at((uint32_t)(vm_offset_t)__builtin_return_address(0));
}
