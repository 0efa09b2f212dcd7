/*
 * Pipes, as lmbench's bw_pipe uses them: on each pair of CPUs one writes and the
 * other reads; on one CPU both do.  An operation is one write, until all of it
 * is read.
 *
 * Source: McVoy, Staelin, "lmbench: Portable Tools for Performance Analysis",
 * USENIX 1996.
 */
#include "sf_buf/consumers/pipe.h"
#include "tests/bench/load/load.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/uio.h"
#include "tests/threads.h"

#define READ_BYTES 65536
#define WRITE_PAGES 256 /* the largest write */
#define MAX_STREAMS 32

static struct stream {
	struct pipe pipe;
	vm_offset_t from; /* WRITE_PAGES pages that the engine can map */
	char *to;         /* READ_BYTES */
	/* Bytes, modulo 2^32. */
	uint32_t sent;             /* by the writer */
	_Atomic uint32_t received; /* by the reader */
} __aligned(CACHE_LINE_BYTES) stream[MAX_STREAMS];

static unsigned nstreams;
static struct crew readers;

/* --- both ends --- */

static void
read_all(void *arg)
{
	struct stream *s = arg;

	for (;;) {
		struct iovec iov;
		struct uio uio;
		int error;

		uio_init(&uio, &iov, s->to, READ_BYTES, UIO_READ);
		error = pipe_read(&s->pipe, &uio, 0);
		ASSERT(error == 0, "pipe_read: error %d", error);
		if (uio.uio_resid == READ_BYTES)
			return; /* the writer has closed */
		store_release(&s->received,
		    load_relaxed(&s->received) + READ_BYTES -
			(uint32_t)uio.uio_resid);
	}
}

static inline void
write_each(struct bench_walk *w, size_t n)
{
	struct stream *s = &stream[w->worker];

	for (; w->left != 0; w->left--) {
		struct iovec iov;
		struct uio uio;
		int error;

		uio_init(&uio, &iov, (void *)s->from, n, UIO_WRITE);
		error = pipe_write(&s->pipe, &uio, 0);
		ASSERT(error == 0 && uio.uio_resid == 0,
		    "pipe_write: error %d, %zu bytes left", error,
		    uio.uio_resid);
		s->sent += n;
	}
	WAIT_UNTIL(load_acquire(&s->received) == s->sent);
}

/* --- before and after --- */

static void
unmap(struct stream *s)
{
	for (unsigned i = 0; i < WRITE_PAGES; i++)
		pmap_kremove(s->from + i * PAGE_SIZE);
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	critical_exit();
	kva_free(s->from, WRITE_PAGES * PAGE_SIZE);
}

static void
make_stream(struct stream *s, struct vm_page *const *page)
{
	s->from = kva_alloc(WRITE_PAGES * PAGE_SIZE);
	s->to = kmem_alloc(READ_BYTES);
	if (s->from == 0 || s->to == NULL || pipe_create(&s->pipe) != 0)
		machine_unable("too little memory for benchmarks.");
	for (unsigned i = 0; i < WRITE_PAGES; i++)
		pmap_kenter(s->from + i * PAGE_SIZE, VM_PAGE_TO_PHYS(page[i]),
		    VM_PROT_WRITE);
	s->sent = 0;
	store_relaxed(&s->received, 0);
}

/* Writer n is on CPU 2 n, its reader on the next. */
static void
setup(unsigned workers)
{
	struct vm_page *const *page;

	load_start();
	nstreams = workers;
	ASSERT(nstreams <= MAX_STREAMS, "pipe: %u streams", nstreams);
	page = load_pages(nstreams * WRITE_PAGES);
	for (unsigned i = 0; i < nstreams; i++) {
		make_stream(&stream[i], page + i * WRITE_PAGES);
		crew_add_on(&readers, MIN(2 * i + 1, cpu_count() - 1), read_all,
		    &stream[i]);
	}
}

static void
teardown(void)
{
	for (unsigned i = 0; i < nstreams; i++)
		pipe_close_writer(&stream[i].pipe);
	crew_join(&readers);
	for (unsigned i = 0; i < nstreams; i++) {
		pipe_close_reader(&stream[i].pipe);
		pipe_destroy(&stream[i].pipe);
		kmem_free(stream[i].to, READ_BYTES);
		unmap(&stream[i]);
	}
	engine_stop();
}

#define PIPE(name, bytes)                                     \
	static void loop_##name(struct bench_walk *w)         \
	{                                                     \
		write_each(w, (bytes));                       \
	}                                                     \
	LOAD(pipe, name, .loop = loop_##name, .setup = setup, \
	    .teardown = teardown, .counted = COUNTED_NOT,     \
	    .others = OTHERS_WORK, .stride = 2)

PIPE(1, 1);
PIPE(64, 64);
PIPE(1k, 1024);
PIPE(4k, 4096);
PIPE(16k, 16384);
PIPE(64k, 65536);
PIPE(1m, 1048576);
