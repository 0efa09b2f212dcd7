/*
 * The headers of a tar archive: from bytes to what they say.  Nothing here
 * knows where the bytes come from, and all of them may be hostile.
 *
 * Source: POSIX pax, "ustar Interchange Format" and "pax Extended Header"; GNU
 * tar manual, "Basic Tar Format".
 */
#ifndef SF_BUF_CONSUMERS_TAR_HEADER_H
#define SF_BUF_CONSUMERS_TAR_HEADER_H

#include "kernel/types.h"

/* An archive is made of these: headers, and data padded with zeros. */
#define TAR_BLOCK_BYTES 512

enum tar_status {
	TAR_OK,
	TAR_END, /* a block of zeros: no member follows */
	/* Reasons to refuse the rest of an archive. */
	TAR_NO_END,
	TAR_BAD_CHECKSUM,
	TAR_BAD_NUMBER,
	TAR_BEYOND_END,
	TAR_NO_NAME,
	TAR_LONG_NAME,
	TAR_BAD_RECORD,
	TAR_LONG_RECORDS,
	TAR_STRAY_EXTENSION,
	TAR_OLD_SPARSE,
	TAR_UNREADABLE,
	TAR_NSTATUS
};

/* The same as a sentence without its full stop. */
const char *tar_status_text(enum tar_status status);

enum tar_type {
	TAR_FILE,
	TAR_DIRECTORY,
	TAR_HARD_LINK,
	TAR_SYMLINK,
	TAR_SPECIAL, /* a device or a FIFO */
	TAR_OTHER, /* there is data, but this reader does not know what it is */
	/* Extensions: they and their data say something of a later member. */
	TAR_EXT_NAME,   /* GNU: its name */
	TAR_EXT_PAX,    /* pax: records */
	TAR_EXT_IGNORED /* nothing that matters here */
};

static inline bool
tar_is_extension(enum tar_type type)
{
	return (type >= TAR_EXT_NAME);
}

/* Prefix, slash, name, end. */
#define TAR_HEADER_NAME_BYTES (155 + 1 + 100 + 1)

struct tar_header {
	enum tar_type type;
	uint64_t size; /* bytes of data that follow, without the padding */
	char name[TAR_HEADER_NAME_BYTES]; /* "" if it has none */
};

/*
 * Take a header apart.
 *   block: any bytes.
 *   h: receives what it says.
 * Returns TAR_OK; TAR_END for zeros; or the reason why it is no header, and
 *   then `h` is unspecified.
 */
enum tar_status
tar_parse_header(const uint8_t block[TAR_BLOCK_BYTES], struct tar_header *h);

/* --- pax: records of the form "LENGTH KEY=VALUE\n" --- */

/* As much of a record as shows its length and the keys that matter here. */
#define TAR_RECORD_HEAD_BYTES 64

enum tar_key {
	TAR_KEY_OTHER,
	TAR_KEY_PATH,
	TAR_KEY_SIZE,
	TAR_KEY_SPARSE, /* what is stored is not the file's contents */
};

struct tar_record {
	enum tar_key key;
	uint64_t bytes; /* the whole record, newline included */
	uint64_t value; /* where in it the value begins; below bytes */
};

/*
 * Take the head of a record apart.
 *   head: its first n bytes, TAR_RECORD_HEAD_BYTES or all that are left.
 *   left: bytes until the records end.
 *   r: receives what it says.
 * Returns false if it is no record, or reaches beyond `left`.  That it ends in a
 *   newline is for the caller to see.
 */
bool tar_parse_record(const char *head, size_t n, uint64_t left,
    struct tar_record *r);

/* Read n decimal digits and nothing else.  False if they are not that, or not
 * below 2^63. */
bool tar_parse_decimal(const char *text, size_t n, uint64_t *value);

#endif
