/*
 * How an exploration is written: a short test that several threads run, once
 * for each seed.
 *
 *	EXPLORE_TEST(explore_few, threads_take_turns)
 *	{
 *		explore_threads(2, take_turns);
 *		...
 *	}
 *
 * The suite says how many buffers the window has to have: with few it is scarce
 * for good; with many it is not, but can become so.
 */
#ifndef TESTS_EXPLORE_KIT_H
#define TESTS_EXPLORE_KIT_H

#include <sys/sf_buf.h>
#include "kernel/yield.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

enum explore_buffers {
	selftest_buffers = 0, /* any number */
	explore_few_buffers = 3,
	explore_many_buffers = 65, /* one more than sf_idle.plenty */
};

#define EXPLORE_TEST(suite_, name_)                                      \
	static void explore_##name_(void);                               \
	TEST(suite_, name_)                                              \
	{                                                                \
		static uint32_t turn;                                    \
                                                                         \
		explore_turn(suite_##_buffers, turn++, explore_##name_); \
	}                                                                \
	static void explore_##name_(void)

/* Run `fn` with the seed that is `turn` after the boot's. */
void
explore_turn(enum explore_buffers buffers, uint32_t turn, void (*fn)(void));

/* Run fn(0) to fn(n - 1) in threads bound to CPUs, all from one moment on and
 * under yields, and wait for them. */
#define EXPLORE_THREADS 4
void explore_threads(unsigned n, void (*fn)(unsigned self));

/* The thread that runs fn(i). */
struct thread *explore_thread(unsigned i);

/* The next random number of thread `self`. */
uint32_t explore_random(unsigned self);

/* n tagged pages, of both zones.  False: the test has been skipped. */
bool explore_pages(struct vm_page **page, unsigned n);

/* Read through a buffer; it must show its page's tag.  Then write. */
void explore_check(struct sf_buf *sf);

/* Read through an address of the window, as a processor may at any time:
 * whatever is there goes into this CPU's TLB, and A may be set. */
void explore_peek(uint32_t slot);

/* The same; then use the page, one of n, for which the slot is just being made
 * ready, as soon as it is found there. */
void
explore_peek_and_use(uint32_t slot, struct vm_page *const *page, unsigned n);

/* Nobody holds a buffer: everything has to say so. */
void explore_check_idle(struct vm_page *const *page, unsigned n);

#endif
