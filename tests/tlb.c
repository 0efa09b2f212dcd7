/*
 * TLB shootdown: what every CPU sees afterwards, and who may wait for whom.
 * What it costs is in tests/tlb_cost.c.
 *
 * The oracle is an area of pages, each mapped to one of two frames, which hold
 * different words.  A CPU that reads the old word has kept a translation that
 * it was asked to forget.  CPUs read before the change, so that there is one
 * to forget.
 *
 * Kills: a CPU left out of a round; a list cut short; a request lost when
 * several merge or the target is far behind; an initiator that waits without
 * serving others; a target that spins without polling; an idle CPU that wakes
 * without making up for what it has missed, or after the interrupt's handler;
 * lists of requests followed by unsigned numbers.
 */
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/test.h"
#include "tests/threads.h"

/* More requests than mm/tlb.c remembers. */
#define MANY 100

static struct {
	vm_offset_t va;
	unsigned npages;
	struct vm_page *frame[2]; /* the first word of frame k is k */
} area;

static vm_offset_t
area_va(unsigned i)
{
	return (area.va + i * PAGE_SIZE);
}

/* Which frame does this CPU see at page i? */
static uint32_t
area_read(unsigned i)
{
	return (*(volatile uint32_t *)area_va(i));
}

/* Every page leads to frame 0.  Returns false when memory is short. */
static bool
area_make(unsigned npages)
{
	area.npages = npages;
	area.va = kva_alloc(npages * PAGE_SIZE);
	for (uint32_t k = 0; k < 2; k++) {
		area.frame[k] = vm_page_alloc(VM_ALLOC_ANY);
		if (area.va == 0 || area.frame[k] == NULL)
			return (false);
		pmap_copy_to_page(area.frame[k], 0, &k, sizeof(k));
	}
	for (unsigned i = 0; i < npages; i++)
		pmap_kenter(area_va(i), VM_PAGE_TO_PHYS(area.frame[0]),
		    VM_PROT_READ);
	return (true);
}

static void
area_release(void)
{
	for (unsigned i = 0; i < area.npages; i++)
		pmap_kremove(area_va(i));
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	critical_exit();
	kva_free(area.va, area.npages * PAGE_SIZE);
	vm_page_free(area.frame[0]);
	vm_page_free(area.frame[1]);
}

/* Have page i lead to frame k, for who does not remember otherwise. */
static void
area_remap(unsigned i, unsigned k)
{
	pte_swap(pmap_pte(area_va(i)),
	    pmap_make_pte(VM_PAGE_TO_PHYS(area.frame[k]), VM_PROT_READ));
}

/* Fail unless this CPU sees frame *arg at every page. */
static void
expect_frame(unsigned cpu, void *arg)
{
	uint32_t want = *(const uint32_t *)arg;

	for (unsigned i = 0; i < area.npages; i++)
		CHECK_MSG(area_read(i) == want,
		    "CPU %u sees frame %u at page %u of %u", cpu, area_read(i),
		    i, area.npages);
}

/* Change every page to frame *arg, in one round from this CPU. */
static void
remap_all(unsigned cpu __unused, void *arg)
{
	vm_offset_t list[TLB_MAX_LIST + 1];

	ASSERT(area.npages <= nitems(list), "%u pages", area.npages);
	critical_enter();
	for (unsigned i = 0; i < area.npages; i++) {
		list[i] = area_va(i);
		area_remap(i, *(const uint32_t *)arg);
	}
	tlb_shootdown_all(list, area.npages);
	critical_exit();
}

/* Rounds from the first and from the last CPU, seen by all. */
static void
check_rounds(unsigned npages)
{
	uint32_t frame[] = {0, 1};

	CHECK(area_make(npages));
	test_run_on_all(expect_frame, &frame[0]);
	test_run_on(0, remap_all, &frame[1]);
	test_run_on_all(expect_frame, &frame[1]);
	test_run_on(cpu_count() - 1, remap_all, &frame[0]);
	test_run_on_all(expect_frame, &frame[0]);
	area_release();
}

TEST(tlb, every_cpu_forgets_one_address)
{
	check_rounds(1);
}

TEST(tlb, every_cpu_forgets_the_longest_list)
{
	check_rounds(TLB_MAX_LIST);
}

TEST(tlb, every_cpu_forgets_more_than_the_longest_list)
{
	check_rounds(TLB_MAX_LIST + 1);
}

TEST(tlb, a_later_round_that_is_done_includes_the_earlier)
{
	tlb_gen_t first, second;
	bool done;

	critical_enter();
	first = tlb_start(cpu_online(), NULL, 0);
	second = tlb_start(cpu_online(), NULL, 0);
	tlb_wait(cpu_online(), second);
	done = tlb_done(cpu_online(), first) && tlb_done(cpu_online(), second);
	critical_exit();
	CHECK(done);
}

/* --- idle CPUs --- */

/* Change every page to a frame, in `rounds` rounds that interrupt nobody. */
struct change {
	uint32_t frame;
	unsigned rounds;
};

static void
change_quietly(void *arg)
{
	const struct change *c = arg;

	for (unsigned i = 0; i < c->rounds; i++)
		remap_all(0, (void *)&c->frame);
}

/* What an idle CPU has missed: one round, a few, more than are remembered. */
TEST(tlb, an_idle_cpu_makes_up_for_the_rounds_that_it_missed)
{
	static const unsigned rounds[] = {1, 3, MANY};
	struct change c = {.frame = 0};

	CHECK(area_make(4));
	for (unsigned i = 0; i < nitems(rounds) && !test_failed(); i++) {
		test_run_on_all(expect_frame, &c.frame);
		c.frame = !c.frame;
		c.rounds = rounds[i];
		run_while_others_are_idle(change_quietly, &c);
		test_run_on_all(expect_frame, &c.frame);
	}
	area_release();
}

/* Numbers begin no more than these before their end. */
#define NEAR_THE_END 1000
#define AT_ONCE 20

static tlb_gen_t
number_of_a_round(void)
{
	static const struct cpumask nobody;
	tlb_gen_t gen;

	critical_enter();
	gen = tlb_start(&nobody, NULL, 0);
	critical_exit();
	return (gen);
}

/* Rounds until their numbers have passed the end, as the first ones of a machine
 * do; some at a time, which idle CPUs then make up for. */
TEST(tlb, numbers_of_rounds_wrap_and_none_is_missed)
{
	struct change c = {.frame = 0, .rounds = AT_ONCE};
	unsigned n = 0;

	CHECK(area_make(1));
	do {
		test_run_on_all(expect_frame, &c.frame);
		c.frame = !c.frame;
		run_while_others_are_idle(change_quietly, &c);
		n += AT_ONCE;
	} while ((int32_t)number_of_a_round() < 0 && n < NEAR_THE_END &&
	    !test_failed());
	test_run_on_all(expect_frame, &c.frame);
	if ((int32_t)number_of_a_round() < 0)
		test_fail(__FILE__, __LINE__, "%u rounds end with number %#x",
		    n, number_of_a_round());
	area_release();
}

/* How far the two sides of a test are; set by one, awaited by the other. */
static _Atomic unsigned stage;

static struct timeout alarm;

/* In the interrupt that wakes CPU 1.  It looks only if the change is made. */
static void
look_in_interrupt(void *arg __unused)
{
	if (load_acquire(&stage) == 2) {
		uint32_t frame = area_read(0);

		store_release(&stage, frame == 1 ? 3 : 4);
	} else {
		timeout_set(&alarm, clock_now() + MSEC);
	}
}

static void
look_and_set_alarm(unsigned cpu __unused, void *arg __unused)
{
	(void)area_read(0);
	timeout_set(&alarm, clock_now() + MSEC);
}

/* Whether the other was idle at the round depends on the alarm: so, often. */
TEST(tlb, the_interrupt_that_wakes_an_idle_cpu_sees_the_new_mapping)
{
	uint32_t new = 1, old = 0;

	if (cpu_count() < 2)
		SKIP("needs two CPUs");
	CHECK(area_make(1));
	timeout_init(&alarm, look_in_interrupt, NULL);
	sched_bind(0);
	for (unsigned i = 0; i < 20 && !test_failed(); i++) {
		store_release(&stage, 1);
		remap_all(0, &old);
		test_run_on(1, look_and_set_alarm, NULL);
		WAIT_UNTIL(!cpumask_has(tlb_busy_cpus(), 1));
		remap_all(0, &new);
		store_release(&stage, 2);
		WAIT_UNTIL(load_acquire(&stage) > 2);
		if (load_acquire(&stage) != 3)
			test_fail(__FILE__, __LINE__,
			    "the handler saw the old frame");
	}
	timeout_cancel(&alarm);
	sched_unbind();
	area_release();
}

/* --- who waits for whom --- */

#define CROSSINGS 200

/* The first two CPUs make rounds at once, with interrupts disabled. */
static void
cross(unsigned cpu, void *arg __unused)
{
	vm_offset_t va = KVA_BASE;

	if (cpu > 1)
		return;
	atomic_fetch_add(&stage, 1);
	SPIN_UNTIL(load_acquire(&stage) >= 2);
	for (unsigned i = 0; i < CROSSINGS; i++) {
		uint32_t flags = intr_disable();

		tlb_shootdown_all(&va, i % 2);
		intr_restore(flags);
	}
}

TEST(tlb, two_cpus_that_ask_each_other_at_once_both_finish)
{
	if (cpu_count() < 2)
		SKIP("needs two CPUs");
	stage = 0;
	test_run_on_all(cross, NULL);
}

/*
 * Each CPU changes the page of its own number, and looks at everyone's.  The
 * number of a page is 2 e while it leads to frame e mod 2 for all, and odd
 * while that changes.
 */
static struct {
	_Atomic uint32_t number;
} __aligned(CACHE_LINE_BYTES) announced[MAXCPU];

/* Look at a page; unless it changed meanwhile, it is as announced. */
static void
check_announced(unsigned self, unsigned owner)
{
	uint32_t before = load_acquire(&announced[owner].number), seen;

	seen = area_read(owner);
	atomic_thread_fence(memory_order_acquire);
	if (before % 2 == 0 && load_relaxed(&announced[owner].number) == before)
		CHECK_MSG(seen == before / 2 % 2,
		    "CPU %u sees frame %u of page %u, change %u", self, seen,
		    owner, before / 2);
}

static void
change_and_look(unsigned cpu, void *arg)
{
	unsigned rounds = *(const unsigned *)arg, owner;
	vm_offset_t va = area_va(cpu);

	for (unsigned e = 1; e <= rounds && !test_failed(); e++) {
		atomic_store(&announced[cpu].number, 2 * e - 1);
		critical_enter();
		area_remap(cpu, e % 2);
		tlb_shootdown_all(&va, 1);
		critical_exit();
		store_release(&announced[cpu].number, 2 * e);
		CPUMASK_FOREACH(owner, cpu_online())
			check_announced(cpu, owner);
	}
}

/* The rounds of all CPUs together are as many on 2 CPUs as on 32. */
TEST_BUDGETED(tlb, rounds_of_all_cpus_at_once_are_all_seen, 60 * SEC)
{
	unsigned rounds = MAX(400 / cpu_count(), 1);

	CHECK(area_make(cpu_count()));
	for (unsigned i = 0; i < cpu_count(); i++)
		atomic_store(&announced[i].number, 0);
	test_run_on_all(change_and_look, &rounds);
	area_release();
}

/* CPU 0 makes a round with the lock held that CPU 1 spins for. */
static struct spinlock contested =
    SPINLOCK_INITIALIZER("contested by the tlb tests", RANK_TEST);

static void
shoot_at_spinner(unsigned cpu, void *arg __unused)
{
	if (cpu == 0) {
		spin_lock(&contested);
		store_release(&stage, 1);
		SPIN_UNTIL(load_relaxed(&contested.contended) > 0);
		tlb_shootdown_all(NULL, 0);
		spin_unlock(&contested);
	} else if (cpu == 1) {
		SPIN_UNTIL(load_acquire(&stage) == 1);
		spin_lock(&contested);
		spin_unlock(&contested);
	}
}

TEST(tlb, a_cpu_that_spins_for_a_lock_serves_the_holders_round)
{
	if (cpu_count() < 2)
		SKIP("needs two CPUs");
	stage = 0;
	store_relaxed(&contested.contended, 0);
	test_run_on_all(shoot_at_spinner, NULL);
}

/* CPU 1 keeps interrupts disabled, and serves nothing, until stage 2. */
static void
be_deaf(void)
{
	uint32_t old = 0, new = 1, flags;

	expect_frame(1, &old);
	flags = intr_disable();
	store_release(&stage, 1);
	while (load_acquire(&stage) < 2)
		cpu_pause();
	intr_restore(flags);
	SPIN_UNTIL(load_acquire(&stage) == 3);
	expect_frame(1, &new);
}

/* CPU 0 asks once for each page.  Returns whether it looked done too early. */
static bool
ask_the_deaf(void)
{
	tlb_gen_t gen = 0;
	bool early;

	critical_enter();
	SPIN_UNTIL(load_acquire(&stage) == 1);
	for (unsigned i = 0; i < area.npages; i++) {
		vm_offset_t va = area_va(i);

		area_remap(i, 1);
		gen = tlb_start(cpu_online(), &va, 1);
	}
	early = tlb_done(cpu_online(), gen);
	store_release(&stage, 2);
	SPIN_UNTIL(tlb_done(cpu_online(), gen));
	tlb_wait(cpu_online(), gen); /* not for long */
	store_release(&stage, 3);
	critical_exit();
	return (early);
}

static void
deaf_and_asker(unsigned cpu, void *arg __unused)
{
	if (cpu == 0)
		CHECK_MSG(!ask_the_deaf(),
		    "%u rounds were done though CPU 1 served none",
		    area.npages);
	else if (cpu == 1)
		be_deaf();
}

/* One request; some that fit one list; more than fit; more than are kept. */
TEST(tlb, requests_to_a_cpu_with_interrupts_disabled_wait_and_are_not_lost)
{
	static const unsigned requests[] = {1, 5, TLB_MAX_LIST + 8, MANY};

	if (cpu_count() < 2)
		SKIP("needs two CPUs");
	for (unsigned i = 0; i < nitems(requests); i++) {
		stage = 0;
		CHECK(area_make(requests[i]));
		test_run_on_all(deaf_and_asker, NULL);
		area_release();
	}
}

/*
 * Requests whose numbers pass the end while CPU 1 serves none.  What it served
 * last has a greater number than they have.  A machine's numbers pass the end
 * once, soon after its start, so a row of its own runs this alone.
 */
TEST(tlb, a_round_past_the_end_of_numbers_is_not_over_before_it_is_served)
{
	if (cpu_count() < 2)
		SKIP("needs two CPUs");
	CHECK(area_make(AT_ONCE));
	while ((int32_t)number_of_a_round() < -AT_ONCE / 2)
		;
	stage = 0;
	test_run_on_all(deaf_and_asker, NULL);
	area_release();
}
