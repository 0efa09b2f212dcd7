/*
 * The rest of the kernel, as far as fuzzed parts call it.
 */
#include "kernel/types.h"
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "mm/pmap.h"
#include "tests/fuzz/libc.h"
#include "tests/test.h"

void
panic(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	dprintf(STDERR, "panic: %s\n", text);
	abort();
}

/* Formatted, so that a bad argument is noticed; then forgotten. */
void
kprintf(const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
}

bool
pmap_read_phys(vm_paddr_t pa, void *dst __unused, size_t n)
{
	panic("a parser read %zu bytes of this machine's memory at 0x%llx", n,
	    (unsigned long long)pa);
}

uint32_t
test_random(uint32_t *state __unused)
{
	panic("only the fuzzer makes anything up");
}
