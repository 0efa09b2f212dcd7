/*
 * CPUs that take no interrupts, for a while or for ever, and CPUs that take far
 * too many.
 *
 * Others that need such a CPU wait, and report it when their patience is over;
 * those that do not need it go on.
 */
#include <sys/sf_buf.h>
#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/faults/inject.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

static _Atomic bool deaf, heard;

/* Work between two pauses: under icount each pause lets the other CPUs run. */
#define WORK 5000

static void
work(void)
{
	for (volatile unsigned i = 0; i < WORK; i++)
		continue;
	cpu_pause();
}

/* Interrupts off, and no polling: for `span` of the hardware's time. */
static void
be_deaf(void *span)
{
	uint32_t flags = intr_disable();
	nsec_t end = fault_clock_real() + *(const nsec_t *)span;

	store_release(&deaf, true);
	while (fault_clock_real() < end)
		work();
	store_release(&deaf, false);
	intr_restore(flags);
	store_release(&heard, true);
}

/* What needs no CPU but its own: sleeps, pages.  Counts its rounds. */
static void
live_on(void *rounds)
{
	while (!load_acquire(&heard)) {
		struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);
		nsec_t start = clock_now();

		CHECK(m != NULL);
		vm_page_free(m);
		pause_sleep("fault", 100 * USEC);
		CHECK(clock_now() - start >= 100 * USEC);
		atomic_fetch_add((_Atomic uint32_t *)rounds, 1);
	}
}

/*
 *   reports: how many lines there have to be, if time is exact.
 */
static void
with_a_deaf_cpu(nsec_t span, uint32_t reports)
{
	uint32_t before = fault_late_reports();
	_Atomic uint32_t rounds = 0;
	struct crew crew = {0};
	void *p;

	if (cpu_count() < 3)
		SKIP("it takes three CPUs");
	store_relaxed(&heard, false);
	sched_bind(0);
	crew_add_on(&crew, 2, live_on, &rounds);
	crew_add_on(&crew, 1, be_deaf, &span);
	SPIN_UNTIL(load_acquire(&deaf) || load_acquire(&heard));
	p = kmem_alloc(PAGE_SIZE);
	if (p != NULL)
		kmem_free(p, PAGE_SIZE); /* asks every CPU */
	CHECK_MSG(!load_acquire(&deaf), "CPU 1 has answered in spite of all");
	crew_join(&crew);
	sched_unbind();
	reports += before;
	CHECK(p != NULL);
	CHECK(!fault_time_is_exact() || atomic_load(&rounds) != 0);
	CHECK(!fault_time_is_exact() || fault_late_reports() == reports);
}

TEST(fault, a_cpu_without_interrupts_for_1_ms_is_waited_for)
{
	with_a_deaf_cpu(MSEC, 0);
}

TEST(fault, a_cpu_without_interrupts_for_10_ms_is_waited_for)
{
	with_a_deaf_cpu(10 * MSEC, 0);
}

TEST(fault, a_cpu_without_interrupts_for_100_ms_is_waited_for)
{
	with_a_deaf_cpu(100 * MSEC, 0);
}

TEST(fault, a_cpu_without_interrupts_for_1000_ms_is_not_yet_reported)
{
	with_a_deaf_cpu(SEC, 0);
}

TEST(fault, a_cpu_without_interrupts_for_2500_ms_is_reported_twice)
{
	with_a_deaf_cpu(2500 * MSEC, 2);
}

/* --- storms --- */

#define STORM 3000
#define NPAGES 64

static struct vm_page *page[NPAGES];

/* A spurious interrupt that was sent is acknowledged like any other; a real one
 * is not, so the handler does not. */
static void
send_spurious(unsigned cpu)
{
	ipi_send(cpu, VECTOR_SPURIOUS);
	clock_delay(USEC);
	lapic_eoi();
}

static void
rage(unsigned cpu)
{
	for (unsigned i = 0; i < STORM && !test_failed(); i++) {
		unsigned other = another_cpu(cpu + i % 3);
		uint32_t flags;

		ipi_send(cpu, IPI_RESCHED);
		ipi_send(other, i % 2 == 0 ? IPI_RESCHED : IPI_TLB);
		ipi_send(other, VECTOR_TIMER);
		if (i % 16 == 0)
			send_spurious(cpu);
		flags = intr_disable();
		clock_timer_set(0);
		intr_restore(flags);
	}
}

/* Every CPU in a storm, and every page where it should be. */
static void
map_in_the_storm(unsigned cpu, void *arg __unused)
{
	uint32_t random = test_seed() + cpu;

	if (cpu == 0) {
		rage(cpu);
		store_release(&heard, true);
		return;
	}
	while (!load_acquire(&heard) && !test_failed()) {
		struct vm_page *m = page[test_random(&random) % NPAGES];
		struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);
		uint32_t got = kit_word(sf)[0], want = vm_page_pfn(m);

		sf_buf_free(sf);
		cpu_pause();
		CHECK_MSG(got == want, "CPU %u reads frame %#x, not %#x", cpu,
		    got, want);
	}
}

WINDOW_TEST(fault, a_storm_of_interrupts_disturbs_nothing)
{
	uint32_t timers = counter_read(CTR_timer_intrs);
	nsec_t start;

	for (unsigned i = 0; i < NPAGES; i++) {
		page[i] = kit_tagged_page();
		if (page[i] == NULL)
			SKIP("too little memory");
	}
	store_relaxed(&heard, false);
	test_run_on_all(map_in_the_storm, NULL);
	timers = counter_read(CTR_timer_intrs) - timers;
	test_note("fault: %u timer interrupts in the storm", timers);
	CHECK(!fault_time_is_exact() || timers > STORM / 2);
	/* And each CPU's timer still does what it should. */
	for (unsigned cpu = 0; cpu < cpu_count(); cpu++) {
		sched_bind(cpu);
		start = clock_now();
		pause_sleep("fault", MSEC);
		CHECK(clock_now() - start >= MSEC);
		sched_unbind();
	}
}

/* --- tests that end the machine: each row expects its report --- */

static uint32_t others_rounds;

static void
be_deaf_for_ever(void *arg __unused)
{
	(void)intr_disable();
	store_release(&deaf, true);
	for (;;)
		work();
}

/* Shoot down with a CPU that never answers. */
static void
ask_the_deaf(void)
{
	struct crew crew = {0};

	sched_bind(0);
	crew_add_on(&crew, 2, live_on, &others_rounds);
	crew_add_on(&crew, 1, be_deaf_for_ever, NULL);
	SPIN_UNTIL(load_acquire(&deaf));
	kmem_free(kmem_alloc(PAGE_SIZE), PAGE_SIZE);
	test_fail(__FILE__, __LINE__, "CPU 1 has answered");
}

TEST_BUDGETED(selftest, fault_a_cpu_never_answers, 2500 * MSEC)
{
	ask_the_deaf();
}

static void
panic_later(void *arg __unused)
{
	while (fault_late_reports() == 0)
		pause_sleep("fault", MSEC);
	panic("CPU 1 is deaf; %s",
	    others_rounds > 100 ? "CPU 2 lives on" : "CPU 2 is stuck");
}

TEST(selftest, fault_a_panic_comes_out_in_spite_of_a_deaf_cpu)
{
	struct crew crew = {0};

	crew_add_on(&crew, 3, panic_later, NULL);
	ask_the_deaf();
}

TEST(selftest, fault_a_panic_comes_out_though_no_cpu_stops)
{
	fault_nmi_drop();
	panic("nobody hears this");
}

static void
say_that_it_ran(unsigned cpu __unused, void *arg __unused)
{
	test_fail(__FILE__, __LINE__, "it has woken up");
}

TEST_BUDGETED(selftest, fault_a_wakeup_is_never_delivered, SEC)
{
	pause_sleep("fault", 5 * SCHED_SLICE); /* CPU 1 halts, without timer */
	fault_ipi_arm(IPI_RESCHED, FAULT_LOSE, 1);
	test_run_on(1, say_that_it_ran, NULL);
}

TEST(selftest, fault_a_stray_interrupt)
{
	ipi_send(0, (enum vector)0x77);
	clock_delay(MSEC);
	test_fail(__FILE__, __LINE__, "nobody minds a stray interrupt");
}
