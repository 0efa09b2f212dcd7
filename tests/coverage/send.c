/*
 * Sends gcc's counters on COM2 when the machine ends: for each object a record
 * of its .gcda file's name and bytes, each after its length.  Whatever state
 * the kernel is in: by polling, and without a lock.
 */
#include "tests/coverage/send.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/types.h"
#include "kernel/uart.h"
#include "kernel/x86.h"

/* What follows was not sent by the tour. */
static const char begin[] = "\nephemera: counters follow\n";

static void
send(const void *bytes, unsigned n, void *arg __unused)
{
	uart_write(COM2, &n, sizeof(n));
	uart_write(COM2, bytes, n);
}

static void
send_name(const char *name, void *arg)
{
	send("", 0, arg); /* ends the last object's bytes */
	send(name, strlen(name), arg);
}

void
coverage_unwanted(void)
{
	panic("coverage: libgcov wants what it should not");
}

static void *
allocate(unsigned n __unused, void *arg __unused)
{
	coverage_unwanted();
	return (NULL);
}

void
__wrap_console_drain(void)
{
	const struct gcov_info *const *info;

	__real_console_drain();
	(void)intr_disable();
	if (!uart_init(COM2))
		return;
	uart_write(COM2, begin, sizeof(begin) - 1);
	for (info = __start_gcov_info; info != __stop_gcov_info; info++)
		__gcov_info_to_gcda(*info, send_name, send, allocate, NULL);
	send("", 0, NULL);
	send("", 0, NULL);
	uart_drain(COM2);
}
