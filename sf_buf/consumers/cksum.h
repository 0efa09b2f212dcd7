/*
 * The checksum that cksum(1) prints: a CRC of the bytes and of their number.
 *
 * Source: POSIX, "cksum"; the polynomial is Ethernet's, highest bit first.
 */
#ifndef SF_BUF_CONSUMERS_CKSUM_H
#define SF_BUF_CONSUMERS_CKSUM_H

#include "kernel/types.h"

struct cksum {
	uint64_t bytes; /* so far */
	uint32_t crc;   /* of them */
};

/* Begin: no bytes yet. */
void cksum_init(struct cksum *c);

/* n more bytes.  Effects: does not sleep. */
void cksum_update(struct cksum *c, const void *buf, size_t n);

/* The checksum of all bytes so far; more may follow. */
uint32_t cksum_final(const struct cksum *c);

#endif
