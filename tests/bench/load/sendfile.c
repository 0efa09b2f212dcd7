/*
 * Files of four pages, as many as four windows hold, sent whole by every CPU; which
 * one is chosen as unequally as in a server.  An operation is one file.
 *
 * The data are looked at by the receiver, or not: a network card would fetch them
 * without using the mapping.
 */
#include "sf_buf/consumers/sendfile.h"
#include "tests/bench/load/load.h"
#include "kernel/panic.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/memfile.h"
#include "sf_buf/consumers/uio.h"
#include "tests/bench/zipf.h"

#define FILE_PAGES 4
#define WINDOWS 4

static uint16_t choice[ZIPF_CHOICES];

/* Kept by each worker: where it is in the choices. */
static struct {
	unsigned at;
	uint32_t sum;
} __aligned(CACHE_LINE_BYTES) server[MAXCPU];

static struct vm_page *const *pages;

/* Add up what comes, as if for a packet's checksum. */
static int
sum_up(struct uio *uio, void *arg)
{
	uint32_t *sum = arg;

	while (uio->uio_resid != 0) {
		size_t n;
		const uint32_t *at = uio_front(uio, &n);

		for (size_t i = 0; i < n / sizeof(*at); i++)
			*sum += at[i];
		uio_advance(uio, n);
	}
	return (0);
}

static int
pass_on(struct uio *uio, void *arg __unused)
{
	uio_advance(uio, uio->uio_resid);
	return (0);
}

static inline void
serve(struct bench_walk *w, sendfile_sink *sink, int flags)
{
	for (; w->left != 0; w->left--) {
		unsigned i = choice[server[w->worker].at++ % ZIPF_CHOICES];
		struct memfile f = {
		    .bytes = FILE_PAGES * PAGE_SIZE,
		    .npages = FILE_PAGES,
		    .page =
			(struct vm_page **)(vm_offset_t)&pages[i * FILE_PAGES],
		};
		uint64_t sent;
		int error = sendfile(&f, sink, &server[w->worker].sum, 0, 0,
		    NULL, &sent, flags);

		ASSERT(error == 0 && sent == f.bytes,
		    "sendfile: error %d, %llu bytes", error, sent);
		bench_turn(w);
	}
}

static void
touched_loop(struct bench_walk *w)
{
	serve(w, sum_up, 0);
}

static void
untouched_loop(struct bench_walk *w)
{
	serve(w, pass_on, 0);
}

static void
private_loop(struct bench_walk *w)
{
	serve(w, sum_up, SENDFILE_PRIVATE);
}

static void
setup(unsigned workers)
{
	unsigned nfiles =
	    MIN(bench_window() * WINDOWS / FILE_PAGES, ZIPF_CHOICES);

	load_start();
	pages = load_pages(nfiles * FILE_PAGES);
	zipf_choose(choice, nfiles);
	/* Each starts somewhere else. */
	for (unsigned i = 0; i < workers; i++)
		server[i].at = i * (ZIPF_CHOICES / MAXCPU);
}

/* Once through the choices before it counts. */
static void
warm_up(struct bench_walk *w, unsigned worker __unused)
{
	w->first = pages;
	w->end = pages + ZIPF_CHOICES / 2;
}

#define CASE(name, loop_, ...)                                                 \
	LOAD(sendfile, name, .loop = loop_, .setup = setup,                    \
	    .teardown = engine_stop, .pages = warm_up, .counted = COUNTED_NOT, \
	    .others = OTHERS_WORK, __VA_ARGS__)

CASE(zipf, touched_loop, .needs = ENGINE_SHARES);
CASE(zipf_untouched, untouched_loop, .needs = ENGINE_SHARES);
CASE(zipf_private, private_loop, .needs = 0);
