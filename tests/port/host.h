/*
 * What the host build asks of the host, for files that include none of its
 * headers; and what it tells the host's side, which includes none of the kernel's.
 */
#ifndef TESTS_PORT_HOST_H
#define TESTS_PORT_HOST_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Exit status: a check failed; the kernel's own panicked; it hangs. */
enum { HOST_FAILED = 1, HOST_PANIC = 2, HOST_HANG = 3 };

/* Memory, zeroed; at an address, or NULL: anywhere.  Ends the run if there is
 * none. */
void *host_map(void *address, size_t bytes);

void host_vprint(const char *fmt, va_list ap);
void host_print(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* End the run; if status is not 0, with the line that repeats it. */
void host_exit(int status) __attribute__((noreturn));

/* --- stress.c's: the command line --- */

/* Which load; a word of the line, with its value as text and as a number.  False:
 * there is none such. */
bool stress_set_kind(const char *name);
bool stress_set(const char *name, const char *text, uint64_t value);
void stress_print_usage(void);

/* Do it. */
void stress_run(void) __attribute__((noreturn));

#endif
