/*
 * sf_buf(9): what the figures say after a storm, and what numbers do at their
 * ends.
 */
#include <sys/sf_buf.h>
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* --- a storm --- */

#define STORM_PAGES 512
#define MANY_BUFFERS 128
#define STORM_STEPS 8000 /* of all CPUs; fewer where each costs a round */

static struct vm_page *page[STORM_PAGES];
static unsigned npages;

/* Buffers change hands here, and so are freed on other CPUs. */
static _Atomic(struct sf_buf *) box[8];

static void
check_tag(struct sf_buf *sf, unsigned cpu)
{
	pfn_t want = vm_page_pfn(sf_buf_page(sf));

	CHECK_MSG(kit_word(sf)[0] == want,
	    "CPU %u reads frame %#x where %#x is mapped", cpu, kit_word(sf)[0],
	    want);
	kit_word(sf)[1 + cpu] = want;
}

/* One shared buffer held, another one put into the box; or a private one. */
static void
storm_step(unsigned cpu, uint32_t r)
{
	int flags =
	    (r >> 20 & 3) == 0 ? SFB_CPUPRIVATE | SFB_NOWAIT : SFB_NOWAIT;
	struct sf_buf *sf = sf_buf_alloc(page[r % npages], flags);

	if (sf == NULL)
		return;
	check_tag(sf, cpu);
	if ((r >> 22 & 3) == 0 && flags == SFB_NOWAIT)
		sf = atomic_exchange(&box[r >> 24 & 7], sf);
	if (sf != NULL && (r >> 27 & 3) == 0) {
		sf_buf_ref(sf);
		sf_buf_free(sf);
	}
	if (sf != NULL)
		sf_buf_free(sf);
}

static void
storm(unsigned cpu, void *steps)
{
	uint32_t random = test_seed() + cpu;

	sched_pin();
	for (unsigned i = *(unsigned *)steps; i != 0 && !test_failed(); i--)
		storm_step(cpu, test_random(&random));
	sched_unpin();
}

static unsigned held_buffers;

static void
count_held(unsigned index __unused, vm_offset_t kva __unused,
    struct vm_page *m __unused, unsigned refs, void *arg __unused)
{
	held_buffers += refs != 0;
}

/*
 * Kills: a hit, a ref or an undoing that counts twice or not at all; a buffer
 * that is lost, so that the window is smaller afterwards.
 */
WINDOW_TEST(sf_buf, used_is_exact_at_rest_after_a_storm_on_all_cpus)
{
	uint32_t used = kit_stats().nsfbufsused, nsfbufs = kit_stats().nsfbufs;
	bool scarce = kit_stats().strict || nsfbufs < MANY_BUFFERS;
	unsigned steps = STORM_STEPS / (scarce ? 16 : 1) / cpu_count() + 1;

	npages = MIN(STORM_PAGES, nsfbufs + nsfbufs / 4 + 2);
	for (unsigned i = 0; i < npages; i++) {
		page[i] = kit_tagged_page();
		if (page[i] == NULL)
			SKIP("too little memory");
	}
	memset(box, 0, sizeof(box));
	if (kit_gang(KIT_MAX_GANG) == 0)
		return;
	kit_gang_run(storm, &steps);
	for (unsigned i = 0; i < nitems(box); i++)
		if (box[i] != NULL)
			sf_buf_free(box[i]);
	CHECK_EQ(kit_stats().nsfbufsused, used);
	held_buffers = 0;
	sf_buf_foreach(count_held, NULL);
	CHECK_EQ(held_buffers, used);
	/* And every buffer can be had. */
	if (!kit_fill())
		return;
	CHECK_EQ(kit_stats().nsfbufsused, nsfbufs);
}

/* --- the peak --- */

#define MOST_HELD 64
static struct sf_buf *held[KIT_MAX_GANG][MOST_HELD];
static _Atomic unsigned holders;
static unsigned per_cpu;

static void
hold_some(unsigned cpu __unused, void *arg __unused)
{
	struct sf_buf **mine = held[atomic_fetch_add(&holders, 1)];

	for (unsigned i = 0; i < per_cpu; i++) {
		struct vm_page *m = vm_page_alloc(VM_ALLOC_WIRED);

		ASSERT(m != NULL, "no memory for a page");
		mine[i] = sf_buf_alloc(m, SFB_DEFAULT);
	}
}

static void
let_go(unsigned n)
{
	for (unsigned i = 0; i < n * per_cpu; i++) {
		struct sf_buf *sf = held[i / per_cpu][i % per_cpu];
		struct vm_page *m = sf_buf_page(sf);

		sf_buf_free(sf);
		vm_page_unwire(m);
		vm_page_free(m);
	}
}

/*
 * Kills: a peak that is not raised by some of the ways to hold a buffer.
 */
WINDOW_TEST(sf_buf, peak_is_exact_on_one_cpu_and_in_its_range_on_several)
{
	struct sf_buf_stats before = kit_stats(), st;
	unsigned n = MIN(cpu_count(), KIT_MAX_GANG);

	per_cpu = MIN(before.nsfbufs / n, MOST_HELD);
	if (per_cpu == 0)
		SKIP("%u buffers for %u CPUs", before.nsfbufs, n);
	if (kit_gang(n) == 0)
		return;
	atomic_store(&holders, 0);
	kit_gang_run(hold_some, NULL);
	st = kit_stats();
	let_go(n);
	CHECK_EQ(st.nsfbufsused, before.nsfbufsused + n * per_cpu);
	/* Read while they were held: that sum was seen. */
	CHECK(st.nsfbufspeak >= st.nsfbufsused);
	CHECK(st.nsfbufspeak <= st.nsfbufspeak_most);
	CHECK(st.nsfbufspeak_most <= st.nsfbufs);
	if (cpu_count() == 1) {
		CHECK_EQ(st.nsfbufspeak, st.nsfbufspeak_most);
		CHECK_EQ(st.nsfbufspeak,
		    MAX(before.nsfbufspeak, st.nsfbufsused));
	}
	CHECK(kit_stats().nsfbufspeak >= st.nsfbufspeak);
}

/* --- nothing free --- */

/*
 * In a window of 3 buffers as in one of 8192.
 *
 * Kills: a sweep, or a round, before it is known that something is idle.
 */
WINDOW_TEST(sf_buf, that_nothing_is_free_is_known_without_looking)
{
	struct vm_page *more[8];

	if (!kit_fill())
		return;
	/* Before the mark: debug builds map a page to look at its poison. */
	for (unsigned i = 0; i < nitems(more); i++) {
		more[i] = kit_page(VM_ALLOC_ANY);
		CHECK(more[i] != NULL);
	}
	kit_mark();
	for (unsigned i = 0; i < nitems(more); i++)
		CHECK(kit_map(more[i], SFB_NOWAIT) == NULL);
	CHECK_EQ(kit_cost(CTR_sf_allocfail), nitems(more));
	CHECK_EQ(kit_cost(CTR_sf_sweeps), 0);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK_EQ(kit_cost(CTR_pte_writes), 0);
}

/*
 * The sweep that meets nothing but held buffers comes once, and is over.
 *
 * Kills: sweeping again as long as nothing is idle.
 */
WINDOW_TEST(sf_buf, filling_the_window_sweeps_it_a_few_times_at_most)
{
	uint32_t laps;

	kit_mark();
	if (!kit_fill())
		return;
	laps = 4 * (1 + kit_stats().nsfbufs / 4096);
	/* In a small window each miss may sweep the few that are idle. */
	if (kit_stats().nsfbufs > 1024)
		CHECK_MSG(kit_cost(CTR_sf_sweeps) <= laps + 1024,
		    "%u sweeps to fill %u buffers", kit_cost(CTR_sf_sweeps),
		    kit_stats().nsfbufs);
	CHECK(kit_cost(CTR_sf_sweeps) <= kit_cost(CTR_sf_miss) + 1);
	CHECK_EQ(kit_stats().nsfbufsused, kit_stats().nsfbufs);
}

/* --- numbers at their ends --- */

static void
look(unsigned cpu, void *sf)
{
	check_tag(sf, cpu);
}

/* Numbers begin fewer than these before their end. */
#define ROUNDS 20

/*
 * The first rounds of a machine cross the end of their numbers.  So this kills
 * only where it runs first, as in the row [round-wrap].
 *
 * Kills: numbers of rounds compared as unsigned.
 */
WINDOW_TEST(oracle, round_numbers_wrap_and_nobody_sees_a_stale_page)
{
	struct vm_page *m[3];

	for (unsigned i = 0; i < nitems(m); i++) {
		m[i] = kit_tagged_page();
		if (m[i] == NULL)
			SKIP("too little memory");
	}
	if (kit_fill_but_one() == NULL || kit_gang(KIT_MAX_GANG) == 0)
		return;
	kit_mark();
	for (unsigned i = 0; i < ROUNDS && !test_failed(); i++) {
		struct sf_buf *sf = kit_map(m[i % nitems(m)], SFB_DEFAULT);

		kit_gang_run(look, sf);
		kit_unmap(sf);
	}
	if (!kit_stats().strict)
		CHECK(kit_cost(CTR_sf_sweeps) >= ROUNDS - 1);
}

/* --- frames whose entries have equal low halves --- */

#define FOUR_GIB_PAGES (1u << 20)

/* Tagged frames that lie 4 GiB apart.  Returns how many there are. */
static unsigned
far_frames(struct vm_page **m, unsigned most)
{
	unsigned n = 0;

	for (pfn_t low = 0x1000; low < FOUR_GIB_PAGES && n < 2; low += 0x1357) {
		while (n != 0)
			kit_free_page(m[--n]);
		for (pfn_t pfn = low; pfn < vm_page_array.npages && n < most;
		     pfn += FOUR_GIB_PAGES)
			if ((m[n] = kit_frame(pfn)) != NULL)
				n++;
	}
	return (n);
}

/*
 * Kills: an entry of which only the low half is written, shared or private.
 */
static void
check_far_frames(int flags)
{
	struct vm_page *m[4];
	unsigned n = far_frames(m, nitems(m));

	if (n < 2)
		SKIP("no two frames 4 GiB apart");
	if (flags == SFB_DEFAULT && kit_fill_but_one() == NULL)
		return;
	sched_pin();
	for (unsigned i = 0; i < 4 * n && !test_failed(); i++) {
		struct sf_buf *sf = kit_map(m[i % n], flags);

		check_tag(sf, 0);
		if (flags == SFB_DEFAULT)
			test_run_on(another_cpu(0), look, sf);
		kit_unmap(sf);
	}
	sched_unpin();
}

WINDOW_TEST(oracle, frames_that_lie_4_gib_apart_are_told_apart)
{
	check_far_frames(SFB_DEFAULT);
}

WINDOW_TEST(sf_private, frames_that_lie_4_gib_apart_are_told_apart)
{
	check_far_frames(SFB_CPUPRIVATE);
}

/* --- private and shared in turn --- */

/*
 * Each writes what the next one reads.
 *
 * Kills: a private mapping that is taken for the shared one, or is stale.
 */
WINDOW_TEST(sf_private, a_page_private_then_shared_then_private_is_one_page)
{
	static const int flags[] = {SFB_CPUPRIVATE, SFB_DEFAULT};
	struct vm_page *m = kit_tagged_page();
	unsigned ncpus = MIN(cpu_count(), 8);

	CHECK(m != NULL);
	for (unsigned i = 0; i < 4 * ncpus; i++) {
		struct sf_buf *sf;

		sched_bind(i / 4 % ncpus);
		sf = sf_buf_alloc(m, flags[i % 2]);
		CHECK(sf_buf_page(sf) == m);
		CHECK_EQ(kit_word(sf)[0], vm_page_pfn(m));
		CHECK(i == 0 || kit_word(sf)[1] == i);
		kit_word(sf)[1] = i + 1;
		sched_bind((i / 4 + i) % ncpus); /* free it anywhere */
		sf_buf_free(sf);
	}
	sched_unbind();
}
