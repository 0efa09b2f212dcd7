/*
 * Pipes: several writers and readers at once, with sizes at random, calls that
 * wait and calls that do not, and signals.
 *
 * The stream consists of records, each of which says who wrote it, which of his
 * it is, and where it stands in a write that must stay together.  All that is
 * read or written is a whole number of records, so a read that returns has whole
 * ones, and they can be looked at without regard to what other readers get.
 *
 * Kills: writers that mix within PIPE_BUF bytes; bytes lost or doubled when a
 * loan is withdrawn; lost wakeups, as a hang.
 */
#include "sf_buf/consumers/pipe.h"
#include "kernel/atomic.h"
#include "kernel/signal.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "sf_buf/consumers/uio.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

#define NWRITERS 4
#define MAX_READERS 4
#define RECORDS 12000 /* of each writer */
#define MAX_RECORDS (PIPE_LOAN_PAGES * PAGE_SIZE / sizeof(struct record) + 9)

struct record {
	uint16_t writer, place, together; /* place of `together` records */
	uint16_t unused;
	uint32_t number;
	uint32_t check[13];
};
_Static_assert(sizeof(struct record) == 64 &&
	PIPE_SIZE % sizeof(struct record) == 0,
    "records fill the ring");

struct member {
	unsigned id;
	uint32_t random;
	struct record *buf; /* MAX_RECORDS */
	struct thread *td;
	uint32_t next[NWRITERS]; /* a reader: no smaller number may come */
};

static struct {
	struct pipe p;
	struct member writer[NWRITERS], reader[MAX_READERS];
	_Atomic unsigned writing; /* writers that are not done */
	/* What readers have got of each writer: how many, and their sum. */
	_Atomic uint32_t count[NWRITERS], sum[NWRITERS];
} storm;

static uint32_t
check_word(const struct record *r, unsigned i)
{
	return ((r->number * 31 + r->writer) * 31 + i);
}

/* Mostly small, at times more than can be loaned. */
static unsigned
random_records(uint32_t *random)
{
	static const unsigned limit[] = {
	    PIPE_BUF / sizeof(struct record), 40, 300, MAX_RECORDS};

	return (test_random(random) % limit[test_random(random) % 4] + 1);
}

static int
random_flags(uint32_t *random)
{
	return (test_random(random) % 4 == 0 ? PIPE_NONBLOCK : 0);
}

/* --- writing --- */

static void
make_records(struct member *m, uint32_t first, unsigned n)
{
	bool together = n * sizeof(struct record) <= PIPE_BUF;

	for (unsigned i = 0; i < n; i++) {
		struct record *r = &m->buf[i];

		r->writer = (uint16_t)m->id;
		r->number = first + i;
		r->place = (uint16_t)i;
		r->together = (uint16_t)(together ? n : 0);
		for (unsigned k = 0; k < nitems(r->check); k++)
			r->check[k] = check_word(r, k);
	}
}

/* Write it all, whatever interrupts that. */
static void
write_records(struct member *m, unsigned n)
{
	struct iovec iov;
	struct uio uio;
	int error;

	uio_init(&uio, &iov, m->buf, n * sizeof(struct record), UIO_WRITE);
	do {
		error = pipe_write(&storm.p, &uio, random_flags(&m->random));
		CHECK(error == 0 || error == EAGAIN || error == EINTR);
		CHECK_EQ(uio.uio_resid % sizeof(struct record), 0);
		if (error == EAGAIN)
			sched_yield();
		(void)signal_take();
	} while (error != 0 && !test_failed());
	CHECK_EQ(uio.uio_resid, 0);
}

static void
writer_thread(void *arg)
{
	struct member *m = arg;
	unsigned n;

	for (uint32_t i = 0; i < RECORDS && !test_failed(); i += n) {
		n = random_records(&m->random);
		n = MIN(n, RECORDS - i);
		make_records(m, i, n);
		write_records(m, n);
	}
	atomic_fetch_sub(&storm.writing, 1);
}

/* --- reading --- */

/* Is record r as it was written, and does it come after what the reader has of
 * that writer? */
static void
look_at(struct member *m, const struct record *r)
{
	CHECK_MSG(r->writer < NWRITERS && r->number < RECORDS,
	    "record %u of writer %u", r->number, r->writer);
	for (unsigned k = 0; k < nitems(r->check); k++)
		CHECK_EQ(r->check[k], check_word(r, k));
	CHECK_MSG(r->number >= m->next[r->writer],
	    "record %u of writer %u comes after %u", r->number, r->writer,
	    m->next[r->writer] - 1);
	m->next[r->writer] = r->number + 1;
	atomic_fetch_add(&storm.count[r->writer], 1);
	atomic_fetch_add(&storm.sum[r->writer], r->number);
}

/* r is followed by `next`. */
static void
look_at_neighbours(const struct record *r, const struct record *next)
{
	if (r->together == 0 || r->place + 1 == r->together)
		CHECK_MSG(next->together == 0 || next->place == 0,
		    "a write begins in its middle");
	else
		CHECK_MSG(next->writer == r->writer &&
			next->number == r->number + 1,
		    "record %u of writer %u is torn from the next", r->number,
		    r->writer);
}

static void
reader_thread(void *arg)
{
	struct member *m = arg;

	while (!test_failed()) {
		size_t bytes = random_records(&m->random) * sizeof(*m->buf), n;
		struct iovec iov;
		struct uio uio;
		int error;

		uio_init(&uio, &iov, m->buf, bytes, UIO_READ);
		error = pipe_read(&storm.p, &uio, random_flags(&m->random));
		(void)signal_take();
		n = (bytes - uio.uio_resid) / sizeof(*m->buf);
		CHECK_EQ((bytes - uio.uio_resid) % sizeof(*m->buf), 0);
		for (size_t i = 0; i < n; i++) {
			look_at(m, &m->buf[i]);
			if (i + 1 < n)
				look_at_neighbours(&m->buf[i], &m->buf[i + 1]);
		}
		if (error == 0 && n == 0)
			return; /* the end */
		CHECK(error == 0 || error == EAGAIN || error == EINTR);
		if (error == EAGAIN)
			sched_yield();
	}
}

/* --- both --- */

static void
enlist(struct crew *crew, struct member *m, unsigned id, void (*fn)(void *))
{
	*m = (struct member){.id = id, .random = test_seed() * 977 + id};
	m->random += fn == reader_thread ? 100 : 0;
	m->buf = kmem_alloc(MAX_RECORDS * sizeof(struct record));
	if (m->buf == NULL) {
		test_fail(__FILE__, __LINE__, "no memory for a buffer");
		return;
	}
	m->td = crew_add(crew, fn, m);
}

static void
dismiss(struct member *m)
{
	if (m->buf != NULL)
		kmem_free(m->buf, MAX_RECORDS * sizeof(struct record));
	m->buf = NULL;
}

/* Wait for the writers, sending signals to anyone now and then. */
static void
wait_for_writers(unsigned nreaders, bool signals)
{
	uint32_t random = test_seed();

	for (unsigned turn = 1; load_acquire(&storm.writing) != 0; turn++) {
		unsigned who = test_random(&random) % (NWRITERS + nreaders);

		if (test_failed())
			break;
		if (signals && turn % 50 == 0)
			tdsignal(who < NWRITERS ?
				storm.writer[who].td :
				storm.reader[who - NWRITERS].td,
			    SIGINT);
		sched_yield();
		cpu_pause();
	}
}

static void
check_sums(void)
{
	for (unsigned i = 0; i < NWRITERS; i++) {
		CHECK_EQ(load_relaxed(&storm.count[i]), RECORDS);
		CHECK_EQ(load_relaxed(&storm.sum[i]),
		    (uint32_t)RECORDS * (RECORDS - 1) / 2);
	}
}

static void
run_storm(unsigned nreaders, bool signals)
{
	struct crew crew = {.n = 0};

	CHECK_EQ(pipe_create(&storm.p), 0);
	store_relaxed(&storm.writing, NWRITERS);
	for (unsigned i = 0; i < NWRITERS; i++) {
		store_relaxed(&storm.count[i], 0);
		store_relaxed(&storm.sum[i], 0);
	}
	for (unsigned i = 0; i < nreaders; i++)
		enlist(&crew, &storm.reader[i], i, reader_thread);
	for (unsigned i = 0; i < NWRITERS; i++)
		enlist(&crew, &storm.writer[i], i, writer_thread);
	wait_for_writers(nreaders, signals);
	pipe_close_writer(&storm.p);
	if (test_failed())
		pipe_close_reader(&storm.p);
	crew_join(&crew);
	check_sums();
	for (unsigned i = 0; i < NWRITERS; i++)
		dismiss(&storm.writer[i]);
	for (unsigned i = 0; i < nreaders; i++)
		dismiss(&storm.reader[i]);
	pipe_destroy(&storm.p);
	CHECK_EQ(kit_private_used(), 0);
}

#define STORM_BUDGET (60 * SEC)

#define STORM_TEST(name_, nreaders_, signals_)         \
	static void storm_##name_(void);               \
	TEST_BUDGETED(pipe_storm, name_, STORM_BUDGET) \
	{                                              \
		kit_begin();                           \
		storm_##name_();                       \
		kit_end();                             \
	}                                              \
	static void storm_##name_(void)                \
	{                                              \
		run_storm(nreaders_, signals_);        \
	}

STORM_TEST(writers_do_not_mix_what_must_stay_together, 1, false)
STORM_TEST(readers_get_every_record_once, MAX_READERS, false)
STORM_TEST(signals_neither_lose_nor_double_a_byte, MAX_READERS, true)
