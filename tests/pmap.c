/*
 * Page tables: what is mapped where, and with which rights.
 */
#include "kernel/counter.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/test.h"
#include "tests/threads.h"

#define NFRAMES 8
#define NOWHERE UINT64_MAX

/* The emulator sets the accessed bit in directory-pointer entries. */
#define PDPTE_IGNORE PG_A

static vm_paddr_t
extract(vm_offset_t va)
{
	vm_paddr_t pa;

	return (pmap_kextract(va, &pa) ? pa : NOWHERE);
}

/* Frames of both zones, as far as the machine has high memory. */
static bool
alloc_frames(struct vm_page *frame[NFRAMES])
{
	for (unsigned i = 0; i < NFRAMES; i++) {
		frame[i] = i % 2 != 0 ? vm_page_alloc(VM_ALLOC_HIGH) : NULL;
		if (frame[i] == NULL)
			frame[i] = vm_page_alloc(VM_ALLOC_DIRECT);
		if (frame[i] == NULL)
			return (false);
	}
	return (true);
}

static void
free_frames(struct vm_page *frame[NFRAMES])
{
	for (unsigned i = 0; i < NFRAMES; i++)
		vm_page_free(frame[i]);
}

/* Unmap a range everywhere, and give it back. */
static void
release_range(vm_offset_t va, size_t npages)
{
	for (size_t i = 0; i < npages; i++)
		pmap_kremove(va + i * PAGE_SIZE);
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	critical_exit();
	kva_free(va, npages * PAGE_SIZE);
}

TEST(pmap, a_mapping_leads_to_its_frame_until_it_is_removed)
{
	struct vm_page *frame[NFRAMES];
	vm_offset_t va = kva_alloc(NFRAMES * PAGE_SIZE);
	uint32_t seen;

	CHECK(va != 0 && alloc_frames(frame));
	for (unsigned i = 0; i < NFRAMES; i++) {
		vm_offset_t page = va + i * PAGE_SIZE;

		CHECK_EQ(extract(page), NOWHERE);
		pmap_kenter(page, VM_PAGE_TO_PHYS(frame[i]), VM_PROT_WRITE);
		CHECK_EQ(extract(page + 123), VM_PAGE_TO_PHYS(frame[i]) + 123);
		*(volatile uint32_t *)page = vm_page_pfn(frame[i]);
	}
	for (unsigned i = 0; i < NFRAMES; i++) {
		vm_offset_t page = va + i * PAGE_SIZE;

		pmap_copy_from_page(frame[i], 0, &seen, sizeof(seen));
		CHECK_EQ(seen, vm_page_pfn(frame[i]));
		CHECK_EQ(pmap_kremove(page) & PG_FRAME,
		    VM_PAGE_TO_PHYS(frame[i]));
		CHECK_EQ(extract(page), NOWHERE);
		CHECK_EQ(pmap_kremove(page), 0);
	}
	release_range(va, NFRAMES);
	free_frames(frame);
}

TEST(pmap, a_walk_agrees_with_kextract_in_every_slot)
{
	unsigned differ = 0, mapped = 0;

	sched_pin();
	for (uint64_t va = 0x5678; va < 1ull << 32; va += LARGE_PAGE_SIZE) {
		struct pmap_walk w;

		pmap_walk(curcpu(), (vm_offset_t)va, &w);
		mapped += w.present;
		if (extract((vm_offset_t)va) != (w.present ? w.pa : NOWHERE))
			differ++;
	}
	sched_unpin();
	CHECK_EQ(differ, 0);
	CHECK(mapped > 0);
	CHECK_EQ(extract((vm_offset_t)image_text),
	    pmap_direct_to_phys(image_text));
	CHECK_EQ(extract((vm_offset_t)image_rodata),
	    pmap_direct_to_phys(image_rodata));
}

TEST(pmap, protect_makes_one_page_read_only_and_writable_again)
{
	uint32_t *p = kmem_alloc(2 * PAGE_SIZE);
	vm_offset_t va = (vm_offset_t)p;
	struct pmap_walk first, second;

	CHECK(p != NULL);
	p[0] = 0x600d;
	pmap_protect(va, 1, VM_PROT_READ);
	pmap_walk(NULL, va, &first);
	pmap_walk(NULL, va + PAGE_SIZE, &second);
	CHECK(first.present && !first.writable);
	CHECK(!first.executable || !pmap_has_nx());
	CHECK(second.present && second.writable);
	CHECK_EQ(p[0], 0x600d);

	pmap_protect(va, 1, VM_PROT_WRITE);
	p[0]++; /* would fault */
	CHECK_EQ(p[0], 0x600e);
	kmem_free(p, 2 * PAGE_SIZE);
}

/* What protecting a page costs: interrupts, and flushes of any kind. */
struct protection {
	vm_offset_t va;
	uint32_t ipis, flushes;
};

static void
protect(void *arg)
{
	struct protection *p = arg;

	p->ipis = counter_read(CTR_tlb_ipis_sent);
	p->flushes =
	    counter_read(CTR_tlb_invlpg) + counter_read(CTR_tlb_cr3_reloads);
	pmap_protect(p->va, 1, VM_PROT_READ);
	p->ipis = counter_read(CTR_tlb_ipis_sent) - p->ipis;
	p->flushes = counter_read(CTR_tlb_invlpg) +
	    counter_read(CTR_tlb_cr3_reloads) - p->flushes;
}

TEST(pmap, protect_makes_every_cpu_forget)
{
	struct protection p;
	void *page;

	NEED_FEW_CPUS();
	page = kmem_alloc(PAGE_SIZE);
	p.va = (vm_offset_t)page;
	CHECK(page != NULL);
	run_while_all_are_busy(protect, &p);
	kmem_free(page, PAGE_SIZE);
	CHECK_EQ(p.ipis, cpu_count() - 1);
	CHECK(p.flushes >= cpu_count());
}

/* The tables of one CPU, gone through run by run. */
struct survey {
	unsigned runs;
	unsigned large_elsewhere; /* outside slot 3 */
	unsigned image_aliases;
};

static void
survey_run(vm_offset_t start, uint64_t bytes, const struct pmap_walk *w,
    void *arg)
{
	struct survey *s = arg;

	s->runs++;
	if (w->large && start < DMAP_BASE)
		s->large_elsewhere++;
	if (w->pa < pmap_direct_to_phys(image_end) &&
	    w->pa + bytes > pmap_direct_to_phys(image_text) &&
	    start - w->pa != DMAP_BASE)
		s->image_aliases++;
}

/* All CPUs' tables, added up. */
static struct survey
survey_all(void)
{
	struct survey s = {.runs = 0};
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online())
		pmap_foreach_range(cpu_by_id(cpu), survey_run, &s);
	return (s);
}

TEST(pmap, large_pages_occur_in_slot_3_only)
{
	CHECK(survey_all().runs >= 3 * cpu_count());
	CHECK_EQ(survey_all().large_elsewhere, 0);
}

TEST(pmap, the_image_has_no_second_address)
{
	CHECK_EQ(survey_all().image_aliases, 0);
}

TEST(pmap, slot_0_is_empty_on_every_cpu)
{
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		struct pmap_walk w;

		pmap_walk(cpu_by_id(cpu), 0, &w);
		CHECK_MSG(!w.present && w.levels == 1,
		    "CPU %u has page tables for address 0", cpu);
	}
}

TEST(pmap, a_stack_has_an_unmapped_page_at_both_ends)
{
	vm_offset_t start = curthread->stack;
	vm_offset_t end = start + KSTACK_PAGES * PAGE_SIZE;
	struct pmap_walk w;

	CHECK((vm_offset_t)&w >= start && (vm_offset_t)&w < end);
	CHECK_EQ(extract(start - 1), NOWHERE);
	CHECK_EQ(extract(end), NOWHERE);
	for (vm_offset_t va = start; va < end; va += PAGE_SIZE) {
		pmap_walk(NULL, va, &w);
		CHECK(w.present && w.writable);
		CHECK(!w.executable || !pmap_has_nx());
	}
}

static void
check_guards(const struct thread *td, void *arg __unused)
{
	vm_paddr_t pa;

	CHECK_MSG(!pmap_kextract(td->stack - 1, &pa) &&
		!pmap_kextract(td->stack + KSTACK_PAGES * PAGE_SIZE, &pa),
	    "the stack of thread %s has no guard", td->name);
}

TEST(pmap, every_stack_has_guards)
{
	unsigned cpu;
	vm_paddr_t pa;

	thread_foreach(check_guards, NULL);
	CPUMASK_FOREACH(cpu, cpu_online()) {
		vm_offset_t top = cpu_by_id(cpu)->df_stack_top;

		CHECK_MSG(!pmap_kextract(top, &pa) &&
			pmap_kextract(top - 1, &pa) &&
			!pmap_kextract(top - PAGE_SIZE - 1, &pa),
		    "CPU %u's double-fault stack", cpu);
	}
}

/* Is every page of a part of the image mapped so? */
static bool
part_is(const char *start, const char *end, bool writable, bool executable)
{
	struct pmap_walk w;

	for (const char *p = start; p < end; p += PAGE_SIZE) {
		pmap_walk(NULL, (vm_offset_t)p, &w);
		if (!w.present || w.pa != pmap_direct_to_phys(p) ||
		    w.writable != writable || w.executable != executable)
			return (false);
	}
	return (start < end);
}

TEST(pmap, each_part_of_the_image_has_its_rights_only)
{
	bool no_nx = !pmap_has_nx(); /* then all is executable */

	CHECK(part_is(image_text, image_text_end, false, true));
	CHECK(part_is(image_rodata, image_rodata_end, false, no_nx));
	CHECK(part_is(image_data, image_end, true, no_nx));
}

TEST(pmap, directory_pointer_entries_keep_reserved_bits_clear)
{
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online())
		for (unsigned i = 0; i < nitems(cpu_by_id(cpu)->pdpt); i++) {
			uint64_t e = cpu_by_id(cpu)->pdpt[i];

			CHECK_MSG((e & PDPTE_RESERVED & ~PDPTE_IGNORE) == 0,
			    "CPU %u, entry %u: %#llx", cpu, i, e);
		}
}

TEST(pmap, slots_2_and_3_are_the_same_on_every_cpu_and_slot_1_is_not)
{
	const uint64_t *first = cpu_by_id(0)->pdpt;
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		const uint64_t *own = cpu_by_id(cpu)->pdpt;

		CHECK_EQ(own[2] & PG_FRAME, first[2] & PG_FRAME);
		CHECK_EQ(own[3] & PG_FRAME, first[3] & PG_FRAME);
		CHECK(cpu == 0 || (own[1] & PG_FRAME) != (first[1] & PG_FRAME));
	}
}

TEST(pmap, no_cpu_has_page_tables_for_the_private_range_of_another)
{
	unsigned cpu, owner;

	CPUMASK_FOREACH(cpu, cpu_online())
		CPUMASK_FOREACH(owner, cpu_online()) {
			vm_offset_t va = PRIVATE_BASE + owner * PRIVATE_STRIDE;
			struct pmap_walk w;

			pmap_walk(cpu_by_id(cpu), va, &w);
			CHECK_MSG((w.levels == 3) == (cpu == owner),
			    "CPU %u reaches level %u of CPU %u's range", cpu,
			    w.levels, owner);
		}
}

TEST(pmap, swap_returns_the_bits_that_the_processor_set)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);
	vm_offset_t va = kva_alloc(PAGE_SIZE);
	volatile uint32_t *p = (volatile uint32_t *)va;
	uint64_t after_read, after_write;

	CHECK(va != 0 && m != NULL);
	sched_pin();
	pmap_kenter(va, VM_PAGE_TO_PHYS(m), VM_PROT_WRITE);
	(void)*p;
	after_read = pte_swap(pmap_pte(va), 0);
	tlb_flush_page(va);
	pmap_kenter(va, VM_PAGE_TO_PHYS(m), VM_PROT_WRITE);
	*p = 1;
	after_write = pte_swap(pmap_pte(va), 0);
	sched_unpin();

	CHECK_EQ(after_read & (PG_A | PG_M), PG_A);
	CHECK_EQ(after_write & (PG_A | PG_M), PG_A | PG_M);
	CHECK_EQ(after_write & PG_FRAME, VM_PAGE_TO_PHYS(m));
	release_range(va, 1);
	vm_page_free(m);
}

TEST(pmap, compare_and_swap_looks_at_all_64_bits)
{
	const uint64_t old = 0x0123456789abcdef;
	pt_entry_t e __aligned(8) = old;

	CHECK(!pte_cas(&e, old ^ 1, 5));
	CHECK(!pte_cas(&e, old ^ 1ull << 63, 5));
	CHECK(!pte_cas(&e, (uint32_t)old, 5));
	CHECK_EQ(pte_load(&e), old);
	CHECK(pte_cas(&e, old, ~old));
	CHECK_EQ(pte_load(&e), ~old);
}

/* Where the quick page of a frame leads on this CPU. */
static vm_paddr_t
quick_leads_to(struct vm_page *m, vm_offset_t *va)
{
	uint32_t flags = intr_disable();
	vm_paddr_t pa;

	*va = (vm_offset_t)pmap_quick_enter_page(m);
	pa = extract(*va);
	pmap_quick_remove_page((void *)*va);
	intr_restore(flags);
	return (pa);
}

TEST(pmap, a_quick_page_leads_to_its_frame)
{
	struct vm_page *frame[NFRAMES];

	CHECK(alloc_frames(frame));
	for (unsigned i = 0; i < NFRAMES; i++) {
		vm_paddr_t pa = VM_PAGE_TO_PHYS(frame[i]);
		vm_offset_t va;

		CHECK_EQ(quick_leads_to(frame[i], &va), pa);
		if (vm_page_is_direct(frame[i]))
			CHECK_EQ(va, (vm_offset_t)pmap_phys_to_direct(pa));
		else
			CHECK_EQ(extract(va), NOWHERE);
	}
	free_frames(frame);
}

TEST(pmap, a_copy_touches_its_bytes_only)
{
	static const char text[] = "ephemeral";
	struct vm_page *frame[NFRAMES];
	const size_t offset = PAGE_SIZE - sizeof(text);
	char seen[sizeof(text) + 1];

	CHECK(alloc_frames(frame));
	for (unsigned i = 0; i < NFRAMES; i++) {
		pmap_zero_page(frame[i]);
		pmap_copy_to_page(frame[i], offset, text, sizeof(text));
		pmap_copy_from_page(frame[i], offset - 1, seen, sizeof(seen));
		CHECK_EQ(seen[0], 0);
		CHECK(memcmp(&seen[1], text, sizeof(text)) == 0);
		pmap_zero_page(frame[i]);
		pmap_copy_from_page(frame[i], offset - 1, seen, sizeof(seen));
		for (unsigned j = 0; j < sizeof(seen); j++)
			CHECK_EQ(seen[j], 0);
	}
	free_frames(frame);
}

TEST(pmap, physical_memory_is_read_across_a_page_boundary)
{
	struct vm_page *m = vm_page_alloc_contig(2, VM_ALLOC_ANY);
	const uint32_t put[2] = {0x01234567, 0x89abcdef};
	uint32_t got[2];

	CHECK(m != NULL);
	pmap_copy_to_page(&m[0], PAGE_SIZE - 4, &put[0], 4);
	pmap_copy_to_page(&m[1], 0, &put[1], 4);
	CHECK(pmap_read_phys(VM_PAGE_TO_PHYS(m) + PAGE_SIZE - 4, got, 8));
	CHECK_EQ(got[0], put[0]);
	CHECK_EQ(got[1], put[1]);
	vm_page_free_contig(m, 2);
}

TEST(pmap, physical_memory_is_not_read_beyond_the_limit)
{
	vm_paddr_t limit = pmap_phys_limit();
	uint64_t junk;

	CHECK(!pmap_read_phys(limit, &junk, 1));
	CHECK(!pmap_read_phys(limit - 4, &junk, 5));
	CHECK(!pmap_read_phys(UINT64_MAX, &junk, 2));
}
