/*
 * Explorations of shootdowns that cross, with CPUs that fall idle and wake.
 *
 * Kills: a CPU that joins those that are asked without catching up first; who
 * is asked being read before the round has its number.
 */
#include "tests/explore/kit.h"
#include "kernel/copy.h"
#include "kernel/cpu.h"
#include "kernel/sleepq.h"
#include "mm/kva.h"

#define ADDRESSES 2

/* An address that one thread maps to one page after the other. */
static struct place {
	vm_offset_t va;
	struct vm_page *page[2];
	_Atomic uint32_t step; /* odd: under way; else page[step / 2 % 2] */
} place[ADDRESSES];

/*
 * Each CPU has served the round, or is idle and has yet to begin to wake, when
 * it will see the round's number before it joins those that are asked.  A CPU
 * that was just waking when the number was drawn may serve it a little later.
 */
static bool
is_settled(tlb_gen_t gen)
{
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		const struct cpu *c = cpu_by_id(cpu);

		if (!*(const volatile bool *)&c->tlb_idle &&
		    (int32_t)(load_relaxed(&c->tlb_done) - gen) < 0)
			return (false);
	}
	return (true);
}

/* Once a round is over and settled, it stays over. */
static void
wait_for_round(tlb_gen_t gen)
{
	SPIN_UNTIL(tlb_done(cpu_online(), gen));
	for (unsigned i = 0; i < 4; i++) {
		bool settled = is_settled(gen);

		YIELD_POINT();
		if (settled && !tlb_done(cpu_online(), gen))
			test_fail(__FILE__, __LINE__,
			    "round %u was over and is not", gen);
	}
}

static void
remap(struct place *p, uint32_t r)
{
	uint32_t step = load_relaxed(&p->step);

	sched_pin();
	atomic_store(&p->step, step + 1);
	(void)pmap_kremove(p->va);
	if (r % 2 == 0)
		tlb_shootdown_all(&p->va, r / 2 % 4 != 0);
	else
		wait_for_round(tlb_start(cpu_online(), &p->va, r / 2 % 4 != 0));
	pmap_kenter(p->va, VM_PAGE_TO_PHYS(p->page[(step + 2) / 2 % 2]),
	    VM_PROT_WRITE);
	atomic_store(&p->step, step + 2);
	sched_unpin();
}

/* What is read while the address is mapped is the page's tag. */
static void
look(struct place *p)
{
	uint32_t step = atomic_load(&p->step), got = 0;
	size_t n = copy_from_buffer(&got, (void *)p->va, sizeof(got));
	pfn_t want = vm_page_pfn(p->page[step / 2 % 2]);

	if (step % 2 != 0 || step == 0 || atomic_load(&p->step) != step)
		return;
	CHECK(n == sizeof(got));
	CHECK_MSG(got == want, "frame %#x is read where %#x is mapped", got,
	    want);
}

static void
remap_and_look(unsigned self)
{
	for (unsigned i = 0; i < 40 && !test_failed(); i++) {
		uint32_t r = explore_random(self);

		if (self < ADDRESSES && r % 4 < 2)
			remap(&place[self], r >> 8);
		else if (r % 4 == 3 && r / 4 % 2 == 0)
			pause_sleep("idle", 1 + r / 16 % 2000);
		look(&place[(self + 1) % ADDRESSES]);
		look(&place[self % ADDRESSES]);
	}
}

#define NAPS 40

static _Atomic unsigned naps;

/* One CPU, the only one that is not idle, makes one change after another has
 * seen what was mapped and fallen asleep: while it wakes, perhaps. */
static void
remap_or_sleep(unsigned self)
{
	for (unsigned i = 1; i <= NAPS && !test_failed(); i++) {
		if (self == 0) {
			SPIN_UNTIL(load_acquire(&naps) >= i);
			for (unsigned turns = 0;
			     turns < 500 && cpumask_has(tlb_busy_cpus(), 1);
			     turns++)
				cpu_pause();
			remap(&place[0], explore_random(self));
		} else {
			look(&place[0]);
			store_release(&naps, i);
			pause_sleep("idle", 1 + explore_random(self) % 20000);
			look(&place[0]);
		}
	}
	store_release(&naps, NAPS); /* the other need not wait */
}

/* Threads that use the places. */
static void
explore_places(unsigned members, void (*fn)(unsigned self))
{
	unsigned i;

	for (i = 0; i < ADDRESSES; i++) {
		struct place *p = &place[i];

		*p = (struct place){.va = kva_alloc(PAGE_SIZE)};
		for (unsigned j = 0; j < 2; j++)
			p->page[j] = kit_tagged_page();
		ASSERT(p->va != 0 && p->page[0] != NULL && p->page[1] != NULL,
		    "no memory for an exploration");
	}
	explore_threads(members, fn);
	sched_pin();
	for (i = 0; i < ADDRESSES; i++) {
		(void)pmap_kremove(place[i].va);
		tlb_shootdown_all(&place[i].va, 1);
		kva_free(place[i].va, PAGE_SIZE);
	}
	sched_unpin();
}

EXPLORE_TEST(explore_few, cpus_that_idle_and_wake_see_what_was_mapped_last)
{
	explore_places(MAX(2, one_per_cpu(EXPLORE_THREADS)), remap_and_look);
}

EXPLORE_TEST(explore_few, a_cpu_that_wakes_in_a_round_sees_what_is_mapped)
{
	store_relaxed(&naps, 0);
	explore_places(2, remap_or_sleep);
}
