/*
 * CPU-private mappings: a window for each CPU, with an oracle of its own.
 *
 * A page may have one of a few slots only; pages whose frame numbers are equal
 * modulo the window's size compete for those, so a handful is enough to make
 * slots change hands.  Each page holds its own frame number.
 *
 * Kills: a private miss without its invlpg; a hit on a slot that is being
 * recycled; a slot taken from its holder.  Does not kill, but with luck: a hit
 * that does not look at the page again; the window for that is one instruction.
 */
#include <sys/sf_buf.h>
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/sf_kit.h"
#include "tests/test.h"

/* How many slots a page may have, and more pages than that. */
#define WAYS 4
#define NPAGES 6

/* The last WAYS are for evict() alone. */
static struct vm_page *page[NPAGES + WAYS];

static bool
is_private_to(vm_offset_t va, unsigned cpu)
{
	vm_offset_t start = PRIVATE_BASE + cpu * PRIVATE_STRIDE;

	return (va >= start && va < start + PRIVATE_WINDOW_PAGES * PAGE_SIZE);
}

/* Map, look at the tag, write, free.  Requires: pinned. */
static void
visit(struct vm_page *m, int flags)
{
	struct sf_buf *sf = sf_buf_alloc(m, flags | SFB_CPUPRIVATE);
	volatile uint32_t *word;

	if (sf == NULL)
		return; /* NOWAIT, and all were held */
	word = kit_word(sf);
	CHECK_MSG(word[0] == vm_page_pfn(m),
	    "CPU %u reads frame %#x where %#x is mapped", curcpu_id(), word[0],
	    vm_page_pfn(m));
	word[1] = 1;
	sf_buf_free(sf);
}

/*
 * Have the slots of page[] hold other pages, touched, so that each page misses
 * once and goes to the first of them.  Requires: pinned.
 */
static void
evict(void)
{
	struct sf_buf *sf[WAYS];

	for (unsigned i = 0; i < WAYS; i++) {
		sf[i] = kit_map(page[NPAGES + i], SFB_CPUPRIVATE);
		*kit_word(sf[i]) = vm_page_pfn(page[NPAGES + i]);
	}
	for (unsigned i = 0; i < WAYS; i++)
		kit_unmap(sf[i]);
}

WINDOW_TEST(sf_private, a_page_is_mapped_in_the_window_of_its_cpu)
{
	struct vm_page *m = kit_tagged_page();
	struct pmap_walk w;
	vm_offset_t va;
	unsigned cpu;

	CHECK(m != NULL);
	sched_pin();
	va = sf_buf_kva(kit_map(m, SFB_CPUPRIVATE));
	CHECK(is_private_to(va, curcpu_id()));
	CPUMASK_FOREACH(cpu, cpu_online()) {
		pmap_walk(cpu_by_id(cpu), va, &w);
		CHECK_MSG(w.present == (cpu == curcpu_id()),
		    "CPU %u's tables lead to CPU %u's window", cpu,
		    curcpu_id());
	}
	sched_unpin();
}

WINDOW_TEST(sf_private, mapping_a_page_again_writes_nothing)
{
	struct vm_page *m = kit_tagged_page();

	if (kit_stats().strict)
		SKIP("strict mode keeps no mapping");
	CHECK(m != NULL);
	sched_pin();
	visit(m, 0);
	kit_mark();
	visit(m, 0);
	visit(m, 0);
	sched_unpin();
	CHECK_EQ(kit_cost(CTR_sf_hit), 2);
	CHECK_EQ(kit_cost(CTR_pte_writes), 0);
	CHECK_EQ(kit_cost(CTR_tlb_invlpg), 0);
}

WINDOW_TEST(sf_private, a_miss_costs_one_entry_and_one_invlpg)
{
	if (!kit_colliding_pages(page, NPAGES + WAYS))
		return;
	sched_pin();
	evict();
	kit_mark();
	/* Each is gone by the time its turn comes again: the first slot is
	 * idle each time, so they all pass through it. */
	for (unsigned i = 0; i < 2 * NPAGES; i++)
		visit(page[i % NPAGES], 0);
	sched_unpin();
	CHECK_EQ(kit_cost(CTR_sf_miss), 2 * NPAGES);
	CHECK_EQ(kit_cost(CTR_pte_writes), 2 * NPAGES);
	CHECK_EQ(kit_cost(CTR_tlb_invlpg), 2 * NPAGES);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK_EQ(kit_cost(CTR_tlb_ipis_sent), 0);
}

WINDOW_TEST(sf_private, a_mapping_that_was_never_touched_needs_no_invlpg)
{
	if (kit_stats().strict)
		SKIP("strict mode keeps no mapping");
	if (!kit_colliding_pages(page, NPAGES + WAYS))
		return;
	sched_pin();
	evict();
	kit_unmap(kit_map(page[1], SFB_CPUPRIVATE));
	kit_mark();
	visit(page[0], 0);
	sched_unpin();
	CHECK_EQ(kit_cost(CTR_sf_miss), 1);
	CHECK_EQ(kit_cost(CTR_tlb_invlpg), 0);
}

WINDOW_TEST(sf_private, held_slots_are_left_alone_and_the_shared_window_helps)
{
	struct sf_buf *sf[NPAGES];

	if (!kit_colliding_pages(page, NPAGES))
		return;
	if (kit_stats().nsfbufs < NPAGES - WAYS)
		SKIP("the shared window is too small");
	sched_pin();
	for (unsigned i = 0; i < NPAGES; i++) {
		sf[i] = kit_map(page[i], SFB_CPUPRIVATE | SFB_NOWAIT);
		CHECK(sf[i] != NULL);
		CHECK_EQ(is_private_to(sf_buf_kva(sf[i]), curcpu_id()),
		    i < WAYS);
	}
	for (unsigned i = 0; i < NPAGES; i++)
		CHECK_EQ(*kit_word(sf[i]), vm_page_pfn(page[i]));
	sched_unpin();
}

WINDOW_TEST(sf_private, a_page_may_be_private_here_and_shared_as_well)
{
	struct vm_page *m = kit_tagged_page();
	struct sf_buf *private, *shared;

	CHECK(m != NULL);
	sched_pin();
	private = kit_map(m, SFB_CPUPRIVATE);
	shared = kit_map(m, SFB_DEFAULT);
	CHECK(private != shared);
	CHECK(sf_buf_page(private) == m && sf_buf_page(shared) == m);
	kit_word(shared)[1] = 12345;
	CHECK_EQ(kit_word(private)[1], 12345);
	sched_unpin();
}

WINDOW_TEST(sf_private, a_second_holder_keeps_the_slot)
{
	struct sf_buf *sf;

	if (!kit_colliding_pages(page, NPAGES))
		return;
	sched_pin();
	sf = kit_map(page[0], SFB_CPUPRIVATE);
	sf_buf_ref(sf);
	sf_buf_free(sf);
	for (unsigned i = 1; i < NPAGES; i++)
		visit(page[i], 0);
	CHECK_EQ(*kit_word(sf), vm_page_pfn(page[0]));
	sched_unpin();
}

static void
free_on(unsigned cpu __unused, void *sf)
{
	sf_buf_free(sf);
}

WINDOW_TEST(sf_private, a_slot_freed_on_another_cpu_serves_again)
{
	unsigned cpu;

	if (!kit_colliding_pages(page, NPAGES))
		return;
	CPUMASK_FOREACH(cpu, cpu_online()) {
		struct sf_buf *sf[WAYS];

		if (cpu == 8)
			break; /* enough */
		sched_pin();
		for (unsigned i = 0; i < WAYS; i++)
			sf[i] = sf_buf_alloc(page[i], SFB_CPUPRIVATE);
		for (unsigned i = 0; i < WAYS; i++)
			test_run_on(cpu, free_on, sf[i]);
		kit_mark();
		visit(page[WAYS + cpu % 2], 0);
		sched_unpin();
		CHECK_EQ(kit_cost(CTR_sf_hit) + kit_cost(CTR_sf_miss), 1);
		CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	}
}

static void
visit_all(unsigned cpu __unused, void *arg __unused)
{
	for (unsigned i = 0; i < 10 * NPAGES && !test_failed(); i++)
		visit(page[i % NPAGES], 0);
}

WINDOW_TEST(sf_private, every_cpu_at_once_sees_its_own_pages_without_an_ipi)
{
	if (!kit_colliding_pages(page, NPAGES) || kit_gang(KIT_MAX_GANG) == 0)
		return;
	kit_mark();
	kit_gang_run(visit_all, NULL);
	CHECK_EQ(kit_cost(CTR_tlb_rounds), 0);
	CHECK_EQ(kit_cost(CTR_tlb_ipis_sent), 0);
}

/* --- others on the same CPU, anywhere in between --- */

#define VISITORS 4
#define VISITS 300

/* Holds two at a time and gives the CPU away while it does. */
static void
visitor(void *arg)
{
	uint32_t random = test_seed() + (uint32_t)(vm_offset_t)arg;

	sched_pin();
	for (unsigned i = 0; i < VISITS && !test_failed(); i++) {
		struct vm_page *m = page[test_random(&random) % NPAGES];
		struct sf_buf *sf =
		    sf_buf_alloc(m, SFB_CPUPRIVATE | SFB_NOWAIT);

		if (sf == NULL)
			continue;
		sched_yield();
		visit(page[test_random(&random) % NPAGES], SFB_NOWAIT);
		if (*kit_word(sf) != vm_page_pfn(m))
			test_fail(__FILE__, __LINE__,
			    "a held mapping shows frame %#x, not %#x",
			    *kit_word(sf), vm_page_pfn(m));
		sf_buf_free(sf);
	}
	sched_unpin();
}

WINDOW_TEST(sf_private, threads_of_one_cpu_do_not_take_each_others_slots)
{
	struct thread *td[VISITORS];

	if (!kit_colliding_pages(page, NPAGES))
		return;
	for (unsigned i = 0; i < VISITORS; i++) {
		td[i] = thread_create_on(cpu_count() - 1, "visitor", visitor,
		    (void *)(vm_offset_t)i);
		CHECK(td[i] != NULL);
	}
	for (unsigned i = 0; i < VISITORS; i++)
		thread_join(td[i]);
}

/* An interrupt handler that comes back as soon as it has returned. */
static struct timeout again;
static _Atomic unsigned interrupts;
#define INTERRUPTS 100
#define INTERRUPT_SPAN (20 * USEC)

static void
visit_in_interrupt(void *arg __unused)
{
	unsigned n = atomic_fetch_add(&interrupts, 1);

	visit(page[n % NPAGES], SFB_NOWAIT);
	if (n < INTERRUPTS && !test_failed())
		timeout_set(&again, clock_now() + INTERRUPT_SPAN);
}

WINDOW_TEST(sf_private, an_interrupt_may_map_in_the_middle_of_a_mapping)
{
	if (!kit_colliding_pages(page, NPAGES))
		return;
	atomic_store(&interrupts, 0);
	timeout_init(&again, visit_in_interrupt, NULL);
	sched_pin();
	timeout_set(&again, clock_now() + INTERRUPT_SPAN);
	for (unsigned i = 0;
	     atomic_load(&interrupts) < INTERRUPTS && !test_failed(); i++)
		visit(page[i * 5 % NPAGES], SFB_NOWAIT);
	timeout_cancel(&again);
	sched_unpin();
}

TEST(sf_private, a_page_of_the_direct_map_needs_no_private_buffer)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED);
	bool was = sf_buf_set_dmap(true);
	struct sf_buf *sf;
	bool direct;

	CHECK(m != NULL);
	sched_pin();
	sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
	direct = sf_buf_is_direct(sf);
	CHECK(sf_buf_page(sf) == m);
	sf_buf_free(sf);
	sched_unpin();
	sf_buf_set_dmap(was);
	vm_page_unwire(m);
	vm_page_free(m);
	if (!kit_stats().strict)
		CHECK(direct);
}
