/*
 * The rest of the kernel for Frama-C.  That panic() is reached is the alarm for
 * which an ASSERT stands.
 */
#include "kernel/console.h"
#include "kernel/panic.h"
#include "tests/fuzz/eva.h"

static volatile uint64_t any;

uint64_t
eva_any(void)
{
	return (any);
}

uint32_t
eva_between(uint32_t least, uint32_t most)
{
	uint32_t v = (uint32_t)any;

	return (v < least ? least : v > most ? most : v);
}

void
panic(const char *fmt __unused, ...)
{
	/*@ assert no_panic: \false; */
	for (;;)
		;
}

int
kvsnprintf(char *buf, size_t size, const char *fmt __unused,
    va_list ap __unused)
{
	size_t n = eva_between(0, (uint32_t)size - 1);

	for (size_t i = 0; i < n; i++)
		buf[i] = 'x';
	buf[n] = '\0';
	return ((int)n);
}

int
ksnprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = kvsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return (n);
}
