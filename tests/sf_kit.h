/*
 * What the tests of sf_bufs share: pages and buffers that are given back
 * whatever becomes of the test, costs, a full window, threads that wait for a
 * buffer, and a gang of threads, one on each CPU.
 */
#ifndef TESTS_SF_KIT_H
#define TESTS_SF_KIT_H

#include <sys/sf_buf.h>
#include "kernel/counter.h"
#include "kernel/types.h"
#include "tests/test.h"

/* The largest window that tests fill: the default one of 2 GiB. */
#define KIT_MAX_FILL 8192

/*
 * A test that runs with every page in the window, in a clean kit.  A failed
 * CHECK leaves the inner function; the outer one cleans up.
 */
#define WINDOW_TEST(suite_, name_)                   \
	static void window_##suite_##_##name_(void); \
	TEST(suite_, name_)                          \
	{                                            \
		kit_begin();                         \
		window_##suite_##_##name_();         \
		kit_end();                           \
	}                                            \
	static void window_##suite_##_##name_(void)

void kit_begin(void);

/* Free every buffer and page of the kit, end its threads, restore dmap. */
void kit_end(void);

/* A wired page that kit_end() frees; flags as for vm_page_alloc().  NULL when
 * memory is short. */
struct vm_page *kit_page(unsigned flags);

/* Give such a page back now. */
void kit_free_page(struct vm_page *m);

/*
 * n wired pages, tagged as by kit_tagged_page(), whose frame numbers are equal
 * modulo the size of a private window: they compete for the same slots.
 * Returns false, with the test skipped, where there are none.
 */
bool kit_colliding_pages(struct vm_page **page, unsigned n);

/* A wired page that holds its own frame number in its first word: any, or the
 * one of a frame.  NULL if that cannot be had. */
struct vm_page *kit_tagged_page(void);
struct vm_page *kit_frame(pfn_t pfn);

/* sf_buf_alloc() and sf_buf_free() of a buffer that kit_end() frees if it is
 * still held. */
struct sf_buf *kit_map(struct vm_page *m, int flags);
void kit_unmap(struct sf_buf *sf);

/* Free all that kit_map() has mapped. */
void kit_unmap_all(void);

/* Some buffer that the kit holds. */
struct sf_buf *kit_any(void);

/* The word at the start of the mapped page. */
volatile uint32_t *kit_word(struct sf_buf *sf);

/* Map new pages until every buffer is held.  Returns false, with the test
 * skipped, when this window is too large for that, or memory is short. */
bool kit_fill(void);

/* Fill, and free one buffer: each miss has to take just that one.  NULL when
 * skipped. */
struct sf_buf *kit_fill_but_one(void);

struct sf_buf_stats kit_stats(void);

/* How many private buffers of all CPUs are held. */
unsigned kit_private_used(void);

/* Remember all counters; what one has grown by since. */
void kit_mark(void);
uint32_t kit_cost(enum counter c);

/*
 * A thread that allocates one buffer, on the caller's CPU, so that a pinned
 * caller in a critical section keeps it from running.  kit_sleeper() returns
 * when it waits for the buffer; kit_join() returns what it got, which counts
 * as mapped by kit_map().
 */
#define KIT_MAX_SLEEPERS 4
struct sleeper {
	struct vm_page *page;
	int flags; /* with SFB_CPUPRIVATE it is pinned */
	struct sf_buf *got;
	struct thread *td; /* NULL once joined */
};
struct sleeper *kit_sleeper(struct vm_page *m, int flags);
struct sf_buf *kit_join(struct sleeper *s);

/*
 * Threads bound to CPUs, one on each; but at most `max`, then on CPUs spread
 * from the first to the last.  They sleep between steps; a step runs fn on
 * every one, or on one, and returns when it has returned.  kit_end() ends them.
 * kit_gang() returns how many there are; 0, with the test skipped, when memory
 * is short.
 */
#define KIT_MAX_GANG 32 /* more spend seconds on falling asleep and waking */
unsigned kit_gang(unsigned max);
void kit_gang_run(void (*fn)(unsigned cpu, void *arg), void *arg);
void kit_gang_run_one(unsigned member, void (*fn)(unsigned cpu, void *arg),
    void *arg);

#endif
