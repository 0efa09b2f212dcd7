/*
 * The window that all CPUs share: slots, the list of inactive ones, sweeps, and
 * threads that wait.  The theory stands at the head of sf_buf.c; the invariants
 * I1 to I5 are meant here.
 */
#include "sf_buf/sf_shared.h"
#include <sys/sf_buf.h>
#include "kernel/cpu.h"
#include "kernel/errno.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "mm/kva.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"

/*
 * Slots in one sweep.  Interrupts are disabled meanwhile, so it is bounded; a
 * round shared by so many misses is a small part of what each costs anyway.
 */
#define SWEEP_MAX 4096

_Static_assert(WINDOW_BASE + SF_BUF_MAX * (uint64_t)PAGE_SIZE <= WINDOW_END,
    "the largest window fits its addresses");

struct sf_shared {
	/* Fixed. */
	pt_entry_t *pte;
	/* Under the lock; page may be read by a holder without it. */
	struct vm_page *page;
	_Atomic uint32_t refs; /* atomic for the assertions of holders only */
	struct sf_shared *colder, *warmer; /* inactive slots only */
} __aligned(CACHE_LINE_BYTES);

/* On the stack of a thread that waits, and what it sleeps on. */
struct waiter {
	struct vm_page *page; /* what it wants to map */
	struct waiter *next;  /* who came after it */
};

static struct spinlock window_lock =
    SPINLOCK_INITIALIZER("sf_buf", RANK_SF_BUF);

static struct {
	/* Fixed by sf_shared_init(). */
	struct sf_shared *slot;
	uint32_t nslots;
	/* Under the lock. */
	struct sf_shared *coldest, *warmest; /* ends of the inactive list */
	uint32_t ninactive;                  /* its length */
	uint32_t peak;                       /* the most slots ever held */
	struct waiter *first;                /* who waits longest */
} window;

static inline uint32_t
slot_index(const struct sf_shared *sf)
{
	return ((uint32_t)(sf - window.slot));
}

static inline vm_offset_t
slot_kva(const struct sf_shared *sf)
{
	return (WINDOW_BASE + ((vm_offset_t)slot_index(sf) << PAGE_SHIFT));
}

/* --- the inactive list --- */

static void
inactive_remove(struct sf_shared *sf)
{
	ASSERT(window.ninactive != 0, "sf_buf: inactive list is empty");
	if (sf->colder != NULL)
		sf->colder->warmer = sf->warmer;
	else
		window.coldest = sf->warmer;
	if (sf->warmer != NULL)
		sf->warmer->colder = sf->colder;
	else
		window.warmest = sf->colder;
	sf->colder = sf->warmer = NULL;
	window.ninactive--;
}

static void
inactive_add_warmest(struct sf_shared *sf)
{
	sf->warmer = NULL;
	sf->colder = window.warmest;
	if (window.warmest != NULL)
		window.warmest->warmer = sf;
	else
		window.coldest = sf;
	window.warmest = sf;
	window.ninactive++;
}

/* --- waiters --- */

/* How many waiters come before `w`; before a newcomer (NULL): all. */
static uint32_t
waiters_before(const struct waiter *w)
{
	uint32_t n = 0;

	for (struct waiter *i = window.first; i != NULL && i != w; i = i->next)
		n++;
	return (n);
}

static void
waiter_add(struct waiter *w)
{
	struct waiter **link = &window.first;

	while (*link != NULL)
		link = &(*link)->next;
	w->next = NULL;
	*link = w;
}

static void
waiter_remove(struct waiter *w)
{
	struct waiter **link = &window.first;

	while (*link != w) {
		ASSERT(*link != NULL, "sf_buf: waiter %p is not queued",
		    (void *)w);
		link = &(*link)->next;
	}
	*link = w->next;
}

/* Wake those who are entitled to a slot (I5).  Whoever is awake already, on
 * the way to the lock, does not sleep on its channel: no harm in a second. */
static void
wake_entitled(void)
{
	struct waiter *w = window.first;

	for (uint32_t n = window.ninactive; w != NULL && n != 0; n--) {
		wakeup(w);
		w = w->next;
	}
}

/* Wake those who could share the slot that `m` has got (I5). */
static void
wake_sharers(const struct vm_page *m)
{
	for (struct waiter *w = window.first; w != NULL; w = w->next) {
		if (w->page == m)
			wakeup(w);
	}
}

/* --- slots --- */

/* The slot that maps `m`, or NULL. */
static struct sf_shared *
find_locked(const struct vm_page *m)
{
	uint32_t index = load_relaxed(&m->sf_index);

	if (index == VM_PAGE_NO_SF)
		return (NULL);
	ASSERT(index <= window.nslots && window.slot[index - 1].page == m,
	    "sf_buf: page %#llx names buffer %u, which is not its own",
	    VM_PAGE_TO_PHYS(m), index - 1);
	return (&window.slot[index - 1]);
}

/* One more holder of a slot. */
static void
hold_locked(struct sf_shared *sf)
{
	uint32_t refs = load_relaxed(&sf->refs);

	ASSERT(refs + 1 != 0, "sf_buf: buffer %u has too many holders",
	    slot_index(sf));
	if (refs == 0)
		inactive_remove(sf);
	store_relaxed(&sf->refs, refs + 1);
	window.peak = MAX(window.peak, window.nslots - window.ninactive);
}

/* Clear A in the coldest slots, and flush what they may have left behind. */
static void
sweep_locked(void)
{
	vm_offset_t va[TLB_MAX_LIST];
	unsigned seen = 0, cleared = 0;

	for (struct sf_shared *sf = window.coldest;
	     sf != NULL && seen < SWEEP_MAX; sf = sf->warmer) {
		seen++;
		if (!pte_clear_accessed(sf->pte))
			continue;
		if (cleared < TLB_MAX_LIST)
			va[cleared] = slot_kva(sf);
		cleared++;
	}
	counter_inc(CTR_sf_sweeps);
	if (cleared != 0)
		tlb_shootdown_all(va, cleared <= TLB_MAX_LIST ? cleared : 0);
}

/* Map `m` by a slot that the caller has just taken. */
static void
install_locked(struct sf_shared *sf, struct vm_page *m)
{
	vm_offset_t va = slot_kva(sf);
	uint64_t old;

	if (sf->page != NULL)
		store_relaxed(&sf->page->sf_index, VM_PAGE_NO_SF);
	sf->page = m;
	store_relaxed(&m->sf_index, slot_index(sf) + 1);

	/* Nobody asks whether the page is dirty: with M set from the start
	 * the first write needs no second walk. */
	old = pte_swap(sf->pte,
	    pmap_make_pte(VM_PAGE_TO_PHYS(m), VM_PROT_WRITE) | PG_M);
	/* Seldom: since the sweep a processor has walked here unasked. */
	if ((old & PG_A) != 0)
		tlb_shootdown_all(&va, 1);
}

/*
 * A slot for `m`: its own, or the coldest if there is one that nobody has a
 * better claim to.
 *   w: the caller's record if it has waited, or NULL.
 */
static struct sf_shared *
try_locked(struct vm_page *m, const struct waiter *w)
{
	struct sf_shared *sf = find_locked(m);

	if (sf != NULL) {
		hold_locked(sf);
		counter_inc(CTR_sf_hit);
		return (sf);
	}
	if (window.ninactive <= waiters_before(w))
		return (NULL);
	sf = window.coldest;
	if ((pte_load(sf->pte) & PG_A) != 0)
		sweep_locked();
	hold_locked(sf);
	install_locked(sf, m);
	wake_sharers(m);
	counter_inc(CTR_sf_miss);
	return (sf);
}

/* As try_locked(), but wait for a slot, if the flags allow. */
static struct sf_shared *
acquire_locked(struct vm_page *m, int flags)
{
	struct waiter self = {.page = m};
	struct sf_shared *sf = try_locked(m, NULL);
	int error = 0;

	if (sf == NULL && (flags & SFB_NOWAIT) == 0) {
		waiter_add(&self);
		while (sf == NULL && error == 0) {
			counter_inc(CTR_sf_allocwait);
			error = msleep_spin(&self, &window_lock,
			    (flags & SFB_CATCH) != 0 ? PCATCH : 0, "sfbufa", 0);
			if (error == 0)
				sf = try_locked(m, &self);
		}
		waiter_remove(&self);
		wake_entitled();
	}
	if (sf == NULL)
		counter_inc(CTR_sf_allocfail);
	return (sf);
}

/* --- for sf_buf.c --- */

struct sf_shared *
sf_shared_alloc(struct vm_page *m, int flags)
{
	struct sf_shared *sf;

	spin_lock(&window_lock);
	/* Asserted whether it comes to a sleep or not. */
	ASSERT((flags & SFB_NOWAIT) != 0 || curcpu()->intr_depth == 0,
	    "sf_buf_alloc: without SFB_NOWAIT in an interrupt handler");
	ASSERT((flags & SFB_NOWAIT) != 0 || curcpu()->spin_depth == 1,
	    "sf_buf_alloc: without SFB_NOWAIT, holding a spinlock");
	sf = acquire_locked(m, flags);
	spin_unlock(&window_lock);
	return (sf);
}

/* Does somebody hold the page's slot?  A hint: without the lock. */
static bool
seems_held(const struct vm_page *m)
{
	uint32_t index = load_relaxed(&m->sf_index);

	return (index != VM_PAGE_NO_SF &&
	    load_relaxed(&window.slot[index - 1].refs) != 0);
}

struct sf_shared *
sf_shared_join(struct vm_page *m)
{
	struct sf_shared *sf;

	if (!seems_held(m))
		return (NULL);
	spin_lock(&window_lock);
	sf = find_locked(m);
	if (sf != NULL && load_relaxed(&sf->refs) != 0) {
		hold_locked(sf);
		counter_inc(CTR_sf_hit);
	} else {
		sf = NULL;
	}
	spin_unlock(&window_lock);
	return (sf);
}

/* For a holder, who needs no lock: its own reference cannot go away. */
static void
assert_held(const struct sf_shared *sf, const char *who)
{
	vm_offset_t offset = (vm_offset_t)sf - (vm_offset_t)window.slot;

	ASSERT(offset < window.nslots * sizeof(*sf) &&
		offset % sizeof(*sf) == 0,
	    "%s: %p is not a buffer", who, (const void *)sf);
	ASSERT(load_relaxed(&sf->refs) != 0, "%s: buffer %u (%p) is not held",
	    who, slot_index(sf), (const void *)sf);
}

void
sf_shared_free(struct sf_shared *sf, const char *who)
{
	uint32_t refs;

	assert_held(sf, who);
	spin_lock(&window_lock);
	refs = load_relaxed(&sf->refs);
	ASSERT(refs != 0, "%s: buffer %u was freed twice at once", who,
	    slot_index(sf));
	store_relaxed(&sf->refs, refs - 1);
	if (refs == 1) {
		inactive_add_warmest(sf);
		wake_entitled();
	}
	spin_unlock(&window_lock);
}

void
sf_shared_ref(struct sf_shared *sf, const char *who)
{
	assert_held(sf, who);
	spin_lock(&window_lock);
	hold_locked(sf);
	spin_unlock(&window_lock);
}

vm_offset_t
sf_shared_kva(const struct sf_shared *sf, const char *who)
{
	assert_held(sf, who);
	return (slot_kva(sf));
}

struct vm_page *
sf_shared_page(const struct sf_shared *sf, const char *who)
{
	assert_held(sf, who);
	return (sf->page);
}

void
sf_shared_get_stats(struct sf_buf_stats *st)
{
	spin_lock(&window_lock);
	st->nsfbufs = window.nslots;
	st->nsfbufsused = window.nslots - window.ninactive;
	st->nsfbufspeak = window.peak;
	st->allocwait = counter_read(CTR_sf_allocwait);
	st->allocfail = counter_read(CTR_sf_allocfail);
	spin_unlock(&window_lock);
}

void
sf_shared_foreach(void (*fn)(unsigned index, vm_offset_t kva, struct vm_page *m,
		      unsigned refs, void *arg),
    void *arg)
{
	for (uint32_t i = 0; i < window.nslots; i++) {
		struct sf_shared *sf = &window.slot[i];
		struct vm_page *m;
		uint32_t refs;

		spin_lock(&window_lock);
		m = sf->page;
		refs = load_relaxed(&sf->refs);
		spin_unlock(&window_lock);
		if (m != NULL)
			fn(i, slot_kva(sf), m, refs, arg);
	}
}

int
sf_shared_init(uint32_t nslots)
{
	ASSERT(window.slot == NULL, "sf_buf_init: called twice");
	if (!pmap_grow(WINDOW_BASE, nslots))
		return (ENOMEM);
	window.slot = kmem_alloc(nslots * sizeof(struct sf_shared));
	if (window.slot == NULL)
		return (ENOMEM);
	window.nslots = nslots;
	for (uint32_t i = 0; i < nslots; i++) {
		struct sf_shared *sf = &window.slot[i];

		sf->pte = pmap_pte(slot_kva(sf));
		inactive_add_warmest(sf);
	}
	return (0);
}
