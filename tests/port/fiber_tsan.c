/*
 * ThreadSanitizer is told which fiber runs.  A change from one CPU to another
 * orders nothing; one between threads of a CPU does.
 */
#include <sanitizer/tsan_interface.h>
#include "tests/port/fiber.h"

static void *fiber[FIBERS];

/* The first that leaves is the host's own. */
void
fiber_created(unsigned i, void *stack, size_t bytes)
{
	(void)stack;
	(void)bytes;
	if (fiber[i] != NULL)
		__tsan_destroy_fiber(fiber[i]);
	fiber[i] = __tsan_create_fiber(0);
}

void
fiber_leaves(unsigned from, unsigned to, bool synced)
{
	(void)from;
	__tsan_switch_to_fiber(fiber[to],
	    synced ? 0 : __tsan_switch_to_fiber_no_sync);
}

void
fiber_arrived(unsigned i)
{
	(void)i;
}
