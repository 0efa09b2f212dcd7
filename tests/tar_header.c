/*
 * Headers of tar archives, block by block.
 */
#include "sf_buf/consumers/tar_header.h"
#include "kernel/string.h"
#include "tests/fake_tar.h"
#include "tests/test.h"

static struct tar_header h;

/* A header of one file. */
static uint8_t *
one(const char *name, uint64_t size)
{
	return (fake_tar_header(fake_tar_begin(), '0', name, size));
}

TEST(tar_header, a_header_says_name_size_and_type)
{
	CHECK_EQ(tar_parse_header(one("docs/READING", 01234567), &h), TAR_OK);
	CHECK_EQ(strcmp(h.name, "docs/READING"), 0);
	CHECK_EQ(h.size, 01234567);
	CHECK_EQ(h.type, TAR_FILE);
}

TEST(tar_header, each_type_is_known_and_whether_data_follow)
{
	static const struct {
		char flag;
		enum tar_type type;
		bool data;
	} want[] = {
	    {'\0', TAR_FILE, true},
	    {'0', TAR_FILE, true},
	    {'1', TAR_HARD_LINK, false},
	    {'2', TAR_SYMLINK, false},
	    {'3', TAR_SPECIAL, false},
	    {'4', TAR_SPECIAL, false},
	    {'5', TAR_DIRECTORY, false},
	    {'6', TAR_SPECIAL, false},
	    {'7', TAR_FILE, true},
	    {'L', TAR_EXT_NAME, true},
	    {'K', TAR_EXT_IGNORED, true},
	    {'x', TAR_EXT_PAX, true},
	    {'g', TAR_EXT_IGNORED, true},
	    {'V', TAR_OTHER, true},
	    {'\xff', TAR_OTHER, true},
	};

	for (unsigned i = 0; i < nitems(want); i++) {
		uint8_t *block = fake_tar_header(fake_tar_begin(), want[i].flag,
		    "name", 100);

		CHECK_EQ(tar_parse_header(block, &h), TAR_OK);
		CHECK_MSG(h.type == want[i].type &&
			h.size == (want[i].data ? 100 : 0),
		    "type %#x: %u with %llu bytes", want[i].flag, h.type,
		    h.size);
	}
}

TEST(tar_header, a_sparse_file_of_gnu_is_refused)
{
	uint8_t *block = fake_tar_header(fake_tar_begin(), 'S', "name", 512);

	CHECK_EQ(tar_parse_header(block, &h), TAR_OLD_SPARSE);
}

TEST(tar_header, names_may_fill_their_fields)
{
	uint8_t *block = one("", 0);

	/* And what follows the field is not zero. */
	memset(block + FAKE_NAME, 'n', FAKE_NAME_BYTES + 1);
	memset(block + FAKE_PREFIX, 'p', FAKE_PREFIX_BYTES + 1);
	fake_tar_seal(block);
	CHECK_EQ(tar_parse_header(block, &h), TAR_OK);
	CHECK_EQ(strlen(h.name), TAR_HEADER_NAME_BYTES - 1);
	CHECK_EQ(h.name[FAKE_PREFIX_BYTES - 1], 'p');
	CHECK_EQ(h.name[FAKE_PREFIX_BYTES], '/');
	CHECK_EQ(h.name[FAKE_PREFIX_BYTES + 1], 'n');
}

TEST(tar_header, only_posix_headers_have_a_prefix)
{
	static const struct {
		const char *magic;
		const char *name;
	} want[] = {
	    {"ustar\00000", "pre/name"}, /* POSIX */
	    {"ustar  ", "name"},         /* GNU: times stand there */
	    {"\0\0\0\0\0\0\0", "name"},  /* version 7 */
	};

	for (unsigned i = 0; i < nitems(want); i++) {
		uint8_t *block = one("name", 0);

		memcpy(block + FAKE_MAGIC, want[i].magic, 8);
		memcpy(block + FAKE_PREFIX, "pre", 3);
		fake_tar_seal(block);
		CHECK_EQ(tar_parse_header(block, &h), TAR_OK);
		CHECK_MSG(strcmp(h.name, want[i].name) == 0, "%u: %s", i,
		    h.name);
	}
}

TEST(tar_header, a_block_of_zeros_is_the_end)
{
	struct fake_tar *f = fake_tar_begin();
	uint8_t *block = f->byte;

	fake_tar_zeros(f, 1);
	CHECK_EQ(tar_parse_header(block, &h), TAR_END);
	block[TAR_BLOCK_BYTES - 1] = 1;
	CHECK_EQ(tar_parse_header(block, &h), TAR_BAD_CHECKSUM);
}

TEST(tar_header, any_bit_that_flips_is_noticed)
{
	uint8_t *block = one("some/name", 12345);

	for (unsigned bit = 0; bit < TAR_BLOCK_BYTES * 8; bit++) {
		unsigned at = bit / 8;

		/* Its digits and blanks may change and say the same. */
		if (at >= FAKE_CHECKSUM &&
		    at < FAKE_CHECKSUM + FAKE_CHECKSUM_BYTES)
			continue;
		block[at] ^= (uint8_t)(1 << bit % 8);
		CHECK_MSG(tar_parse_header(block, &h) == TAR_BAD_CHECKSUM,
		    "bit %u of byte %u may flip", bit % 8, at);
		block[at] ^= (uint8_t)(1 << bit % 8);
	}
	CHECK_EQ(tar_parse_header(block, &h), TAR_OK);
}

/* --- numbers --- */

#define BAD (~0ull)

/* A size field, 12 bytes with the end of the literal. */
static const struct {
	char field[FAKE_SIZE_BYTES + 1];
	uint64_t value;
} sizes[] = {
    {"00000000000", 0},
    {"00000000017", 15},
    {"77777777777", 077777777777},
    {"777777777777", 0777777777777}, /* no blank at its end */
    {"     17     ", 15},
    {"17\0\0\0\0\0\0\0\0\0\0", 15},
    {"            ", 0},
    {"\0\0\0\0\0\0\0\0\0\0\0\0", 0},
    {"00000000018", BAD},
    {"0000000001x", BAD},
    {"1 1         ", BAD},
    {"-0000000001", BAD},
    {"0x000000010", BAD},
    {"\x80\0\0\0\0\0\0\0\0\0\0\x7", 7},
    {"\x80\0\0\0\0\0\0\2\0\0\0\0", 1ull << 33},
    {"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", (1ull << 63) - 1},
    {"\x80\0\0\0\x80\0\0\0\0\0\0\0", BAD},
    {"\x80\0\0\1\0\0\0\0\0\0\0\0", BAD},
    {"\xbf\0\0\0\0\0\0\0\0\0\0\0", BAD},
    {"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", BAD}, /* -1 */
    {"\xc0\0\0\0\0\0\0\0\0\0\0\0", BAD},
};

TEST(tar_header, sizes_are_octal_or_binary_and_nothing_else)
{
	for (unsigned i = 0; i < nitems(sizes); i++) {
		uint8_t *block = one("name", 0);
		enum tar_status status;

		memcpy(block + FAKE_SIZE, sizes[i].field, FAKE_SIZE_BYTES);
		fake_tar_seal(block);
		status = tar_parse_header(block, &h);
		if (sizes[i].value == BAD)
			CHECK_MSG(status == TAR_BAD_NUMBER, "%u: status %u", i,
			    status);
		else
			CHECK_MSG(status == TAR_OK && h.size == sizes[i].value,
			    "%u: status %u, %llu", i, status, h.size);
	}
}

TEST(tar_header, decimal_numbers_are_digits_below_2_to_the_63)
{
	static const struct {
		const char *text;
		uint64_t value;
	} want[] = {
	    {"0", 0},
	    {"00012", 12},
	    {"9223372036854775799", 9223372036854775799ull},
	    {"9223372036854775808", BAD},
	    {"18446744073709551616", BAD},
	    {"99999999999999999999999999", BAD},
	    {"", BAD},
	    {" 1", BAD},
	    {"1 ", BAD},
	    {"-1", BAD},
	    {"0x1", BAD},
	};

	for (unsigned i = 0; i < nitems(want); i++) {
		uint64_t value = BAD;
		bool good = tar_parse_decimal(want[i].text,
		    strlen(want[i].text), &value);

		CHECK_MSG(good == (want[i].value != BAD) &&
			(!good || value == want[i].value),
		    "\"%s\": %u, %llu", want[i].text, good, value);
	}
}

/* --- pax records --- */

/* A record whose key is longer than what is looked at. */
#define LONG_KEY                                                         \
	"SCHILY.xattr.user.a_key_that_goes_on_and_on_and_on_and_on_and_" \
	"on_and_on"

static const struct {
	const char *text; /* all that is left */
	uint64_t bytes;   /* of the record; 0: there is none */
	uint64_t value;
	enum tar_key key;
} records[] = {
    {"12 path=a/b\n", 12, 8, TAR_KEY_PATH},
    {"12 path=a/b\n6 k=v\n", 12, 8, TAR_KEY_PATH},
    {"12 size=123\n", 12, 8, TAR_KEY_SIZE},
    {"9 path=\n", 0, 0, TAR_KEY_OTHER}, /* one short */
    {"8 path=\n", 8, 7, TAR_KEY_PATH},
    {"14 linkpath=x\n", 14, 12, TAR_KEY_OTHER},
    {"10 pathx=\n", 10, 9, TAR_KEY_OTHER},
    {"22 GNU.sparse.major=1\n", 22, 20, TAR_KEY_SPARSE},
    {"000000006 k=v\n", 0, 0, TAR_KEY_OTHER}, /* ends before its key */
    {"000000014 k=v\n", 14, 12, TAR_KEY_OTHER},
    {"80 " LONG_KEY "=value\n", 80, 64, TAR_KEY_OTHER},
    {"", 0, 0, TAR_KEY_OTHER},
    {"6", 0, 0, TAR_KEY_OTHER},
    {"6 ", 0, 0, TAR_KEY_OTHER},
    {" k=v\n", 0, 0, TAR_KEY_OTHER},
    {"x k=v\n", 0, 0, TAR_KEY_OTHER},
    {"-6 k=v\n", 0, 0, TAR_KEY_OTHER},
    {"0 k=v\n", 0, 0, TAR_KEY_OTHER},
    {"1 k=v\n", 0, 0, TAR_KEY_OTHER},
    {"2 k=v\n", 0, 0, TAR_KEY_OTHER},
    {"4 k=v\n", 0, 0, TAR_KEY_OTHER}, /* no room for the newline */
    {"6 kvw\n", 0, 0, TAR_KEY_OTHER},
    {"6 kvw\n12 path=a/b\n", 0, 0, TAR_KEY_OTHER},
    {"7 k=v\n", 0, 0, TAR_KEY_OTHER},
    {"9223372036854775807 k=v\n", 0, 0, TAR_KEY_OTHER},
    {"18446744073709551622 k=v\n", 0, 0, TAR_KEY_OTHER},
};

TEST(tar_header, records_are_taken_apart_or_refused)
{
	for (unsigned i = 0; i < nitems(records); i++) {
		const char *text = records[i].text;
		size_t left = strlen(text);
		struct tar_record r = {.bytes = 0};
		bool good = tar_parse_record(text,
		    MIN(left, TAR_RECORD_HEAD_BYTES), left, &r);

		CHECK_MSG(good == (records[i].bytes != 0), "\"%s\": %s", text,
		    good ? "accepted" : "refused");
		CHECK_MSG(!good ||
			(r.bytes == records[i].bytes &&
			    r.value == records[i].value &&
			    r.key == records[i].key),
		    "\"%s\": %llu bytes, value at %llu, key %u", text, r.bytes,
		    r.value, r.key);
	}
}

/* --- whatever comes --- */

#define RANDOM_BLOCKS 2000

static bool
ends(const char *name, size_t n)
{
	while (n != 0 && name[n - 1] != '\0')
		n--;
	return (n != 0);
}

TEST(tar_header, random_blocks_with_the_right_checksum_are_harmless)
{
	uint32_t random = test_seed();
	unsigned good = 0;

	for (unsigned n = 0; n < RANDOM_BLOCKS; n++) {
		uint8_t *block = one("a name", 0);

		/* From one byte changed to nearly all. */
		for (unsigned i = 1u << n % 10; i != 0; i--)
			block[test_random(&random) % TAR_BLOCK_BYTES] =
			    (uint8_t)test_random(&random);
		fake_tar_seal(block);
		memset(h.name, 'x', sizeof(h.name));
		if (tar_parse_header(block, &h) != TAR_OK)
			continue;
		good++;
		CHECK(ends(h.name, sizeof(h.name)));
		CHECK(h.size < 1ull << 63);
	}
	test_note("%u of %u are headers", good, RANDOM_BLOCKS);
	CHECK(good > RANDOM_BLOCKS / 4 && good < RANDOM_BLOCKS);
}
