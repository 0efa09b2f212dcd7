/*
 * An interrupt, or another thread of the same CPU, at any instruction of the
 * way through sf_buf_alloc() and sf_buf_free().
 *
 * A pass maps a page, looks at its tag and frees it.  In each trial the timer
 * strikes one instruction later: where time counts instructions (the rows with
 * icount) every instruction of a pass is struck, elsewhere it strikes anywhere.
 * What strikes makes a pass of its own, for the same page, for another, or for
 * the one whose buffer is just being taken, in the handler or in a thread that the handler wakes and switches to.  It keeps
 * its buffer until the pass that it has struck is over, where that cannot wait
 * for it.
 *
 * The window has one idle buffer, so that two pages want the same; or all are
 * idle, and there are more pages.
 *
 * Kills, under icount: a hit that does not look at the page's word again; a
 * page published by a plain store; a private hit that does not look at the page
 * again; a private slot taken by a plain store; a last free that is not told
 * when slots are scarce; a slot that is taken with interrupts enabled.
 */
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/layout.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* How a pass is struck, and which page the striker takes. */
enum by { BY_INTERRUPT, BY_THREAD };
enum target { SAME, OTHER, EVICTED };

#define NPAGES 6 /* as many as compete for a page's private slots, and more */
#define MORE_PAGES 16 /* than a window has buffers */

static struct {
	/* Fixed for a test. */
	enum by by;
	int flags;       /* of every pass */
	unsigned npages; /* that passes take in turn: 1 makes hits */
	bool keep;       /* the striker keeps its buffer for a while */
	enum target target;
	struct vm_page *page[KIT_MAX_FILL + MORE_PAGES], *other;
	/* The pass under way, in the order in which it changes. */
	volatile unsigned turn;
	struct vm_page *volatile mapping;
	struct sf_buf *volatile held;  /* NULL: not yet, or no more */
	_Atomic(struct sf_buf *) kept; /* the striker's */
	/* How often it was struck. */
	_Atomic unsigned strikes;
	struct timeout timeout;
} scene;

static struct spinlock lock = SPINLOCK_INITIALIZER("striker", RANK_TEST);

/* Under the lock; the thread sleeps on `go`. */
static bool go, end;

/* By the page number of a shared buffer's address: what passes have mapped. */
static struct vm_page *seen[KIT_MAX_FILL];
static unsigned last_seen;

static void
note_seen(const struct sf_buf *sf)
{
	unsigned i = (sf_buf_kva(sf) - WINDOW_BASE) / PAGE_SIZE;

	if (i < nitems(seen)) {
		seen[i] = sf_buf_page(sf);
		last_seen = i;
	}
}

/* A page whose buffer is likely to be taken next: with one idle buffer the last
 * page, in an idle window the one at the address that follows. */
static struct vm_page *
evicted_page(void)
{
	struct vm_page *m = seen[(last_seen + 1) % nitems(seen)];

	if (scene.npages <= NPAGES || m == NULL)
		m = scene.page[(scene.turn + scene.npages - 2) % scene.npages];
	return (m);
}

static struct vm_page *
target_page(void)
{
	if (scene.target == SAME)
		return (scene.mapping);
	if (scene.target == EVICTED)
		return (evicted_page());
	if (scene.npages <= NPAGES)
		return (scene.other);
	return (scene.page[(scene.turn + MORE_PAGES / 4) % scene.npages]);
}

static void
check_tag(struct sf_buf *sf, const struct vm_page *m, const char *who)
{
	if (sf_buf_page(sf) != m || *kit_word(sf) != vm_page_pfn(m))
		test_fail(__FILE__, __LINE__,
		    "%s reads frame %#x where %#x is mapped", who,
		    *kit_word(sf), vm_page_pfn(m));
	kit_word(sf)[1] = 1;
}

/*
 * The striker's buffer still shows its page.  So that page has no other buffer.
 *   sf: the pass's; NULL: none.
 */
static void
release_kept(struct sf_buf *sf)
{
	struct sf_buf *kept = atomic_exchange(&scene.kept, NULL);

	if (kept == NULL)
		return;
	check_tag(kept, sf_buf_page(kept), "the striker, later,");
	if (sf != NULL && sf != kept && sf_buf_page(sf) == sf_buf_page(kept) &&
	    (scene.flags & SFB_CPUPRIVATE) == 0)
		test_fail(__FILE__, __LINE__, "one page has two buffers");
	sf_buf_free(kept);
}

static void
pass(void)
{
	struct vm_page *m = scene.page[scene.turn++ % scene.npages];
	struct sf_buf *sf;

	release_kept(NULL);
	scene.mapping = m;
	sf = sf_buf_alloc(m, scene.flags);
	scene.held = sf;
	check_tag(sf, m, "the pass");
	note_seen(sf);
	release_kept(sf);
	scene.held = NULL;
	sf_buf_free(sf);
}

/*
 * A striker that is a thread can be struck itself, by the end of its time
 * slice: then passes go on, and a buffer that was held need be no more.
 *   flags: SFB_NOWAIT in the handler, where it may find nothing free.
 */
static void
strike(int flags)
{
	unsigned turn = scene.turn;
	struct vm_page *m = target_page();
	bool same = scene.target == SAME;
	struct sf_buf *held = scene.held;
	struct sf_buf *sf = sf_buf_alloc(m, scene.flags | flags);

	if (scene.turn != turn || scene.held != held)
		held = NULL;
	if (sf != NULL) {
		check_tag(sf, m, "the striker");
		if (same && held != NULL && held != sf &&
		    (scene.flags & SFB_CPUPRIVATE) == 0)
			test_fail(__FILE__, __LINE__,
			    "one page has two buffers");
		if (scene.keep)
			sf = atomic_exchange(&scene.kept, sf);
		if (sf != NULL)
			sf_buf_free(sf);
	} else if (same && held != NULL) {
		test_fail(__FILE__, __LINE__, "a mapped page is refused");
	}
	atomic_fetch_add(&scene.strikes, 1);
}

static void
striker(void *arg __unused)
{
	bool last;

	sched_pin();
	do {
		spin_lock(&lock);
		while (!go && !end)
			msleep_spin(&go, &lock, 0, "strike", 0);
		go = false;
		last = end;
		spin_unlock(&lock);
		if (!last)
			strike(SFB_DEFAULT);
	} while (!last);
	sched_unpin();
}

static void
wake_striker(bool to_end)
{
	spin_lock(&lock);
	go = !to_end;
	end = to_end;
	wakeup(&go);
	spin_unlock(&lock);
}

/* The interrupt that comes next switches to the thread, right where this one
 * came. */
static void
strike_in_interrupt(void *arg __unused)
{
	if (scene.by == BY_INTERRUPT) {
		strike(SFB_NOWAIT);
	} else {
		wake_striker(false);
		ipi_send(curcpu_id(), IPI_RESCHED);
	}
}

/* A few instructions: 3 for each n. */
static __noinline void
dawdle(unsigned n)
{
	for (unsigned i = 0; i != n; i++)
		atomic_signal_fence(memory_order_seq_cst);
}

/* From the setting of the timer to the first pass, at least; and what one tick
 * of it is. */
#define LEAD 256
#define TICK 16

/* Strike the k-th instruction, or so: the later, the longer the way there. */
static void
trial(unsigned k)
{
	unsigned strikes = atomic_load(&scene.strikes);

	timeout_set(&scene.timeout, clock_now() + LEAD + k / TICK * TICK);
	dawdle(TICK - 1 - k % TICK);
	while (atomic_load(&scene.strikes) == strikes && !test_failed())
		pass();
	timeout_cancel(&scene.timeout);
}

/* Where time does not count instructions a trial can take milliseconds; but
 * there each one strikes anywhere, and fewer do. */
#define MOST_TRIALS 1500
#define MOST_TIME (1 * SEC)

/* Trials for two passes, by their length where time counts instructions. */
static unsigned
trials(void)
{
	nsec_t start;

	for (unsigned i = 0; i < 2 * NPAGES; i++)
		pass();
	start = clock_now();
	for (unsigned i = 0; i < 2 * NPAGES; i++)
		pass();
	return (MIN(LEAD + (unsigned)(clock_now() - start) / NPAGES,
	    MOST_TRIALS));
}

static void
strike_everywhere(enum target target)
{
	nsec_t until = clock_now() + MOST_TIME;
	unsigned n;

	scene.target = target;
	n = trials();
	for (unsigned k = 0; k < n && clock_now() < until && !test_failed();
	     k++)
		trial(k);
}

/* Pages are there.  Leaves as many buffers in use as it finds. */
static void
run(enum by by, unsigned npages, int flags, bool keep)
{
	uint32_t used = kit_stats().nsfbufsused;
	struct crew crew = {0};

	scene.by = by;
	scene.keep = keep;
	scene.npages = npages;
	scene.flags = flags;
	scene.held = NULL;
	memset(seen, 0, sizeof(seen));
	timeout_init(&scene.timeout, strike_in_interrupt, NULL);
	sched_bind(cpu_count() - 1);
	go = end = false;
	if (by == BY_THREAD)
		crew_add_on(&crew, cpu_count() - 1, striker, NULL);
	sched_pin();
	for (unsigned i = 0; i < npages; i++)
		pass();
	strike_everywhere(OTHER);
	strike_everywhere(SAME);
	if (npages > 1)
		strike_everywhere(EVICTED);
	sched_unpin();
	wake_striker(true);
	crew_join(&crew);
	release_kept(NULL);
	sched_unbind();
	CHECK_EQ(kit_stats().nsfbufsused, used);
}

/* False: skipped. */
static bool
tagged_pages(unsigned npages)
{
	for (unsigned i = 0; i <= npages; i++) {
		struct vm_page *m = kit_tagged_page();

		if (m == NULL) {
			test_skip("too little memory");
			return (false);
		}
		*(i < npages ? &scene.page[i] : &scene.other) = m;
	}
	return (true);
}

/* With one idle buffer. */
static void
run_scarce(enum by by, unsigned npages)
{
	if (!tagged_pages(npages) || kit_fill_but_one() == NULL)
		return;
	run(by, npages, SFB_DEFAULT, false);
	/* One buffer is idle, and no more. */
	CHECK(kit_map(kit_page(VM_ALLOC_ANY), SFB_NOWAIT) != NULL);
	CHECK(kit_map(kit_page(VM_ALLOC_ANY), SFB_NOWAIT) == NULL);
}

/* With all buffers idle. */
static void
run_idle(enum by by)
{
	unsigned npages = kit_stats().nsfbufs + MORE_PAGES;

	if (npages > nitems(scene.page))
		SKIP("a window of %u buffers", npages - MORE_PAGES);
	if (tagged_pages(npages))
		run(by, npages, SFB_DEFAULT, npages >= 2 * MORE_PAGES);
}

WINDOW_TEST(sf_buf, a_hit_may_be_interrupted_at_any_instruction)
{
	run_scarce(BY_INTERRUPT, 1);
}

WINDOW_TEST(sf_buf, a_hit_may_be_preempted_at_any_instruction)
{
	run_scarce(BY_THREAD, 1);
}

WINDOW_TEST(sf_buf, a_miss_may_be_interrupted_at_any_instruction)
{
	run_scarce(BY_INTERRUPT, NPAGES);
}

WINDOW_TEST(sf_buf, a_miss_may_be_preempted_at_any_instruction)
{
	run_scarce(BY_THREAD, NPAGES);
}

WINDOW_TEST(sf_buf, a_miss_in_an_idle_window_may_be_interrupted_anywhere)
{
	run_idle(BY_INTERRUPT);
}

WINDOW_TEST(sf_buf, a_miss_in_an_idle_window_may_be_preempted_anywhere)
{
	run_idle(BY_THREAD);
}

static void
run_private(enum by by, unsigned npages)
{
	struct vm_page *page[NPAGES + 1];

	if (!kit_colliding_pages(page, npages + 1))
		return;
	for (unsigned i = 0; i < npages; i++)
		scene.page[i] = page[i];
	scene.other = page[npages];
	run(by, npages, SFB_CPUPRIVATE, kit_stats().nsfbufs > NPAGES);
}

WINDOW_TEST(sf_private, a_hit_may_be_interrupted_at_any_instruction)
{
	run_private(BY_INTERRUPT, 1);
}

WINDOW_TEST(sf_private, a_hit_may_be_preempted_at_any_instruction)
{
	run_private(BY_THREAD, 1);
}

WINDOW_TEST(sf_private, a_miss_may_be_interrupted_at_any_instruction)
{
	run_private(BY_INTERRUPT, NPAGES);
}

WINDOW_TEST(sf_private, a_miss_may_be_preempted_at_any_instruction)
{
	run_private(BY_THREAD, NPAGES);
}
