/*
 * Two CPUs map and free at once, and one stands at any instruction of its way
 * while the other goes all of its own: also where interrupts are disabled.
 *
 * On one CPU passes map, look and free.  On another the timer strikes, and its
 * handler does the same, for the page of the pass or another.  It keeps what it
 * got until it strikes next.  Where one CPU runs at a time (the rows with
 * icount) the pass stands still for as long as the handler takes, and the next
 * stroke comes after a random number of instructions.  Elsewhere they race.
 *
 * Kills, under icount: a page published by a plain store.
 */
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "kernel/timeout.h"
#include "mm/vm_page.h"
#include "sf_buf/sf_window.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

#define MORE_PAGES 16 /* than a window has buffers */
#define FEW_PAGES 6   /* and so many for FEW_BUFFERS */
#define FEW_BUFFERS 3
#define MOST_AT_ONCE 2

/* What one side holds. */
struct holding {
	unsigned n;
	bool run; /* not what others find */
	struct vm_page *page[MOST_AT_ONCE];
	struct sf_buf *sf[MOST_AT_ONCE];
};

static struct {
	/* Fixed for a test. */
	unsigned npages;
	struct vm_page *page[KIT_MAX_FILL + MORE_PAGES];
	/* Of the passes' CPU. */
	_Atomic(struct vm_page *) mapping;
	/* Of the striker's. */
	struct sf_buf *hand[FEW_BUFFERS]; /* see map_from_hand(); NULL */
	struct timeout timeout;
	uint32_t random;
	struct holding kept;
	struct {
		_Atomic unsigned n;
		_Atomic(struct vm_page *) page[MOST_AT_ONCE];
		_Atomic(struct sf_buf *) sf[MOST_AT_ONCE];
	} shown; /* what others may look at: as it was after a stroke */
	_Atomic unsigned begun, strikes; /* equal: none is under way */
	_Atomic bool ready, over;
} scene;

static struct vm_page *
any_page(uint32_t random)
{
	return (scene.page[random % scene.npages]);
}

static void
check_holding(const struct holding *h, const char *who)
{
	for (unsigned i = 0; i < h->n; i++) {
		volatile uint32_t *word = kit_word(h->sf[i]);

		if (sf_buf_page(h->sf[i]) != h->page[i] ||
		    *word != vm_page_pfn(h->page[i]))
			test_fail(__FILE__, __LINE__,
			    "%s reads frame %#x where %#x is mapped", who,
			    *word, vm_page_pfn(h->page[i]));
		word[1] = 1;
	}
}

/*
 * Map a page, or two, or a run of two; or nothing, where that would be to wait.
 * Who waits for a run may wait for ever, if others keep what lies in it.
 */
static void
map_some(struct holding *h, struct vm_page *m, uint32_t random, int flags)
{
	h->page[0] = m;
	h->page[1] = any_page(random >> 8);
	h->run = false;
	if (random % 4 != 0 || h->page[1] == m) {
		h->sf[0] = sf_buf_alloc(m, flags);
		h->n = h->sf[0] != NULL;
	} else {
		h->run = random % 32 == 0;
		if (h->run)
			flags |= SFB_RUN | SFB_NOWAIT;
		h->n = sf_buf_alloc_n(h->page, h->sf, 2, flags) ? 2 : 0;
	}
}

/*
 * What sf_buf_map() does by a slot that the CPU has had in hand since before the
 * window became scarce: it takes no lock.
 */
static void
map_from_hand(struct holding *h, struct vm_page *m, struct sf_buf *sf)
{
	h->page[0] = m;
	h->sf[0] = sf;
	h->n = 0;
	h->run = false;
	if (load_relaxed(&m->sf) != NULL || !slot_mark(sf))
		return;
	if (sf_window_take_entry(sf, sf->pte)) {
		slot_forget_page(sf);
		slot_install(sf, sf->pte, m);
		if (slot_publish(sf, m)) {
			slot_unmark_held(sf);
			h->n = 1;
			return;
		}
	}
	sf_window_let_go(sf);
}

static void
unmap(struct holding *h)
{
	sf_buf_free_n(h->sf, h->n);
	h->n = 0;
}

/* Another CPU's private mapping cannot be looked at. */
static void
check_mapping(struct sf_buf *sf)
{
	if (sf_buf_is_shared(sf) &&
	    *kit_word(sf) != vm_page_pfn(sf_buf_page(sf)))
		test_fail(__FILE__, __LINE__, "a stale page is visited");
}

/* A look that sees any of it sees that a stroke has begun: the fences pair. */
static void
show(const struct holding *h)
{
	atomic_thread_fence(memory_order_release);
	store_relaxed(&scene.shown.n, h->run ? 0 : h->n);
	for (unsigned i = 0; i < h->n; i++) {
		store_relaxed(&scene.shown.page[i], h->page[i]);
		store_relaxed(&scene.shown.sf[i], h->sf[i]);
	}
}

/* A page that both sides hold has one buffer, unless one has it in a run. */
static void
check_one_buffer(const struct holding *h)
{
	unsigned begun = atomic_load(&scene.begun);
	bool two = false;

	if (atomic_load(&scene.strikes) != begun || h->run)
		return;
	for (unsigned i = 0; i < h->n; i++)
		for (unsigned j = 0; j < load_relaxed(&scene.shown.n); j++)
			two |=
			    h->page[i] == load_relaxed(&scene.shown.page[j]) &&
			    h->sf[i] != load_relaxed(&scene.shown.sf[j]);
	atomic_thread_fence(memory_order_acquire);
	if (two && load_relaxed(&scene.begun) == begun)
		test_fail(__FILE__, __LINE__, "one page has two buffers");
}

static void
pass(uint32_t random)
{
	struct vm_page *m = any_page(random >> 16);
	struct holding h;

	store_relaxed(&scene.mapping, m);
	if (random % 64 == 1) {
		(void)sf_buf_process_page(m, check_mapping);
		return;
	}
	map_some(&h, m, random, SFB_DEFAULT);
	check_holding(&h, "the pass");
	check_one_buffer(&h);
	unmap(&h);
}

/*
 * What is kept is still mapped; then on to other pages.  Not before the thread
 * that has begun this has ended: where a stroke takes longer than the time to
 * the next, nothing else gets a turn on its CPU.
 */
static void
strike(void *arg __unused)
{
	uint32_t random = test_random(&scene.random);
	struct vm_page *m = load_relaxed(&scene.mapping);

	if (!atomic_load(&scene.ready)) {
		timeout_set(&scene.timeout, clock_now() + MSEC);
		return;
	}
	atomic_fetch_add(&scene.begun, 1);
	check_holding(&scene.kept, "the striker, later,");
	unmap(&scene.kept);
	if (random % 2 != 0)
		m = any_page(random >> 16);
	if (random % 64 == 2)
		(void)sf_buf_process_page(m, check_mapping);
	else if (scene.hand[0] != NULL && random % 4 < 2)
		map_from_hand(&scene.kept, m,
		    scene.hand[(random >> 8) % FEW_BUFFERS]);
	else
		map_some(&scene.kept, m, random >> 1, SFB_NOWAIT);
	check_holding(&scene.kept, "the striker");
	show(&scene.kept);
	atomic_fetch_add(&scene.strikes, 1);
	if (!atomic_load(&scene.over))
		timeout_set(&scene.timeout,
		    clock_now() + test_random(&scene.random) % 2048);
}

static void
start_striking(unsigned cpu __unused, void *arg __unused)
{
	timeout_set(&scene.timeout, clock_now() + MSEC);
}

/* Enough that each instruction of a miss is met some times; but where strokes
 * take long they do not end a test's time. */
#define MOST_STRIKES 8000
#define MOST_TIME (500 * MSEC)

/*
 * Pages are there.  The striker is the first CPU: it is QEMU's next when time is
 * up for the one that runs.  Leaves as many buffers in use as it finds.
 */
static void
run(void)
{
	uint32_t used = kit_stats().nsfbufsused, random = test_seed();
	nsec_t until;

	store_relaxed(&scene.mapping, scene.page[0]);
	scene.random = test_seed() + 1;
	atomic_store(&scene.begun, 0);
	atomic_store(&scene.strikes, 0);
	atomic_store(&scene.ready, false);
	atomic_store(&scene.over, false);
	timeout_init(&scene.timeout, strike, NULL);
	test_run_on(0, start_striking, NULL);
	sched_bind(cpu_count() - 1);
	until = clock_now() + MOST_TIME;
	atomic_store(&scene.ready, true);
	while (atomic_load(&scene.strikes) < MOST_STRIKES &&
	    clock_now() < until && !test_failed())
		pass(test_random(&random));
	sched_unbind();
	atomic_store(&scene.over, true);
	(void)timeout_cancel(&scene.timeout);
	unmap(&scene.kept);
	show(&scene.kept);
	CHECK(atomic_load(&scene.strikes) != 0);
	CHECK_EQ(kit_stats().nsfbufsused, used);
}

/* False: skipped. */
static bool
prepare(unsigned npages)
{
	if (cpu_count() == 1) {
		test_skip("one CPU");
		return (false);
	}
	scene.npages = npages;
	for (unsigned i = 0; i < npages; i++) {
		scene.page[i] = kit_tagged_page();
		if (scene.page[i] == NULL) {
			test_skip("too little memory");
			return (false);
		}
	}
	return (true);
}

WINDOW_TEST(sf_buf, another_cpu_may_map_at_any_instruction_of_a_miss)
{
	unsigned npages = kit_stats().nsfbufs + MORE_PAGES;

	if (npages > nitems(scene.page))
		SKIP("a window of %u buffers", npages - MORE_PAGES);
	if (kit_stats().nsfbufs < 2 * MOST_AT_ONCE)
		SKIP("a window of %u buffers", npages - MORE_PAGES);
	memset(scene.hand, 0, sizeof(scene.hand));
	if (prepare(npages))
		run();
}

WINDOW_TEST(sf_buf, another_cpu_may_map_at_any_instruction_when_few_are_idle)
{
	if (kit_stats().nsfbufs < FEW_BUFFERS)
		SKIP("a window of %u buffers", kit_stats().nsfbufs);
	if (!prepare(FEW_PAGES) || !kit_fill())
		return;
	for (unsigned i = 0; i < FEW_BUFFERS; i++) {
		scene.hand[i] = kit_any();
		kit_unmap(scene.hand[i]);
	}
	run();
}
