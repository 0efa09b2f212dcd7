/*
 * AddressSanitizer is told which stack is in use.
 */
#include <sanitizer/common_interface_defs.h>
#include "tests/port/fiber.h"

static struct {
	void *stack, *fake;
	size_t bytes;
} fiber[FIBERS];

void
fiber_created(unsigned i, void *stack, size_t bytes)
{
	fiber[i].stack = stack;
	fiber[i].bytes = bytes;
	fiber[i].fake = NULL;
}

void
fiber_leaves(unsigned from, unsigned to, bool synced)
{
	(void)synced;
	__sanitizer_start_switch_fiber(&fiber[from].fake, fiber[to].stack,
	    fiber[to].bytes);
}

void
fiber_arrived(unsigned i)
{
	__sanitizer_finish_switch_fiber(fiber[i].fake, NULL, NULL);
}
