/*
 * Undefined behaviour on purpose: each must be met with its sentence, see
 * tests/sanitize/rows.cfg.  The runner runs a suite of this name only if the
 * test is named in full.
 */
#include "kernel/types.h"
#include "tests/test.h"

/* What the compiler cannot know. */
static volatile int zero, thirty_three = 33, most = INT32_MAX;
static int three[3];
static int *volatile nowhere;
static volatile int result;

TEST(selftest_ubsan, shift_by_33)
{
	result = 1 << thirty_three;
}

TEST(selftest_ubsan, signed_overflow)
{
	result = most + 1;
}

TEST(selftest_ubsan, null_pointer)
{
	result = *nowhere;
}

TEST(selftest_ubsan, misaligned_pointer)
{
	nowhere = (int *)((vm_offset_t)three + 1);
	result = *nowhere;
}

TEST(selftest_ubsan, index_out_of_bounds)
{
	result = three[thirty_three - 30];
}

TEST(selftest_ubsan, division_by_zero)
{
	result = most / zero;
}

TEST(selftest_ubsan, invalid_bool)
{
	static volatile uint8_t two = 2;

	result = *(const volatile bool *)&two;
}
