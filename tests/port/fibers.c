/*
 * The engine that runs all CPUs in one thread of the host, one at a time.
 *
 * Which CPU takes the next steps, and how many, only the seed decides.  Phases
 * of random length differ in how often CPUs change and in how much each gets:
 * one that gets nothing for a while stays between two of its steps while the
 * others go far.
 */
#include "tests/port/exec.h"
#include "tests/port/fiber.h"
#include "tests/port/host.h"
#include "tests/port/port.h"

#define STACK_BYTES (256u << 10)

/* The highest number of words that port_switch() pops, and its return. */
#define SWITCH_WORDS 7

struct strand {
	void *sp;
	void *stack;
	void (*entry)(void);
};

/* Threads by number, then what each CPU began with; then the host's. */
static struct strand strands[PORT_THREADS + PORT_CPUS + 1];
_Static_assert(nitems(strands) == FIBERS, "a fiber for each");
static unsigned running[PORT_CPUS]; /* which of them is each CPU's */
static unsigned ncpus, now;
static uint64_t random_state;

/* The phase. */
static uint32_t weight[PORT_CPUS];
static uint32_t mean_steps, changes_left, speculation;
static int steps_left;

/* switch.S */
void port_switch(void **save, void *to);

uint32_t
exec_random(uint32_t n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return ((uint32_t)((random_state >> 32) * n >> 32));
}

bool
exec_repeats(void)
{
	return (true);
}

unsigned
exec_cpu(void)
{
	return (now);
}

static void __noreturn
strand_main(void)
{
	fiber_arrived(running[now]);
	strands[running[now]].entry();
	host_print("a thread has returned\n");
	host_exit(HOST_FAILED);
}

static void
strand_prepare(unsigned i, void (*entry)(void))
{
	struct strand *s = &strands[i];
	uintptr_t *top;

	if (s->stack == NULL)
		s->stack = host_map(NULL, STACK_BYTES);
	s->entry = entry;
	fiber_created(i, s->stack, STACK_BYTES);
	/* As if strand_main had been called: its stack is aligned but for the
	 * return address. */
	top = (uintptr_t *)((char *)s->stack + STACK_BYTES) - 9;
	*top = 0;
	*--top = (uintptr_t)strand_main;
	s->sp = top - (sizeof(void *) == 8 ? 6 : 4);
}

static void
strand_switch(unsigned from, unsigned to, bool synced)
{
	fiber_leaves(from, to, synced);
	port_switch(&strands[from].sp, strands[to].sp);
	fiber_arrived(from);
}

static void
cpu_switch(unsigned cpu)
{
	unsigned from = running[now];

	if (cpu == now)
		return;
	now = cpu;
	strand_switch(from, running[cpu], false);
}

void
exec_switch(unsigned to, void (*entry)(void))
{
	unsigned from = running[now];

	if (entry != NULL)
		strand_prepare(to, entry);
	running[now] = to;
	strand_switch(from, to, true);
}

/* --- whose turn it is --- */

static void
new_phase(void)
{
	static const uint32_t weights[] = {0, 0, 1, 1, 1, 4, 4, 16};
	static const uint32_t means[] = {1, 1, 2, 4, 16, 64};

	for (unsigned i = 0; i < ncpus; i++)
		weight[i] = weights[exec_random(nitems(weights))];
	/* How much is filled in TLBs unasked: with little, slots stay clean. */
	speculation = 1u << 2 * exec_random(4);
	mean_steps = means[exec_random(nitems(means))];
	changes_left = 8u << exec_random(8);
}

/* A CPU to go on with; `other`: not this one, if any other can. */
static unsigned
choose(bool other)
{
	uint32_t total = 0, at;
	unsigned awake = 0;

	if (changes_left-- == 0)
		new_phase();
	for (unsigned i = 0; i < ncpus; i++)
		if (machine_is_awake(i)) {
			awake++;
			total += other && i == now ? 0 : weight[i];
		}
	if (total == 0) {
		if (awake == 0)
			machine_skip_time();
		changes_left = 0;
		return (machine_is_awake(now) ? now : exec_random(ncpus));
	}
	at = exec_random(total);
	for (unsigned i = 0; i < ncpus; i++) {
		uint32_t w = other && i == now ? 0 : weight[i];

		if (!machine_is_awake(i))
			continue;
		if (at < w)
			return (i);
		at -= w;
	}
	return (now);
}

static void
change_cpu(bool other)
{
	steps_left = (int)exec_random(2 * mean_steps);
	cpu_switch(choose(other));
}

static void
stop_here(bool other)
{
	if (exec_random(speculation) == 0)
		machine_hardware();
	change_cpu(other);
	machine_interrupts();
}

void
port_step(const char *where)
{
	machine_count_step(where);
	if (--steps_left < 0)
		stop_here(false);
}

void
port_pause(const char *where)
{
	machine_count_step(where);
	stop_here(exec_random(4) != 0);
}

void
exec_pause_cpu(void)
{
	change_cpu(exec_random(2) != 0);
}

void
exec_wait(void)
{
	change_cpu(true);
}

/* --- the beginning --- */

void
exec_start(unsigned cpus, uint64_t seed, void (*boot)(void))
{
	ncpus = cpus;
	random_state = seed * 0x9e3779b97f4a7c15u + 1;
	for (unsigned i = 0; i < 8; i++)
		(void)exec_random(1);
	new_phase();
	for (unsigned i = 0; i < ncpus; i++) {
		running[i] = PORT_THREADS + i;
		strand_prepare(running[i], boot);
	}
	strand_switch(PORT_THREADS + PORT_CPUS, running[0], true);
	host_exit(HOST_FAILED);
}
