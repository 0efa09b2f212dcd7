/*
 * Tests of the test runner and of reports: they fail, hang, leak and do not
 * answer, and run only when named in full.
 */
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/x86.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/test.h"
#include "tests/threads.h"

TEST(selftest, fails)
{
	CHECK_EQ(1 + 1, 3);
}

TEST_BUDGETED(selftest, hang, 500 * MSEC)
{
	for (;;)
		cpu_pause();
}

TEST(selftest, leaks)
{
	CHECK(vm_page_alloc(VM_ALLOC_ANY) != NULL);
}

/* A CPU that does not answer is named: the row [late-answer] expects the words. */

static _Atomic bool deaf;

static void
be_deaf(void *arg __unused)
{
	uint32_t flags = intr_disable();
	nsec_t until = clock_now() + 2500 * MSEC;

	atomic_store(&deaf, true);
	while (clock_now() < until)
		cpu_pause();
	intr_restore(flags);
}

TEST(selftest, a_cpu_does_not_answer)
{
	struct crew crew = {0};

	crew_add_on(&crew, another_cpu(curcpu_id()), be_deaf, NULL);
	SPIN_UNTIL(atomic_load(&deaf));
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	critical_exit();
	crew_join(&crew);
}
