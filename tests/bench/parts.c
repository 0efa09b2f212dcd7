/*
 * What the parts below the engines cost: page frames, and shootdowns.
 */
#include "kernel/cpu.h"
#include "kernel/machine.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/bench/bench.h"
#include "tests/bench/pool.h"

#define RUN_PAGES 16

/* Loops that go over no pages: the walk only counts. */
static void
count_pages(struct bench_walk *w, unsigned worker __unused)
{
	w->first = pool_pages(POOL_DIRECT, 1);
	w->end = w->first + 1;
}

static void
nothing(unsigned workers __unused)
{
}

static void
page_loop(struct bench_walk *w)
{
	for (; bench_next(w) != NULL; bench_turn(w)) {
		struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);

		if (m == NULL)
			machine_unable("no page is free.");
		vm_page_free(m);
	}
}

static void
contig_loop(struct bench_walk *w)
{
	for (; bench_next(w) != NULL; bench_turn(w)) {
		struct vm_page *m =
		    vm_page_alloc_contig(RUN_PAGES, VM_ALLOC_ANY);

		if (m == NULL)
			machine_unable("no run of %u pages is free.",
			    RUN_PAGES);
		vm_page_free_contig(m, RUN_PAGES);
	}
}

/* Batches empty and fill a CPU's cache of pages. */
static void
batch_loop(struct bench_walk *w)
{
	struct vm_page *page[256];

	for (;;) {
		unsigned n = 0;

		while (n < nitems(page) && bench_next(w) != NULL) {
			page[n] = vm_page_alloc(VM_ALLOC_ANY);
			if (page[n] == NULL)
				machine_unable("no page is free.");
			n++;
		}
		if (n == 0)
			return;
		while (n != 0)
			vm_page_free(page[--n]);
		bench_turn(w);
	}
}

/* One address, forgotten by every CPU. */
static vm_offset_t address;

static void
take_address(unsigned workers __unused)
{
	address = kva_alloc(PAGE_SIZE);
	if (address == 0)
		machine_unable("no address is free.");
}

static void
return_address(void)
{
	kva_free(address, PAGE_SIZE);
}

static void
round_loop(struct bench_walk *w)
{
	for (; bench_next(w) != NULL; bench_turn(w))
		tlb_shootdown_all(&address, 1);
}

static void
flush_loop(struct bench_walk *w)
{
	for (; bench_next(w) != NULL; bench_turn(w))
		tlb_shootdown_all(NULL, 0);
}

#define PART(suite, name, ...)                                            \
	BENCH(suite, name, .engine = "kernel", .empty = bench_empty_loop, \
	    .pages = count_pages, .counted = COUNTED_NOT, __VA_ARGS__)

PART(page, alloc_free, .setup = nothing, .loop = page_loop);
PART(page, alloc_free_all, .setup = nothing, .loop = page_loop,
    .others = OTHERS_WORK);
PART(page, batch_of_256, .setup = nothing, .loop = batch_loop);
PART(page, contig_16, .setup = nothing, .loop = contig_loop);
PART(tlb, round_idle, .setup = take_address, .teardown = return_address,
    .loop = round_loop);
PART(tlb, round_busy, .setup = take_address, .teardown = return_address,
    .loop = round_loop, .others = OTHERS_SPIN);
PART(tlb, flush_busy, .setup = nothing, .loop = flush_loop,
    .others = OTHERS_SPIN);
