/*
 * Event counters: reading and naming.  A reader does not stop the CPU that
 * counts; one that counts meanwhile may or may not be included.
 */
#include "kernel/counter.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"

struct counter_text {
	const char *name;
	const char *text;
};

static const struct counter_text texts[NCOUNTER] = {
#define COUNTER_TEXT(name, text) {#name, text},
    COUNTER_LIST(COUNTER_TEXT)
#undef COUNTER_TEXT
};

uint32_t
counter_read_cpu(unsigned cpu, enum counter c)
{
	const struct cpu *owner = cpu_by_id(cpu);

	ASSERT(c < NCOUNTER, "counter %d does not exist", c);
	ASSERT(owner != NULL, "counter_read_cpu: no CPU %u", cpu);
	return (__atomic_load_n(&owner->counter[c], __ATOMIC_RELAXED));
}

uint32_t
counter_read(enum counter c)
{
	uint32_t sum = 0;
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online())
		sum += counter_read_cpu(cpu, c);
	return (sum);
}

const char *
counter_name(enum counter c)
{
	ASSERT(c < NCOUNTER, "counter %d does not exist", c);
	return (texts[c].name);
}

const char *
counter_text(enum counter c)
{
	ASSERT(c < NCOUNTER, "counter %d does not exist", c);
	return (texts[c].text);
}
