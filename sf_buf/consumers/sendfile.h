/*
 * sendfile: hand a file to something that takes bytes, page by page, without
 * copying it first.
 */
#ifndef SF_BUF_CONSUMERS_SENDFILE_H
#define SF_BUF_CONSUMERS_SENDFILE_H

#include "kernel/types.h"
#include "kernel/errno.h"

struct memfile;

enum sendfile_mode {
	SENDFILE_SHARED,  /* the sink may sleep, and run on any CPU */
	SENDFILE_PRIVATE, /* the sink runs pinned and does not sleep: no IPI */
};

/*
 * Takes the next `n` bytes, at most a page, at once.  Returns 0; or an error
 * number, and then none of them count as sent.
 */
typedef int sendfile_sink(const void *buf, size_t n, void *arg);

/*
 * Send part of a file.
 *   offset, count: the part, in bytes; it is cut at the file's end.
 *   sink, arg: who takes the bytes, in order.
 *   sent: receives how many it took, also on failure.
 * Returns 0; the sink's error; EINTR when a signal is or becomes pending
 *   while it waits for an sf_buf.
 * Effects: may sleep; in the private mode sleeps for buffers only.
 * Source: FreeBSD sendfile(2).
 */
int sendfile(const struct memfile *f, uint64_t offset, uint64_t count,
    sendfile_sink *sink, void *arg, enum sendfile_mode mode, uint64_t *sent);

#endif
