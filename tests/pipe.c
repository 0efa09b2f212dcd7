/*
 * Pipes: the ring, loans, sizes, bad buffers.
 *
 * Kills: a loan that overtakes what is in the ring; a loan of pages that nobody
 * has allocated; a part counted twice, or not at all, at a bad buffer; pages
 * that stay wired.
 */
#include "sf_buf/consumers/pipe.h"
#include <sys/sf_buf.h>
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/memfile.h"
#include "sf_buf/consumers/sendfile.h"
#include "sf_buf/consumers/uio.h"
#include "tests/pipe_kit.h"

/* --- the ring --- */

PIPE_TEST(pipe, what_is_written_can_be_read)
{
	static const size_t size[] = {1, 2, PIPE_BUF - 1, PIPE_BUF,
	    PIPE_BUF + 1, PIPE_MINDIRECT - 1, PIPE_MINDIRECT, PIPE_SIZE - 1,
	    PIPE_SIZE};

	for (unsigned i = 0; i < nitems(size); i++) {
		pk_put(i, size[i]);
		pk_expect(i, size[i], size[i] / 2 + 1);
		pk_expect_nothing();
	}
}

PIPE_TEST(pipe, the_ring_keeps_order_wherever_it_begins)
{
	uint32_t random = test_seed();
	size_t in = 0, out = 0;

	while (in < 2 * PIPE_SIZE && !test_failed()) {
		size_t room = PIPE_SIZE - (in - out);
		size_t n = test_random(&random) % MIN(room + 1, 5000u);

		pk_put(in, n);
		in += n;
		n = test_random(&random) % (in - out + 1);
		pk_expect(out, n, PIPE_SIZE);
		out += n;
	}
}

PIPE_TEST(pipe, a_read_takes_what_there_is)
{
	size_t moved;

	pk_put(0, 100);
	pk_put(100, 50);
	CHECK_EQ(pk_read(pk.dst, 1000, 0, &moved), 0);
	CHECK_EQ(moved, 150);
	CHECK(pk_matches(0, 150));
}

PIPE_TEST(pipe, nothing_to_move_is_no_reason_to_wait)
{
	size_t moved;

	CHECK_EQ(pk_read(NULL, 0, 0, &moved), 0);
	pk_put(0, PIPE_SIZE);
	CHECK_EQ(pk_write(NULL, 0, 0, &moved), 0);
}

PIPE_TEST(pipe, who_does_not_wait_writes_what_fits)
{
	size_t moved;

	CHECK_EQ(pk_write(pk.plain, PIPE_SIZE + 100, PIPE_NONBLOCK, &moved),
	    EAGAIN);
	CHECK_EQ(moved, PIPE_SIZE);
	CHECK_EQ(pk_write(pk.plain, PIPE_SIZE, PIPE_NONBLOCK, &moved), EAGAIN);
	CHECK_EQ(moved, 0);
	pk_expect(0, 100, 100);
	CHECK_EQ(pk_write(pk.plain + PIPE_SIZE, 1000, PIPE_NONBLOCK, &moved),
	    EAGAIN);
	CHECK_EQ(moved, 100);
	pk_expect(100, PIPE_SIZE, 7000);
}

PIPE_TEST(pipe, a_small_write_is_whole_or_nothing)
{
	size_t moved;

	pk_put(0, PIPE_SIZE - PIPE_BUF + 1);
	CHECK_EQ(pk_write(pk.plain, PIPE_BUF, PIPE_NONBLOCK, &moved), EAGAIN);
	CHECK_EQ(moved, 0);
	pk_put(PIPE_SIZE - PIPE_BUF + 1, PIPE_BUF - 1);
	pk_expect(0, PIPE_SIZE, PIPE_SIZE);
}

/* --- bad buffers --- */

PIPE_TEST(pipe, what_a_bad_buffer_does_not_get_stays)
{
	uint8_t *island = (uint8_t *)kstack_alloc(1);
	size_t moved;

	CHECK(island != NULL);
	pk_put(0, 1000);
	CHECK_EQ(pk_read(NULL, 1000, 0, &moved), EFAULT);
	CHECK_EQ(moved, 0);
	CHECK_EQ(pk_read(island + PAGE_SIZE - 300, 1000, 0, &moved), EFAULT);
	CHECK_EQ(moved, 300);
	CHECK_EQ(island[PAGE_SIZE - 1], pk_pattern(299));
	kstack_free((vm_offset_t)island, 1);
	pk_expect(300, 700, 700);
	pk_expect_nothing();
}

PIPE_TEST(pipe, a_bad_buffer_gets_no_more_of_a_loan_than_it_holds)
{
	uint8_t *island = (uint8_t *)kstack_alloc(1);
	struct call *w = pk_start(0, pk_write, pk.src + 50, LOAN_BYTES - 50);
	size_t moved;

	CHECK(island != NULL);
	CHECK_EQ(pk_read(island + 1, LOAN_BYTES, 0, &moved), EFAULT);
	CHECK_EQ(moved, PAGE_SIZE - 1);
	CHECK_EQ(island[PAGE_SIZE - 1], pk_pattern(50 + PAGE_SIZE - 2));
	kstack_free((vm_offset_t)island, 1);
	pk_expect(50 + PAGE_SIZE - 1, LOAN_BYTES - 50 - PAGE_SIZE + 1, 10000);
	crew_join(&pk.crew);
	pk_check(w, 0, LOAN_BYTES - 50);
}

PIPE_TEST(pipe, what_stands_before_a_bad_address_is_written)
{
	uint8_t *island = (uint8_t *)kstack_alloc(3);
	size_t moved;

	CHECK(island != NULL);
	pk_fill(island, 3 * PAGE_SIZE);
	CHECK_EQ(pk_write(NULL, 5, 0, &moved), EFAULT);
	CHECK_EQ(moved, 0);
	/* Copied, and then loaned as far as it goes. */
	CHECK_EQ(pk_write(island + 2 * PAGE_SIZE, 2 * PAGE_SIZE, PIPE_NONBLOCK,
		     &moved),
	    EFAULT);
	CHECK_EQ(moved, PAGE_SIZE);
	pk_expect(2 * PAGE_SIZE, PAGE_SIZE, PAGE_SIZE);
	pk_start(0, pk_write, island + 1, 4 * PAGE_SIZE);
	pk_expect(1, 3 * PAGE_SIZE - 1, PIPE_SIZE);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], EFAULT, 3 * PAGE_SIZE - 1);
	kstack_free((vm_offset_t)island, 3);
}

/* --- sizes, both ways of writing --- */

/* Write n bytes of a source from `at` on, and read them. */
static void
pass(uint8_t *buf, size_t at, size_t n, size_t step)
{
	struct call *w = pk_start(0, pk_write, buf + at, n);

	pk_expect(at, n, step);
	crew_join(&pk.crew);
	pk_check(w, 0, n);
	CHECK_EQ(pk_wired_pages(), 0);
}

PIPE_TEST(pipe, every_size_around_a_limit_gets_through)
{
	static const size_t limit[] = {PIPE_BUF, PAGE_SIZE, PIPE_MINDIRECT,
	    PIPE_SIZE, PIPE_SIZE + PIPE_MINDIRECT, LOAN_BYTES - PAGE_SIZE,
	    LOAN_BYTES, LOAN_BYTES + PIPE_MINDIRECT, 3 * LOAN_BYTES};
	static const size_t step[] = {BUFFER_BYTES, 100, PAGE_SIZE + 1, 30000};
	unsigned turn = 0;

	for (unsigned i = 0; i < nitems(limit) && !test_failed(); i++)
		for (size_t n = limit[i] - 1; n <= limit[i] + 1; n++) {
			size_t at = turn++ % 7 * 333;

			pass(pk.src, at, n, step[turn % nitems(step)]);
			if (at + n <= PLAIN_BYTES)
				pass(pk.plain, at, n,
				    step[turn % nitems(step)]);
		}
}

/* A piece of the sources, in the memory that it is to come from. */
static void
write_list(void *arg)
{
	struct iovec iov[] = {{pk.src, 10000}, {pk.src + 10000, 5}, {NULL, 0},
	    {pk.plain + 10005, 12000}, {pk.src + 22005, LOAN_BYTES}};
	struct uio uio = {
	    .uio_iov = iov,
	    .uio_iovcnt = nitems(iov),
	    .uio_resid = *(size_t *)arg,
	    .uio_rw = UIO_WRITE,
	};

	CHECK_EQ(pipe_write(&pk.p, &uio, 0), 0);
	CHECK_EQ(uio.uio_resid, 0);
}

PIPE_TEST(pipe, several_buffers_are_written_each_in_its_way)
{
	size_t n = 22005 + LOAN_BYTES;

	kit_mark();
	crew_add(&pk.crew, write_list, &n);
	pk_expect(0, n, BUFFER_BYTES);
	crew_join(&pk.crew);
	/* From 0, three pages; from 22005, which is no page's start, all that
	 * can be loaned, and what is left of its last page is too little. */
	CHECK_EQ(kit_cost(CTR_sf_private), 3 + PIPE_LOAN_PAGES);
}

/* --- loans --- */

PIPE_TEST(pipe, a_large_write_is_copied_once_and_no_cpu_is_told)
{
	uint32_t used = kit_stats().nsfbufsused;
	size_t moved;

	kit_mark();
	pk_start_loan(0, 100, LOAN_BYTES - 100);
	CHECK_EQ(pk_wired_pages(), PIPE_LOAN_PAGES);
	CHECK_EQ(pk.p.ring_bytes, 0);
	CHECK_EQ(pk_read(pk.dst, LOAN_BYTES, 0, &moved), 0);
	CHECK_EQ(moved, LOAN_BYTES - 100);
	crew_join(&pk.crew);
	CHECK_EQ(kit_cost(CTR_sf_private), PIPE_LOAN_PAGES);
	CHECK_EQ(kit_cost(CTR_sf_hit) + kit_cost(CTR_sf_miss), PIPE_LOAN_PAGES);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK_EQ(kit_cost(CTR_tlb_ipis_sent), 0);
	CHECK_EQ(kit_stats().nsfbufsused, used);
	CHECK(pk_matches(100, LOAN_BYTES - 100));
}

PIPE_TEST(pipe, a_large_write_that_may_not_wait_is_copied)
{
	size_t moved;

	kit_mark();
	CHECK_EQ(pk_write(pk.src, PIPE_SIZE, PIPE_NONBLOCK, &moved), 0);
	CHECK_EQ(moved, PIPE_SIZE);
	CHECK_EQ(pk_wired_pages(), 0);
	pk_expect(0, PIPE_SIZE, 5000);
	CHECK_EQ(kit_cost(CTR_sf_private), 0);
}

PIPE_TEST(pipe, memory_that_nobody_allocated_is_copied)
{
	kit_mark();
	pass(pk.plain, 0, PLAIN_BYTES, PIPE_SIZE);
	CHECK_EQ(kit_cost(CTR_sf_private), 0);
}

PIPE_TEST(pipe, a_loan_waits_until_the_ring_is_empty)
{
	size_t moved;

	pk_put(0, 300);
	pk_start_loan(0, 300, LOAN_BYTES);
	CHECK_EQ(pk.p.loan_bytes, 0);
	pk_expect(0, 299, 299);
	CHECK_EQ(pk.p.loan_bytes, 0);
	/* Nobody else gets in between. */
	CHECK_EQ(pk_write(pk.plain, 1, PIPE_NONBLOCK, &moved), EAGAIN);
	CHECK_EQ(pk_read(pk.dst, 1, 0, &moved), 0);
	pk_expect(300, LOAN_BYTES, 5000);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], 0, LOAN_BYTES);
}

PIPE_TEST(pipe, writers_wait_for_a_loan_to_be_read)
{
	size_t moved;

	pk_start_loan(0, 0, PIPE_MINDIRECT);
	pk_start(1, pk_write, pk.plain + PIPE_MINDIRECT, 100);
	wait_asleep(&pk.p.writers, 1);
	CHECK_EQ(pk_write(pk.plain, 1, PIPE_NONBLOCK, &moved), EAGAIN);
	pk_expect(0, PIPE_MINDIRECT + 100, 1000);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], 0, PIPE_MINDIRECT);
	pk_check(&pk.call[1], 0, 100);

	pk_start_loan(0, 0, LOAN_BYTES);
	pk_start(1, pk_write, pk.src + LOAN_BYTES, LOAN_BYTES);
	wait_asleep(&pk.p.writers, 1);
	pk_expect(0, 2 * LOAN_BYTES, 10000);
	crew_join(&pk.crew);
	pk_check(&pk.call[0], 0, LOAN_BYTES);
	pk_check(&pk.call[1], 0, LOAN_BYTES);
}

/* --- together with sendfile --- */

static int
to_pipe(struct uio *uio, void *arg)
{
	return (pipe_write(arg, uio, 0));
}

static void
send_thread(void *arg)
{
	uint64_t sent;

	CHECK_EQ(sendfile(arg, to_pipe, &pk.p, 0, 0, NULL, &sent, 0), 0);
	CHECK_EQ(sent, BUFFER_BYTES - 5);
}

PIPE_TEST(pipe, a_file_is_sent_through_a_pipe)
{
	static struct memfile file;

	CHECK_EQ(memfile_create(&file, BUFFER_BYTES - 5), 0);
	for (size_t i = 0; i < file.npages; i++)
		pmap_copy_to_page(file.page[i], 0, pk.src + i * PAGE_SIZE,
		    PAGE_SIZE);
	crew_add(&pk.crew, send_thread, &file);
	pk_expect(0, BUFFER_BYTES - 5, 10000);
	crew_join(&pk.crew);
	memfile_destroy(&file);
}
