/*
 * CPU-private mappings.
 *
 * A CPU owns a window of 512 pages in slot 1, whose directory is its own: no
 * other CPU's tables lead there, so no other TLB can hold anything of it and
 * no mapping in it ever needs a shootdown.  A thread that touches one on the
 * wrong CPU faults instead of reading a stranger's page.
 *
 * The slots are a table keyed by frame number.  A page may have any of the
 * PROBES slots from its frame number on, so the search for a page that is mapped
 * and the search for a slot are both short.  Neighbouring frames get
 * neighbouring slots.
 *
 * refs counts holders; RECYCLING marks a slot whose page is being replaced.
 *
 * I1  While refs is above 0 and not RECYCLING, page and entry do not change.
 * I2  `page` is the page that the entry maps, unless the slot is RECYCLING.  A
 *     frame that is freed and used again meanwhile does no harm: what is cached
 *     is an address of the frame, whoever owns it.
 *
 * Only the owner CPU allocates, but there an interrupt or another thread can
 * come between any two steps, and any CPU may free.
 *
 *	Hit: increment refs, then look at `page` again.  If the slot was idle
 *	    and another thread recycled it before the increment, the page
 *	    differs, or RECYCLING is set: undo, it is a miss.  After the
 *	    increment nobody recycles it (I1).
 *	Miss: change refs from 0 to RECYCLING by compare-and-swap; write the
 *	    entry and the page; then add one holder and take the mark away.
 *	    Increments of others that came meanwhile are undone by them.
 *
 * The order between one thread and another on the same CPU is that of the
 * program.  Between CPUs there is only the last free: its decrement is a
 * release, and the compare-and-swap that recycles the slot acquires it.
 *
 * The accessed bit says whether this CPU's TLB may hold the old translation;
 * if it is clear, no invlpg is needed (see sf_buf.c).
 */
#include "sf_buf/sf_private.h"
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/errno.h"
#include "kernel/panic.h"
#include "mm/kva.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"

/* Four held neighbours are rare; a longer walk costs every miss. */
#define PROBES 4

#define RECYCLING 0x80000000u

struct sf_private {
	_Atomic uint32_t refs;
	_Atomic(struct vm_page *) page; /* NULL: never used */
	const void *caller;             /* of the sf_buf_alloc() that mapped */
	uint32_t unused;
};
_Static_assert(sizeof(struct sf_private) == 16, "a power of two: see index");

/* Fixed by sf_private_init(): CPU n's slots begin at n * SLOTS. */
static struct sf_private *slots;
static unsigned nwindows;

#define SLOTS PRIVATE_WINDOW_PAGES

int
sf_private_init(unsigned ncpus)
{
	slots = kmem_alloc(ncpus * SLOTS * sizeof(struct sf_private));
	if (slots == NULL)
		return (ENOMEM);
	nwindows = ncpus;
	return (0);
}

static vm_offset_t
slot_kva(const struct sf_private *sf)
{
	unsigned index = (unsigned)(sf - slots);

	return (PRIVATE_BASE + index / SLOTS * PRIVATE_STRIDE +
	    index % SLOTS * PAGE_SIZE);
}

static void
assert_held(const struct sf_private *sf, const char *who)
{
	vm_offset_t offset = (vm_offset_t)sf - (vm_offset_t)slots;
	uint32_t refs;

	ASSERT(offset < nwindows * SLOTS * sizeof(*sf) &&
		offset % sizeof(*sf) == 0,
	    "%s: %p is not a buffer", who, (const void *)sf);
	refs = load_relaxed(&sf->refs);
	ASSERT(refs != 0 && refs < RECYCLING,
	    "%s: private buffer %p of CPU %u is not held", who,
	    (const void *)sf, (unsigned)(sf - slots) / SLOTS);
}

vm_offset_t
sf_private_kva(const struct sf_private *sf, const char *who)
{
	assert_held(sf, who);
	return (slot_kva(sf));
}

struct vm_page *
sf_private_page(const struct sf_private *sf, const char *who)
{
	assert_held(sf, who);
	return (load_relaxed(&sf->page));
}

/* A reference to the slot, if it maps `m`. */
static bool
try_hit(struct sf_private *sf, const struct vm_page *m)
{
	if (load_relaxed(&sf->page) != m)
		return (false);
	if ((atomic_fetch_add(&sf->refs, 1) & RECYCLING) == 0 &&
	    load_relaxed(&sf->page) == m)
		return (true);
	atomic_fetch_sub(&sf->refs, 1);
	return (false);
}

/* The slot for `m`, if nobody holds it. */
static bool
try_take(struct sf_private *sf, struct vm_page *m, const void *caller)
{
	vm_offset_t va = slot_kva(sf);
	uint32_t idle = 0;
	uint64_t old;

	if (load_relaxed(&sf->refs) != 0 ||
	    !atomic_compare_exchange_strong(&sf->refs, &idle, RECYCLING))
		return (false);
	old = pte_swap(pmap_pte(va),
	    pmap_make_pte(VM_PAGE_TO_PHYS(m), VM_PROT_WRITE) | PG_M);
	if ((old & PG_A) != 0)
		tlb_flush_page(va);
	sf->caller = caller;
	store_relaxed(&sf->page, m);
	atomic_fetch_add(&sf->refs, 1 - RECYCLING);
	return (true);
}

struct sf_private *
sf_private_alloc(struct vm_page *m, const void *caller)
{
	unsigned cpu = curcpu_id();
	uint32_t first = vm_page_pfn(m);

	if (cpu >= nwindows)
		return (NULL);
	for (unsigned i = 0; i < PROBES; i++) {
		struct sf_private *sf =
		    &slots[cpu * SLOTS + (first + i) % SLOTS];

		if (try_hit(sf, m)) {
			counter_inc(CTR_sf_hit);
			return (sf);
		}
	}
	for (unsigned i = 0; i < PROBES; i++) {
		struct sf_private *sf =
		    &slots[cpu * SLOTS + (first + i) % SLOTS];

		if (try_take(sf, m, caller)) {
			counter_inc(CTR_sf_miss);
			return (sf);
		}
	}
	return (NULL);
}

void
sf_private_free(struct sf_private *sf, const char *who)
{
	assert_held(sf, who);
	atomic_fetch_sub(&sf->refs, 1);
}

void
sf_private_ref(struct sf_private *sf, const char *who)
{
	assert_held(sf, who);
	atomic_fetch_add(&sf->refs, 1);
}

void
sf_private_explain(vm_offset_t va)
{
	unsigned owner = (va - PRIVATE_BASE) / PRIVATE_STRIDE;
	unsigned index = (va - PRIVATE_BASE) % PRIVATE_STRIDE / PAGE_SIZE;
	const struct sf_private *sf;
	const struct vm_page *m;
	vm_offset_t offset;
	const char *name;

	if (va < PRIVATE_BASE || owner >= nwindows || index >= SLOTS)
		return;
	sf = &slots[owner * SLOTS + index];
	m = load_relaxed(&sf->page);
	kprintf("  sf_buf: private to CPU %u, touched on CPU %u", owner,
	    curcpu_id());
	if (m == NULL) {
		kprintf("; never mapped\n");
		return;
	}
	name = symbol_name((vm_offset_t)sf->caller, &offset);
	kprintf("; page %#llx, %s, allocated by %s+%#lx\n", VM_PAGE_TO_PHYS(m),
	    load_relaxed(&sf->refs) != 0 ? "held" : "free",
	    name != NULL ? name : "?",
	    name != NULL ? (unsigned long)offset : 0);
}
