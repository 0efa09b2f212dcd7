/*
 * The kernel's own tests of what reads strange input, run in a process of the
 * host, where a sanitizer watches each access.
 */
#include "boot/bootinfo.h"
#include "boot/parse.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/option.h"
#include "kernel/panic.h"
#include "kernel/topology.h"
#include "mm/pmap.h"
#include "tests/port/host.h"
#include "tests/test.h"

static struct cpu only_cpu;
static struct cpumask online = {.word = {1}};
static unsigned nfailed;
static bool failed;

/* --- tests/test.h --- */

void
test_fail(const char *file, int line, const char *fmt, ...)
{
	va_list ap;

	host_print("%s:%d: ", file, line);
	va_start(ap, fmt);
	host_vprint(fmt, ap);
	va_end(ap);
	host_print("\n");
	failed = true;
}

bool
test_failed(void)
{
	return (failed);
}

uint32_t
test_seed(void)
{
	return (1);
}

uint32_t
test_random(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return (*state >> 16 | *state << 16);
}

/* --- the rest of a kernel: one CPU, and a firmware that says nothing --- */

void
port_step(const char *where)
{
	(void)where;
}

struct cpu *
port_self(void)
{
	return (&only_cpu);
}

struct cpu *
cpu_by_id(unsigned id)
{
	return (id == 0 ? &only_cpu : NULL);
}

const struct cpumask *
cpu_online(void)
{
	return (&online);
}

unsigned
cpu_count(void)
{
	return (1);
}

bool
pmap_read_phys(vm_paddr_t pa, void *dst, size_t n)
{
	(void)pa;
	(void)dst;
	(void)n;
	return (false);
}

const struct bootinfo *
bootinfo(void)
{
	static const struct bootinfo nothing;

	return (&nothing);
}

void
kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host_vprint(fmt, ap);
	va_end(ap);
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	host_print("PANIC: ");
	va_start(ap, fmt);
	host_vprint(fmt, ap);
	va_end(ap);
	host_print("\n");
	host_exit(HOST_PANIC);
}

/* --- host.h: the command line has nothing to say --- */

bool
exec_repeats(void)
{
	return (true);
}

bool
stress_set_kind(const char *name)
{
	(void)name;
	return (true);
}

bool
stress_set(const char *name, const char *text, uint64_t value)
{
	(void)name;
	(void)text;
	(void)value;
	return (false);
}

void
stress_print_usage(void)
{
	host_print("an argument is needed, any one\n");
}

void
stress_run(void)
{
	unsigned n = 0;

	topology_init();
	for (const struct test *t = tests_start; t < tests_end; t++, n++) {
		failed = false;
		t->fn();
		if (!failed)
			continue;
		nfailed++;
		host_print("not ok %s.%s\n", t->suite, t->name);
	}
	host_print("suites: tests=%u failed=%u\n", n, nfailed);
	host_exit(nfailed == 0 && n != 0 ? 0 : HOST_FAILED);
}
