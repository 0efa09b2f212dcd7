/*
 * The CPUs of the host build: interrupts, timers, time, and the watchdog.
 *
 * What CPUs tell each other here is not an order that a race detector may count
 * on: the kernel's own words must be enough.
 */
#include "tests/port/machine.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/panic.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/tlb.h"
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/port.h"
#include "tests/port/port_hb.h"
#include "tests/port/stress.h"

#define NSEC_PER_STEP 100

/* So many steps without an operation that is complete are a hang. */
#define HANG_STEPS 4000000u

enum { PENDING_TLB = 1, PENDING_RESCHED = 2, PENDING_TIMER = 4 };

struct processor {
	struct cpu cpu;
	/* This CPU only; but for reports. */
	bool intr_enabled;
	const char *where;
	/* Read and written by any, relaxed. */
	uint32_t pending;
	bool halted;
	uint64_t timer; /* when it is due; 0: never */
} __aligned(CACHE_LINE_BYTES);

static struct processor processors[PORT_CPUS];
static struct cpumask online;
static unsigned ncpus;
static uint64_t steps, skipped, last_progress, ipis;

/* --- kernel/cpu.h --- */

struct cpu *
port_self(void)
{
	return (&processors[exec_cpu()].cpu);
}

struct cpu *
cpu_by_id(unsigned id)
{
	return (id < ncpus ? &processors[id].cpu : NULL);
}

const struct cpumask *
cpu_online(void)
{
	return (&online);
}

void
cpu_set_online(void)
{
	cpumask_add(&online, exec_cpu());
}

unsigned
cpu_count(void)
{
	return (cpumask_count(&online));
}

void
machine_init(unsigned n)
{
	ncpus = n;
	/* Each CPU's own words, and words that change by atomics. */
	port_hb_ignore(processors, sizeof(processors));
	port_hb_ignore(&steps, sizeof(steps));
	port_hb_ignore(&skipped, sizeof(skipped));
	port_hb_ignore(&last_progress, sizeof(last_progress));
	port_hb_ignore(&ipis, sizeof(ipis));
	for (unsigned i = 0; i < n; i++) {
		processors[i].cpu.self = &processors[i].cpu;
		processors[i].cpu.id = i;
	}
}

/* --- time --- */

uint64_t
machine_steps(void)
{
	return (__atomic_load_n(&steps, __ATOMIC_RELAXED));
}

uint64_t
port_clock(void)
{
	return (machine_steps() * NSEC_PER_STEP +
	    __atomic_load_n(&skipped, __ATOMIC_RELAXED));
}

nsec_t
clock_now(void)
{
	return (port_clock());
}

void
clock_timer_set(nsec_t span)
{
	__atomic_store_n(&processors[exec_cpu()].timer, port_clock() + span + 1,
	    __ATOMIC_RELAXED);
}

void
clock_timer_stop(void)
{
	__atomic_store_n(&processors[exec_cpu()].timer, 0, __ATOMIC_RELAXED);
}

static uint64_t
timer_of(unsigned cpu)
{
	return (__atomic_load_n(&processors[cpu].timer, __ATOMIC_RELAXED));
}

static bool
timer_is_due(unsigned cpu)
{
	uint64_t at = timer_of(cpu);

	return (at != 0 && at <= port_clock());
}

void
machine_skip_time(void)
{
	uint64_t first = UINT64_MAX, now = port_clock();

	for (unsigned i = 0; i < ncpus; i++)
		if (timer_of(i) != 0)
			first = MIN(first, timer_of(i));
	if (first == UINT64_MAX)
		machine_hang("every CPU halts, and no timer is set");
	if (first > now)
		__atomic_fetch_add(&skipped, first - now, __ATOMIC_RELAXED);
}

/* --- the watchdog --- */

void
machine_progress(void)
{
	__atomic_store_n(&last_progress, machine_steps(), __ATOMIC_RELAXED);
}

void
machine_count_step(const char *where)
{
	uint64_t n = __atomic_add_fetch(&steps, 1, __ATOMIC_RELAXED);

	processors[exec_cpu()].where = where;
	if (n % 65536 == 0 &&
	    n - __atomic_load_n(&last_progress, __ATOMIC_RELAXED) > HANG_STEPS)
		machine_hang("nothing was completed for 4 million steps");
}

/* The machine ends with this: what others change meanwhile does not matter. */
#define UNWATCHED __attribute__((no_sanitize("thread")))

static void UNWATCHED
print_thread(const struct thread *td)
{
	if (td == NULL)
		return;
	host_print(", thread %s", td->name);
	if (td->wchan != NULL)
		host_print(", sleeps (%s)", td->wmesg);
}

void UNWATCHED
machine_print(void)
{
	for (unsigned i = 0; i < ncpus; i++) {
		const struct processor *p = &processors[i];

		host_print("CPU %u: in %s, interrupts %s, pending %#x%s", i,
		    p->where, p->intr_enabled ? "on" : "off", p->pending,
		    p->halted ? ", halts" : "");
		print_thread(p->cpu.thread);
		for (unsigned n = 0; n < p->cpu.spin_depth; n++)
			host_print(", holds %s", p->cpu.spin_held[n]->name);
		host_print(", asked %u, done %#x\n", p->cpu.tlb_asked,
		    p->cpu.tlb_done);
	}
}

void
machine_hang(const char *why)
{
	host_print("HANG: %s, after %llu steps\n", why,
	    (unsigned long long)machine_steps());
	machine_print();
	host_exit(HOST_HANG);
}

/* --- interrupts --- */

bool
port_intr_disable(void)
{
	struct processor *p = &processors[exec_cpu()];
	bool was = p->intr_enabled;

	p->intr_enabled = false;
	return (was);
}

void
port_intr_enable(void)
{
	processors[exec_cpu()].intr_enabled = true;
}

bool
port_intr_enabled(void)
{
	return (processors[exec_cpu()].intr_enabled);
}

static void
pend(unsigned cpu, uint32_t what)
{
	__atomic_fetch_or(&processors[cpu].pending, what, __ATOMIC_RELAXED);
}

void
ipi_send(unsigned cpu, enum vector vector)
{
	uint64_t n = __atomic_add_fetch(&ipis, 1, __ATOMIC_RELAXED);

	port_step(__func__);
	if (stress_config.bug == BUG_LOST_IPI && n % 8 == 0)
		return;
	pend(cpu, vector == IPI_TLB ? PENDING_TLB : PENDING_RESCHED);
}

/* As trap() of kernel/trap.c. */
static void
interrupt(uint32_t what)
{
	struct cpu *c = curcpu();

	tlb_wake(c);
	c->intr_depth++;
	if (what == PENDING_TLB)
		tlb_intr();
	else if (what == PENDING_RESCHED)
		store_folded(&c->need_resched, true);
	else
		timeout_intr();
	c->intr_depth--;
	sched_preempt();
}

/* The highest vector that waits is taken off; 0: none. */
static uint32_t
take_pending(struct processor *p)
{
	uint32_t pending = __atomic_load_n(&p->pending, __ATOMIC_RELAXED);
	uint32_t what = (pending & PENDING_TLB) != 0 ? PENDING_TLB :
	    (pending & PENDING_RESCHED) != 0         ? PENDING_RESCHED :
						       pending;

	__atomic_fetch_and(&p->pending, ~what, __ATOMIC_RELAXED);
	return (what);
}

/* Afterwards the thread may be on another CPU: interrupts are on there. */
static void
serve(struct processor *p)
{
	uint32_t what = take_pending(p);

	if (what == 0)
		return;
	p->intr_enabled = false;
	interrupt(what);
	port_intr_enable();
}

void
machine_interrupts(void)
{
	struct processor *p = &processors[exec_cpu()];

	if (!p->intr_enabled)
		return;
	if (timer_is_due(exec_cpu())) {
		clock_timer_stop();
		pend(exec_cpu(), PENDING_TIMER);
	}
	/* An end of a time slice costs nothing to make up. */
	if (exec_random(64) == 0)
		pend(exec_cpu(), PENDING_RESCHED);
	if (exec_random(4) != 0)
		serve(p);
}

bool
machine_is_awake(unsigned cpu)
{
	const struct processor *p = &processors[cpu];

	return (!__atomic_load_n(&p->halted, __ATOMIC_RELAXED) ||
	    __atomic_load_n(&p->pending, __ATOMIC_RELAXED) != 0 ||
	    timer_is_due(cpu));
}

void
port_halt(void)
{
	unsigned self = exec_cpu();
	struct processor *p = &processors[self];

	p->where = __func__;
	p->intr_enabled = true;
	__atomic_store_n(&p->halted, true, __ATOMIC_RELAXED);
	while (!machine_is_awake(self))
		exec_wait();
	__atomic_store_n(&p->halted, false, __ATOMIC_RELAXED);
	if (timer_is_due(self)) {
		clock_timer_stop();
		pend(self, PENDING_TIMER);
	}
	serve(p);
}

bool
machine_is_settled(uint32_t gen)
{
	for (unsigned i = 0; i < ncpus; i++) {
		const struct processor *p = &processors[i];
		uint32_t done =
		    __atomic_load_n(&p->cpu.tlb_done, __ATOMIC_RELAXED);

		if ((int32_t)(done - gen) < 0 &&
		    !__atomic_load_n(&p->halted, __ATOMIC_RELAXED))
			return (false);
	}
	return (true);
}

/* What a processor does unasked: fill its TLB. */
void
machine_hardware(void)
{
	mmu_speculate();
}
