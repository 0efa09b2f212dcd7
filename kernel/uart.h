/*
 * The 16550 serial port.
 *
 * Source: PC16550D data sheet, "Registers".
 */
#ifndef KERNEL_UART_H
#define KERNEL_UART_H

#include "kernel/types.h"

/* I/O ports of the first two lines. */
#define COM1 0x3f8
#define COM2 0x2f8

/* Bytes that the transmitter takes at once when it is empty. */
#define UART_FIFO_BYTES 16

/*
 * 115200 baud, 8n1, FIFOs on, no interrupts.
 * Returns false if there is no port at that address.
 */
bool uart_init(uint16_t port);

/* Send a byte, once there is room.  Busy; any context. */
void uart_put(uint16_t port, uint8_t c);

/* Send n bytes, busy. */
void uart_write(uint16_t port, const void *buf, size_t n);

/* Wait until the last byte is on the wire. */
void uart_drain(uint16_t port);

/* The next byte received; -1 if there is none. */
int uart_get(uint16_t port);

/* Have an interrupt for each byte received. */
void uart_enable_receive_interrupt(uint16_t port);

#endif
