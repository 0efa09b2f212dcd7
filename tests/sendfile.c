/*
 * sendfile().
 *
 * Kills: a batch that waits while it holds a buffer; bytes that a failing sink
 * took and that are not counted; a buffer left held where a batch ends early; a
 * batch that is sent again from its start after the sink took a part.
 */
#include "sf_buf/consumers/sendfile.h"
#include <sys/sf_buf.h>
#include "kernel/signal.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/memfile.h"
#include "sf_buf/consumers/uio.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* The largest batch. */
#define BATCH 16

/* Three whole pages and a part of a fourth; and two batches and a part of a
 * third. */
#define SMALL_BYTES (3 * PAGE_SIZE + 1234)
#define LARGE_PAGES (2 * BATCH + 5)
#define LARGE_BYTES (LARGE_PAGES * PAGE_SIZE - 100)

static struct memfile file;

/* The byte at an offset: no two pages begin alike. */
static uint8_t
pattern(uint64_t offset)
{
	return ((uint8_t)(offset * 7 + (offset >> PAGE_SHIFT) * 101 + 3));
}

static void
file_fill(void)
{
	static uint8_t piece[PAGE_SIZE];

	for (uint64_t at = 0; at < file.npages * PAGE_SIZE; at += PAGE_SIZE) {
		for (size_t i = 0; i < PAGE_SIZE; i++)
			piece[i] = pattern(at + i);
		pmap_copy_to_page(file.page[at >> PAGE_SHIFT], 0, piece,
		    PAGE_SIZE);
	}
}

/* A test with a file that holds the pattern; nothing stays held after it. */
#define FILE_TEST(name_, bytes_)                            \
	static void file_##name_(void);                     \
	WINDOW_TEST(sendfile, name_)                        \
	{                                                   \
		uint32_t used = kit_stats().nsfbufsused;    \
                                                            \
		CHECK_EQ(memfile_create(&file, bytes_), 0); \
		file_fill();                                \
		file_##name_();                             \
		kit_unmap_all();                            \
		memfile_destroy(&file);                     \
		CHECK_EQ(kit_stats().nsfbufsused, used);    \
		CHECK_EQ(kit_private_used(), 0);            \
		CHECK(!sched_is_pinned());                  \
	}                                                   \
	static void file_##name_(void)

/* A sink that knows what must come. */
struct receiver {
	/* What it expects: a header, the file's bytes from `offset` to `end`,
	 * a trailer. */
	const char *header, *trailer;
	uint64_t offset, end;
	/* How it behaves. */
	uint64_t limit; /* it takes no more than these, then says EIO; 0: all */
	size_t most;    /* bytes that it takes at once; 0: all */
	void (*hook)(struct receiver *r); /* called after the first call */
	/* What has happened. */
	uint64_t got;
	unsigned calls, most_pieces;
	struct sf_buf *kept;
	bool wrong;
};

static uint8_t
expected(const struct receiver *r, uint64_t at)
{
	size_t header = r->header != NULL ? strlen(r->header) : 0;

	if (at < header)
		return ((uint8_t)r->header[at]);
	at += r->offset - header;
	if (at < r->end)
		return (pattern(at));
	return ((uint8_t)r->trailer[at - r->end]);
}

/* All bytes that must come. */
static uint64_t
expected_bytes(const struct receiver *r)
{
	return ((r->header != NULL ? strlen(r->header) : 0) + r->end -
	    r->offset + (r->trailer != NULL ? strlen(r->trailer) : 0));
}

/* Take and look at n bytes. */
static void
take(struct receiver *r, struct uio *uio, size_t n)
{
	while (n != 0) {
		size_t part;
		const uint8_t *byte = uio_front(uio, &part);

		part = MIN(part, n);
		for (size_t i = 0; i < part && !r->wrong; i++)
			r->wrong = r->got + i >= expected_bytes(r) ||
			    byte[i] != expected(r, r->got + i);
		uio_advance(uio, part);
		r->got += part;
		n -= part;
	}
}

static int
receive(struct uio *uio, void *arg)
{
	struct receiver *r = arg;
	size_t n = uio->uio_resid;
	bool full;

	r->most_pieces = MAX(r->most_pieces, uio->uio_iovcnt);
	if (r->most != 0)
		n = MIN(n, r->most);
	full = r->limit != 0 && n > r->limit - r->got;
	take(r, uio, full ? (size_t)(r->limit - r->got) : n);
	if (r->calls++ == 0 && r->hook != NULL)
		r->hook(r);
	return (full ? EIO : 0);
}

/* Send what a receiver expects, without header and trailer. */
static int
send(struct receiver *r, int flags, uint64_t *sent)
{
	return (sendfile(&file, receive, r, r->offset, r->end - r->offset, NULL,
	    sent, flags));
}

/* Send it all, and see that it comes. */
static void
send_all(struct receiver *r, int flags)
{
	uint64_t sent;

	CHECK_EQ(send(r, flags, &sent), 0);
	CHECK_EQ(sent, r->end - r->offset);
	CHECK_EQ(r->got, sent);
	CHECK(!r->wrong);
}

FILE_TEST(the_bytes_arrive_in_order, LARGE_BYTES)
{
	for (int flags = 0; flags < 4; flags++) {
		struct receiver r = {.end = LARGE_BYTES};

		send_all(&r, flags);
	}
}

FILE_TEST(any_part_can_be_sent_and_is_cut_at_the_end, SMALL_BYTES)
{
	static const uint64_t edge[] = {0, 1, 100, PAGE_SIZE - 1, PAGE_SIZE,
	    PAGE_SIZE + 1, 2 * PAGE_SIZE, SMALL_BYTES - 1, SMALL_BYTES,
	    SMALL_BYTES + 1, ~0ull};

	for (unsigned i = 0; i < nitems(edge) * nitems(edge); i++) {
		uint64_t offset = edge[i / nitems(edge)], sent;
		uint64_t nbytes = edge[i % nitems(edge)];
		uint64_t rest = SMALL_BYTES - MIN(offset, SMALL_BYTES);
		uint64_t want = nbytes == 0 ? rest : MIN(nbytes, rest);
		struct receiver r = {.offset = offset, .end = offset + want};

		CHECK_EQ(sendfile(&file, receive, &r, offset, nbytes, NULL,
			     &sent, i % 2 == 0 ? SENDFILE_PRIVATE : 0),
		    0);
		CHECK_EQ(sent, want);
		CHECK_EQ(r.got, want);
		CHECK(!r.wrong);
	}
}

/* --- batches --- */

FILE_TEST(pages_go_out_in_batches, LARGE_BYTES)
{
	struct receiver r = {.end = LARGE_BYTES};
	struct receiver one = {.end = LARGE_BYTES};

	if (kit_stats().nsfbufs < BATCH)
		SKIP("%u buffers", kit_stats().nsfbufs);
	send_all(&r, 0);
	CHECK_EQ(r.calls, 3);
	CHECK_EQ(r.most_pieces, BATCH);
	send_all(&one, SENDFILE_PRIVATE);
	CHECK_EQ(one.calls, LARGE_PAGES);
	CHECK_EQ(one.most_pieces, 1);
}

FILE_TEST(a_shortage_makes_batches_smaller_and_nobody_waits, LARGE_BYTES)
{
	unsigned free = MIN(3, kit_stats().nsfbufs);
	struct receiver r = {.end = LARGE_BYTES};

	if (!kit_fill())
		return;
	for (unsigned i = 0; i < free; i++)
		kit_unmap(kit_any());
	kit_mark();
	send_all(&r, 0);
	CHECK_EQ(kit_cost(CTR_sf_allocwait), 0);
	CHECK_EQ(r.most_pieces, free);
	CHECK_EQ(r.calls, (LARGE_PAGES + free - 1) / free);
}

static void
send_thread(void *arg)
{
	send_all(arg, 0);
}

FILE_TEST(senders_that_share_too_few_buffers_all_finish, LARGE_BYTES)
{
	static struct receiver r[8];
	unsigned free = MIN(2, kit_stats().nsfbufs);
	struct crew crew = {.n = 0};

	if (!kit_fill())
		return;
	for (unsigned i = 0; i < free; i++)
		kit_unmap(kit_any());
	for (unsigned i = 0; i < nitems(r); i++) {
		/* No two want the same pages at the same time. */
		r[i] = (struct receiver){
		    .offset = i * 4 * PAGE_SIZE, .end = LARGE_BYTES};
		crew_add(&crew, send_thread, &r[i]);
	}
	crew_join(&crew);
}

/* --- headers and trailers --- */

static const struct iovec headers[] = {
    {(char *)"head", 4}, {NULL, 0}, {(char *)"er", 2}};
static const struct iovec trailers[] = {
    {(char *)"tr", 2}, {(char *)"ailer", 5}};
static const struct sf_hdtr hdtr = {
    headers, nitems(headers), trailers, nitems(trailers)};

/* A receiver of the part [offset, end) with both. */
static struct receiver
receiver_of(uint64_t offset, uint64_t end)
{
	return ((struct receiver){.header = "header",
	    .trailer = "trailer",
	    .offset = offset,
	    .end = end});
}

FILE_TEST(header_and_trailer_enclose_the_part, LARGE_BYTES)
{
	static const uint64_t size[] = {1, 5000, SMALL_BYTES, LARGE_BYTES};

	for (unsigned i = 0; i < 4 * nitems(size); i++) {
		struct receiver r = receiver_of(0, size[i / 4]);
		uint64_t sent;

		r.most = i % 3 == 0 ? 3 : 0;
		CHECK_EQ(sendfile(&file, receive, &r, 0, r.end, &hdtr, &sent,
			     (int)(i % 4)),
		    0);
		CHECK_EQ(sent, expected_bytes(&r));
		CHECK_EQ(r.got, sent);
		CHECK(!r.wrong);
	}
}

FILE_TEST(a_small_file_goes_out_with_both_in_one_piece, SMALL_BYTES)
{
	struct receiver r = receiver_of(0, SMALL_BYTES);
	uint64_t sent;

	if (kit_stats().nsfbufs < file.npages)
		SKIP("%u buffers", kit_stats().nsfbufs);
	CHECK_EQ(sendfile(&file, receive, &r, 0, 0, &hdtr, &sent, 0), 0);
	CHECK_EQ(sent, expected_bytes(&r));
	CHECK_EQ(r.calls, 1);
}

FILE_TEST(without_a_file_they_go_out_alone, SMALL_BYTES)
{
	struct receiver r = receiver_of(SMALL_BYTES, SMALL_BYTES);
	uint64_t sent;

	CHECK_EQ(sendfile(&file, receive, &r, SMALL_BYTES, 1, &hdtr, &sent, 0),
	    0);
	CHECK_EQ(sent, strlen("headertrailer"));
	CHECK(!r.wrong);
}

FILE_TEST(more_headers_than_a_batch_has_room_for_go_out, SMALL_BYTES)
{
	static const char text[] = "abcdefghijklmnopqrstuvwxyz";
	static struct iovec many[sizeof(text) - 1];
	const struct sf_hdtr h = {many, nitems(many), many, nitems(many)};
	struct receiver r = {.header = text, .trailer = text};
	uint64_t sent;

	for (unsigned i = 0; i < nitems(many); i++)
		many[i] = (struct iovec){(char *)text + i, 1};
	r.end = SMALL_BYTES;
	CHECK_EQ(sendfile(&file, receive, &r, 0, 0, &h, &sent, 0), 0);
	CHECK_EQ(sent, expected_bytes(&r));
	CHECK(!r.wrong);
	CHECK(r.most_pieces <= BATCH);
}

static int
copy_out(struct uio *uio, void *buf)
{
	return (uiomove(buf, 4, uio));
}

FILE_TEST(a_header_at_a_bad_address_sends_nothing, SMALL_BYTES)
{
	const struct iovec bad = {NULL, 4};
	const struct sf_hdtr h = {&bad, 1, NULL, 0};
	char buf[4];
	uint64_t sent;

	CHECK_EQ(sendfile(&file, copy_out, buf, 0, 0, &h, &sent, 0), EFAULT);
	CHECK_EQ(sent, 0);
}

/* --- sinks that take a part, or fail --- */

FILE_TEST(what_a_sink_leaves_is_offered_again, SMALL_BYTES)
{
	static const size_t most[] = {1, 3, 1000, PAGE_SIZE, 5000};

	for (unsigned i = 0; i < 2 * nitems(most); i++) {
		struct receiver r = {.end = SMALL_BYTES, .most = most[i / 2]};

		send_all(&r, i % 2 == 0 ? SENDFILE_PRIVATE : 0);
	}
}

FILE_TEST(an_error_of_the_sink_ends_it_and_its_bytes_count, SMALL_BYTES)
{
	static const uint64_t limit[] = {1, 6, 7, PAGE_SIZE, PAGE_SIZE + 77,
	    SMALL_BYTES + 5, SMALL_BYTES + 6, SMALL_BYTES + 12};

	for (unsigned i = 0; i < 4 * nitems(limit); i++) {
		struct receiver r = receiver_of(0, SMALL_BYTES);
		uint64_t sent;

		r.limit = limit[i / 4];
		r.most = i % 2 == 0 ? 0 : 100;
		CHECK_EQ(sendfile(&file, receive, &r, 0, 0, &hdtr, &sent,
			     i / 2 % 2 == 0 ? 0 : SENDFILE_PRIVATE),
		    EIO);
		CHECK_EQ(sent, r.limit);
		CHECK_EQ(r.got, r.limit);
		CHECK(!r.wrong);
	}
}

/* --- no buffer --- */

FILE_TEST(who_does_not_wait_is_told_so, LARGE_BYTES)
{
	struct receiver r = receiver_of(0, LARGE_BYTES);
	uint64_t sent;

	if (!kit_fill())
		return;
	CHECK_EQ(sendfile(&file, receive, &r, 0, 0, NULL, &sent,
		     SENDFILE_NOWAIT),
	    EAGAIN);
	CHECK_EQ(sent, 0);
	CHECK_EQ(r.calls, 0);
}

/* The sink keeps the page's buffer, so that none is left, and is sent a
 * signal. */
static void
keep_buffer(struct receiver *r)
{
	r->kept = kit_map(file.page[0], SFB_NOWAIT);
	tdsignal(curthread, SIGINT);
}

/* Send with one free buffer, which the sink keeps after the first page. */
static void
run_short(int flags, int want)
{
	struct receiver r = {.end = LARGE_BYTES, .hook = keep_buffer};
	uint64_t sent;

	if (kit_fill_but_one() == NULL)
		return;
	CHECK_EQ(send(&r, flags, &sent), want);
	CHECK_EQ(signal_take(), SIGINT);
	CHECK_EQ(sent, PAGE_SIZE);
	CHECK_EQ(r.got, PAGE_SIZE);
	CHECK(!r.wrong);
	CHECK(r.kept != NULL);
}

FILE_TEST(a_signal_ends_a_wait_for_a_buffer, LARGE_BYTES)
{
	run_short(0, EINTR);
}

FILE_TEST(what_went_out_before_a_shortage_is_counted, LARGE_BYTES)
{
	run_short(SENDFILE_NOWAIT, EAGAIN);
}

struct interrupted {
	struct receiver r;
	uint64_t sent;
	int error;
};

static void
send_and_be_interrupted(void *arg)
{
	struct interrupted *i = arg;

	i->error = send(&i->r, 0, &i->sent);
}

FILE_TEST(a_signal_ends_the_sleep_of_a_sender, LARGE_BYTES)
{
	static struct interrupted i;
	struct crew crew = {.n = 0};
	struct thread *td;

	i = (struct interrupted){.r = {.end = LARGE_BYTES}};
	if (!kit_fill())
		return;
	kit_mark();
	td = crew_add(&crew, send_and_be_interrupted, &i);
	WAIT_UNTIL(kit_cost(CTR_sf_allocwait) != 0);
	tdsignal(td, SIGINT);
	crew_join(&crew);
	CHECK_EQ(i.error, EINTR);
	CHECK_EQ(i.sent, 0);
	CHECK_EQ(i.r.calls, 0);
}

FILE_TEST(the_private_mode_interrupts_no_other_cpu, SMALL_BYTES)
{
	struct receiver r = {.end = SMALL_BYTES};

	if (kit_fill_but_one() == NULL)
		return;
	kit_mark();
	send_all(&r, SENDFILE_PRIVATE);
	/* This CPU may have had the frames before. */
	CHECK_EQ(kit_cost(CTR_sf_private), file.npages);
	CHECK_EQ(kit_cost(CTR_sf_hit) + kit_cost(CTR_sf_miss), file.npages);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
}
