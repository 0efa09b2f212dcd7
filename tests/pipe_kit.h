/*
 * What the tests of pipes share: a pipe, buffers whose bytes tell their place
 * in a stream, and calls that sleep on threads of their own.
 */
#ifndef TESTS_PIPE_KIT_H
#define TESTS_PIPE_KIT_H

#include "kernel/types.h"
#include "sf_buf/consumers/pipe.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

#define LOAN_BYTES (PIPE_LOAN_PAGES * PAGE_SIZE)
#define BUFFER_BYTES (3 * LOAN_BYTES + PAGE_SIZE)
#define PLAIN_BYTES (3 * PIPE_SIZE)
#define MAX_CALLS 4

/* A call of pk_read() or pk_write() on a thread of its own. */
struct call {
	int (*fn)(void *buf, size_t n, int flags, size_t *moved);
	void *buf;
	size_t n;
	struct thread *td;
	/* The result. */
	int error;
	size_t moved;
};

/* The running test's. */
struct pipe_kit {
	struct pipe p;
	struct crew crew;           /* joined at the end */
	uint8_t *src, *dst;         /* BUFFER_BYTES each, can be loaned */
	uint8_t plain[PLAIN_BYTES]; /* of the kernel image: cannot */
	struct call call[MAX_CALLS];
};
extern struct pipe_kit pk;

/* A test with an empty pipe; src and plain hold pk_pattern(). */
#define PIPE_TEST(suite_, name_)                   \
	static void pipe_##suite_##_##name_(void); \
	WINDOW_TEST(suite_, name_)                 \
	{                                          \
		if (!pk_begin())                   \
			return;                    \
		pipe_##suite_##_##name_();         \
		pk_end();                          \
	}                                          \
	static void pipe_##suite_##_##name_(void)

bool pk_begin(void);

/* Whatever became of the test: nobody stays asleep, nothing stays wired. */
void pk_end(void);

/* The byte at a place of the sources. */
uint8_t pk_pattern(size_t at);
void pk_fill(uint8_t *buf, size_t n);

/* Do n bytes of dst equal those of the sources from `at` on? */
bool pk_matches(size_t at, size_t n);

/* The sum of the wire counts of the pages of src. */
unsigned pk_wired_pages(void);

/* One call; `moved` receives how many bytes it moved. */
int pk_read(void *buf, size_t n, int flags, size_t *moved);
int pk_write(void *buf, size_t n, int flags, size_t *moved);

/* Begin a blocking call, as pk.call[i]; crew_join(&pk.crew) ends it. */
struct call *pk_start(unsigned i, int (*fn)(void *, size_t, int, size_t *),
    void *buf, size_t n);

/* The same: a write of n bytes of src that sleeps until they are read. */
struct call *pk_start_loan(unsigned i, size_t at, size_t n);

/* After the join. */
void pk_check(const struct call *c, int error, size_t moved);

/* Read n bytes, in pieces of at most `step`, that the sources have at `at`;
 * find the pipe empty; find its end. */
void pk_expect(size_t at, size_t n, size_t step);
void pk_expect_nothing(void);
void pk_expect_end(void);

/* Write n bytes of plain from `at` on, which must go without waiting. */
void pk_put(size_t at, size_t n);

#endif
