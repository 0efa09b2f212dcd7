/*
 * Interrupts between CPUs that are dropped, delayed or doubled, and a clock that
 * jumps.
 */
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/string.h"
#include "tests/faults/inject.h"
#include "tests/faults/words.h"
#include "tests/faults/wraps.h"

/* --- interrupts --- */

/* Set while no interrupt of the vector is being sent, but for `left`. */
static enum vector fault_vector;
static _Atomic uint32_t fault_way;
static _Atomic int32_t left; /* to be sent before the one; below 0: met */

/* Whom the one that is held back is for, plus 1; 0: none is held. */
static _Atomic uint32_t held_for;
static nsec_t held_since;     /* before held_for */
static uint32_t held_reports; /* the same */

static _Atomic uint32_t late_reports;
static bool nmi_dropped;

static void
hold_back(unsigned cpu)
{
	held_since = __real_clock_now();
	held_reports = load_relaxed(&late_reports);
	store_release(&held_for, cpu + 1);
}

void
__wrap_ipi_send(unsigned cpu, enum vector vector)
{
	uint32_t way = load_acquire(&fault_way);

	if (__predict_true(way == FAULT_NONE) || vector != fault_vector ||
	    atomic_fetch_sub(&left, 1) != 0) {
		__real_ipi_send(cpu, vector);
		return;
	}
	if (way == FAULT_DOUBLE) {
		__real_ipi_send(cpu, vector);
		__real_ipi_send(cpu, vector);
		return;
	}
	hold_back(cpu);
}

void
fault_ipi_arm(enum vector vector, enum fault_way way, unsigned k)
{
	fault_vector = vector;
	store_relaxed(&left, (int32_t)k - 1);
	store_release(&fault_way, way);
}

bool
fault_ipi_disarm(void)
{
	store_release(&fault_way, FAULT_NONE);
	return (load_relaxed(&left) < 0);
}

int
fault_ipi_held(void)
{
	return ((int)load_acquire(&held_for) - 1);
}

void
fault_ipi_deliver(void)
{
	uint32_t cpu = atomic_exchange(&held_for, 0);

	if (cpu != 0)
		__real_ipi_send(cpu - 1, fault_vector);
}

void
fault_ipi_carry(nsec_t delay)
{
	uint32_t way = load_relaxed(&fault_way);

	if (fault_ipi_held() < 0)
		return;
	if (way == FAULT_DELAY && __real_clock_now() - held_since >= delay)
		fault_ipi_deliver();
	if (way == FAULT_DROP && load_relaxed(&late_reports) != held_reports)
		fault_ipi_deliver();
}

void
fault_nmi_drop(void)
{
	nmi_dropped = true;
}

void
__wrap_ipi_send_nmi_others(void)
{
	if (!nmi_dropped)
		__real_ipi_send_nmi_others();
}

/* --- reports --- */

#define LATE_REPORT "CPU %u has not answered"

void
__wrap_kprintf_line(const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	__real_kprintf_line("%s", text);
	if (strncmp(fmt, LATE_REPORT, sizeof(LATE_REPORT) - 1) == 0)
		atomic_fetch_add(&late_reports, 1);
}

uint32_t
fault_late_reports(void)
{
	return (load_relaxed(&late_reports));
}

/* --- the clock --- */

/*
 * From the hardware's time `since` on it is `base`, and goes `rate` times as
 * fast.  Two sets, so that a reader never sees half of one.
 */
static struct {
	nsec_t since, base;
	unsigned rate;
} clocks[2] = {{.rate = 1}, {.rate = 1}};
static _Atomic uint32_t clock_in_use;

nsec_t
__wrap_clock_now(void)
{
	uint32_t i = load_acquire(&clock_in_use);

	return (clocks[i].base +
	    (__real_clock_now() - clocks[i].since) * clocks[i].rate);
}

void
fault_clock(int64_t jump, unsigned rate)
{
	uint32_t next = !load_relaxed(&clock_in_use);

	clocks[next].since = __real_clock_now();
	clocks[next].base = __wrap_clock_now() + (nsec_t)jump;
	clocks[next].rate = rate;
	store_release(&clock_in_use, next);
}

nsec_t
fault_clock_real(void)
{
	return (__real_clock_now());
}

bool
fault_time_is_exact(void)
{
	return (variant_word("exact", 0) != 0);
}
