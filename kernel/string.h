/*
 * Memory and string functions, with the C library's names and meanings.
 * The compiler calls the first four on its own account.
 */
#ifndef KERNEL_STRING_H
#define KERNEL_STRING_H

#include "kernel/types.h"

void *memcpy(void *restrict dst, const void *restrict src, size_t n);
void *memmove(void *dst, const void *src, size_t n);
void *memset(void *dst, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);

size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);

/* Copy at most size - 1 bytes and terminate; returns strlen(src). */
size_t strlcpy(char *dst, const char *src, size_t size);

/*
 * Does `s` match the shell pattern `glob` (`*`, `?`, all else literal)?
 */
bool glob_match(const char *glob, const char *s);

/*
 * Read an unsigned number: decimal, or hexadecimal after 0x, with an optional
 * suffix K, M or G (powers of 1024).
 *   s: the text, whole.
 *   value: receives the number.
 * Returns true, or false if `s` is not wholly such a number below 2^64.
 */
bool parse_number(const char *s, uint64_t *value);

#endif
