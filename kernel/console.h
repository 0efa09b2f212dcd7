/*
 * Text on the first serial line: formatted printing, whole lines at a time.
 */
#ifndef KERNEL_CONSOLE_H
#define KERNEL_CONSOLE_H

#include <stdarg.h>
#include "kernel/types.h"

/*
 * Print on the console.  One call is one unit: no other CPU's text comes
 * between its bytes.  A newline is sent as CR LF.
 *   fmt: printf's d i u x X p s c % with flags - 0 + and space, width,
 *     precision, h hh l ll z and `*`; no floating point.
 * Effects: takes the console lock (a spinlock, the highest rank); never
 * sleeps; callable in any context.
 */
void kprintf(const char *fmt, ...) __printflike(1, 2);
void kvprintf(const char *fmt, va_list ap);

/*
 * Print a line that starts at column 0, ending an unfinished line first if
 * there is one.  For output that a program reads.
 */
void kprintf_line(const char *fmt, ...) __printflike(1, 2);

/*
 * Format into `buf` of `size` bytes (at least 1); always terminated.
 * Returns the length that the whole text has, as C's snprintf does.
 */
int ksnprintf(char *buf, size_t size, const char *fmt, ...) __printflike(3, 4);
int kvsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
    __printflike(3, 0);

/* Set up the first serial line: 115200 baud, 8n1.  Boot CPU, once. */
void console_init(void);

/*
 * Wait until every byte has left the transmitter.  Must come before the
 * machine is ended, or the last lines can be lost.
 */
void console_drain(void);

/*
 * A panic takes the console: the lock is ignored from now on.
 */
void console_break_lock(void);

#endif
