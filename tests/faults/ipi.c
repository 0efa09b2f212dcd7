/*
 * Interrupts between CPUs that do not come, come late or come twice.
 *
 * A shootdown waits for the CPU that has not answered, reports it, and goes on
 * when it answers: no CPU ever reads a page that is no longer mapped.  The k-th
 * interrupt of a series meets the fault, for each k.  CPUs 1 and 2 read; they
 * take interrupts, but do not poll.  The last CPU is the courier, which delivers
 * what was held back.
 *
 * A CPU whose reschedule interrupt is lost halts until its next interrupt of
 * another kind: who woke it owed it that one, so nobody else sends one.  A thread
 * that is bound to it waits so long, and any other until some CPU looks for work:
 * no thread is lost itself.
 *
 * Kills: a shootdown that returns before all have answered; a wait without a
 * report, or with one too early; a wakeup that counts on one interrupt each.
 */
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/faults/inject.h"
#include "tests/test.h"
#include "tests/threads.h"

#define NREADERS 2
#define SERIES 12 /* interrupts that meet the fault, one in each series */
#define STEPS 4   /* of a series; each sends an interrupt to each reader */

/* The kernel's clock runs faster, so that its second of patience is short. */
#define FAST 50

#define CHANGING UINT32_MAX

static struct {
	vm_offset_t va;
	struct vm_page *frame[2];      /* the first word of frame k is k */
	_Atomic uint32_t mapped;       /* frame number, or CHANGING */
	_Atomic uint32_t read[MAXCPU]; /* by the CPU, since the change */
	_Atomic bool over;
	nsec_t delay;
} scene;

/*
 * The frame is known before the reading and is the same after it, so the change
 * was over: what is read then must be that frame.
 */
static void
read_on(void *arg __unused)
{
	unsigned cpu = curcpu_id();

	while (!load_acquire(&scene.over)) {
		uint32_t want = atomic_load(&scene.mapped);
		uint32_t got = *(volatile uint32_t *)scene.va;

		cpu_pause();
		if (want == CHANGING || atomic_load(&scene.mapped) != want)
			continue;
		CHECK_MSG(got == want, "CPU %u reads frame %u, not %u", cpu,
		    got, want);
		atomic_fetch_add(&scene.read[cpu], 1);
	}
}

static void
carry(void *arg __unused)
{
	while (!load_acquire(&scene.over)) {
		fault_ipi_carry(scene.delay);
		cpu_pause();
		tlb_poll();
	}
}

/* Each reader has read, so that its TLB holds the page. */
static void
wait_for_readers(void)
{
	for (unsigned cpu = 1; cpu <= NREADERS; cpu++) {
		atomic_store(&scene.read[cpu], 0);
		SPIN_UNTIL(atomic_load(&scene.read[cpu]) > 1 || test_failed());
	}
}

static void
change_to(uint32_t frame)
{
	atomic_store(&scene.mapped, CHANGING);
	critical_enter();
	pte_swap(pmap_pte(scene.va),
	    pmap_make_pte(VM_PAGE_TO_PHYS(scene.frame[frame]), VM_PROT_READ));
	tlb_shootdown_all(&scene.va, 1);
	critical_exit();
	atomic_store(&scene.mapped, frame);
}

static bool
scene_make(struct crew *crew)
{
	scene.va = kva_alloc(PAGE_SIZE);
	for (uint32_t k = 0; k < 2; k++) {
		scene.frame[k] = vm_page_alloc(VM_ALLOC_ANY);
		if (scene.va == 0 || scene.frame[k] == NULL)
			return (false);
		pmap_copy_to_page(scene.frame[k], 0, &k, sizeof(k));
	}
	pmap_kenter(scene.va, VM_PAGE_TO_PHYS(scene.frame[0]), VM_PROT_READ);
	atomic_store(&scene.mapped, 0);
	atomic_store(&scene.over, false);
	sched_bind(0);
	for (unsigned cpu = 1; cpu <= NREADERS; cpu++)
		crew_add_on(crew, cpu, read_on, NULL);
	crew_add_on(crew, NREADERS + 1, carry, NULL);
	return (true);
}

static void
scene_end(struct crew *crew)
{
	store_release(&scene.over, true);
	crew_join(crew);
	sched_unbind();
	pmap_kremove(scene.va);
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	critical_exit();
	kva_free(scene.va, PAGE_SIZE);
	vm_page_free(scene.frame[0]);
	vm_page_free(scene.frame[1]);
}

#define NEED_FOUR_CPUS()                                        \
	do {                                                    \
		if (cpu_count() != NREADERS + 2)                \
			SKIP("it takes %u CPUs", NREADERS + 2); \
	} while (0)

/*
 * A series for each k, whose k-th interrupt meets the fault.
 * Returns how many were met.
 */
static unsigned
run_series(enum fault_way way)
{
	unsigned met = 0;

	for (unsigned k = 1; k <= SERIES && !test_failed(); k++) {
		fault_ipi_arm(IPI_TLB, way, k);
		for (unsigned i = 0; i < STEPS && !test_failed(); i++) {
			wait_for_readers();
			change_to(!atomic_load(&scene.mapped));
		}
		wait_for_readers();
		met += fault_ipi_disarm();
		/* Of the courier, which polls; it is for nobody now. */
		fault_ipi_deliver();
	}
	return (met);
}

static void
shoot_down_with(enum fault_way way, nsec_t delay, unsigned rate,
    uint32_t least_reports)
{
	uint32_t reports = fault_late_reports();
	struct crew crew = {0};
	unsigned met;

	CHECK(scene_make(&crew));
	scene.delay = delay;
	fault_clock(0, rate);
	met = run_series(way);
	fault_clock(0, 1);
	scene_end(&crew);
	reports = fault_late_reports() - reports;
	test_note("fault: %u interrupts met it, %u reports", met, reports);
	CHECK_EQ(met, SERIES);
	CHECK(reports >= least_reports);
	if (fault_time_is_exact() && least_reports == 0)
		CHECK_EQ(reports, 0);
}

/* Of three interrupts of a round two are for readers. */
TEST_BUDGETED(fault, a_shootdown_interrupt_that_is_dropped_is_reported,
    FAST * 60 * SEC)
{
	NEED_FOUR_CPUS();
	shoot_down_with(FAULT_DROP, 0, FAST, SERIES * NREADERS / 3);
}

TEST_BUDGETED(fault, a_shootdown_interrupt_that_is_late_is_waited_for, 60 * SEC)
{
	NEED_FOUR_CPUS();
	shoot_down_with(FAULT_DELAY, MSEC, 1, 0);
}

TEST(fault, a_shootdown_interrupt_that_comes_twice_is_harmless)
{
	NEED_FOUR_CPUS();
	shoot_down_with(FAULT_DOUBLE, 0, 1, 0);
}

/* --- wakeups --- */

static struct {
	_Atomic uint32_t turn; /* how often the sleeper was woken */
	_Atomic bool over;
	uint32_t sleeps; /* channel */
} bed;

static void
sleep_on(void *arg __unused)
{
	while (!load_acquire(&bed.over)) {
		msleep(&bed, NULL, 0, "fault", 0);
		atomic_fetch_add(&bed.turn, 1);
	}
}

static bool
waits_asleep(unsigned cpu)
{
	return (sleepq_count(&bed) == 1 && !cpumask_has(tlb_busy_cpus(), cpu));
}

/* Wake the sleeper, whose CPU has halted.  Returns how often it woke before. */
static uint32_t
wake(unsigned cpu)
{
	uint32_t turn = atomic_load(&bed.turn);

	SPIN_UNTIL(waits_asleep(cpu));
	wakeup(&bed);
	return (turn);
}

static bool
has_woken(uint32_t turn)
{
	return (atomic_load(&bed.turn) != turn);
}

static void
bed_make(struct crew *crew, int cpu)
{
	atomic_store(&bed.over, false);
	sched_bind(0);
	if (cpu >= 0)
		crew_add_on(crew, (unsigned)cpu, sleep_on, NULL);
	else
		crew_add(crew, sleep_on, NULL);
	SPIN_UNTIL(sleepq_count(&bed) == 1);
}

static void
bed_end(struct crew *crew)
{
	store_release(&bed.over, true);
	SPIN_UNTIL(sleepq_count(&bed) == 1);
	wakeup(&bed);
	crew_join(crew);
	sched_unbind();
}

/*
 * Nobody else may run it, so it sleeps on until its CPU is interrupted: by the
 * interrupt after all, or by any other.
 */
TEST(fault, a_bound_thread_whose_wakeup_is_dropped_runs_at_the_next_interrupt)
{
	struct crew crew = {0};
	unsigned early = 0;

	if (cpu_count() < 2)
		SKIP("it takes another CPU");
	bed_make(&crew, 1);
	for (unsigned i = 0; i < 8 && !test_failed(); i++) {
		uint32_t turn;

		clock_delay(2 *
		    SCHED_SLICE); /* no timer of it is set any more */
		fault_ipi_arm(IPI_RESCHED, FAULT_LOSE, 1);
		turn = wake(1);
		SPIN_UNTIL(fault_ipi_held() >= 0 || has_woken(turn));
		clock_delay(MSEC);
		early += has_woken(turn);
		fault_ipi_disarm();
		if (i % 2 == 0)
			fault_ipi_deliver();
		else
			ipi_send(1, IPI_TLB);
		SPIN_UNTIL(has_woken(turn));
		fault_ipi_deliver();
	}
	bed_end(&crew);
	test_note("fault: %u of 8 ran before", early);
	if (fault_time_is_exact())
		CHECK_EQ(early, 0);
}

static void
do_nothing(unsigned cpu __unused, void *arg __unused)
{
}

/* Any other CPU that looks for work takes it: here, CPU `thief`. */
TEST(fault, a_thread_whose_wakeup_is_dropped_is_taken_by_who_looks_for_work)
{
	struct crew crew = {0};

	NEED_FOUR_CPUS();
	bed_make(&crew, -1);
	for (unsigned i = 0; i < 8 && !test_failed(); i++) {
		uint32_t turn = atomic_load(&bed.turn);
		unsigned thief;

		pause_sleep("fault",
		    3 * SCHED_SLICE); /* every other CPU halts */
		fault_ipi_arm(IPI_RESCHED, FAULT_LOSE, 1);
		wakeup(&bed);
		SPIN_UNTIL(fault_ipi_held() >= 0 || has_woken(turn));
		fault_ipi_disarm();
		thief = fault_ipi_held() == 1 ? 2 : 1;
		test_run_on(thief, do_nothing, NULL);
		SPIN_UNTIL(has_woken(turn));
		fault_ipi_deliver();
		SPIN_UNTIL(sleepq_count(&bed) == 1);
	}
	bed_end(&crew);
}

/* A ping-pong on which each interrupt in turn is late, or comes twice. */
static void
wake_with(enum fault_way way)
{
	struct crew crew = {0};
	unsigned met = 0;

	NEED_FOUR_CPUS();
	atomic_store(&scene.over, false);
	scene.delay = MSEC;
	bed_make(&crew, 1);
	crew_add_on(&crew, NREADERS + 1, carry, NULL);
	for (unsigned k = 1; k <= SERIES && !test_failed(); k++) {
		fault_ipi_arm(IPI_RESCHED, way, k);
		for (unsigned i = 0; i < SERIES; i++) {
			uint32_t turn = wake(1);

			SPIN_UNTIL(has_woken(turn));
		}
		met += fault_ipi_disarm();
	}
	store_release(&scene.over, true);
	bed_end(&crew);
	test_note("fault: %u interrupts met it", met);
	CHECK_EQ(met, SERIES);
}

TEST(fault, a_wakeup_interrupt_that_is_late_delays_only)
{
	wake_with(FAULT_DELAY);
}

TEST(fault, a_wakeup_interrupt_that_comes_twice_is_harmless)
{
	wake_with(FAULT_DOUBLE);
}
