/*
 * Tests of the test runner: they fail, hang and leak, and run only when named
 * in full.
 */
#include "kernel/x86.h"
#include "mm/vm_page.h"
#include "tests/test.h"

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
