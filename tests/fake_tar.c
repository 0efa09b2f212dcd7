/*
 * Tar archives made up in memory.
 */
#include "tests/fake_tar.h"
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/string.h"

static struct fake_tar archive;

struct fake_tar *
fake_tar_begin(void)
{
	memset(archive.byte, 0, sizeof(archive.byte));
	archive.n = 0;
	return (&archive);
}

/* The next n bytes, which are zeros still. */
static uint8_t *
extend(struct fake_tar *f, size_t n)
{
	uint8_t *p = f->byte + f->n;

	ASSERT(n <= sizeof(f->byte) - f->n, "fake_tar: %zu and %zu bytes", f->n,
	    n);
	f->n += n;
	return (p);
}

void
fake_tar_seal(uint8_t *header)
{
	char digits[FAKE_CHECKSUM_BYTES];
	uint32_t sum = 0;

	memset(header + FAKE_CHECKSUM, ' ', FAKE_CHECKSUM_BYTES);
	for (unsigned i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += header[i];
	/* Six digits, a NUL and a blank. */
	for (unsigned i = 0; i < 6; i++)
		digits[i] = (char)('0' + (sum >> (15 - 3 * i) & 7));
	memcpy(header + FAKE_CHECKSUM, digits, 6);
	header[FAKE_CHECKSUM + 6] = '\0';
}

uint8_t *
fake_tar_header(struct fake_tar *f, char type, const char *name, uint64_t size)
{
	uint8_t *header = extend(f, TAR_BLOCK_BYTES);

	memcpy(header + FAKE_NAME, name, MIN(strlen(name), FAKE_NAME_BYTES));
	for (unsigned i = 0; i < FAKE_SIZE_BYTES - 1; i++)
		header[FAKE_SIZE + i] =
		    (uint8_t)('0' + (size >> (30 - 3 * i) & 7));
	header[FAKE_TYPE] = (uint8_t)type;
	memcpy(header + FAKE_MAGIC, "ustar\00000", 8);
	fake_tar_seal(header);
	return (header);
}

void
fake_tar_data(struct fake_tar *f, const void *data, size_t n)
{
	memcpy(extend(f, ROUND_UP(n, TAR_BLOCK_BYTES)), data, n);
}

void
fake_tar_member(struct fake_tar *f, char type, const char *name,
    const char *data)
{
	fake_tar_header(f, type, name, strlen(data));
	fake_tar_data(f, data, strlen(data));
}

void
fake_tar_zeros(struct fake_tar *f, unsigned n)
{
	extend(f, n * TAR_BLOCK_BYTES);
}

char *
fake_tar_long_name(char c)
{
	static char name[TAR_NAME_BYTES];

	memset(name, c, sizeof(name) - 1);
	return (name);
}

void
fake_tar_pax_record(struct fake_tar *f, const char *key, const char *value)
{
	static char record[TAR_NAME_BYTES + 32];
	size_t rest = strlen(key) + strlen(value) + 3, n = rest, bytes;

	/* The length counts its own digits. */
	do {
		bytes = n;
		n = rest +
		    (size_t)ksnprintf(record, sizeof(record), "%zu", bytes);
	} while (n != bytes);
	ksnprintf(record, sizeof(record), "%zu %s=%s\n", bytes, key, value);
	fake_tar_member(f, 'x', "PaxHeaders/0", record);
}
