/*
 * The headers of a tar archive.
 */
#include "sf_buf/consumers/tar_header.h"
#include "kernel/string.h"

/* The block, by POSIX.  Older archives end after `linkname`. */
struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12];
	char checksum[8], type, linkname[100], magic[6], version[2];
	char user[32], group[32], major[8], minor[8], prefix[155], unused[12];
};
_Static_assert(sizeof(struct ustar) == TAR_BLOCK_BYTES, "POSIX's layout");

/* With its NUL: GNU's magic goes on with a blank, and it has no prefix. */
#define USTAR_MAGIC "ustar"

const char *
tar_status_text(enum tar_status status)
{
	static const char *const text[TAR_NSTATUS] = {
	    [TAR_OK] = "nothing is wrong",
	    [TAR_END] = "the archive ends here",
	    [TAR_NO_END] = "no block of zeros ends the archive: it was cut",
	    [TAR_BAD_CHECKSUM] = "the checksum of a header is wrong",
	    [TAR_BAD_NUMBER] = "the size in a header is no number below 2^63",
	    [TAR_BEYOND_END] = "a member reaches beyond the archive's end",
	    [TAR_NO_NAME] = "a member has no name",
	    [TAR_LONG_NAME] = "a name is too long for this kernel",
	    [TAR_BAD_RECORD] = "a pax header has a malformed record",
	    [TAR_LONG_RECORDS] = "a pax header is too long for this kernel",
	    [TAR_STRAY_EXTENSION] = "an extended header has no member",
	    [TAR_OLD_SPARSE] = "GNU's old format of sparse files is not known",
	    [TAR_UNREADABLE] = "the disk cannot be read",
	};

	return (text[status]);
}

/* --- fields --- */

/* The least that does not fit. */
#define NUMBER_LIMIT ((uint64_t)1 << 63)

/* All bits but the first two, the highest byte first.  The second is the sign. */
static bool
parse_base256(const char *field, size_t n, uint64_t *value)
{
	uint64_t v = (uint8_t)field[0] & 0x3f;

	if (((uint8_t)field[0] & 0x40) != 0)
		return (false);
	for (size_t i = 1; i < n; i++) {
		if (v >= NUMBER_LIMIT >> 8)
			return (false);
		v = v << 8 | (uint8_t)field[i];
	}
	*value = v;
	return (true);
}

static bool
is_blank(char c)
{
	return (c == ' ' || c == '\0');
}

/* Octal digits, with blanks around them.  No field is so long that its digits
 * overflow 64 bits. */
static bool
parse_octal(const char *field, size_t n, uint64_t *value)
{
	uint64_t v = 0;
	size_t i = 0;

	while (i < n && field[i] == ' ')
		i++;
	for (; i < n && field[i] >= '0' && field[i] <= '7'; i++)
		v = v << 3 | (uint64_t)(field[i] - '0');
	for (; i < n; i++)
		if (!is_blank(field[i]))
			return (false);
	*value = v;
	return (true);
}

static bool
parse_size(const struct ustar *u, uint64_t *size)
{
	if (((uint8_t)u->size[0] & 0x80) != 0)
		return (parse_base256(u->size, sizeof(u->size), size));
	return (parse_octal(u->size, sizeof(u->size), size));
}

/* The sum of all bytes, those of the checksum counted as blanks. */
static bool
checksum_holds(const struct ustar *u)
{
	const uint8_t *byte = (const uint8_t *)u;
	uint64_t stored, sum = 0;

	for (size_t i = 0; i < sizeof(*u); i++)
		sum += byte[i];
	for (size_t i = 0; i < sizeof(u->checksum); i++)
		sum += ' ' - (uint64_t)(uint8_t)u->checksum[i];
	return (parse_octal(u->checksum, sizeof(u->checksum), &stored) &&
	    stored == sum);
}

static bool
is_zero(const uint8_t *block)
{
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
		if (block[i] != 0)
			return (false);
	return (true);
}

/* Append a field, which ends at a NUL or where it is full.  Returns the new
 * length. */
static size_t
append(char *name, size_t len, const char *field, size_t n)
{
	for (size_t i = 0; i < n && field[i] != '\0'; i++)
		name[len++] = field[i];
	name[len] = '\0';
	return (len);
}

static void
join_name(const struct ustar *u, char name[TAR_HEADER_NAME_BYTES])
{
	size_t len = 0;

	if (memcmp(u->magic, USTAR_MAGIC, sizeof(u->magic)) == 0)
		len = append(name, 0, u->prefix, sizeof(u->prefix));
	if (len != 0)
		name[len++] = '/';
	append(name, len, u->name, sizeof(u->name));
}

static enum tar_type
type_of(char flag)
{
	switch (flag) {
	case '\0':
	case '0':
	case '7': /* a file whose blocks are to be contiguous */
		return (TAR_FILE);
	case '1':
		return (TAR_HARD_LINK);
	case '2':
		return (TAR_SYMLINK);
	case '3':
	case '4':
	case '6':
		return (TAR_SPECIAL);
	case '5':
		return (TAR_DIRECTORY);
	case 'L':
		return (TAR_EXT_NAME);
	case 'x':
		return (TAR_EXT_PAX);
	case 'K': /* the target of a link */
	case 'g': /* records for all members: times, comments */
		return (TAR_EXT_IGNORED);
	default:
		return (TAR_OTHER);
	}
}

/* POSIX: no data follow these, whatever their size says. */
static bool
has_data(enum tar_type type)
{
	return (type == TAR_FILE || type >= TAR_OTHER);
}

enum tar_status
tar_parse_header(const uint8_t block[TAR_BLOCK_BYTES], struct tar_header *h)
{
	const struct ustar *u = (const struct ustar *)block;

	if (is_zero(block))
		return (TAR_END);
	if (!checksum_holds(u))
		return (TAR_BAD_CHECKSUM);
	/* Blocks that the size does not count may follow its header. */
	if (u->type == 'S')
		return (TAR_OLD_SPARSE);
	if (!parse_size(u, &h->size))
		return (TAR_BAD_NUMBER);
	h->type = type_of(u->type);
	if (!has_data(h->type))
		h->size = 0;
	join_name(u, h->name);
	return (TAR_OK);
}

/* --- records --- */

bool
tar_parse_decimal(const char *text, size_t n, uint64_t *value)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9' ||
		    v > (NUMBER_LIMIT - 10) / 10)
			return (false);
		v = v * 10 + (uint64_t)(text[i] - '0');
	}
	*value = v;
	return (n != 0);
}

/* Where `c` stands in [from, n) of a text; n if it does not. */
static size_t
find(const char *text, size_t from, size_t n, char c)
{
	while (from < n && text[from] != c)
		from++;
	return (from);
}

static enum tar_key
key_of(const char *key, size_t n)
{
	static const char sparse[] = "GNU.sparse.";

	if (n == 4 && memcmp(key, "path", 4) == 0)
		return (TAR_KEY_PATH);
	if (n == 4 && memcmp(key, "size", 4) == 0)
		return (TAR_KEY_SIZE);
	if (n >= strlen(sparse) && memcmp(key, sparse, strlen(sparse)) == 0)
		return (TAR_KEY_SPARSE);
	return (TAR_KEY_OTHER);
}

bool
tar_parse_record(const char *head, size_t n, uint64_t left,
    struct tar_record *r)
{
	size_t blank = find(head, 0, n, ' '), equals;

	if (blank == n || !tar_parse_decimal(head, blank, &r->bytes) ||
	    r->bytes > left)
		return (false);
	equals = find(head, blank, n, '=');
	/* A key longer than the head is none of ours. */
	r->key = equals == n ? TAR_KEY_OTHER :
			       key_of(head + blank + 1, equals - blank - 1);
	r->value = MIN(equals + 1, n);
	/* So that it is the record's own. */
	return (r->value < r->bytes);
}
