/*
 * pipe: a stream of bytes between threads.
 *
 * Bytes get from writer to reader in one of two ways.  Small writes are copied
 * into a ring, and the writer goes on.  A large one that may wait is a loan: the
 * writer finds the pages of its buffer, wires them, publishes the list and
 * sleeps; the reader copies straight from them, a page at a time, through
 * private sf_bufs.  One copy instead of two, and no CPU is told of a mapping.
 *
 * One mutex guards it all, and is held while bytes are copied; at most a loan's
 * worth.  So a reader that has the mutex and a loan before it needs no other
 * protection: the loan's writer must get the mutex to withdraw it.  Rejected:
 * FreeBSD's second lock (PIPE_LOCKFL), which lets a reader and a writer copy at
 * the same time, and has each of them prove that the other has not changed what
 * it relied on.
 *
 * I1  Of ring and loan, one at most has bytes.  Thus order is kept: a loan is
 *     published when the ring is empty, and nothing is put into the ring
 *     before the loan is withdrawn.
 * I2  While `claimed`, only the writer that set it adds bytes; and it alone
 *     clears it, having withdrawn its loan.
 * I3  The pages of a loan are wired, and their writer is inside pipe_write().
 * I4  Whoever releases the mutex has called pass_on() since it last changed
 *     something.
 *
 * No wakeup is lost.  By I4, when the mutex is free and there is something to
 * read, a reader that slept has been woken since; it looks again, and if it
 * leaves anything, its own pass_on() wakes the next.  Likewise for writers, who
 * are woken when there is room for PIPE_BUF bytes, which suits every one of
 * them: whoever needs less may write it without having slept.  msleep() drops
 * the mutex only when the sleeper is on its queue.  A signal ends a sleep
 * instead of a wakeup, never after one.
 *
 * Nothing is allocated after pipe_create().
 */
#include "sf_buf/consumers/pipe.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/uio.h"

_Static_assert(IS_ALIGNED(PIPE_SIZE, PAGE_SIZE) &&
	(PIPE_SIZE & (PIPE_SIZE - 1)) == 0,
    "places in the ring are taken modulo its size");
_Static_assert(PIPE_BUF <= PIPE_SIZE && PIPE_BUF < PIPE_MINDIRECT,
    "what is atomic fits the ring, and is copied");

int
pipe_create(struct pipe *p)
{
	*p = (struct pipe){.ring = kmem_alloc(PIPE_SIZE)};
	if (p->ring == NULL)
		return (ENOMEM);
	mtx_init(&p->lock, "pipe", MTX_RANK_PIPE);
	return (0);
}

void
pipe_destroy(struct pipe *p)
{
	ASSERT(!p->claimed && p->readers + p->writers == 0,
	    "pipe_destroy: %u readers and %u writers sleep, %u loan",
	    p->readers, p->writers, p->claimed);
	kmem_free(p->ring, PIPE_SIZE);
	p->ring = NULL;
}

/* --- who waits for what --- */

static bool
is_empty(const struct pipe *p)
{
	return (p->ring_bytes == 0 && p->loan_bytes == 0);
}

static bool
is_closed(const struct pipe *p)
{
	return (p->reader_closed || p->writer_closed);
}

static size_t
room(const struct pipe *p)
{
	return (PIPE_SIZE - p->ring_bytes);
}

/* Wake those for whom it has become worth while. */
static void
pass_on(struct pipe *p)
{
	if (p->readers != 0 && !is_empty(p))
		wakeup_one(&p->readers);
	if (p->writers != 0 && !p->claimed && room(p) >= PIPE_BUF)
		wakeup_one(&p->writers);
	if (p->loaners != 0 && is_empty(p))
		wakeup_one(&p->loaners);
}

/*
 * Sleep until woken.
 *   sleepers: the count among which the caller is.
 */
static int
pipe_sleep(struct pipe *p, unsigned *sleepers, const char *wmesg)
{
	int error;

	pass_on(p);
	++*sleepers;
	error = msleep(sleepers, &p->lock, PCATCH, wmesg, 0);
	--*sleepers;
	return (error);
}

/* Sleep until everything has been read. */
static int
wait_until_empty(struct pipe *p)
{
	int error = 0;

	while (!is_empty(p)) {
		if (is_closed(p))
			return (EPIPE);
		if (error != 0)
			return (error);
		error = pipe_sleep(p, &p->loaners, "pipeloan");
	}
	return (0);
}

static void
pipe_close(struct pipe *p, bool *end)
{
	mtx_lock(&p->lock);
	ASSERT(!*end, "pipe: an end is closed twice");
	*end = true;
	wakeup(&p->readers);
	wakeup(&p->writers);
	wakeup(&p->loaners);
	mtx_unlock(&p->lock);
}

void
pipe_close_reader(struct pipe *p)
{
	pipe_close(p, &p->reader_closed);
}

void
pipe_close_writer(struct pipe *p)
{
	pipe_close(p, &p->writer_closed);
}

/* --- the ring --- */

/* Copy as much as there is room for. */
static int
ring_write(struct pipe *p, struct uio *uio)
{
	int error = 0;

	while (error == 0 && room(p) != 0 && uio->uio_resid != 0) {
		size_t end = (p->ring_start + p->ring_bytes) % PIPE_SIZE;
		size_t before = uio->uio_resid;

		error =
		    uiomove(p->ring + end, MIN(room(p), PIPE_SIZE - end), uio);
		p->ring_bytes += before - uio->uio_resid;
	}
	return (error);
}

static int
ring_read(struct pipe *p, struct uio *uio)
{
	size_t before = uio->uio_resid, moved;
	int error = uiomove(p->ring + p->ring_start,
	    MIN(p->ring_bytes, PIPE_SIZE - p->ring_start), uio);

	moved = before - uio->uio_resid;
	p->ring_start = (p->ring_start + moved) % PIPE_SIZE;
	p->ring_bytes -= moved;
	return (error);
}

/* --- loans --- */

/* The page at an address of this kernel, if it is memory that somebody has
 * allocated: nothing else can be wired. */
static struct vm_page *
page_at(vm_offset_t va)
{
	struct vm_page *m = NULL;
	vm_paddr_t pa;

	if (pmap_kextract(va, &pa))
		m = PHYS_TO_VM_PAGE(pa);
	if (m != NULL && vm_page_get_state(m) != VM_PAGE_USED)
		m = NULL;
	return (m);
}

static void
unwire_loan(struct pipe *p)
{
	while (p->loan_pages != 0)
		vm_page_unwire(p->loan[--p->loan_pages]);
}

/*
 * Wire the pages of the buffer in front, as far as they can be loaned at once.
 * Returns how many bytes those are; 0, with nothing wired, if it is not worth it.
 */
static size_t
wire_loan(struct pipe *p, struct uio *uio)
{
	size_t n, bytes;
	vm_offset_t start = (vm_offset_t)uio_front(uio, &n);
	vm_offset_t va = ROUND_DOWN(start, PAGE_SIZE);
	struct vm_page *m;

	if (n < PIPE_MINDIRECT)
		return (0);
	for (bytes = 0; bytes < n && p->loan_pages < PIPE_LOAN_PAGES;
	     va += PAGE_SIZE) {
		m = page_at(va);
		if (m == NULL)
			break;
		vm_page_wire(m);
		p->loan[p->loan_pages++] = m;
		bytes = MIN(n, va + PAGE_SIZE - start);
	}
	if (bytes < PIPE_MINDIRECT) {
		unwire_loan(p);
		return (0);
	}
	p->loan_offset = start & PAGE_MASK;
	return (bytes);
}

/*
 * Loan `bytes` bytes, whose pages are wired, and wait until they are read or
 * that cannot be.
 */
static int
loan(struct pipe *p, struct uio *uio, size_t bytes)
{
	int error;

	p->claimed = true;
	error = wait_until_empty(p);
	if (error == 0) {
		p->loan_bytes = bytes;
		error = wait_until_empty(p);
		uio_advance(uio, bytes - p->loan_bytes);
		p->loan_bytes = 0;
	}
	unwire_loan(p);
	p->claimed = false;
	return (error);
}

static int
loan_read(struct pipe *p, struct uio *uio)
{
	size_t before = uio->uio_resid, moved;
	int error =
	    uiomove_fromphys(p->loan, p->loan_offset, p->loan_bytes, uio);

	moved = before - uio->uio_resid;
	p->loan_offset += moved;
	p->loan_bytes -= moved;
	return (error);
}

/* --- reading and writing --- */

int
pipe_read(struct pipe *p, struct uio *uio, int flags)
{
	size_t wanted = uio->uio_resid;
	int error = 0;

	ASSERT(uio->uio_rw == UIO_READ, "pipe_read: uio is to be written");
	mtx_lock(&p->lock);
	while (error == 0 && uio->uio_resid != 0 && !p->reader_closed) {
		if (p->ring_bytes != 0)
			error = ring_read(p, uio);
		else if (p->loan_bytes != 0)
			error = loan_read(p, uio);
		else if (uio->uio_resid != wanted || p->writer_closed)
			break;
		else if ((flags & PIPE_NONBLOCK) != 0)
			error = EAGAIN;
		else
			error = pipe_sleep(p, &p->readers, "piperd");
	}
	pass_on(p);
	mtx_unlock(&p->lock);
	return (error);
}

/* One step of a write: a loan, a copy, or a sleep. */
static int
write_some(struct pipe *p, struct uio *uio, size_t need, int flags)
{
	bool nonblock = (flags & PIPE_NONBLOCK) != 0;
	size_t bytes = p->claimed || nonblock ? 0 : wire_loan(p, uio);

	if (bytes != 0)
		return (loan(p, uio, bytes));
	if (!p->claimed && room(p) >= need)
		return (ring_write(p, uio));
	return (nonblock ? EAGAIN : pipe_sleep(p, &p->writers, "pipewr"));
}

int
pipe_write(struct pipe *p, struct uio *uio, int flags)
{
	size_t need = uio->uio_resid <= PIPE_BUF ? uio->uio_resid : 1;
	int error = 0;

	ASSERT(uio->uio_rw == UIO_WRITE, "pipe_write: uio is to be read");
	mtx_lock(&p->lock);
	while (error == 0 && uio->uio_resid != 0)
		error = is_closed(p) ? EPIPE : write_some(p, uio, need, flags);
	pass_on(p);
	mtx_unlock(&p->lock);
	return (error);
}
