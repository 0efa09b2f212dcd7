/*
 * Reading a tar archive that lies on a memory disk.
 *
 *	tar_open(&t, &md, bytes);
 *	while ((status = tar_next(&t, &m)) == TAR_OK)
 *		... tar_read(&t, &m, offset, buf, n) ...
 *
 * Whatever the archive holds, each step moves on, nothing outside of it is
 * read, and the first thing that is wrong ends the walk with a reason.
 */
#ifndef SF_BUF_CONSUMERS_TAR_H
#define SF_BUF_CONSUMERS_TAR_H

#include "kernel/types.h"
#include "sf_buf/consumers/tar_header.h"

struct md;

/* FreeBSD's PATH_MAX. */
#define TAR_NAME_BYTES 1024

/* A walk through an archive; one thread's. */
struct tar {
	/* Fixed. */
	const struct md *md;
	uint64_t bytes;
	/* Where the last header that was read stands, and the next one. */
	uint64_t at, next;
	enum tar_status status; /* once not TAR_OK it stays */
};

struct tar_member {
	enum tar_type type; /* no extension */
	uint64_t size;      /* bytes of data: 0 where the type has none */
	uint64_t offset;    /* where they stand in the archive */
	char name[TAR_NAME_BYTES]; /* neither empty nor without its end */
};

/*
 * Begin at an archive's first member.
 *   bytes: how much of the disk the archive takes, from its start.
 */
void tar_open(struct tar *t, const struct md *md, uint64_t bytes);

/*
 * The next member.
 *   m: receives it.
 * Returns TAR_OK; TAR_END after the last; else why the rest, from t->at on, is
 *   refused, and `m` is unspecified.  After that, the same again.
 * Effects: as md_read().
 */
enum tar_status tar_next(struct tar *t, struct tar_member *m);

/*
 * Read [offset, offset + n) of a member's data.
 *   t: the walk that found it; it may have gone on.
 * Returns 0; EIO if that reaches beyond its size; an error of md_read().
 * Effects: as md_read().
 */
int tar_read(const struct tar *t, const struct tar_member *m, uint64_t offset,
    void *buf, size_t n);

#endif
