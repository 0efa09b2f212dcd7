/*
 * Fuzz target: the headers of a tar archive, and records of pax.
 */
#include "sf_buf/consumers/tar_header.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/libc.h"

#define CHECKSUM_AT 148
#define CHECKSUM_BYTES 8
#define TYPE_AT 156

/* By POSIX: of all bytes, its own counted as blanks. */
static unsigned
sum_of(const uint8_t *block)
{
	unsigned sum = 0;

	for (unsigned i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += i >= CHECKSUM_AT && i < CHECKSUM_AT + CHECKSUM_BYTES ?
		    ' ' :
		    block[i];
	return (sum);
}

static void
put_sum(uint8_t *block)
{
	unsigned sum = sum_of(block);

	for (unsigned i = CHECKSUM_BYTES; i-- > 0; sum >>= 3)
		block[CHECKSUM_AT + i] = (uint8_t)('0' + (sum & 7));
}

/* Is the sum, in octal, between blanks, in its field? */
static bool
sum_is_there(const uint8_t *block)
{
	const uint8_t *field = block + CHECKSUM_AT;
	unsigned i = 0, v = 0;

	while (i < CHECKSUM_BYTES && field[i] == ' ')
		i++;
	while (i < CHECKSUM_BYTES && (field[i] & ~7) == '0')
		v = v * 8 + (field[i++] & 7);
	while (i < CHECKSUM_BYTES && (field[i] == ' ' || field[i] == 0))
		i++;
	return (i == CHECKSUM_BYTES && v == sum_of(block));
}

static void
check_header(const uint8_t *block)
{
	struct tar_header h;
	enum tar_status status;
	unsigned length = 0;
	uint8_t type = block[TYPE_AT];

	memset(&h, 0xcc, sizeof(h));
	status = tar_parse_header(block, &h);
	ASSERT(status < TAR_NSTATUS && tar_status_text(status) != NULL,
	    "tar: status %u", status);
	if (status != TAR_OK) {
		ASSERT(status != TAR_BAD_CHECKSUM || !sum_is_there(block),
		    "tar: refused a sum that is right");
		return;
	}
	ASSERT(sum_is_there(block), "tar: took a sum that is wrong");
	ASSERT(h.type <= TAR_EXT_IGNORED && h.size >> 63 == 0,
	    "tar: type %u, %llu bytes", h.type, h.size);
	ASSERT(h.size == 0 || type < '1' || type > '6',
	    "tar: %llu bytes of type %c", h.size, type);
	while (length < sizeof(h.name) && h.name[length] != '\0')
		length++;
	ASSERT(length < sizeof(h.name), "tar: a name without end");
}

static void
check_record(struct input *in)
{
	struct tar_record r;
	uint64_t left = input_number(in, 8) >> input_number(in, 1) % 64;
	size_t n = MIN(MIN(in->left, TAR_RECORD_HEAD_BYTES), left), blank = 0;
	char *head = malloc(n);
	uint64_t bytes = 0;

	input_bytes(in, head, n);
	memset(&r, 0xcc, sizeof(r));
	if (tar_parse_record(head, n, left, &r)) {
		for (; head[blank] != ' '; blank++)
			bytes = bytes * 10 + (uint64_t)(head[blank] - '0');
		ASSERT(blank > 0 && r.bytes == bytes && r.bytes <= left,
		    "tar: a record of %llu bytes of %llu", r.bytes, left);
		ASSERT(r.value > blank && r.value < r.bytes && r.value <= n &&
			r.key <= TAR_KEY_SPARSE,
		    "tar: a value at %llu of %llu", r.value, r.bytes);
		ASSERT(r.key != TAR_KEY_PATH ||
			memcmp(head + r.value - 5, "path=", 5) == 0,
		    "tar: no path");
		ASSERT(r.key != TAR_KEY_SIZE ||
			memcmp(head + r.value - 5, "size=", 5) == 0,
		    "tar: no size");
	}
	free(head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	uint8_t how = (uint8_t)input_number(&in, 1);
	uint8_t *block;

	if (how % 4 == 0) {
		check_record(&in);
		return (0);
	}
	block = malloc(TAR_BLOCK_BYTES);
	memset(block, 0, TAR_BLOCK_BYTES);
	input_bytes(&in, block, TAR_BLOCK_BYTES);
	if (how % 4 == 1)
		put_sum(block);
	check_header(block);
	free(block);
	return (0);
}
