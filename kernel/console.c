/*
 * The first serial line as the console: polled output, whole texts at a time.
 */
#include "kernel/console.h"
#include "kernel/spinlock.h"
#include "kernel/uart.h"
#include "kernel/x86.h"

static struct spinlock console_lock =
    SPINLOCK_INITIALIZER("console", RANK_CONSOLE);
static bool lock_broken; /* set by a panic: the holder may never release */
static unsigned column;  /* under console_lock: bytes since the last newline */

void
console_init(void)
{
	uart_init(COM1);
}

void
console_drain(void)
{
	uart_drain(COM1);
}

void
console_break_lock(void)
{
	lock_broken = true;
}

static void
put_char(char c)
{
	if (c == '\n')
		uart_put(COM1, '\r');
	uart_put(COM1, c);
	column = c == '\n' || c == '\r' ? 0 : column + 1;
}

static void
put_string(const char *s)
{
	while (*s != '\0')
		put_char(*s++);
}

/*
 * A panic may come while this very CPU prints; then the text goes out as it
 * is, for the lock is of no more use.
 */
static void
print(bool at_column_0, const char *text)
{
	bool locked = !lock_broken;

	if (locked)
		spin_lock(&console_lock);
	if (at_column_0 && column != 0)
		put_char('\n');
	put_string(text);
	if (locked)
		spin_unlock(&console_lock);
}

/* Longer texts are cut; no line of ours comes near. */
#define MAX_TEXT_BYTES 512

void
kvprintf(const char *fmt, va_list ap)
{
	char text[MAX_TEXT_BYTES];

	kvsnprintf(text, sizeof(text), fmt, ap);
	print(false, text);
}

void
kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	kvprintf(fmt, ap);
	va_end(ap);
}

void
kprintf_line(const char *fmt, ...)
{
	char text[MAX_TEXT_BYTES];
	va_list ap;

	va_start(ap, fmt);
	kvsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	print(true, text);
}
