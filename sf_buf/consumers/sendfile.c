/*
 * sendfile: the consumer that sf_bufs were invented for.
 *
 * Headers, pages and trailers are pieces of one stream, which goes out in
 * batches.  The first page of a batch may wait for its sf_buf, because nothing
 * is held then; the others may not, or two senders could each wait for what the
 * other holds.  Where no more is to be had, the batch is sent as it is, and the
 * next one begins.
 */
#include "sf_buf/consumers/sendfile.h"
#include <sys/sf_buf.h>
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/memfile.h"
#include "sf_buf/consumers/uio.h"

/*
 * Pieces of a batch.  16 pages are 64 KiB, as much as a large pipe buffers in
 * FreeBSD, and a 64th of the smallest default window: that many senders are at
 * work at once before one has to wait, or makes its batches smaller.  The stack
 * holds 200 bytes for it.
 */
#define BATCH 16

struct batch {
	struct uio uio;
	struct iovec iov[BATCH];
	struct sf_buf *sf[BATCH];
	unsigned nsf;
};

/* What no batch has got yet. */
struct stream {
	const struct memfile *file;
	uint64_t offset, end; /* the part of the file */
	const struct iovec *header, *trailer;
	unsigned nheaders, ntrailers;
	int flags;
};

static void
batch_init(struct batch *b)
{
	b->uio = (struct uio){.uio_iov = b->iov, .uio_rw = UIO_WRITE};
	b->nsf = 0;
}

static bool
batch_is_full(const struct batch *b)
{
	return (b->uio.uio_iovcnt == BATCH);
}

static void
batch_add(struct batch *b, void *base, size_t n)
{
	b->iov[b->uio.uio_iovcnt++] = (struct iovec){base, n};
	b->uio.uio_resid += n;
}

static void
batch_add_list(struct batch *b, const struct iovec **iov, unsigned *n)
{
	for (; *n != 0 && !batch_is_full(b); (*iov)++, (*n)--)
		batch_add(b, (*iov)->iov_base, (*iov)->iov_len);
}

/* Returns 0; EINTR or EAGAIN if the first page's buffer is not to be had. */
static int
batch_add_pages(struct batch *b, struct stream *s)
{
	bool private = (s->flags & SENDFILE_PRIVATE) != 0;
	bool nowait = (s->flags & SENDFILE_NOWAIT) != 0;
	unsigned most = private ? 1 : BATCH;

	while (s->offset < s->end && b->nsf < most && !batch_is_full(b)) {
		size_t skip = (size_t)(s->offset & PAGE_MASK);
		size_t n = (size_t)MIN(s->end - s->offset, PAGE_SIZE - skip);
		struct sf_buf *sf =
		    sf_buf_alloc(s->file->page[s->offset >> PAGE_SHIFT],
			(nowait || b->nsf != 0 ? SFB_NOWAIT : SFB_CATCH) |
			    (private ? SFB_CPUPRIVATE : 0));

		if (sf == NULL && b->nsf == 0)
			return (nowait ? EAGAIN : EINTR);
		if (sf == NULL)
			break;
		b->sf[b->nsf++] = sf;
		batch_add(b, (char *)sf_buf_kva(sf) + skip, n);
		s->offset += n;
	}
	return (0);
}

static int
batch_fill(struct batch *b, struct stream *s)
{
	int error;

	batch_add_list(b, &s->header, &s->nheaders);
	error = batch_add_pages(b, s);
	if (error == 0 && s->offset == s->end)
		batch_add_list(b, &s->trailer, &s->ntrailers);
	return (error);
}

/* Have the sink take it all.  *sbytes grows by what it takes. */
static int
batch_send(struct batch *b, sendfile_sink *sink, void *arg, uint64_t *sbytes)
{
	int error = 0;

	while (error == 0 && b->uio.uio_resid != 0) {
		size_t before = b->uio.uio_resid;

		error = sink(&b->uio, arg);
		ASSERT(error != 0 || b->uio.uio_resid < before,
		    "sendfile: a sink took nothing of %zu bytes", before);
		*sbytes += before - b->uio.uio_resid;
	}
	return (error);
}

/* Private buffers, above all, are given back in reverse order. */
static void
batch_release(struct batch *b)
{
	while (b->nsf != 0)
		sf_buf_free(b->sf[--b->nsf]);
}

/* One batch, from its first buffer to its last free. */
static int
send_batch(struct stream *s, sendfile_sink *sink, void *arg, uint64_t *sbytes)
{
	bool private = (s->flags & SENDFILE_PRIVATE) != 0;
	struct batch b;
	int error;

	batch_init(&b);
	if (private)
		sched_pin();
	error = batch_fill(&b, s);
	if (error == 0)
		error = batch_send(&b, sink, arg, sbytes);
	batch_release(&b);
	if (private)
		sched_unpin();
	return (error);
}

int
sendfile(const struct memfile *f, sendfile_sink *sink, void *arg,
    uint64_t offset, uint64_t nbytes, const struct sf_hdtr *hdtr,
    uint64_t *sbytes, int flags)
{
	uint64_t rest = f->bytes - MIN(offset, f->bytes);
	struct stream s = {.file = f, .offset = offset, .flags = flags};
	int error = 0;

	ASSERT((flags & ~(SENDFILE_PRIVATE | SENDFILE_NOWAIT)) == 0,
	    "sendfile: unknown flags %#x", (unsigned)flags);
	s.end = offset + (nbytes == 0 ? rest : MIN(nbytes, rest));
	if (hdtr != NULL) {
		s.header = hdtr->headers;
		s.nheaders = hdtr->hdr_cnt;
		s.trailer = hdtr->trailers;
		s.ntrailers = hdtr->trl_cnt;
	}
	*sbytes = 0;
	while (error == 0 &&
	    (s.nheaders != 0 || s.offset < s.end || s.ntrailers != 0))
		error = send_batch(&s, sink, arg, sbytes);
	return (error);
}
