/*
 * Marks.  A file of their own, so that they are called and not inlined; each
 * different, so that the compiler does not make them one.
 */
#include "tests/bench/mark.h"
#include "kernel/types.h"

/* On the stack: a mark is no cache line that CPUs share. */
static inline __always_inline void
mark(unsigned number)
{
	volatile unsigned here = number;

	(void)here;
}

void
bench_mark_begin(void)
{
	mark(1);
}

void
bench_mark_end(void)
{
	mark(2);
}

void
bench_mark_keep(void)
{
	mark(3);
}

void
bench_mark_report(void)
{
	mark(4);
}

void
bench_work_begin(void)
{
	mark(5);
}

void
bench_work_end(void)
{
	mark(6);
}
