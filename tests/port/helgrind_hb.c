/*
 * Requests to helgrind.
 */
#include <stdbool.h>
#include <stddef.h>
#include <valgrind/helgrind.h>
#include "tests/port/helgrind_hb.h"

void
helgrind_ignore(const volatile void *p, size_t bytes)
{
	VALGRIND_HG_DISABLE_CHECKING(p, bytes);
}

void
helgrind_before(const volatile void *p, size_t bytes, bool ordered)
{
	VALGRIND_HG_DISABLE_CHECKING(p, bytes);
	if (ordered)
		ANNOTATE_HAPPENS_BEFORE(p);
}

void
helgrind_after(const volatile void *p, bool ordered)
{
	if (ordered)
		ANNOTATE_HAPPENS_AFTER(p);
}
