/*
 * Tar archives made up in memory, good and bad.
 */
#ifndef TESTS_FAKE_TAR_H
#define TESTS_FAKE_TAR_H

#include "kernel/types.h"
#include "sf_buf/consumers/tar.h"
#include "sf_buf/consumers/tar_header.h"

#define FAKE_TAR_BYTES (16u << 10)

/* Fields of a header, by POSIX: where they begin, and their lengths. */
enum {
	FAKE_NAME = 0,
	FAKE_NAME_BYTES = 100,
	FAKE_SIZE = 124,
	FAKE_SIZE_BYTES = 12,
	FAKE_CHECKSUM = 148,
	FAKE_CHECKSUM_BYTES = 8,
	FAKE_TYPE = 156,
	FAKE_MAGIC = 257,
	FAKE_PREFIX = 345,
	FAKE_PREFIX_BYTES = 155,
};

/* The one archive; a test's own thread only. */
struct fake_tar {
	uint8_t byte[FAKE_TAR_BYTES];
	size_t n; /* so long is it */
};
struct fake_tar *fake_tar_begin(void);

/*
 * Append a POSIX header.
 *   name: at most 100 bytes, else it is cut.
 * Returns it, to be changed; fake_tar_seal() makes its checksum right again.
 */
uint8_t *
fake_tar_header(struct fake_tar *f, char type, const char *name, uint64_t size);
void fake_tar_seal(uint8_t *header);

/* Append data, and the padding. */
void fake_tar_data(struct fake_tar *f, const void *data, size_t n);

/* A header and the data, a text. */
void fake_tar_member(struct fake_tar *f, char type, const char *name,
    const char *data);

/* Append a pax header with one record. */
void
fake_tar_pax_record(struct fake_tar *f, const char *key, const char *value);

/* The longest name there may be, TAR_NAME_BYTES with its NUL, made of `c`. */
char *fake_tar_long_name(char c);

/* Append n blocks of zeros. */
void fake_tar_zeros(struct fake_tar *f, unsigned n);

/* Archives that are to be refused; receives how many. */
struct hostile_tar {
	const char *name;
	void (*make)(struct fake_tar *f);
	unsigned members; /* good ones before what is wrong */
	enum tar_status status;
};
const struct hostile_tar *hostile_tars(unsigned *n);

#endif
