/*
 * sf_buf: temporary mappings of physical pages.  This file is the theory, and
 * the way of a miss; the way of a hit and of a free stands in <sys/sf_buf.h>.
 *
 * THE PROBLEM
 *
 * The kernel sees 4 GiB of addresses and may own 64 GiB of memory.  To touch a
 * page outside the direct map it needs an address that leads there for a
 * while.  Making one is cheap: write a page-table entry.  Taking it back is
 * not, for each CPU keeps translations in a TLB that nothing keeps coherent: a
 * CPU that has used the address goes on reading the old page until it is told
 * to forget, and telling it takes an interrupt.  All that stands here serves
 * to interrupt as rarely as is still right, and to write nothing that two CPUs
 * share as long as they map different pages.
 *
 * OBJECTS
 *
 * The window is a row of pages of address space that begins at WINDOW_BASE.
 * Each belongs to one slot, a struct sf_buf.  The word `state` counts its
 * holders; whoever takes it for another page adds SF_MARK, which makes it
 * negative whatever else is added meanwhile.
 *
 *	    FRESH                          last free: decrement
 *	  no page, state 0     HELD  ----------------------------->  CACHED
 *	     |                 state > 0  <-----------------------  a page, state 0
 *	     |                   ^           hit: increment            |
 *	     | mark              | install, publish, unmark            | mark
 *	     |                   |                                     |
 *	     +---------------> TAKEN  <--------------------------------+
 *	                     state < 0  --------------------------> CACHED again,
 *	                                   unmark                   was not clean
 *
 * A page that is mapped twice has one slot, with two holders; the page's word
 * `sf` leads to it.  A CACHED slot is still mapped and still found, so using a
 * page again soon costs no page-table entry.
 *
 * A page of the direct map has an address for good: its buffer is the struct
 * vm_page itself, told apart by the lowest bit of the pointer.  Mappings that
 * are private to a CPU lie in that CPU's own window: see sf_private.c.
 *
 * INVARIANTS
 *
 * I1  Page and entry of a slot, but for A, change only while it is marked, and
 *     it is marked only from state 0.  So they are fixed while it is held.
 * I2  If m->sf is a slot, that slot has page m.  The word is set from NULL, by
 *     compare-and-swap, and set to NULL again; both by who has marked the slot,
 *     and the latter before anything is waited for.  Hence no page is found
 *     in two slots, and a frame that was freed while it is CACHED may be
 *     allocated again by anyone: what is cached is an address of the frame,
 *     whoever owns it.
 * I3  A slot that gets another page is clean: no TLB holds anything for its
 *     address, but those of idle CPUs, which flush when they wake (mm/tlb.c,
 *     I3).  In what follows they count as flushed.
 * I4  Whoever brings a state to 0 then reads `scarce`: see sf_idle.c, I5.
 *
 * A HIT reads m->sf, increments that slot's state, and reads m->sf again.  If
 * the count was not negative and the word is still the slot, then by I1 and I2
 * the slot has the page and keeps it.  Else the increment is undone; that may
 * be the last free, and is treated as one.  A hit that meets a mark is a miss.
 * So is one that comes while the page has no slot.
 *
 * A MISS marks an idle slot, takes its entry, judges whether it is clean,
 * unlinks its old page, writes page and entry, publishes, and takes the mark
 * away, leaving one holder.  Interrupts are disabled meanwhile, so whoever sees
 * the mark may spin.  If the slot was not clean, or another CPU has published a
 * slot for the page first, the mark goes and nothing has happened: the loser
 * finds the winner's slot.  A FREE is a decrement.
 *
 * WHICH WRITES PAIR WITH WHICH READS
 *
 * Locked operations are sequentially consistent, and x86 keeps loads in order
 * among themselves, stores among themselves, and both on their side of a locked
 * operation.  That is what each pair below relies on:
 *
 *	taker: unlink (store), unmark (locked)    hit: increment (locked), m->sf
 *	    The hit's second look comes after its increment.  If that came after
 *	    the mark it shows in the count; if it came before, the slot could
 *	    not be marked.  If it came after the unmarking, the look sees the
 *	    unlinking.
 *	installer: page, entry (stores), publish  hit: m->sf, increment, use
 *	    (locked), unmark (locked)
 *	    Who finds the slot and no mark sees page and entry.
 *	last holder: uses, decrement (locked)     taker: mark (locked), entry
 *	    The uses are over before another page is there.
 *	free: decrement (locked), scarce          who sets scarce (locked): states
 *	    One sees the other.  The same pair carries the waiters, who set
 *	    `scarce` before they look for the last time and sleep.
 *	sweep: stamp (store), clear A (locked)    taker: entry (locked), stamp,
 *	    flush, rounds_done (store)                rounds_done
 *	    See below.
 *
 * THE PROOF BY THE ACCESSED BIT
 *
 * A processor sets the accessed bit (A) of an entry, in a locked cycle, before
 * its TLB may hold the translation, speculative walks included (Intel SDM
 * volume 3A, "Accessed and Dirty Flags", 4.8; "Details of TLB Use", 4.10.2.3;
 * "Automatic Locking", 9.1.2.1; how flushes reach other processors,
 * "Propagation of Paging-Structure Changes to Multiple Processors", 4.10.5.
 * Numbers as in 2022; other editions differ, the titles stay).  Entries are
 * written with A clear.
 *
 *	If A was cleared, and a flush of every CPU began after that and is
 *	over, and A is still clear, then no TLB holds the translation.
 *
 * A sweep clears A in many slots, held or not, and then starts one round of
 * flushes for all.  It first stamps each slot with the number of that round.
 * (One whose A is clear keeps its stamp, if that round is over.)  The taker
 * first takes the entry, by an exchange that returns A, and only then reads the
 * stamp and which round is over.  Say A was clear.  Either nobody has used the
 * slot since a round that was over before, and it is clean.  Or the sweep has
 * just cleared it: then its clearing came before the exchange, its stamp before
 * the clearing, and the taker's read after, so it sees a round that is not
 * over: not clean.  Read in the other order, the stamp could be the old one.
 * This also covers a slot from the harvest of one sweep that the next sweep has
 * already gone over.
 *
 * A holder whose A was cleared still has the translation, and loses it in its
 * own CPU's flush; if it uses the address again, A is set again.  A round that
 * was under way when A was cleared never counts (mm/tlb.c draws its generation
 * after).  Between the exchange and the new entry nothing is present, so no walk
 * can fill a TLB, and a sweep's clearing there finds nothing to clear.  One
 * that falls on the new entry is harmless: the stamp defers it.
 *
 * WHICH SLOT is another question than whether it is clean.  `recent`, set by
 * each hit and miss and cleared by each sweep, gives a slot that was used since
 * a second chance, also if only a device used the page, which never sets A.
 * It also saves marking most slots that would not be clean.  When idle slots
 * are scarce they are taken in the order of their last free.
 *
 * NO LIVELOCK.  CPUs that keep using idle slots can have every one found
 * unclean.  A miss therefore gives up after as many tries as twice the window;
 * the window is then treated as scarce, where a slot is marked first and
 * flushed for.
 *
 * COSTS
 *
 * A hit: two locked operations with its free, both on the slot's own line.
 * First use of a slot: nothing is told.  A miss: an entry, an A cleared, and
 * one round for each (idle slots / 1.1) misses; a sweep covers 4096 slots at
 * most.  docs/bench.md has the instructions.
 *
 * REJECTED
 *
 * One round for each miss (FreeBSD): see above.
 * One flush for each pass that drops all cached mappings (Linux's kmap): the
 *     accessed bit tells clean slots apart just as well.
 * Invalidating at free: pays for pages that are about to be mapped again, and
 *     on every CPU, used or not.  (Strict mode does it, to catch mistakes.)
 * A stamp in the ignored bits of the entry: three bits wrap.
 * A hit by compare-and-swap: a loop, to save an undoing that is rare.
 * No mark, just a first holder: a hit on the old page could come before the
 *     page is unlinked, and another slot be published for it meanwhile.
 * A hint m->sf that may be stale, with the slot's page as the judge: a slot
 *     that comes back to the same page looks as if it had never left.
 * A hash from page to slot: the page has room for a pointer.
 * An exact peak: every hit would write a word that all CPUs share.
 */
#include <sys/sf_buf.h>
#include "kernel/panic.h"
#include "sf_buf/sf_idle.h"
#include "sf_buf/sf_private.h"
#include "sf_buf/sf_wait.h"
#include "sf_buf/sf_window.h"

/*
 * The default: one buffer for each 64 pages of memory, so that the window's
 * own memory (72 bytes a buffer) stays below 0.03 percent, but no fewer than
 * do for a few hundred threads that hold some each.
 */
#define PAGES_PER_BUFFER 64
#define DEFAULT_MIN 1024

/* What an allocation that may sleep requires, whether it comes to it or not. */
static inline void
assert_may_sleep(const char *who, int flags)
{
	if ((flags & SFB_NOWAIT) != 0 || __predict_true(intr_enabled()))
		return;
	/* Both disable interrupts. */
	ASSERT(cpu_intr_depth() == 0,
	    "%s: without SFB_NOWAIT in an interrupt handler", who);
	ASSERT(cpu_spin_depth() == 0,
	    "%s: without SFB_NOWAIT, holding a spinlock", who);
	panic("%s: without SFB_NOWAIT, interrupts disabled", who);
}

/*
 * Map `m` by a clean slot.  NULL if there is none, or if another was faster and
 * the page has a slot now.
 */
static struct sf_buf *
map_new(struct vm_page *m, const void *caller)
{
	uint32_t flags = intr_disable();
	struct sf_buf *sf = sf_window_take();

	if (sf != NULL) {
		slot_install(sf, sf->pte, m);
		sf->caller = caller;
		if (slot_publish(sf, m)) {
			slot_unmark_held(sf);
		} else {
			sf_window_let_go(sf);
			sf = NULL;
		}
	}
	intr_restore(flags);
	return (sf);
}

/* The page's slot, or a new one; NULL if slots are scarce. */
static struct sf_buf *
map_in_plenty(struct vm_page *m, const void *caller)
{
	struct sf_buf *sf = NULL;

	while (sf == NULL && load_relaxed(&sf_buf_control.scarce) == 0) {
		if (load_relaxed(&m->sf) != NULL) {
			sf = sf_buf_hit(m);
			if (sf == NULL) { /* it is being taken */
				cpu_pause();
				tlb_poll();
			}
		} else {
			sf = map_new(m, caller);
			if (sf == NULL && load_relaxed(&m->sf) == NULL)
				return (NULL);
		}
	}
	return (sf);
}

/* Whatever it takes.  Called last by sf_buf_map(), so it returns to that one's
 * caller, as does the next. */
static __noinline __regargs struct sf_buf *
map_slowly(struct vm_page *m, int flags)
{
	const void *caller = __builtin_return_address(0);
	struct sf_buf *sf;

	assert_may_sleep("sf_buf_alloc", flags);
	if (load_folded(&sf_buf_control.scarce) == 0) {
		sf = map_in_plenty(m, caller);
		if (sf != NULL)
			return (sf);
	}
	if ((flags & SFB_NOWAIT) != 0 && sf_idle_none() &&
	    load_relaxed(&m->sf) == NULL) {
		counter_inc(CTR_sf_allocfail);
		return (NULL);
	}
	return (sf_scarce_map(m, flags, caller));
}

/* Get this CPU more slots to try, then once more. */
static __noinline __regargs struct sf_buf *
map_refill(struct vm_page *m, int flags)
{
	bool got;

	if (load_folded(&sf_buf_control.scarce) != 0)
		return (map_slowly(m, flags));
	assert_may_sleep("sf_buf_alloc", flags);
	intr_disable_enabled();
	got = sf_window_refill();
	intr_enable();
	return (got ? sf_buf_map(m, flags) : map_slowly(m, flags));
}

/*
 * Let go of a slot that was not clean, or lost the race to be the page's; then
 * once more.  Interrupts are disabled.
 */
static __noinline __regargs struct sf_buf *
map_again(struct vm_page *m, int flags, struct sf_buf *marked)
{
	sf_window_let_go(marked);
	intr_enable();
	return (load_relaxed(&m->sf) == NULL ? sf_buf_map(m, flags) :
					       map_slowly(m, flags));
}

/* More are held than ever.  Interrupts are disabled, so that none is freed
 * before that is noted. */
static __noinline __regargs struct sf_buf *
map_new_peak(struct sf_buf *sf)
{
	(void)sf_buf_new_peak(sf);
	intr_enable();
	return (sf);
}

/*
 * The way of nearly every miss.  Who may sleep has interrupts enabled, so there
 * is no need to save their state.  All calls are last ones, for a function that
 * calls nothing needs no frame: see the Makefile.
 */
__regargs struct sf_buf *
sf_buf_map(struct vm_page *m, int flags)
{
	struct sf_buf *sf;
	pt_entry_t *pte;

	if (EPHEMERA_DEBUG)
		assert_may_sleep("sf_buf_alloc", flags);
	if ((flags & SFB_NOWAIT) != 0 ||
	    __predict_false(!CPU_WORD_IS(offsetof(struct cpu, depths), 0)))
		return (map_slowly(m, flags));
	intr_disable_enabled();
	do {
		if (__predict_false(!sf_window_next(&sf))) {
			intr_enable();
			return (map_refill(m, flags));
		}
	} while (__predict_false(load_folded(&sf->recent) != 0 ||
	    !slot_mark(sf)));
	pte = sf->pte;
	if (!sf_window_take_entry(sf, pte))
		return (map_again(m, flags, sf));
	slot_forget_page(sf);
	slot_install(sf, pte, m);
	sf->caller = __builtin_return_address(0);
	if (__predict_false(!slot_publish(sf, m)))
		return (map_again(m, flags, sf));
	atomic_fetch_add(&sf->state, 1 - SF_MARK);
	if (__predict_false(DEC_CPU_WORD(offsetof(struct cpu, sf_room))))
		return (map_new_peak(sf));
	intr_enable();
	return (sf);
}

__regargs void
sf_buf_unhold(struct sf_buf *sf)
{
	if (atomic_fetch_sub(&sf->state, 1) != 1)
		return;
	if (sf_buf_is_shared(sf))
		sf_buf_count_unused();
	if (atomic_load(&sf_buf_control.scarce) != 0)
		sf_buf_idle(sf);
}

void
sf_buf_ref(struct sf_buf *sf)
{
	if (sf_buf_is_direct(sf))
		(void)sf_buf_direct_page(sf);
	else if (!sf_buf_is_private(sf))
		sf_buf_panic_pointer(sf, "sf_buf_ref");
	else if (atomic_fetch_add(&sf->state, 1) <= 0)
		sf_buf_panic(sf, "sf_buf_ref: nobody holds it");
}

/* --- several at once --- */

/* One after the other; none if slots are scarce. */
static bool
alloc_each(struct vm_page *const *page, struct sf_buf **sf, unsigned n,
    const void *caller)
{
	for (unsigned i = 0; i < n; i++) {
		sf[i] = sf_buf_direct(page[i]);
		if (sf[i] == NULL)
			sf[i] = map_in_plenty(page[i], caller);
		if (sf[i] == NULL) {
			sf_buf_free_n(sf, i);
			return (false);
		}
	}
	return (true);
}

static void __noreturn
panic_count(unsigned n)
{
	ASSERT(n != 0, "sf_buf_alloc_n: no pages");
	panic("sf_buf_alloc_n: %u pages of %u buffers", n, sf_window.nslots);
}

bool
sf_buf_alloc_n(struct vm_page *const *page, struct sf_buf **sf, unsigned n,
    int flags)
{
	const void *caller = __builtin_return_address(0);

	ASSERT((flags & ~(SFB_CATCH | SFB_NOWAIT | SFB_RUN)) == 0,
	    "sf_buf_alloc_n: unknown flags %#x", flags);
	if (__predict_false(n - 1 >= sf_window.nslots))
		panic_count(n);
	for (unsigned i = 0; i < n; i++)
		if (!vm_page_wired(page[i]))
			sf_buf_panic_page(page[i],
			    "given to sf_buf_alloc_n is not wired");
	assert_may_sleep("sf_buf_alloc_n", flags);
	if ((flags & SFB_RUN) != 0 && sf_window.strict)
		return (false); /* its holes lie between any two */
	if ((flags & SFB_RUN) == 0 && alloc_each(page, sf, n, caller))
		return (true);
	return (sf_wait_alloc(page, sf, n, flags, caller));
}

void
sf_buf_free_n(struct sf_buf *const *sf, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		sf_buf_free(sf[i]);
}

/* --- a page's mappings --- */

/*
 * Call fn for a slot, if it maps `m`.  Whoever has it marked may let go of it
 * again, so that is waited for.
 */
static bool
process_slot(struct sf_buf *sf, struct vm_page *m, void (*fn)(struct sf_buf *))
{
	while (load_relaxed(&sf->page) == m) {
		int32_t holders = atomic_fetch_add(&sf->state, 1);
		bool held = holders >= 0 && load_relaxed(&sf->page) == m;

		if (holders == 0)
			sf_buf_count_used(sf);
		if (held)
			fn(sf);
		sf_buf_unhold(sf);
		if (held)
			return (true);
		cpu_pause();
		tlb_poll();
	}
	return (false);
}

bool
sf_buf_process_page(struct vm_page *m, void (*fn)(struct sf_buf *sf))
{
	bool any = sf_private_process_page(m, fn);

	for (uint32_t i = 0; i < sf_window.nslots; i++)
		any |= process_slot(&sf_window.slot[i], m, fn);
	return (any);
}

/* --- figures, settings, the beginning --- */

void
sf_buf_get_stats(struct sf_buf_stats *st)
{
	*st = (struct sf_buf_stats){
	    .nsfbufs = sf_window.nslots,
	    .nsfbufsused = sf_window_used(),
	    .allocwait = counter_read(CTR_sf_allocwait),
	    .allocfail = counter_read(CTR_sf_allocfail),
	    .dmap = sf_buf_control.direct_end != vm_page_array.base,
	    .strict = sf_window.strict,
	};
	spin_lock(&sf_window_lock);
	sf_window_note_used_locked();
	sf_window_peak(&st->nsfbufspeak, &st->nsfbufspeak_most);
	spin_unlock(&sf_window_lock);
}

bool
sf_buf_set_dmap(bool on)
{
	struct vm_page *none = vm_page_array.base;
	struct vm_page *end = none + vm_page_array.direct_end;
	bool was = sf_buf_control.direct_end != none;

	sf_buf_control.direct_end = on && !sf_window.strict ? end : none;
	return (was);
}

void
sf_buf_foreach(void (*fn)(unsigned index, vm_offset_t kva, struct vm_page *m,
		   unsigned refs, void *arg),
    void *arg)
{
	for (uint32_t i = 0; i < sf_window.nslots; i++) {
		struct sf_buf *sf = &sf_window.slot[i];
		struct vm_page *m = load_relaxed(&sf->page);
		int32_t holders = load_relaxed(&sf->state);

		if (m != NULL)
			fn(i, sf->kva, m, (unsigned)MAX(holders, 0), arg);
	}
}

static uint32_t
default_slots(void)
{
	struct vm_page_stats st;
	uint32_t pages;

	vm_page_get_stats(&st);
	pages = st.total_pages[VM_ZONE_DIRECT] + st.total_pages[VM_ZONE_HIGH];
	return (MIN(MAX(pages / PAGES_PER_BUFFER, DEFAULT_MIN), SF_BUF_MAX));
}

int
sf_buf_init(unsigned nsfbufs, bool dmap, bool strict)
{
	uint32_t nslots = nsfbufs != 0 ? nsfbufs : default_slots();
	int error;

	ASSERT(nslots <= SF_BUF_MAX, "sf_buf_init: %u buffers, at most %u",
	    nslots, SF_BUF_MAX);
	error = sf_window_init(nslots, strict);
	sf_buf_control.direct_end = vm_page_array.base;
	(void)sf_buf_set_dmap(dmap);
	return (error);
}

int
sf_buf_init_cpus(unsigned ncpus)
{
	ASSERT(ncpus != 0 && ncpus <= MAXCPU, "sf_buf_init_cpus: %u CPUs",
	    ncpus);
	return (sf_private_init(ncpus));
}
