/*
 * Fuzz targets: a function each that takes any bytes, feeds a part of the
 * kernel with them, and panics if that part does not do what it promises.  The
 * part is compiled for the host, unmodified and in 32 bits; port.c stands in
 * for the rest of the kernel.
 *
 * libFuzzer makes up the bytes; replay.c takes them from files.
 */
#ifndef TESTS_FUZZ_FUZZ_H
#define TESTS_FUZZ_FUZZ_H

#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/types.h"

/* The target.  Its name and its result are libFuzzer's. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is left of the bytes. */
struct input {
	const uint8_t *at;
	size_t left;
};

/* Take a number of 1 to 8 bytes, the lowest first; what is missing is 0. */
static inline uint64_t
input_number(struct input *in, unsigned bytes)
{
	uint64_t v = 0;

	for (unsigned i = 0; i < bytes && in->left > 0; i++) {
		v |= (uint64_t)*in->at++ << 8 * i;
		in->left--;
	}
	return (v);
}

/* Take at most `n` bytes; returns how many there were. */
static inline size_t
input_bytes(struct input *in, void *dst, size_t n)
{
	n = MIN(n, in->left);
	memcpy(dst, in->at, n);
	in->at += n;
	in->left -= n;
	return (n);
}

#endif
