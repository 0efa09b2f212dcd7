/*
 * The TLB oracle: each page holds its own frame number, so a CPU that reads
 * through a translation it should have forgotten reads the wrong number.
 *
 * The window is full but for one or two buffers, so that the same address
 * serves page after page.  Between two reads of a CPU through that address
 * little else is touched, or its TLB might forget by itself.
 *
 * Kills: a sweep without its round; a round that misses a CPU or an address of
 * its list.  Private windows have their oracle in sf_private.c.
 */
#include <sys/sf_buf.h>
#include "kernel/copy.h"
#include "kernel/cpu.h"
#include "kernel/option.h"
#include "kernel/smp.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"
#include "tests/threads.h"

/* More pages than buffers take turns at an address; a power of two. */
#define NPAGES 16

/* Where there are hundreds of CPUs a step takes long. */
static unsigned
steps(unsigned most)
{
	return (cpu_count() > 32 ? 4 : most);
}

static struct vm_page *page[NPAGES];

/* Pages, a gang of up to `max`, and a window with one free buffer.  Returns how
 * many there are in the gang; 0: skipped. */
static unsigned
prepare(unsigned max)
{
	for (unsigned i = 0; i < NPAGES; i++) {
		page[i] = kit_tagged_page();
		if (page[i] == NULL) {
			test_skip("too little memory");
			return (0);
		}
	}
	if (kit_fill_but_one() == NULL)
		return (0);
	return (kit_gang(max));
}

/* Read through a buffer; it must show its page's tag.  Then write, so that
 * the translation in use is one for writing. */
static void
check_tag(struct sf_buf *sf, unsigned cpu)
{
	volatile uint32_t *word = kit_word(sf);
	pfn_t want = vm_page_pfn(sf_buf_page(sf)), got = word[0];

	CHECK_MSG(got == want, "CPU %u reads frame %#x where %#x is mapped",
	    cpu, got, want);
	word[1 + cpu] = want;
}

static void
check_mapped(unsigned cpu, void *sf)
{
	check_tag(sf, cpu);
}

WINDOW_TEST(oracle, after_each_reuse_every_cpu_sees_the_new_page)
{
	if (prepare(KIT_MAX_GANG) == 0)
		return;
	for (unsigned i = 0; i < steps(64) && !test_failed(); i++) {
		struct sf_buf *sf = kit_map(page[i % NPAGES], SFB_DEFAULT);

		kit_gang_run(check_mapped, sf);
		kit_unmap(sf);
	}
}

#define SWEPT (NPAGES / 2)

static struct sf_buf *swept[SWEPT];

static void
check_swept(unsigned cpu, void *arg __unused)
{
	for (unsigned i = 0; i < SWEPT && !test_failed(); i++)
		check_tag(swept[i], cpu);
}

/* Buffers that every CPU has used, all idle, all taken after one sweep. */
WINDOW_TEST(oracle, one_sweep_makes_every_cpu_forget_all_that_it_swept)
{
	if (kit_stats().strict)
		SKIP("strict mode keeps no mapping");
	if (kit_stats().nsfbufs < SWEPT)
		SKIP("a window of %u buffers", kit_stats().nsfbufs);
	for (unsigned i = 0; i < NPAGES; i++) {
		page[i] = kit_tagged_page();
		if (page[i] == NULL)
			SKIP("too little memory");
	}
	for (unsigned i = 0; i < SWEPT; i++)
		swept[i] = kit_map(page[i], SFB_DEFAULT);
	if (!kit_fill() || kit_gang(KIT_MAX_GANG) == 0)
		return;
	kit_gang_run(check_swept, NULL);
	for (unsigned i = 0; i < SWEPT; i++)
		kit_unmap(swept[i]);
	kit_mark();
	for (unsigned i = 0; i < SWEPT; i++)
		swept[i] = kit_map(page[SWEPT + i], SFB_DEFAULT);
	CHECK_EQ(kit_cost(CTR_sf_sweeps), 1);
	CHECK(kit_cost(CTR_tlb_rounds) <= 1); /* 0: all others were idle */
	kit_gang_run(check_swept, NULL);
}

static void
check_unreachable(unsigned cpu, void *word)
{
	uint32_t got;

	CHECK_MSG(copy_from_buffer(&got, word, sizeof(got)) == 0,
	    "CPU %u reaches a page whose buffer is free", cpu);
}

WINDOW_TEST(oracle,
    in_strict_mode_no_cpu_reaches_a_page_after_its_buffer_is_free)
{
	struct sf_buf *sf;
	void *word;

	if (!kit_stats().strict)
		SKIP("needs sfbuf.strict=on");
	if (prepare(KIT_MAX_GANG) == 0)
		return;
	sf = kit_map(page[0], SFB_DEFAULT);
	word = (void *)sf_buf_kva(sf);
	kit_gang_run(check_mapped, sf);
	kit_unmap(sf);
	kit_gang_run(check_unreachable, word);
}

/* Enough for buffers to change hands often. */
#define CONTEST_CPUS 4
#define CONTEST_ROUNDS 100

static void
contend(unsigned cpu, void *arg __unused)
{
	uint32_t random = test_seed() + cpu;

	for (unsigned i = 0; i < CONTEST_ROUNDS && !test_failed(); i++) {
		uint32_t r = test_random(&random);
		int flags = (r >> 8 & 1) != 0 ? SFB_CPUPRIVATE : SFB_DEFAULT;
		struct sf_buf *sf = sf_buf_alloc(page[r % NPAGES], flags);

		check_tag(sf, cpu);
		sf_buf_free(sf);
	}
}

WINDOW_TEST(oracle, cpus_that_recycle_at_once_see_their_own_pages)
{
	if (prepare(CONTEST_CPUS) == 0)
		return;
	kit_gang_run(contend, NULL);
}

/* --- a CPU that was not there --- */

static _Atomic(struct sf_buf *) shown;
static _Atomic bool shown_all;

/* Never idle: it has to be asked. */
static void
look_again_and_again(void *arg __unused)
{
	while (!atomic_load(&shown_all) && !test_failed()) {
		struct sf_buf *sf = atomic_load(&shown);

		if (sf != NULL) {
			check_tag(sf, curcpu_id());
			atomic_store(&shown, NULL);
		}
		cpu_pause();
		tlb_poll();
	}
}

/*
 * The machine is told to leave a CPU out; it comes up when addresses have changed
 * hands, and takes part from then on: in reading, and in rounds.
 *
 * Kills: a round that leaves out who came later.
 */
WINDOW_TEST(oracle,
    a_cpu_that_comes_up_later_sees_what_is_mapped_and_what_changes)
{
	struct crew crew = {0};
	struct sf_buf *sf;
	unsigned late;

	/* It has no private window, so other tests cannot do with it. */
	if (!option_present("cpus.late"))
		SKIP("only with the option cpus.late");
	if (prepare(1) == 0)
		return;
	for (unsigned i = 0; i < NPAGES; i++) {
		sf = kit_map(page[i], SFB_DEFAULT);
		check_tag(sf, 0);
		kit_unmap(sf);
	}
	late = smp_start_late();
	if (late == 0)
		SKIP("no CPU was left out; see the option cpus");
	crew_add_on(&crew, late, look_again_and_again, NULL);
	for (unsigned i = 0; i < NPAGES && !test_failed(); i++) {
		sf = kit_map(page[i], SFB_DEFAULT);
		atomic_store(&shown, sf);
		SPIN_UNTIL(atomic_load(&shown) == NULL || test_failed());
		kit_unmap(sf);
	}
	atomic_store(&shown_all, true);
	crew_join(&crew);
}
