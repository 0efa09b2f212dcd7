/*
 * Explorations of the page allocator, of kernel addresses and of what maps them:
 * nothing is given out twice, nothing is lost, no entry is half there.
 */
#include "tests/explore/kit.h"
#include "mm/kva.h"
#include "mm/pmap.h"

#define MOST 6

/* A page's links are its holder's. */
static void
take_pages(unsigned self)
{
	static const unsigned flags[] = {
	    VM_ALLOC_ANY, VM_ALLOC_DIRECT, VM_ALLOC_HIGH, VM_ALLOC_ANY};
	struct vm_page *m[MOST] = {0};
	unsigned npages[MOST];

	for (unsigned i = 0; i < 80; i++) {
		uint32_t r = explore_random(self);
		unsigned at = i < 80 - MOST ? r % MOST : i % MOST;

		if (m[at] != NULL) {
			CHECK_EQ(m[at]->next, self * MOST + at);
			if (npages[at] == 1)
				vm_page_free(m[at]);
			else
				vm_page_free_contig(m[at], npages[at]);
			m[at] = NULL;
		} else if (i < 80 - MOST) {
			npages[at] = r / 8 % 4 == 0 ? 2 + r / 32 % 3 : 1;
			m[at] = npages[at] == 1 ?
			    vm_page_alloc(flags[r >> 8 & 3]) :
			    vm_page_alloc_contig(npages[at], flags[r >> 8 & 3]);
			if (m[at] != NULL)
				m[at]->next = self * MOST + at;
		}
	}
}

EXPLORE_TEST(explore_few, no_page_is_given_out_twice)
{
	struct vm_page_stats st;

	explore_threads(MAX(2, one_per_cpu(EXPLORE_THREADS)), take_pages);
	vm_page_get_stats(&st);
	for (unsigned z = 0; z < VM_NZONE; z++)
		CHECK_EQ(st.free_pages[z] + st.cached_pages[z] +
			st.used_pages[z],
		    st.total_pages[z]);
}

static void
take_addresses(unsigned self)
{
	for (unsigned i = 0; i < 12 && !test_failed(); i++) {
		uint32_t r = explore_random(self);
		size_t pages = 1 + r % 3;
		uint32_t *p = kmem_alloc(pages * PAGE_SIZE);

		CHECK(p != NULL);
		for (size_t j = 0; j < pages; j++) {
			uint32_t *word = &p[j * PAGE_SIZE / sizeof(*p)];

			CHECK_EQ(*word, 0);
			YIELD_POINT();
			*word = r;
		}
		YIELD_POINT();
		for (size_t j = 0; j < pages; j++)
			CHECK_EQ(p[j * PAGE_SIZE / sizeof(*p)], r);
		kmem_free(p, pages * PAGE_SIZE);
	}
}

EXPLORE_TEST(explore_few, no_address_is_given_out_twice)
{
	struct kva_stats before, after;

	kva_get_stats(&before);
	explore_threads(MAX(2, one_per_cpu(EXPLORE_THREADS)), take_addresses);
	kva_get_stats(&after);
	CHECK_EQ(after.free_bytes, before.free_bytes);
}

/* --- entries --- */

/* Nobody uses the address, so the frames need not exist. */
#define FRAME_LOW ((vm_paddr_t)0x12345000)
#define FRAME_HIGH ((vm_paddr_t)0x9edcba000)

static vm_offset_t entry_va;
static _Atomic uint32_t nwriting;

static void
write_or_read_an_entry(unsigned self)
{
	const uint64_t low = pmap_make_pte(FRAME_LOW, VM_PROT_WRITE),
		       high = pmap_make_pte(FRAME_HIGH, VM_PROT_WRITE);
	pt_entry_t *pte = pmap_pte(entry_va);

	if (self == 0) {
		for (unsigned i = 0; i < 40; i++) {
			pmap_kenter(entry_va,
			    i % 2 != 0 ? FRAME_LOW : FRAME_HIGH, VM_PROT_WRITE);
			YIELD_POINT();
			pmap_kremove(entry_va);
		}
		store_release(&nwriting, 0);
		return;
	}
	while (load_acquire(&nwriting) != 0) {
		uint64_t e = pte_load(pte);

		CHECK_MSG((e & PG_V) == 0 || e == low || e == high,
		    "the entry is %#llx", e);
		cpu_pause();
	}
}

/* Kills: a new entry that is present before its high half is written. */
EXPLORE_TEST(explore_few, a_new_entry_is_never_seen_half_written)
{
	entry_va = kva_alloc(PAGE_SIZE);
	CHECK(entry_va != 0);
	store_relaxed(&nwriting, 1);
	explore_threads(2, write_or_read_an_entry);
	kva_free(entry_va, PAGE_SIZE);
}
