/*
 * Memory is short while the machine boots, or a CPU starts late: does it run
 * afterwards?
 */
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/option.h"
#include "kernel/sleepq.h"
#include "kernel/smp.h"
#include "mm/kva.h"
#include "tests/faults/inject.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* On each CPU that is there: memory, a private and a shared mapping, a sleep. */
static void
use_cpu(unsigned cpu, void *arg __unused)
{
	static const int flags[] = {SFB_CPUPRIVATE, SFB_DEFAULT};
	uint32_t *p = kmem_alloc(PAGE_SIZE);
	struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);

	CHECK(p != NULL && m != NULL);
	CHECK_EQ(*p, 0);
	kmem_free(p, PAGE_SIZE);
	sched_pin();
	for (unsigned i = 0; i < nitems(flags); i++) {
		struct sf_buf *sf = sf_buf_alloc(m, flags[i]);

		if (i != 0 && *kit_word(sf) != cpu + 1)
			test_fail(__FILE__, __LINE__, "CPU %u reads %u", cpu,
			    *kit_word(sf));
		*kit_word(sf) = cpu + 1;
		sf_buf_free(sf);
	}
	sched_unpin();
	vm_page_unwire(m);
	vm_page_free(m);
	pause_sleep("fault", MSEC);
}

WINDOW_TEST(fault_boot, the_machine_runs)
{
	test_run_on_all(use_cpu, NULL);
	test_note("fault: it runs on %u CPUs", cpu_count());
}

/*
 * What such a CPU has taken stays taken, as smp_late_pages() says; a later
 * attempt has it come up.
 */
TEST(fault, a_cpu_that_comes_late_is_started_or_named)
{
	unsigned n = 0, before = cpu_count();
	bool met = true;

	if (!option_present("cpus.late"))
		SKIP("only with the option cpus.late");
	while (met && !test_failed()) {
		unsigned cpu;

		fault_alloc_arm(++n);
		cpu = smp_start_late();
		met = fault_alloc_disarm();
		if ((cpu != 0) == met)
			test_fail(__FILE__, __LINE__,
			    "allocation %u: CPU %u is half started", n, cpu);
		CHECK_EQ(cpu_count(), before + (cpu != 0));
	}
	test_note("fault: %u allocations failed, one in each attempt", n - 1);
	CHECK(n - 1 >= 5);
}
