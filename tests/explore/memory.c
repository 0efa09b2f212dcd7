/*
 * Explorations of the page allocator and of kernel addresses: nothing is given
 * out twice, nothing is lost.
 */
#include "tests/explore/kit.h"
#include "mm/kva.h"

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
