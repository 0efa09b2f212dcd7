/*
 * What fuzz targets use of the host's C library, whose own headers and the
 * kernel's do not go together.
 */
#ifndef TESTS_FUZZ_LIBC_H
#define TESTS_FUZZ_LIBC_H

#include "kernel/types.h"

void *malloc(size_t n);
void free(void *p);
void abort(void) __noreturn;
int dprintf(int fd, const char *fmt, ...) __printflike(2, 3);
int snprintf(char *buf, size_t size, const char *fmt, ...);
int open(const char *path, int flags, ...);
int close(int fd);
intptr_t read(int fd, void *dst, size_t n);

#define STDERR 2
#define OPEN_READ 0

#endif
