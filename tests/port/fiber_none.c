/*
 * No sanitizer is told anything.
 */
#include "tests/port/fiber.h"

void
fiber_created(unsigned i, void *stack, size_t bytes)
{
	(void)i;
	(void)stack;
	(void)bytes;
}

void
fiber_leaves(unsigned from, unsigned to, bool synced)
{
	(void)from;
	(void)to;
	(void)synced;
}

void
fiber_arrived(unsigned i)
{
	(void)i;
}
