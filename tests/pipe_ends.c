/*
 * Pipes: ends that close, signals, and who is woken.
 *
 * Kills: a reader, or a writer, who leaves something and wakes nobody; an end
 * that is closed and wakes nobody; a loan withdrawn without counting what was
 * read of it.
 */
#include "sf_buf/consumers/pipe.h"
#include "kernel/signal.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "tests/pipe_kit.h"

/* --- closing --- */

PIPE_TEST(pipe_ends, the_end_comes_after_the_last_byte)
{
	size_t moved;

	pk_put(0, 100);
	pipe_close_writer(&pk.p);
	CHECK_EQ(pk_write(pk.plain, 1, 0, &moved), EPIPE);
	CHECK_EQ(moved, 0);
	pk_expect(0, 100, 60);
	pk_expect_end();
	pk_expect_end();
}

PIPE_TEST(pipe_ends, without_a_reader_nothing_is_written)
{
	static const size_t size[] = {1, PIPE_SIZE, LOAN_BYTES};
	size_t moved;

	pk_put(0, 100);
	pipe_close_reader(&pk.p);
	for (unsigned i = 0; i < 2 * nitems(size); i++) {
		CHECK_EQ(pk_write(i % 2 != 0 ? pk.src : pk.plain, size[i / 2],
			     0, &moved),
		    EPIPE);
		CHECK_EQ(moved, 0);
	}
	pk_expect_end();
}

PIPE_TEST(pipe_ends, a_sleeping_reader_is_told_that_an_end_is_closed)
{
	pk_start(0, pk_read, pk.dst, 100);
	pk_start(1, pk_read, pk.dst + 100, 100);
	wait_asleep(&pk.p.readers, 2);
	pipe_close_writer(&pk.p);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], 0, 0);
	pk_check(&pk.call[1], 0, 0);
}

PIPE_TEST(pipe_ends, a_sleeping_reader_is_told_that_its_own_end_is_closed)
{
	pk_start(0, pk_read, pk.dst, 100);
	wait_asleep(&pk.p.readers, 1);
	pipe_close_reader(&pk.p);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], 0, 0);
}

/* One writer has written a part, one nothing; then an end is closed. */
static void
close_on_writers(void (*close)(struct pipe *))
{
	pk_start(0, pk_write, pk.plain, PIPE_SIZE + 10);
	wait_asleep(&pk.p.writers, 1);
	pk_start(1, pk_write, pk.plain, 10);
	wait_asleep(&pk.p.writers, 2);
	close(&pk.p);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], EPIPE, PIPE_SIZE);
	pk_check(&pk.call[1], EPIPE, 0);
}

PIPE_TEST(pipe_ends, sleeping_writers_are_told_that_the_reader_has_closed)
{
	close_on_writers(pipe_close_reader);
	pk_expect_end();
}

PIPE_TEST(pipe_ends, sleeping_writers_are_told_that_their_own_end_is_closed)
{
	close_on_writers(pipe_close_writer);
	pk_expect(0, PIPE_SIZE, PIPE_SIZE);
	pk_expect_end();
}

/* A loan of which `taken` bytes have been read when an end is closed. */
static void
close_on_loan(size_t taken, void (*close)(struct pipe *))
{
	pk_start_loan(0, 0, LOAN_BYTES);
	pk_expect(0, taken, taken);
	close(&pk.p);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], EPIPE, taken);
	pk_expect_end();
}

PIPE_TEST(pipe_ends, a_loan_that_nobody_reads_ends_when_the_reader_closes)
{
	close_on_loan(0, pipe_close_reader);
}

PIPE_TEST(pipe_ends, a_loan_half_read_ends_when_the_reader_closes)
{
	close_on_loan(7777, pipe_close_reader);
}

PIPE_TEST(pipe_ends, a_loan_half_read_ends_when_the_writer_closes)
{
	close_on_loan(PAGE_SIZE, pipe_close_writer);
}

PIPE_TEST(pipe_ends, a_loan_before_its_turn_ends_when_the_reader_closes)
{
	pk_put(0, 10);
	pk_start_loan(0, 10, LOAN_BYTES);
	CHECK_EQ(pk_wired_pages(), PIPE_LOAN_PAGES);
	pipe_close_reader(&pk.p);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], EPIPE, 0);
}

PIPE_TEST(pipe_ends, a_loan_before_its_turn_ends_when_the_writer_closes)
{
	pk_put(0, 10);
	pk_start_loan(0, 10, LOAN_BYTES);
	pipe_close_writer(&pk.p);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], EPIPE, 0);
	pk_expect(0, 10, 10);
	pk_expect_end();
}

/* --- signals --- */

/* A call that sleeps on a channel is sent a signal. */
static void
interrupt(struct call *c, const void *chan, size_t moved)
{
	wait_asleep(chan, 1);
	tdsignal(c->td, SIGINT);
	crew_join(&pk.crew);
	pk_check(c, EINTR, moved);
}

PIPE_TEST(pipe_ends, a_signal_ends_a_read)
{
	interrupt(pk_start(0, pk_read, pk.dst, 100), &pk.p.readers, 0);
	pk_put(0, 100);
	pk_expect(0, 100, 100);
}

PIPE_TEST(pipe_ends, a_signal_ends_a_write_and_what_is_written_counts)
{
	interrupt(pk_start(0, pk_write, pk.plain, PIPE_SIZE + 7), &pk.p.writers,
	    PIPE_SIZE);
	interrupt(pk_start(0, pk_write, pk.plain, 7), &pk.p.writers, 0);
	pk_expect(0, PIPE_SIZE, PIPE_SIZE);
	pk_expect_nothing();
}

PIPE_TEST(pipe_ends, a_signal_ends_a_loan_and_what_was_read_counts)
{
	static const size_t taken[] = {0, 1, PAGE_SIZE, LOAN_BYTES - 1};

	for (unsigned i = 0; i < nitems(taken); i++) {
		struct call *w = pk_start_loan(0, 0, LOAN_BYTES);

		pk_expect(0, taken[i], BUFFER_BYTES);
		interrupt(w, &pk.p.loaners, taken[i]);
		pk_expect_nothing();
		CHECK_EQ(pk_wired_pages(), 0);
	}
}

/* One loan is read, the next one is not. */
PIPE_TEST(pipe_ends, a_signal_ends_a_write_of_several_loans)
{
	struct call *w = pk_start_loan(0, 0, 2 * LOAN_BYTES);

	pk_expect(0, LOAN_BYTES + 5, LOAN_BYTES);
	interrupt(w, &pk.p.loaners, LOAN_BYTES + 5);
	pk_expect_nothing();
}

PIPE_TEST(pipe_ends, a_signal_ends_a_loan_before_its_turn)
{
	pk_put(0, 100);
	interrupt(pk_start_loan(0, 100, LOAN_BYTES), &pk.p.loaners, 0);
	pk_put(100, 50);
	pk_expect(0, 150, 100);
}

PIPE_TEST(pipe_ends, a_pending_signal_ends_only_what_would_wait)
{
	size_t moved;

	tdsignal(curthread, SIGINT);
	pk_put(0, 100);
	CHECK_EQ(pk_read(pk.dst, 200, 0, &moved), 0);
	CHECK_EQ(moved, 100);
	CHECK_EQ(pk_read(pk.dst, 200, 0, &moved), EINTR);
	CHECK_EQ(pk_write(pk.src, LOAN_BYTES, 0, &moved), EINTR);
	CHECK_EQ(moved, 0);
	CHECK_EQ(signal_take(), SIGINT);
}

/* --- who is woken --- */

PIPE_TEST(pipe_ends, a_reader_that_leaves_something_wakes_the_next)
{
	for (unsigned i = 0; i < 3; i++)
		pk_start(i, pk_read, pk.dst + i * 100, 100);
	wait_asleep(&pk.p.readers, 3);
	pk_put(0, 300);
	crew_join(&pk.crew);
	for (unsigned i = 0; i < 3; i++)
		pk_check(&pk.call[i], 0, 100);
}

PIPE_TEST(pipe_ends, a_reader_that_fails_wakes_the_next)
{
	pk_start(0, pk_read, NULL, 100);
	wait_asleep(&pk.p.readers, 1);
	pk_start(1, pk_read, pk.dst, 100);
	wait_asleep(&pk.p.readers, 2);
	pk_put(0, 100);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], EFAULT, 0);
	pk_check(&pk.call[1], 0, 100);
	CHECK(pk_matches(0, 100));
}

PIPE_TEST(pipe_ends, one_read_makes_room_for_several_writers)
{
	size_t moved;

	pk_put(0, PIPE_SIZE);
	for (unsigned i = 0; i < 3; i++)
		pk_start(i, pk_write, pk.plain, PIPE_BUF);
	wait_asleep(&pk.p.writers, 3);
	CHECK_EQ(pk_read(pk.dst, 3 * PIPE_BUF, 0, &moved), 0);
	crew_join(&pk.crew);
	for (unsigned i = 0; i < 3; i++)
		pk_check(&pk.call[i], 0, PIPE_BUF);
}

PIPE_TEST(pipe_ends, a_writer_is_woken_when_it_is_worth_while)
{
	pk_put(0, PIPE_SIZE);
	pk_start(0, pk_write, pk.plain, PIPE_BUF);
	wait_asleep(&pk.p.writers, 1);
	pk_expect(0, PIPE_BUF - 1, PIPE_BUF);
	CHECK_EQ(sleepq_count(&pk.p.writers), 1);
	pk_expect(PIPE_BUF - 1, 1, 1);
	CHECK_EQ(sleepq_count(&pk.p.writers), 0);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], 0, PIPE_BUF);
}
