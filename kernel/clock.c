/*
 * Time from the time-stamp counter, timer interrupts from the local APIC; both
 * measured against the PIT, whose frequency is known.
 */
#include "kernel/clock.h"
#include "kernel/apic.h"
#include "kernel/panic.h"
#include "kernel/x86.h"
#include "mm/tlb.h"

/* The PIT's channel 2, gated by and read at the speaker's port. */
enum {
	PIT_CHANNEL_2 = 0x42,
	PIT_COMMAND = 0x43,
	SPEAKER = 0x61,
	SPEAKER_GATE = 0x01,
	SPEAKER_DATA = 0x02,
	SPEAKER_OUT = 0x20,
	PIT_CHANNEL_2_ONE_SHOT = 0xb0, /* mode 0, low byte then high */
};
#define PIT_HZ 1193182u

#define MEASURE_MS 10
#define MEASURE_ROUNDS 3

/*
 * ns = (ticks * mult) >> SHIFT.  With SHIFT 24 a clock of 16 MHz to 16 GHz has
 * a mult of 20 to 30 bits: an error below one part in a million, and no
 * overflow of the two partial products for centuries.
 */
#define SHIFT 24

/* Fixed by clock_init(). */
static uint64_t tsc_at_boot;
static uint32_t tsc_khz, timer_khz, tsc_mult;

struct measurement {
	uint64_t tsc;
	uint32_t timer;
};

static struct measurement
measure_once(void)
{
	const uint32_t pit = PIT_HZ / 1000 * MEASURE_MS;
	struct measurement m;
	uint64_t start;

	outb(SPEAKER, (inb(SPEAKER) & ~SPEAKER_DATA) | SPEAKER_GATE);
	outb(PIT_COMMAND, PIT_CHANNEL_2_ONE_SHOT);
	outb(PIT_CHANNEL_2, pit & 0xff);
	lapic_timer_start(UINT32_MAX);
	start = rdtsc();
	outb(PIT_CHANNEL_2, pit >> 8); /* counts from here */
	while ((inb(SPEAKER) & SPEAKER_OUT) == 0)
		cpu_pause();
	m.tsc = rdtsc() - start;
	m.timer = UINT32_MAX - lapic_timer_count();
	lapic_timer_start(0);
	return (m);
}

/*
 * The shortest of a few measurements: whatever delays a reading (a busy host,
 * a system-management interrupt) only makes it longer.
 */
void
clock_init(void)
{
	struct measurement best = measure_once();

	for (unsigned i = 1; i < MEASURE_ROUNDS; i++) {
		struct measurement m = measure_once();

		if (m.tsc < best.tsc)
			best = m;
	}
	tsc_khz = (uint32_t)div64(best.tsc, MEASURE_MS, NULL);
	timer_khz = best.timer / MEASURE_MS;
	ASSERT(tsc_khz != 0 && timer_khz != 0,
	    "clock_init: TSC %u kHz, APIC timer %u kHz", tsc_khz, timer_khz);
	tsc_mult = (uint32_t)div64((uint64_t)1000000 << SHIFT, tsc_khz, NULL);
	tsc_at_boot = rdtsc();
}

uint32_t
clock_tsc_khz(void)
{
	return (tsc_khz);
}

uint32_t
clock_timer_khz(void)
{
	return (timer_khz);
}

nsec_t
clock_now(void)
{
	uint64_t t = rdtsc() - tsc_at_boot;
	uint64_t high = (t >> 32) * tsc_mult, low = (uint32_t)t;

	return ((high << (32 - SHIFT)) + (low * tsc_mult >> SHIFT));
}

void
clock_delay(nsec_t span)
{
	nsec_t end = clock_now() + span;

	while (clock_now() < end) {
		cpu_pause();
		tlb_poll();
	}
}

/* The longest the 32-bit counter can be set for is bounded: half its range. */
void
clock_timer_set(nsec_t span)
{
	uint64_t ticks =
	    div64(MIN(span, 1000 * SEC) * timer_khz, 1000000, NULL);

	lapic_timer_start((uint32_t)MIN(MAX(ticks, 1), INT32_MAX));
}

void
clock_timer_stop(void)
{
	lapic_timer_start(0);
}
