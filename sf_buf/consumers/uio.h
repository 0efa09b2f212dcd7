/*
 * uio: a list of buffers to be filled or emptied, and moving bytes between it
 * and page frames.
 *
 * Source: FreeBSD uio(9).
 */
#ifndef SF_BUF_CONSUMERS_UIO_H
#define SF_BUF_CONSUMERS_UIO_H

#include "kernel/types.h"
#include "kernel/errno.h"

struct vm_page;

enum uio_rw {
	UIO_READ, /* to the buffers */
	UIO_WRITE /* from the buffers */
};

/* One buffer.  Its address may be bad: the move then ends with EFAULT. */
struct iovec {
	void *iov_base;
	size_t iov_len; /* bytes */
};

/* What is still to be moved: bytes that are leave it. */
struct uio {
	struct iovec *uio_iov; /* the first that is not used up; changed */
	unsigned uio_iovcnt;   /* from there on */
	size_t uio_resid;      /* bytes; at most those of the buffers */
	enum uio_rw uio_rw;
};

/* A list of one buffer.
 *   iov: receives it; lives as long as uio. */
static inline void
uio_init(struct uio *uio, struct iovec *iov, void *buf, size_t n,
    enum uio_rw rw)
{
	*iov = (struct iovec){.iov_base = buf, .iov_len = n};
	*uio = (struct uio){
	    .uio_iov = iov,
	    .uio_iovcnt = 1,
	    .uio_resid = n,
	    .uio_rw = rw,
	};
}

/*
 * The next bytes of the list that lie in one buffer, to be used in place.
 *   n: receives how many; 0 only if nothing is left.
 */
void *uio_front(struct uio *uio, size_t *n);

/* Take `n` bytes, at most uio_resid, off the list: they have been moved. */
void uio_advance(struct uio *uio, size_t n);

/*
 * Move bytes between memory and the list.
 *   cp, n: the memory, in bytes.
 * Moves min(n, uio_resid) bytes, in the direction of uio_rw, and advances uio.
 * Returns 0; EFAULT if a buffer's address is bad: then exactly the bytes before
 *   the bad one have been moved.
 * Effects: does not sleep.
 * Source: FreeBSD uio(9).
 */
int uiomove(void *cp, size_t n, struct uio *uio);

/*
 * The same with page frames.
 *   ma: pages, wired; as many as offset + n reach.
 *   offset: in bytes, from the start of the first page; may exceed a page.
 * Returns, and moves: as uiomove().
 * Effects: maps a page at a time, with SFB_CPUPRIVATE and only while its bytes
 *   are copied: sends no IPI as long as this CPU has a private buffer left, and
 *   may sleep only for one.
 * Source: FreeBSD uio(9).
 */
int uiomove_fromphys(struct vm_page *const *ma, size_t offset, size_t n,
    struct uio *uio);

#endif
