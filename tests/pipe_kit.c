/*
 * What the tests of pipes share.
 */
#include "tests/pipe_kit.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/uio.h"

struct pipe_kit pk;

uint8_t
pk_pattern(size_t at)
{
	return ((uint8_t)(at * 7 + (at >> 8) * 13 + (at >> 16) * 31));
}

void
pk_fill(uint8_t *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = pk_pattern(i);
}

bool
pk_matches(size_t at, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (pk.dst[i] != pk_pattern(at + i))
			return (false);
	return (true);
}

unsigned
pk_wired_pages(void)
{
	unsigned n = 0;

	for (size_t at = 0; at < BUFFER_BYTES; at += PAGE_SIZE) {
		vm_paddr_t pa;

		if (pmap_kextract((vm_offset_t)pk.src + at, &pa))
			n += load_relaxed(&PHYS_TO_VM_PAGE(pa)->wire_count);
	}
	return (n);
}

bool
pk_begin(void)
{
	pk.src = kmem_alloc(BUFFER_BYTES);
	pk.dst = kmem_alloc(BUFFER_BYTES);
	if (pk.src == NULL || pk.dst == NULL || pipe_create(&pk.p) != 0) {
		test_fail(__FILE__, __LINE__, "no memory for a pipe");
		return (false);
	}
	pk_fill(pk.src, BUFFER_BYTES);
	pk_fill(pk.plain, PLAIN_BYTES);
	return (true);
}

void
pk_end(void)
{
	if (!pk.p.reader_closed)
		pipe_close_reader(&pk.p);
	if (!pk.p.writer_closed)
		pipe_close_writer(&pk.p);
	crew_join(&pk.crew);
	CHECK_EQ(pk_wired_pages(), 0);
	pipe_destroy(&pk.p);
	kmem_free(pk.src, BUFFER_BYTES);
	kmem_free(pk.dst, BUFFER_BYTES);
	CHECK_EQ(kit_private_used(), 0);
	CHECK(!sched_is_pinned());
}

int
pk_read(void *buf, size_t n, int flags, size_t *moved)
{
	struct iovec iov;
	struct uio uio;
	int error;

	uio_init(&uio, &iov, buf, n, UIO_READ);
	error = pipe_read(&pk.p, &uio, flags);
	*moved = n - uio.uio_resid;
	return (error);
}

int
pk_write(void *buf, size_t n, int flags, size_t *moved)
{
	struct iovec iov;
	struct uio uio;
	int error;

	uio_init(&uio, &iov, buf, n, UIO_WRITE);
	error = pipe_write(&pk.p, &uio, flags);
	*moved = n - uio.uio_resid;
	return (error);
}

static void
call_thread(void *arg)
{
	struct call *c = arg;

	c->error = c->fn(c->buf, c->n, 0, &c->moved);
}

struct call *
pk_start(unsigned i, int (*fn)(void *, size_t, int, size_t *), void *buf,
    size_t n)
{
	struct call *c = &pk.call[i];

	*c = (struct call){.fn = fn, .buf = buf, .n = n};
	c->td = crew_add(&pk.crew, call_thread, c);
	return (c);
}

void
pk_check(const struct call *c, int error, size_t moved)
{
	CHECK_EQ(c->error, error);
	CHECK_EQ(c->moved, moved);
}

void
pk_expect(size_t at, size_t n, size_t step)
{
	while (n != 0) {
		size_t moved;

		CHECK_EQ(pk_read(pk.dst, MIN(n, step), 0, &moved), 0);
		CHECK(moved != 0);
		CHECK_MSG(pk_matches(at, moved), "%zu bytes at %zu are wrong",
		    moved, at);
		at += moved;
		n -= moved;
	}
}

void
pk_expect_nothing(void)
{
	size_t moved;

	CHECK_EQ(pk_read(pk.dst, 1, PIPE_NONBLOCK, &moved), EAGAIN);
	CHECK_EQ(moved, 0);
}

void
pk_expect_end(void)
{
	size_t moved;

	CHECK_EQ(pk_read(pk.dst, 100, 0, &moved), 0);
	CHECK_EQ(moved, 0);
}

void
pk_put(size_t at, size_t n)
{
	size_t moved;

	CHECK_EQ(pk_write(pk.plain + at, n, PIPE_NONBLOCK, &moved), 0);
	CHECK_EQ(moved, n);
}

struct call *
pk_start_loan(unsigned i, size_t at, size_t n)
{
	struct call *w = pk_start(i, pk_write, pk.src + at, n);

	wait_asleep(&pk.p.loaners, 1);
	return (w);
}
