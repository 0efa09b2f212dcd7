/*
 * The second serial line: a 16550 that one thread at a time writes to.
 */
#include "kernel/com2.h"
#include "kernel/mutex.h"
#include "kernel/panic.h"
#include "kernel/uart.h"

static struct mtx com2_lock = MTX_INITIALIZER("com2", MTX_RANK_COM2);

static bool present; /* fixed after com2_init() */

bool
com2_init(void)
{
	present = uart_init(COM2);
	return (present);
}

void
com2_write(const void *buf, size_t n)
{
	ASSERT(present, "com2_write: there is no second serial line");
	mtx_lock(&com2_lock);
	uart_write(COM2, buf, n);
	mtx_unlock(&com2_lock);
}

void
com2_drain(void)
{
	ASSERT(present, "com2_drain: there is no second serial line");
	mtx_lock(&com2_lock);
	uart_drain(COM2);
	mtx_unlock(&com2_lock);
}
