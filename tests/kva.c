/*
 * Tests of the arena of kernel addresses and of the memory mapped there.
 */
#include "kernel/types.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/test.h"

static bool
same_stats(const struct kva_stats *a, const struct kva_stats *b)
{
	return (a->free_bytes == b->free_bytes &&
	    a->largest_free_bytes == b->largest_free_bytes &&
	    a->used_ranges == b->used_ranges &&
	    a->free_ranges == b->free_ranges);
}

TEST(kva, ranges_lie_in_the_arena_and_apart)
{
	vm_offset_t va[20];
	unsigned outside = 0, overlapping = 0;

	for (unsigned i = 0; i < nitems(va); i++) {
		va[i] = kva_alloc((i + 1) * PAGE_SIZE - i);
		outside += va[i] < KVA_BASE || !IS_ALIGNED(va[i], PAGE_SIZE) ||
		    va[i] + (i + 1) * PAGE_SIZE > KVA_END;
		for (unsigned k = 0; k < i; k++)
			overlapping += va[k] < va[i] + (i + 1) * PAGE_SIZE &&
			    va[i] < va[k] + (k + 1) * PAGE_SIZE;
	}
	for (unsigned i = 0; i < nitems(va); i++)
		kva_free(va[i], (i + 1) * PAGE_SIZE - i);
	CHECK_EQ(outside, 0);
	CHECK_EQ(overlapping, 0);
}

/* Frees in three orders: after, before and between free neighbours. */
TEST(kva, free_neighbours_become_one)
{
	static const unsigned order[][4] = {
	    {0, 1, 2, 3}, {3, 2, 1, 0}, {0, 2, 3, 1}};
	struct kva_stats before, after;

	kva_get_stats(&before);
	for (unsigned i = 0; i < nitems(order); i++) {
		vm_offset_t va[4];

		for (unsigned k = 0; k < 4; k++) {
			va[k] = kva_alloc((k + 1) * PAGE_SIZE);
			CHECK(va[k] != 0);
		}
		for (unsigned k = 0; k < 4; k++)
			kva_free(va[order[i][k]],
			    (order[i][k] + 1) * PAGE_SIZE);
		kva_get_stats(&after);
		CHECK_MSG(same_stats(&before, &after),
		    "order %u: %u free ranges, %u before", i, after.free_ranges,
		    before.free_ranges);
	}
}

TEST(kva, the_lowest_gap_that_fits_is_taken)
{
	vm_offset_t low = kva_alloc(3 * PAGE_SIZE);
	vm_offset_t high = kva_alloc(PAGE_SIZE), again;

	CHECK(low != 0 && high != 0);
	kva_free(low, 3 * PAGE_SIZE);
	again = kva_alloc(3 * PAGE_SIZE);
	kva_free(again, 3 * PAGE_SIZE);
	kva_free(high, PAGE_SIZE);
	CHECK_EQ(again, low);
}

TEST(kva, too_much_is_refused)
{
	struct kva_stats before, after;

	kva_get_stats(&before);
	CHECK_EQ(kva_alloc(KVA_END - KVA_BASE + 1), 0);
	CHECK_EQ(kva_alloc(before.largest_free_bytes + 1), 0);
	CHECK_EQ(kva_alloc(SIZE_MAX), 0);
	CHECK(kmem_alloc(SIZE_MAX) == NULL);
	kva_get_stats(&after);
	CHECK(same_stats(&before, &after));
}

/* Ranges of one page with gaps of one page: the most descriptors a range. */
TEST(kva, running_out_of_descriptors_is_refused)
{
	static vm_offset_t va[KVA_MAX_RANGES];
	struct kva_stats before, after;
	unsigned n = 0;

	kva_get_stats(&before);
	while (n < nitems(va) && (va[n] = kva_alloc(PAGE_SIZE)) != 0)
		n++;
	for (unsigned i = 0; i < n; i += 2)
		kva_free(va[i], PAGE_SIZE);
	for (unsigned i = 1; i < n; i += 2)
		kva_free(va[i], PAGE_SIZE);
	kva_get_stats(&after);
	CHECK(n > KVA_MAX_RANGES / 2 && n < KVA_MAX_RANGES);
	CHECK(same_stats(&before, &after));
}

struct walk {
	vm_offset_t at; /* where the next range must start */
	bool last_used;
	unsigned wrong;
};

static void
check_range(vm_offset_t start, vm_offset_t end, bool used, void *arg)
{
	struct walk *w = arg;

	w->wrong += start != w->at || end <= start || (!used && !w->last_used);
	w->at = end;
	w->last_used = used;
}

TEST(kva, ranges_follow_each_other_without_gap)
{
	struct walk w = {.at = KVA_BASE, .last_used = true};

	kva_foreach(check_range, &w);
	CHECK_EQ(w.wrong, 0);
	CHECK_EQ(w.at, KVA_END);
}

/* --- memory --- */

TEST(kva, kernel_memory_is_zero_and_its_own)
{
	size_t bytes = 5 * PAGE_SIZE + 100;
	uint8_t *a = kmem_alloc(bytes), *b = kmem_alloc(bytes);
	unsigned dirty = 0, mixed = 0;

	CHECK(a != NULL && b != NULL);
	for (size_t i = 0; i < bytes; i++)
		dirty += a[i] != 0 || b[i] != 0;
	memset(a, 0x11, bytes);
	memset(b, 0x22, bytes);
	for (size_t i = 0; i < bytes; i++)
		mixed += a[i] != 0x11 || b[i] != 0x22;
	kmem_free(a, bytes);
	a = kmem_alloc(bytes);
	CHECK(a != NULL);
	for (size_t i = 0; i < bytes; i++)
		dirty += a[i] != 0;
	kmem_free(a, bytes);
	kmem_free(b, bytes);
	CHECK_EQ(dirty, 0);
	CHECK_EQ(mixed, 0);
}

TEST(kva, freed_memory_is_not_mapped)
{
	vm_offset_t va = (vm_offset_t)kmem_alloc(2 * PAGE_SIZE);
	vm_paddr_t pa;

	CHECK(va != 0);
	CHECK(pmap_kextract(va, &pa) && pmap_kextract(va + PAGE_SIZE, &pa));
	kmem_free((void *)va, 2 * PAGE_SIZE);
	CHECK(!pmap_kextract(va, &pa) && !pmap_kextract(va + PAGE_SIZE, &pa));
}

TEST(kva, a_stack_stands_between_unmapped_pages)
{
	vm_offset_t stack = kstack_alloc(2);
	vm_offset_t end = stack + 2 * PAGE_SIZE;
	vm_paddr_t pa;
	bool inside, outside;

	CHECK(stack != 0);
	inside = pmap_kextract(stack, &pa) && pmap_kextract(end - 1, &pa);
	outside = pmap_kextract(stack - 1, &pa) || pmap_kextract(end, &pa);
	kstack_free(stack, 2);
	CHECK(inside);
	CHECK(!outside);
}

/* More than there is: what had been taken until then goes back. */
TEST(kva, short_memory_is_refused_and_nothing_is_kept)
{
	struct kva_stats before, after;
	uint64_t bytes = (vm_page_available() + (uint64_t)1) << PAGE_SHIFT;

	kva_get_stats(&before);
	if (bytes > before.largest_free_bytes)
		SKIP("there is more memory than there are addresses");
	CHECK(kmem_alloc((size_t)bytes) == NULL);
	kva_get_stats(&after);
	CHECK(same_stats(&before, &after));
}

/* --- what other CPUs' TLBs hold --- */

struct shared_word {
	const volatile uint32_t *word;
	uint32_t want;
};

static void
read_word(unsigned cpu, void *arg)
{
	const struct shared_word *s = arg;
	uint32_t got = *s->word;

	CHECK_MSG(got == s->want, "CPU %u reads %#x, not %#x", cpu, got,
	    s->want);
}

/*
 * Every CPU reads through an address that is then freed, and taken again with
 * another frame behind it.  A CPU that was not made to forget reads the old
 * frame, which is kept, with the old number in it.
 */
static void
no_cpu_remembers(size_t bytes)
{
	uint32_t *p = kmem_alloc(bytes), *again;
	struct vm_page *old;
	struct shared_word s = {p, 0x01d01d};
	vm_paddr_t pa;

	CHECK(p != NULL);
	*p = s.want;
	test_run_on_all(read_word, &s);
	CHECK(pmap_kextract((vm_offset_t)p, &pa));
	vm_page_drain_cache();
	kmem_free(p, bytes);
	vm_page_drain_cache();
	old = vm_page_alloc_frame((pfn_t)(pa >> PAGE_SHIFT), 0);
	again = kmem_alloc(bytes);
	CHECK(again != NULL);
	if (again == p && old != NULL) {
		pmap_copy_to_page(old, 0, &s.want, sizeof(s.want));
		s.want = 0x0e30e3;
		*again = s.want;
		test_run_on_all(read_word, &s);
	}
	kmem_free(again, bytes);
	if (old != NULL)
		vm_page_free(old);
	CHECK(again == p && old != NULL);
}

TEST(kva, no_cpu_remembers_a_freed_page)
{
	sched_pin();
	no_cpu_remembers(PAGE_SIZE);
	sched_unpin();
}

TEST(kva, no_cpu_remembers_a_large_freed_range)
{
	sched_pin();
	no_cpu_remembers(100 * PAGE_SIZE);
	sched_unpin();
}

/* --- all CPUs at once --- */

/* For each page of the arena: does a CPU of the storm have it? */
#define ARENA_PAGES ((KVA_END - KVA_BASE) / PAGE_SIZE)
#define STORM_STEPS 4000 /* of all CPUs together */

/* Claim or disclaim the pages of a range; false if some were so already. */
static bool
mark(_Atomic uint8_t *taken, vm_offset_t va, size_t npages, bool take)
{
	_Atomic uint8_t *page = &taken[(va - KVA_BASE) / PAGE_SIZE];
	bool changed = true;

	for (size_t i = 0; i < npages; i++)
		changed &= atomic_exchange(&page[i], take) != take;
	return (changed);
}

static void
take_and_give_ranges(unsigned cpu, void *taken)
{
	uint32_t random = test_seed() + cpu;
	unsigned steps = MAX(STORM_STEPS / cpu_count(), 16u);

	for (unsigned i = 0; i < steps && !test_failed(); i++) {
		size_t npages = 1 + test_random(&random) % 5;
		vm_offset_t va = kva_alloc(npages * PAGE_SIZE);
		bool mine;

		if (va == 0)
			continue;
		mine = mark(taken, va, npages, true);
		if (i % 4 == 0)
			sched_yield();
		mine &= mark(taken, va, npages, false);
		kva_free(va, npages * PAGE_SIZE);
		CHECK_MSG(mine, "CPU %u shares a page of %#zx", cpu, va);
	}
}

TEST(kva, no_two_cpus_have_the_same_addresses)
{
	_Atomic uint8_t *taken = kmem_alloc(ARENA_PAGES);

	CHECK(taken != NULL);
	test_run_on_all(take_and_give_ranges, taken);
	kmem_free((void *)taken, ARENA_PAGES);
}

/*
 * Each step is a shootdown of every CPU, milliseconds where many of them share
 * a processor of the host: few CPUs take part, with few steps.
 */
#define MEMORY_STORM_CPUS 8
#define MEMORY_STORM_STEPS 15

static void
take_and_give_memory(unsigned cpu, void *arg __unused)
{
	if (cpu >= MEMORY_STORM_CPUS)
		return;
	for (unsigned i = 0; i < MEMORY_STORM_STEPS && !test_failed(); i++) {
		size_t bytes = (1 + i % 3) * PAGE_SIZE;
		uint32_t *p = kmem_alloc(bytes);
		unsigned foreign = 0;

		if (p == NULL)
			continue;
		for (size_t k = 0; k < bytes / sizeof(*p); k += 64)
			p[k] = cpu;
		sched_yield();
		for (size_t k = 0; k < bytes / sizeof(*p); k += 64)
			foreign += p[k] != cpu;
		kmem_free(p, bytes);
		CHECK_EQ(foreign, 0);
	}
}

TEST(kva, no_two_cpus_have_the_same_memory)
{
	test_run_on_all(take_and_give_memory, NULL);
}
