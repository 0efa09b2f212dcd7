/*
 * Reading a tar archive.
 *
 * Before a member stand its header and, perhaps, extension headers with data of
 * their own, which say what its header has no room for.
 */
#include "sf_buf/consumers/tar.h"
#include "kernel/errno.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "sf_buf/consumers/md.h"

/* What is read of one pax header.  Linux's extended attributes have up to 64 KiB
 * each; whoever fills this with the shortest records keeps us busy for a
 * second. */
#define PAX_MAX_BYTES (1u << 20)

/* What extension headers say of the member to come. */
struct extra {
	bool any;      /* so there must be one */
	bool has_name; /* it stands in the member already */
	bool has_size, sparse;
	uint64_t size;
};

void
tar_open(struct tar *t, const struct md *md, uint64_t bytes)
{
	ASSERT(bytes <= md_bytes(md),
	    "tar_open: an archive of %llu bytes on a disk of %llu", bytes,
	    md_bytes(md));
	*t = (struct tar){.md = md, .bytes = bytes, .status = TAR_OK};
}

static bool
is_within(const struct tar *t, uint64_t offset, uint64_t n)
{
	return (offset <= t->bytes && n <= t->bytes - offset);
}

/* Read the header at t->at, and see that its data are there. */
static enum tar_status
read_header(const struct tar *t, const struct extra *x, struct tar_header *h)
{
	uint8_t block[TAR_BLOCK_BYTES];
	enum tar_status status;

	if (!is_within(t, t->at, sizeof(block)))
		return (TAR_NO_END);
	if (md_read_bytes(t->md, t->at, sizeof(block), block) != 0)
		return (TAR_UNREADABLE);
	status = tar_parse_header(block, h);
	if (status == TAR_END && x->any)
		return (TAR_STRAY_EXTENSION);
	if (status != TAR_OK)
		return (status);
	if (x->has_size && (h->type == TAR_FILE || h->type == TAR_OTHER))
		h->size = x->size;
	return (is_within(t, t->at + sizeof(block), h->size) ? TAR_OK :
							       TAR_BEYOND_END);
}

/* A name of n bytes at `offset`; it may end earlier, at a NUL. */
static enum tar_status
read_name(const struct tar *t, uint64_t offset, uint64_t n, struct extra *x,
    char *name)
{
	if (n > TAR_NAME_BYTES)
		return (TAR_LONG_NAME);
	if (md_read_bytes(t->md, offset, (size_t)n, name) != 0)
		return (TAR_UNREADABLE);
	if (n < TAR_NAME_BYTES)
		name[n] = '\0';
	else if (name[n - 1] != '\0')
		return (TAR_LONG_NAME);
	x->has_name = true;
	return (TAR_OK);
}

/* A size in decimal, in n bytes at `offset`. */
static enum tar_status
read_size(const struct tar *t, uint64_t offset, uint64_t n, struct extra *x)
{
	char digits[20]; /* 2^63 has 19 */

	if (n > sizeof(digits))
		return (TAR_BAD_RECORD);
	if (md_read_bytes(t->md, offset, (size_t)n, digits) != 0)
		return (TAR_UNREADABLE);
	x->has_size = true;
	return (tar_parse_decimal(digits, (size_t)n, &x->size) ?
		TAR_OK :
		TAR_BAD_RECORD);
}

/* The record at `offset`; what is left of all records ends `left` bytes on. */
static enum tar_status
read_record(const struct tar *t, uint64_t offset, uint64_t left,
    struct tar_record *r, struct extra *x, char *name)
{
	char head[TAR_RECORD_HEAD_BYTES], last;
	size_t n = (size_t)MIN(left, sizeof(head));
	uint64_t end;

	if (md_read_bytes(t->md, offset, n, head) != 0)
		return (TAR_UNREADABLE);
	if (!tar_parse_record(head, n, left, r))
		return (TAR_BAD_RECORD);
	end = offset + r->bytes - 1;
	if (md_read_bytes(t->md, end, 1, &last) != 0)
		return (TAR_UNREADABLE);
	if (last != '\n')
		return (TAR_BAD_RECORD);
	offset += r->value;
	if (r->key == TAR_KEY_PATH)
		return (read_name(t, offset, end - offset, x, name));
	if (r->key == TAR_KEY_SIZE)
		return (read_size(t, offset, end - offset, x));
	x->sparse |= r->key == TAR_KEY_SPARSE;
	return (TAR_OK);
}

static enum tar_status
read_records(const struct tar *t, uint64_t offset, uint64_t n, struct extra *x,
    char *name)
{
	enum tar_status status;
	struct tar_record r;

	if (n > PAX_MAX_BYTES)
		return (TAR_LONG_RECORDS);
	while (n != 0) {
		status = read_record(t, offset, n, &r, x, name);
		if (status != TAR_OK)
			return (status);
		offset += r.bytes;
		n -= r.bytes;
	}
	return (TAR_OK);
}

/* Note what an extension header, whose data stand at `offset`, says. */
static enum tar_status
read_extension(const struct tar *t, const struct tar_header *h, uint64_t offset,
    struct extra *x, char *name)
{
	x->any |= h->type != TAR_EXT_IGNORED;
	if (h->type == TAR_EXT_NAME)
		return (read_name(t, offset, h->size, x, name));
	if (h->type == TAR_EXT_PAX)
		return (read_records(t, offset, h->size, x, name));
	return (TAR_OK);
}

/* Fill in a member whose header is `h`. */
static enum tar_status
finish(struct tar_member *m, const struct tar_header *h, const struct extra *x)
{
	size_t len;

	if (!x->has_name)
		strlcpy(m->name, h->name, sizeof(m->name));
	len = strlen(m->name);
	if (len == 0)
		return (TAR_NO_NAME);
	m->type = h->type;
	m->size = h->size;
	if (m->type == TAR_FILE && m->name[len - 1] == '/') {
		/* The oldest archives have no type for directories. */
		m->type = TAR_DIRECTORY;
		m->size = 0;
	} else if (m->type == TAR_FILE && x->sparse) {
		m->type = TAR_OTHER;
	}
	return (TAR_OK);
}

static enum tar_status
step(struct tar *t, struct tar_member *m)
{
	struct extra x = {.any = false};
	enum tar_status status;
	struct tar_header h;

	do {
		t->at = t->next;
		status = read_header(t, &x, &h);
		if (status != TAR_OK)
			return (status);
		m->offset = t->at + TAR_BLOCK_BYTES;
		t->next = ROUND_UP(m->offset + h.size, TAR_BLOCK_BYTES);
		if (!tar_is_extension(h.type))
			return (finish(m, &h, &x));
		status = read_extension(t, &h, m->offset, &x, m->name);
	} while (status == TAR_OK);
	return (status);
}

enum tar_status
tar_next(struct tar *t, struct tar_member *m)
{
	if (t->status == TAR_OK)
		t->status = step(t, m);
	return (t->status);
}

int
tar_read(const struct tar *t, const struct tar_member *m, uint64_t offset,
    void *buf, size_t n)
{
	if (offset > m->size || n > m->size - offset)
		return (EIO);
	return (md_read_bytes(t->md, m->offset + offset, n, buf));
}
