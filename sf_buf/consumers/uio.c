/*
 * Moving bytes between lists of buffers and page frames.
 */
#include "sf_buf/consumers/uio.h"
#include <sys/sf_buf.h>
#include "kernel/copy.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"

void *
uio_front(struct uio *uio, size_t *n)
{
	if (uio->uio_resid == 0) {
		*n = 0;
		return (NULL);
	}
	for (;; uio->uio_iov++, uio->uio_iovcnt--) {
		ASSERT(uio->uio_iovcnt != 0,
		    "uio: %zu bytes are left, but no buffer", uio->uio_resid);
		if (uio->uio_iov->iov_len != 0)
			break;
	}
	*n = MIN(uio->uio_iov->iov_len, uio->uio_resid);
	return (uio->uio_iov->iov_base);
}

void
uio_advance(struct uio *uio, size_t n)
{
	ASSERT(n <= uio->uio_resid, "uio: advanced by %zu of %zu bytes", n,
	    uio->uio_resid);
	while (n != 0) {
		size_t part;

		(void)uio_front(uio, &part);
		part = MIN(part, n);
		uio->uio_iov->iov_base = (char *)uio->uio_iov->iov_base + part;
		uio->uio_iov->iov_len -= part;
		uio->uio_resid -= part;
		n -= part;
	}
}

int
uiomove(void *cp, size_t n, struct uio *uio)
{
	char *at = cp;

	n = MIN(n, uio->uio_resid);
	while (n != 0) {
		size_t part, moved;
		void *buf = uio_front(uio, &part);

		part = MIN(part, n);
		moved = uio->uio_rw == UIO_READ ?
		    copy_to_buffer(buf, at, part) :
		    copy_from_buffer(at, buf, part);
		uio_advance(uio, moved);
		if (moved != part)
			return (EFAULT);
		at += part;
		n -= part;
	}
	return (0);
}

/* Move [offset, offset + n) of one page. */
static int
move_page(struct vm_page *m, size_t offset, size_t n, struct uio *uio)
{
	struct sf_buf *sf;
	int error;

	sched_pin();
	sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
	error = uiomove((char *)sf_buf_kva(sf) + offset, n, uio);
	sf_buf_free(sf);
	sched_unpin();
	return (error);
}

int
uiomove_fromphys(struct vm_page *const *ma, size_t offset, size_t n,
    struct uio *uio)
{
	int error = 0;

	n = MIN(n, uio->uio_resid);
	while (error == 0 && n != 0) {
		size_t skip = offset & PAGE_MASK;
		size_t part = MIN(n, PAGE_SIZE - skip);

		error = move_page(ma[offset >> PAGE_SHIFT], skip, part, uio);
		offset += part;
		n -= part;
	}
	return (error);
}
