/*
 * Polled output and interrupt-driven input on a 16550.
 */
#include "kernel/uart.h"
#include "kernel/x86.h"

/* Registers, from the port's first; DLAB swaps in the divisor. */
enum {
	DATA = 0,
	INTERRUPT_ENABLE = 1,
	FIFO_CONTROL = 2,
	LINE_CONTROL = 3,
	MODEM_CONTROL = 4,
	LINE_STATUS = 5,
	SCRATCH = 7,
	DIVISOR_LOW = 0,
	DIVISOR_HIGH = 1,
};

enum {
	LINE_8N1 = 0x03,
	LINE_DLAB = 0x80,
	FIFO_ON_AND_CLEAR = 0x07,
	MODEM_DTR_RTS_OUT2 = 0x0b, /* OUT2 gates the interrupt line */
	STATUS_RECEIVED = 0x01,
	STATUS_ROOM = 0x20,  /* the transmit FIFO is empty */
	STATUS_EMPTY = 0x40, /* and the shift register, too */
};

bool
uart_init(uint16_t port)
{
	outb(port + SCRATCH, 0x5a);
	if (inb(port + SCRATCH) != 0x5a)
		return (false);
	outb(port + INTERRUPT_ENABLE, 0);
	outb(port + LINE_CONTROL, LINE_DLAB);
	outb(port + DIVISOR_LOW, 1); /* 115200 baud */
	outb(port + DIVISOR_HIGH, 0);
	outb(port + LINE_CONTROL, LINE_8N1);
	outb(port + FIFO_CONTROL, FIFO_ON_AND_CLEAR);
	outb(port + MODEM_CONTROL, MODEM_DTR_RTS_OUT2);
	return (true);
}

static void
wait_status(uint16_t port, uint8_t bit)
{
	while ((inb(port + LINE_STATUS) & bit) == 0)
		cpu_pause();
}

void
uart_put(uint16_t port, uint8_t c)
{
	wait_status(port, STATUS_ROOM);
	outb(port + DATA, c);
}

void
uart_write(uint16_t port, const void *buf, size_t n)
{
	const uint8_t *at = buf;

	while (n != 0) {
		size_t part = MIN(n, UART_FIFO_BYTES);

		wait_status(port, STATUS_ROOM);
		outsb(port + DATA, at, part);
		at += part;
		n -= part;
	}
}

void
uart_drain(uint16_t port)
{
	wait_status(port, STATUS_EMPTY);
}

int
uart_get(uint16_t port)
{
	if ((inb(port + LINE_STATUS) & STATUS_RECEIVED) == 0)
		return (-1);
	return (inb(port + DATA));
}

void
uart_enable_receive_interrupt(uint16_t port)
{
	outb(port + INTERRUPT_ENABLE, 1);
}
