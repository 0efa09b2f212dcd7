/*
 * sendfile: hand a file to something that takes bytes, without copying it
 * first.
 */
#ifndef SF_BUF_CONSUMERS_SENDFILE_H
#define SF_BUF_CONSUMERS_SENDFILE_H

#include "kernel/types.h"
#include "kernel/errno.h"

struct iovec;
struct memfile;
struct uio;

enum sendfile_flags {
	SENDFILE_PRIVATE = 1, /* the sink runs pinned and does not sleep: no
				 IPI; a page at a time */
	SENDFILE_NOWAIT = 2,  /* do not wait for an sf_buf: EAGAIN */
};

/* What goes out before and after the file.  The lists are not changed. */
struct sf_hdtr {
	const struct iovec *headers;
	unsigned hdr_cnt;
	const struct iovec *trailers;
	unsigned trl_cnt;
};

/*
 * Takes bytes off the front of a list (UIO_WRITE), with uiomove(), or with
 * uio_front() and uio_advance().  Its rest is offered again.
 * Returns 0, having taken one byte at least; or an error number, and what it
 *   took before counts as sent.
 */
typedef int sendfile_sink(struct uio *uio, void *arg);

/*
 * Send headers, part of a file, and trailers.
 *   sink, arg: who takes the bytes, in order, in pieces of any size.
 *   offset, nbytes: the part, in bytes; it is cut at the file's end.  nbytes
 *     0: up to the end.
 *   hdtr: or NULL.
 *   sbytes: receives how many bytes the sink took, headers and trailers
 *     included, also on failure.
 *   flags: enum sendfile_flags, or'ed.
 * Returns 0; the sink's error; EINTR when a signal is or becomes pending while
 *   it waits for an sf_buf; EAGAIN, with SENDFILE_NOWAIT, instead of waiting.
 * Effects: may sleep for an sf_buf, and then holds none.  The sink is called
 *   with up to 16 of them held.
 * Source: FreeBSD sendfile(2).
 */
int sendfile(const struct memfile *f, sendfile_sink *sink, void *arg,
    uint64_t offset, uint64_t nbytes, const struct sf_hdtr *hdtr,
    uint64_t *sbytes, int flags);

#endif
