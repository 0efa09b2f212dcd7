/*
 * Page frames: threads allocate and free, singly and in runs, and find in each
 * what they wrote.
 */
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/machine.h"
#include "tests/port/stress.h"

#define HELD 12

static _Atomic uint32_t nallocs, nempty;

struct run {
	struct vm_page *m;
	unsigned n;
	uint32_t mark;
};

static void
take(struct run *r, unsigned self)
{
	static const unsigned flags[] = {VM_ALLOC_ANY, VM_ALLOC_DIRECT,
	    VM_ALLOC_HIGH, VM_ALLOC_ZERO, VM_ALLOC_ZERO | VM_ALLOC_HIGH};
	unsigned how = flags[exec_random(nitems(flags))];
	unsigned kind = exec_random(8);

	r->n = kind < 5 ? 1 : 1 + exec_random(64);
	if (kind == 7) {
		r->n = 1;
		r->m = vm_page_alloc_frame(exec_random(FRAME_WORDS * 100), how);
	} else if (r->n == 1) {
		r->m = vm_page_alloc(how);
	} else {
		r->m = vm_page_alloc_contig(r->n, how);
	}
	if (r->m == NULL) {
		atomic_fetch_add(&nempty, 1);
		return;
	}
	atomic_fetch_add(&nallocs, 1);
	r->mark = self << 16 | exec_random(1u << 16);
	for (unsigned i = 0; i < r->n; i++) {
		struct frame *f = mmu_frame(vm_page_pfn(r->m + i));

		STRESS_CHECK(vm_page_get_state(r->m + i) == VM_PAGE_USED,
		    "frame %#x handed out in state %u", f->pfn,
		    vm_page_get_state(r->m + i));
		for (unsigned w = 0; w < FRAME_WORDS; w++) {
			STRESS_CHECK((how & VM_ALLOC_ZERO) == 0 ||
				f->word[w] == 0,
			    "frame %#x is not zero", f->pfn);
			f->word[w] = r->mark;
		}
	}
}

static void
give(struct run *r)
{
	for (unsigned i = 0; i < r->n; i++) {
		const struct frame *f = mmu_frame(vm_page_pfn(r->m + i));

		for (unsigned w = 0; w < FRAME_WORDS; w++)
			STRESS_CHECK(f->word[w] == r->mark,
			    "frame %#x has %#x, written %#x", f->pfn,
			    f->word[w], r->mark);
	}
	if (r->n == 1) {
		if (exec_random(4) == 0) {
			vm_page_wire(r->m);
			STRESS_CHECK(vm_page_unwire(r->m), "wired twice");
		}
		vm_page_free(r->m);
	} else if (exec_random(4) == 0) {
		unsigned part = 1 + exec_random(r->n - 1);

		vm_page_free_contig(r->m + part, r->n - part);
		vm_page_free_contig(r->m, part);
	} else {
		vm_page_free_contig(r->m, r->n);
	}
	r->m = NULL;
}

static void
work(unsigned self)
{
	struct run held[HELD] = {0};

	for (unsigned i = 0; i < stress_config.ops; i++) {
		struct run *r = &held[exec_random(HELD)];

		if (r->m != NULL)
			give(r);
		else
			take(r, self);
		if (exec_random(64) == 0)
			vm_page_drain_cache();
		stress_progress();
	}
	for (unsigned i = 0; i < HELD; i++)
		if (held[i].m != NULL)
			give(&held[i]);
}

void
stress_page(void)
{
	struct vm_page_stats before, after;

	vm_page_get_stats(&before);
	stress_team(stress_config.threads, work);
	vm_page_check();
	vm_page_get_stats(&after);
	for (unsigned zone = 0; zone < VM_NZONE; zone++)
		STRESS_CHECK(before.used_pages[zone] == after.used_pages[zone],
		    "zone %u: %u pages in use, at first %u", zone,
		    after.used_pages[zone], before.used_pages[zone]);
	host_print("page: allocs=%u empty=%u steps=%llu\n", nallocs, nempty,
	    (unsigned long long)machine_steps());
}
