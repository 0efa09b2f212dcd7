/*
 * When a buffer may be taken: what its accessed bit and its round have to tell,
 * one interleaving after the other, with CPUs that act at the moment that
 * matters.
 *
 * The window starts with a page in every buffer, none of them touched since it
 * was mapped, so that every buffer is clean.  Pages that are then touched, every
 * other one, lie among clean ones: who misses finds some without waiting, and
 * finds the others only if it takes what it must not.
 */
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* Windows in which one sweep goes all around, and finds more than a few. */
#define MIN_WINDOW 128
#define MAX_WINDOW 4096

/* Twice as many pages as buffers, so that they are gone when they come again. */
static struct vm_page *page[2 * MAX_WINDOW];
static unsigned npages;
static _Atomic unsigned next;

/* Who is mapped where, as of note_cached(). */
static struct {
	vm_offset_t kva;
	struct vm_page *m;
} cached[MAX_WINDOW];

static struct vm_page *
next_page(void)
{
	return (page[atomic_fetch_add(&next, 1) % npages]);
}

/* Map pages without touching them. */
static void
map_untouched(unsigned cpu __unused, void *count)
{
	for (unsigned i = *(unsigned *)count; i != 0; i--)
		sf_buf_free(sf_buf_alloc(next_page(), SFB_DEFAULT));
}

static void
note_buffer(unsigned index, vm_offset_t kva, struct vm_page *m,
    unsigned refs __unused, void *arg __unused)
{
	cached[index].kva = kva;
	cached[index].m = m;
}

static void
note_cached(void)
{
	sf_buf_foreach(note_buffer, NULL);
}

/* The gang's members, by their CPU: first, one between, last. */
enum role { FIRST, MIDDLE, LAST };

static enum role
role_of(unsigned cpu)
{
	if (cpu == 0)
		return (FIRST);
	return (cpu == cpu_count() - 1 ? LAST : MIDDLE);
}

/* A window of clean buffers and a gang.  False: skipped. */
static bool
clean_window(unsigned members)
{
	unsigned n = kit_stats().nsfbufs;

	if (kit_stats().strict)
		test_skip("strict mode keeps no mapping");
	else if (n < MIN_WINDOW || n > MAX_WINDOW)
		test_skip("a window of %u buffers", n);
	else if (cpu_count() < members)
		test_skip("needs %u CPUs", members);
	else
		npages = 2 * n;
	if (kit_stats().strict || npages != 2 * n || cpu_count() < members)
		return (false);
	for (unsigned i = 0; i < npages; i++) {
		page[i] = kit_tagged_page();
		if (page[i] == NULL) {
			test_skip("too little memory");
			return (false);
		}
	}
	if (kit_gang(members) == 0)
		return (false);
	atomic_store(&next, 0);
	kit_gang_run_one(0, map_untouched, &npages);
	note_cached();
	return (true);
}

/* Use buffer i's page by another mapping of it, if it is still its page. */
static void
touch_cached(unsigned i)
{
	struct vm_page *m = cached[i].m;
	struct sf_buf *sf = m == NULL ? NULL : sf_buf_alloc(m, SFB_NOWAIT);

	if (sf == NULL)
		return;
	if (kit_word(sf)[0] != vm_page_pfn(m))
		test_fail(__FILE__, __LINE__,
		    "CPU %u reads frame %#x where %#x is mapped", curcpu_id(),
		    kit_word(sf)[0], vm_page_pfn(m));
	kit_word(sf)[1] = 1;
	sf_buf_free(sf);
}

static void
touch_every_other(unsigned cpu __unused, void *arg __unused)
{
	for (unsigned i = 0; i < npages / 2 && !test_failed(); i += 2)
		touch_cached(i);
}

/* What a CPU sees through buffers that another was given. */
#define GIVEN_MAX 64
static struct sf_buf *given[GIVEN_MAX];
static unsigned ngiven;

static void
look(unsigned cpu, void *arg __unused)
{
	for (unsigned i = 0; i < ngiven; i++) {
		pfn_t want = vm_page_pfn(sf_buf_page(given[i]));

		CHECK_MSG(*kit_word(given[i]) == want,
		    "CPU %u reads frame %#x where %#x is mapped", cpu,
		    *kit_word(given[i]), want);
	}
}

static void
take_given(unsigned cpu __unused, void *arg __unused)
{
	for (unsigned i = 0; i < ngiven; i++)
		given[i] = sf_buf_alloc(next_page(), SFB_DEFAULT);
}

/* Reuse every buffer, some at a time, on the first CPU; the last looks. */
static void
reuse_all_and_look(unsigned looker)
{
	ngiven = MIN(npages / 8, GIVEN_MAX);
	for (unsigned i = 0; i < npages && !test_failed(); i += ngiven) {
		kit_gang_run_one(0, take_given, NULL);
		kit_gang_run_one(looker, look, NULL);
		sf_buf_free_n(given, ngiven);
	}
}

/*
 * A page that another CPU touches after the sweep and its round, before its
 * buffer's turn comes.
 *
 * Kills: taking by the round alone, whatever the accessed bit and `recent` say.
 */
WINDOW_TEST(oracle, a_page_used_between_its_round_and_its_reuse_is_not_stale)
{
	if (!clean_window(2))
		return;
	kit_gang_run_one(1, touch_every_other, NULL);
	reuse_all_and_look(1);
}

/* A hit does what it says whatever else is true of the buffer: it stays.
 *
 * Kills: taking a buffer that somebody holds, if it was not used otherwise.
 */
WINDOW_TEST(sf_buf, a_hit_on_a_clean_buffer_keeps_it)
{
	struct sf_buf *held[MIN_WINDOW / 4];
	uint32_t hits;

	if (!clean_window(1))
		return;
	kit_mark();
	for (unsigned i = 0; i < nitems(held); i++) {
		held[i] = kit_map(cached[3 * i].m, SFB_NOWAIT);
		CHECK(held[i] != NULL);
	}
	hits = kit_cost(CTR_sf_hit);
	CHECK_MSG(hits >= nitems(held) / 2, "%u hits of %u", hits,
	    (unsigned)nitems(held));
	kit_gang_run_one(0, map_untouched, &npages);
	for (unsigned i = 0; i < nitems(held); i++) {
		CHECK(sf_buf_page(held[i]) == cached[3 * i].m);
		CHECK_EQ(*kit_word(held[i]), vm_page_pfn(cached[3 * i].m));
	}
}

/* --- a CPU that does not answer --- */

/* How far it is; nobody waits with a lock held. */
static _Atomic unsigned stage;
enum { DEAF = 1, SWEPT, DONE };

/*
 * Somebody waited for the deaf CPU, because there was no clean buffer left for
 * him where he looks first: then it hears again, and the attempt shows nothing.
 */
static _Atomic bool stuck;
#define STUCK (200 * MSEC)
#define ATTEMPTS 10

/* Keep interrupts disabled, and serve nothing, until DONE. */
static void
be_deaf_until_done(void (*then)(unsigned cpu, void *arg), unsigned cpu)
{
	uint32_t flags = intr_disable();
	nsec_t end = clock_now() + STUCK;

	store_release(&stage, DEAF);
	while (load_acquire(&stage) != DONE && clock_now() < end)
		cpu_pause();
	if (load_acquire(&stage) != DONE)
		store_release(&stuck, true);
	else if (then != NULL)
		then(cpu, NULL);
	intr_restore(flags);
}

/* Miss until a sweep has begun; its round cannot end meanwhile. */
static void
sweep_for_the_deaf(void)
{
	uint32_t sweeps = counter_read(CTR_sf_sweeps);
	unsigned misses = 0;

	SPIN_UNTIL(load_acquire(&stage) == DEAF);
	while (counter_read(CTR_sf_sweeps) == sweeps && misses++ < npages)
		sf_buf_free(sf_buf_alloc(next_page(), SFB_DEFAULT));
	if (counter_read(CTR_sf_sweeps) == sweeps)
		test_fail(__FILE__, __LINE__, "no sweep in %u misses", misses);
	store_release(&stage, SWEPT);
}

/* One attempt of all three.  False if it shows nothing. */
static bool
attempt(void (*fn)(unsigned cpu, void *arg))
{
	store_release(&stage, 0);
	store_release(&stuck, false);
	kit_gang_run(fn, NULL);
	return (!load_acquire(&stuck));
}

/* Use the swept pages while their round is not over: all are hits. */
static void
touch_while_swept(void)
{
	unsigned cpu = curcpu_id();
	uint32_t misses = counter_read_cpu(cpu, CTR_sf_miss);

	SPIN_UNTIL(load_acquire(&stage) == SWEPT);
	tlb_poll(); /* this CPU's part of the round comes first */
	for (unsigned i = 0; i < npages / 2 && !test_failed(); i += 2)
		touch_cached(i);
	misses = counter_read_cpu(cpu, CTR_sf_miss) - misses;
	if (misses > npages / 16)
		test_fail(__FILE__, __LINE__,
		    "%u of %u swept pages were not found", misses, npages / 4);
	store_release(&stage, DONE);
}

static void
hit_in_the_sweep(unsigned cpu, void *arg __unused)
{
	switch (role_of(cpu)) {
	case FIRST:
		sweep_for_the_deaf();
		break;
	case MIDDLE:
		touch_while_swept();
		break;
	case LAST:
		be_deaf_until_done(NULL, cpu);
		break;
	}
}

/*
 * The same, but touched while the sweep's round is under way: a hit does not
 * wait for it, and makes the buffer's accessed bit count.
 *
 * Kills: taking by the round alone; a sweep that unmaps.
 */
WINDOW_TEST(oracle, a_page_hit_during_its_sweep_is_found_and_not_stale_later)
{
	unsigned attempts = 0;

	if (!clean_window(3))
		return;
	do {
		CHECK_MSG(attempts++ < ATTEMPTS, "no attempt succeeds");
		kit_gang_run_one(0, map_untouched, &npages);
		note_cached();
		kit_gang_run_one(1, touch_every_other, NULL);
	} while (!attempt(hit_in_the_sweep) && !test_failed());
	reuse_all_and_look(1);
}

/* --- the sweep after the one that it was taken from --- */

/*
 * Where the middle CPU's next buffers are likely to be.  Not more pages than a
 * small TLB remembers.
 */
static vm_offset_t near;
#define NEAR_PAGES 32

/* Miss until the addresses jump: then what is in hand is fresh. */
static void
get_fresh_hand(unsigned cpu __unused, void *arg __unused)
{
	vm_offset_t last;

	for (unsigned i = 0; i < npages / 4; i++) {
		struct sf_buf *sf = sf_buf_alloc(next_page(), SFB_DEFAULT);

		last = near;
		near = sf_buf_kva(sf);
		sf_buf_free(sf);
		if (near != last + PAGE_SIZE && i > 1)
			break;
	}
}

static void
touch_nearby(void)
{
	for (unsigned i = 0; i < npages / 2; i += 2)
		if (cached[i].kva - near < NEAR_PAGES * PAGE_SIZE)
			touch_cached(i);
}

static void
take_in_the_sweep(unsigned cpu, void *arg __unused)
{
	switch (role_of(cpu)) {
	case FIRST:
		sweep_for_the_deaf();
		break;
	case MIDDLE:
		SPIN_UNTIL(load_acquire(&stage) == SWEPT);
		take_given(cpu, NULL);
		store_release(&stage, DONE);
		break;
	case LAST:
		touch_nearby();
		be_deaf_until_done(look, cpu);
		break;
	}
}

/*
 * The middle CPU has buffers in hand from one sweep.  The last CPU touches some
 * of them, and then serves nothing.  The first makes the next sweep: it clears
 * their accessed bits, and its round cannot end.  What the middle CPU then
 * takes must be other buffers: the last CPU still remembers these.
 *
 * Kills: taking by the accessed bit alone, without the buffer's round.
 */
WINDOW_TEST(oracle, a_buffer_swept_again_is_not_taken_before_that_round_is_over)
{
	unsigned done = 0;

	if (kit_stats().nsfbufs < 512)
		SKIP("CPUs of so small a window have too few buffers in hand");
	if (!clean_window(3))
		return;
	ngiven = 8;
	for (unsigned i = 0; i < ATTEMPTS && done < 3 && !test_failed(); i++) {
		unsigned misses = npages + 24 * i; /* begin anywhere */

		kit_gang_run_one(0, map_untouched, &misses);
		kit_gang_run_one(1, get_fresh_hand, NULL);
		note_cached();
		done += attempt(take_in_the_sweep);
		sf_buf_free_n(given, ngiven);
	}
	CHECK_MSG(done != 0, "no attempt succeeds");
}

/* --- a sweep's buffers before its round is over --- */

/* Misses so far; LAST looks when there have been none for a while. */
static _Atomic unsigned misses;
#define QUIET (50 * MSEC)

/* More than two turns, so that no page is back where it was. */
#define MISSES (npages + npages / 4)

static void
miss_all_around(void)
{
	SPIN_UNTIL(load_acquire(&stage) == DEAF);
	for (unsigned i = 0; i < MISSES; i++) {
		sf_buf_free(sf_buf_alloc(next_page(), SFB_DEFAULT));
		atomic_fetch_add(&misses, 1);
	}
	store_release(&stage, DONE);
}

/* Few enough that a small TLB remembers them. */
static void
touch_some(void)
{
	for (unsigned i = 0; i < 2 * NEAR_PAGES; i += 2)
		touch_cached(i);
}

/* Serve nothing until the first CPU waits for this one, or has finished. */
static void
be_deaf_until_quiet(void)
{
	uint32_t flags = intr_disable();
	unsigned seen = 0;
	nsec_t since;

	store_release(&stage, DEAF);
	since = clock_now();
	while (load_acquire(&stage) != DONE && clock_now() - since < QUIET) {
		cpu_pause();
		if (load_acquire(&misses) == seen)
			continue;
		seen = load_acquire(&misses);
		since = clock_now();
	}
	note_cached();
	touch_some();
	intr_restore(flags);
}

static void
miss_while_deaf(unsigned cpu, void *arg __unused)
{
	if (role_of(cpu) == FIRST) {
		miss_all_around();
		return;
	}
	touch_some();
	be_deaf_until_quiet();
}

/*
 * The last CPU uses some buffers, and then serves nothing.  The first goes all
 * around the window: it may get there only what the last does not remember.
 *
 * Kills: a round that is not waited for.
 */
WINDOW_TEST(oracle, a_swept_buffer_is_not_taken_while_a_cpu_has_yet_to_flush)
{
	if (!clean_window(2))
		return;
	atomic_store(&misses, 0);
	store_release(&stage, 0);
	kit_gang_run(miss_while_deaf, NULL);
	CHECK_EQ(atomic_load(&misses), MISSES);
}

/* --- CPUs that never let go --- */

static _Atomic bool over;

static void
miss_or_keep_touching(unsigned cpu, void *arg __unused)
{
	if (cpu != 0) {
		for (unsigned i = cpu; !load_acquire(&over); i++)
			touch_cached(i % (npages / 2));
		return;
	}
	for (unsigned i = 0; i < 2 * MIN_WINDOW && !test_failed(); i++) {
		struct sf_buf *sf = sf_buf_alloc(next_page(), SFB_DEFAULT);

		if (*kit_word(sf) != vm_page_pfn(sf_buf_page(sf)))
			test_fail(__FILE__, __LINE__, "a stale page");
		sf_buf_free(sf);
	}
	store_release(&over, true);
}

/*
 * Every idle buffer is used again as soon as it has been swept.
 *
 * Kills: a sweep that leaves buffers `recent`, where the search has no end.
 */
WINDOW_TEST(sf_buf, misses_get_on_while_other_cpus_keep_using_idle_buffers)
{
	if (!clean_window(MIN(cpu_count(), 8)))
		return;
	store_release(&over, false);
	kit_gang_run(miss_or_keep_touching, NULL);
}
