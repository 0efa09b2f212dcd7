/*
 * The free blocks of the page allocator.  mm/vm_page.c has the theory.
 */
#include "kernel/types.h"
#include "kernel/panic.h"
#include "kernel/spinlock.h"
#include "mm/vm_page.h"
#include "mm/vm_buddy.h"

struct buddy_zone {
	/* Changed under vm_page_lock; also read without it. */
	_Atomic uint32_t free_pages;
	/* Under vm_page_lock. */
	uint32_t nblocks[VM_NORDER];
	pfn_t head[VM_NORDER]; /* first block of each order; 0: none */
};

static struct spinlock vm_page_lock =
    SPINLOCK_INITIALIZER("vm_page", RANK_VM_PAGE);
static struct buddy_zone zones[VM_NZONE];

void
vm_buddy_lock(void)
{
	spin_lock(&vm_page_lock);
}

void
vm_buddy_unlock(void)
{
	spin_unlock(&vm_page_lock);
}

static bool
is_block(pfn_t pfn, unsigned order)
{
	return (pfn < vm_page_array.npages &&
	    vm_page_get_state(vm_page_at(pfn)) == VM_PAGE_FREE &&
	    vm_page_at(pfn)->order == order);
}

/* Put a block, whose pages are all FREE_PART, on its list. */
static void
block_insert(pfn_t pfn, unsigned order)
{
	struct buddy_zone *z = &zones[vm_page_zone(pfn)];
	struct vm_page *m = vm_page_at(pfn);

	m->order = order;
	m->prev = 0;
	m->next = z->head[order];
	if (m->next != 0)
		vm_page_at(m->next)->prev = pfn;
	z->head[order] = pfn;
	z->nblocks[order]++;
	store_folded(&z->free_pages,
	    load_folded(&z->free_pages) + (1u << order));
	store_relaxed(&m->state, VM_PAGE_FREE);
}

/* Take a block off its list; its pages are then all FREE_PART. */
static void
block_remove(pfn_t pfn)
{
	struct buddy_zone *z = &zones[vm_page_zone(pfn)];
	struct vm_page *m = vm_page_at(pfn);

	if (m->prev != 0)
		vm_page_at(m->prev)->next = m->next;
	else
		z->head[m->order] = m->next;
	if (m->next != 0)
		vm_page_at(m->next)->prev = m->prev;
	z->nblocks[m->order]--;
	store_folded(&z->free_pages,
	    load_folded(&z->free_pages) - (1u << m->order));
	store_relaxed(&m->state, VM_PAGE_FREE_PART);
}

/* Free a block whose pages are all FREE_PART: join it with its buddies. */
static void
block_free(pfn_t pfn, unsigned order)
{
	for (; order < VM_NORDER - 1; order++) {
		pfn_t buddy = pfn ^ (1u << order);

		if (!is_block(buddy, order) ||
		    vm_page_zone(buddy) != vm_page_zone(pfn))
			break;
		block_remove(buddy);
		pfn &= ~(1u << order);
	}
	block_insert(pfn, order);
}

/*
 * Take the block of order `want` that holds frame `pfn` out of the free block
 * at `head`; what is left of that goes back to the lists.
 */
static pfn_t
block_split(pfn_t head, unsigned want, pfn_t pfn)
{
	unsigned order = vm_page_at(head)->order;

	block_remove(head);
	while (order > want) {
		order--;
		if (pfn - head < 1u << order) {
			block_insert(head + (1u << order), order);
		} else {
			block_insert(head, order);
			head += 1u << order;
		}
	}
	return (head);
}

pfn_t
vm_buddy_alloc_locked(enum vm_zone zone, unsigned order)
{
	for (unsigned k = order; k < VM_NORDER; k++) {
		pfn_t head = zones[zone].head[k];

		if (head != 0)
			return (block_split(head, order, head));
	}
	return (0);
}

bool
vm_buddy_alloc_frame_locked(pfn_t pfn)
{
	for (unsigned order = 0; order < VM_NORDER; order++) {
		pfn_t head = ROUND_DOWN(pfn, 1u << order);

		if (is_block(head, order)) {
			block_split(head, 0, pfn);
			return (true);
		}
	}
	return (false);
}

/* Cuts the run into the largest aligned blocks that it holds. */
void
vm_buddy_free_locked(pfn_t pfn, pfn_t npages)
{
	while (npages != 0) {
		unsigned order = MIN((unsigned)__builtin_ctz(pfn),
		    31u - (unsigned)__builtin_clz(npages));

		order = MIN(order, VM_NORDER - 1u);
		block_free(pfn, order);
		pfn += 1u << order;
		npages -= 1u << order;
	}
}

uint32_t
vm_buddy_free_pages(enum vm_zone zone)
{
	return (load_relaxed(&zones[zone].free_pages));
}

uint32_t
vm_buddy_blocks(enum vm_zone zone, unsigned order)
{
	return (zones[zone].nblocks[order]);
}

/* I1, I2: one block; returns its number of pages. */
static uint32_t
check_block(pfn_t pfn, unsigned order, enum vm_zone zone, pfn_t prev)
{
	const struct vm_page *m = vm_page_at(pfn);
	pfn_t npages = 1u << order, buddy = pfn ^ npages;

	ASSERT(is_block(pfn, order),
	    "vm_page_check: frame %#x, state %u, order %u, is on list %u", pfn,
	    vm_page_get_state(m), m->order, order);
	ASSERT(m->prev == prev,
	    "vm_page_check: frame %#x links back to %#x, not %#x", pfn, m->prev,
	    prev);
	ASSERT(IS_ALIGNED(pfn, npages) && vm_page_zone(pfn) == zone &&
		vm_page_zone(pfn + npages - 1) == zone &&
		pfn + npages <= vm_page_array.npages,
	    "vm_page_check: a block of order %u at frame %#x", order, pfn);
	ASSERT(order == VM_NORDER - 1 || !is_block(buddy, order) ||
		vm_page_zone(buddy) != zone,
	    "vm_page_check: frames %#x and %#x, of order %u, are both free",
	    pfn, buddy, order);
	for (pfn_t i = 1; i < npages; i++)
		ASSERT(vm_page_get_state(m + i) == VM_PAGE_FREE_PART,
		    "vm_page_check: frame %#x in a free block has state %u",
		    pfn + i, vm_page_get_state(m + i));
	return (npages);
}

void
vm_buddy_check(enum vm_zone zone)
{
	const struct buddy_zone *z = &zones[zone];
	uint32_t npages = 0;

	for (unsigned order = 0; order < VM_NORDER; order++) {
		uint32_t nblocks = 0;
		pfn_t prev = 0;

		for (pfn_t p = z->head[order]; p != 0;
		     p = vm_page_at(p)->next) {
			npages += check_block(p, order, zone, prev);
			nblocks++;
			prev = p;
		}
		ASSERT(nblocks == z->nblocks[order],
		    "vm_page_check: zone %u has %u blocks of order %u, not %u",
		    zone, nblocks, order, z->nblocks[order]);
	}
	ASSERT(npages == vm_buddy_free_pages(zone),
	    "vm_page_check: zone %u has %u pages in blocks, not %u", zone,
	    npages, vm_buddy_free_pages(zone));
}
