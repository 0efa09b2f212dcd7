/*
 * Typed characters: from the interrupt to whoever waits for one.
 */
#include "kernel/serial_input.h"
#include "kernel/apic.h"
#include "kernel/console.h"
#include "kernel/ipi.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/topology.h"
#include "kernel/uart.h"

/* Enough for what a host pastes while a command runs; a power of two. */
#define RING_BYTES 1024

static struct spinlock input_lock =
    SPINLOCK_INITIALIZER("serial input", RANK_SF_BUF);
/* Under input_lock.  head - tail characters wait, at most RING_BYTES. */
static uint8_t ring[RING_BYTES];
static uint32_t head, tail;

#define CTRL_C 0x03

void
serial_input_init(void)
{
	const struct topology *t = topology();

	if (!ioapic_route(t->com1_gsi, VECTOR_SERIAL, t->com1_level,
		t->com1_low))
		kprintf("serial: no I/O APIC serves its interrupt; typing has "
			"no effect\n");
	uart_enable_receive_interrupt(COM1);
	serial_intr(); /* what came before raises no edge */
}

/* Keep a character, if there is room; for ^C there always is. */
static void
put_locked(uint8_t c)
{
	if (head - tail == RING_BYTES && c == CTRL_C)
		head--;
	if (head - tail < RING_BYTES)
		ring[head++ % RING_BYTES] = c;
}

void
serial_intr(void)
{
	int c;

	spin_lock(&input_lock);
	while ((c = uart_get(COM1)) >= 0)
		put_locked((uint8_t)c);
	if (head != tail)
		wakeup(ring);
	spin_unlock(&input_lock);
}

int
console_getc(void)
{
	int c;

	spin_lock(&input_lock);
	while (head == tail)
		(void)msleep_spin(ring, &input_lock, 0, "ttyin", 0);
	c = ring[tail++ % RING_BYTES];
	spin_unlock(&input_lock);
	return (c);
}

bool
console_interrupted(void)
{
	bool found = false;

	spin_lock(&input_lock);
	for (uint32_t i = tail; i != head && !found; i++) {
		found = ring[i % RING_BYTES] == CTRL_C;
		if (found)
			tail = i + 1;
	}
	spin_unlock(&input_lock);
	return (found);
}
