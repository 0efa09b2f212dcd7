/*
 * sf_buf(9): temporary kernel mappings of physical pages.
 *
 * See docs/sf_buf.9 and, for how it works, the head of sf_buf/sf_buf.c.  What
 * costs every caller, a hit and a free, is inlined from here.
 */
#ifndef SYS_SF_BUF_H
#define SYS_SF_BUF_H

#include "kernel/types.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"

enum {
	SFB_DEFAULT = 0,    /* valid on every CPU when alloc returns */
	SFB_CATCH = 1,      /* a signal while waiting ends the wait */
	SFB_CPUPRIVATE = 2, /* valid on the calling CPU only; it is pinned */
	SFB_NOWAIT = 4,     /* never sleep */
	SFB_RUN = 8,        /* sf_buf_alloc_n(): at consecutive addresses */
};
#define SFB_PRIVATE_FLAGS (SFB_CATCH | SFB_CPUPRIVATE | SFB_NOWAIT)

/*
 * A slot: an address and what is mapped there.  Callers see a pointer to one
 * as a buffer; or, for a page of the direct map, a pointer into its struct
 * vm_page with the lowest bit set, which needs no slot.
 */
struct sf_buf {
	/* Fixed. */
	vm_offset_t kva;
	pt_entry_t *pte;
	/* Atomic: holders, see sf_buf.c for the rest. */
	_Atomic int32_t state;
	/* Atomic: held since the last sweep.  A hint. */
	_Atomic uint8_t recent;
	/* Written by whoever has marked the slot; fixed while it is held. */
	_Atomic(struct vm_page *) page; /* NULL: none */
	const void *caller; /* who called sf_buf_alloc(), at a miss */
	/* Strict mode only: for reports, what it mapped last and who freed it. */
	struct vm_page *last;
	const void *freer;
	/* Atomic: the flush that makes it clean, see sf_window.c. */
	_Atomic uint32_t round;
	/* Under the window's lock. */
	struct sf_buf *prev, *next;
	bool listed;
} __aligned(CACHE_LINE_BYTES);

/* Read by every call, written seldom. */
struct sf_buf_control {
	/* Pages before this one use the direct map.  Either value is right at
	 * any time, so it is read plainly. */
	struct vm_page *direct_end;
	/* The last free of a slot is to be told; see sf_idle.c. */
	_Atomic uint8_t scarce;
	/* Fixed: which bits of a page's address, times 4, choose its private
	 * slot. */
	uint32_t private_mask;
	/* The last round known to be over; see sf_window.c. */
	_Atomic uint32_t rounds_done;
} __aligned(CACHE_LINE_BYTES);
extern struct sf_buf_control sf_buf_control;

/* --- what the inlines below call --- */

struct sf_buf *sf_buf_map(struct vm_page *m, int flags) __regargs;
struct sf_buf *
sf_buf_map_private(struct vm_page *m, int flags, struct sf_buf *slot) __regargs;
struct sf_buf *sf_buf_map_elsewhere(struct vm_page *m, int flags) __regargs;
void sf_buf_check_private(int flags) __regargs;
void sf_buf_unhold(struct sf_buf *sf) __regargs;
void sf_buf_idle(struct sf_buf *sf) __regargs;
struct sf_buf *sf_buf_new_peak(struct sf_buf *sf) __regargs;
void sf_buf_panic(const struct sf_buf *sf, const char *what) __noreturn;
void sf_buf_panic_pointer(const void *p, const char *who) __noreturn;
void sf_buf_panic_page(const struct vm_page *m, const char *what) __noreturn;

/* Addresses of pages and slots are worked out from that of the struct vm_page. */
_Static_assert(sizeof(struct vm_page) << VM_PAGE_SCALE == PAGE_SIZE,
    "see sf_buf_kva() and sf_buf_private_slot()");

#define SF_BUF_DIRECT 1u

static inline bool
sf_buf_is_direct(const struct sf_buf *sf)
{
	return (((vm_offset_t)sf & SF_BUF_DIRECT) != 0);
}

static inline struct vm_page *
sf_buf_direct_page(const struct sf_buf *sf)
{
	struct vm_page *m = (struct vm_page *)((vm_offset_t)sf - SF_BUF_DIRECT);

	if (__predict_false(!vm_page_wired(m)))
		sf_buf_panic_page(m, "of a direct sf_buf is not wired");
	return (m);
}

/* The buffer that a page of the direct map is. */
static inline struct sf_buf *
sf_buf_direct_buffer(struct vm_page *m)
{
	counter_inc(CTR_sf_direct);
	return ((struct sf_buf *)((vm_offset_t)m + SF_BUF_DIRECT));
}

/* The same; NULL for another page. */
static inline struct sf_buf *
sf_buf_direct(struct vm_page *m)
{
	return (m < sf_buf_control.direct_end ? sf_buf_direct_buffer(m) : NULL);
}

/* Does it point to a slot of the window, or of some CPU's own? */
static inline bool
sf_buf_is_shared(const struct sf_buf *sf)
{
	return ((((vm_offset_t)sf - SF_BUFS_BASE) &
		    ~(vm_offset_t)(SF_BUFS_PRIVATE - SF_BUFS_BASE -
			sizeof(*sf))) == 0);
}

static inline bool
sf_buf_is_private(const struct sf_buf *sf)
{
	return ((((vm_offset_t)sf - SF_BUFS_BASE) &
		    ~(vm_offset_t)(SF_BUFS_BYTES - sizeof(*sf))) == 0);
}

/* One holder fewer.  Was it the last? */
static inline bool
sf_buf_drop(struct sf_buf *sf)
{
	ATOMIC_DEC(&sf->state, nobody, others);
	return (true);
others:
	return (false);
nobody:
	sf_buf_panic(sf, "sf_buf_free: nobody holds it");
}

/* A slot of the window that was idle is held: one more in use; or one fewer. */
static inline void
sf_buf_count_used(struct sf_buf *sf)
{
	if (__predict_false(DEC_CPU_WORD(offsetof(struct cpu, sf_room))))
		(void)sf_buf_new_peak(sf);
}

static inline void
sf_buf_count_unused(void)
{
	ADD_CPU_WORD(offsetof(struct cpu, sf_room), 1);
}

/*
 * One more holder of the page's slot, if it has one.  The increment comes
 * first; after it nobody takes the slot away, so the page's word, read
 * again, tells whether it is the page's still.  A negative count says that
 * someone is taking the slot at this moment.
 *   lost: receives a slot on which one holder too many is to be undone, or NULL.
 */
static inline struct sf_buf *
sf_buf_try_hit(const struct vm_page *m, struct sf_buf **lost)
{
	struct sf_buf *sf = load_relaxed(&m->sf);
	int32_t holders;

	*lost = NULL;
	if (sf == NULL)
		return (NULL);
	holders = atomic_fetch_add(&sf->state, 1);
	if (holders == 0)
		sf_buf_count_used(sf);
	if (__predict_false(holders < 0 || load_folded(&m->sf) != sf)) {
		*lost = sf;
		return (NULL);
	}
	store_relaxed(&sf->recent, 1);
	counter_inc(CTR_sf_hit);
	return (sf);
}

static inline struct sf_buf *
sf_buf_hit(const struct vm_page *m)
{
	struct sf_buf *lost, *sf = sf_buf_try_hit(m, &lost);

	if (__predict_false(lost != NULL))
		sf_buf_unhold(lost);
	return (sf);
}

/* The first of the slots that this CPU may map the page by: neighbouring pages
 * have neighbouring ones.  A struct vm_page has 16 bytes, a struct sf_buf 64. */
static inline struct sf_buf *
sf_buf_private_slot(vm_offset_t slots, const struct vm_page *m)
{
	return ((struct sf_buf *)(slots +
	    ((vm_offset_t)m * (sizeof(struct sf_buf) / sizeof(*m)) &
		sf_buf_control.private_mask)));
}

/*
 * One more holder of a private slot of this CPU, if it maps `m`.  The page is
 * looked at again after the increment, in case another thread of this CPU has
 * recycled the slot in between.
 */
static inline bool
sf_buf_private_hit(struct sf_buf *sf, const struct vm_page *m)
{
	if (load_folded(&sf->page) != m)
		return (false);
	if (__predict_false(ATOMIC_INC(&sf->state) ||
		load_folded(&sf->page) != m)) {
		sf_buf_unhold(sf);
		return (false);
	}
	counter_inc(CTR_sf_hit);
	return (true);
}

static inline struct sf_buf *
sf_buf_alloc_private(struct vm_page *m, int flags)
{
	vm_offset_t slots = READ_CPU_WORD(offsetof(struct cpu, sf_private));
	struct sf_buf *sf = sf_buf_private_slot(slots, m);

	counter_inc(CTR_sf_private);
	if (__predict_false((flags & ~SFB_PRIVATE_FLAGS) != 0 ||
		curthread->pinned == 0))
		return (sf_buf_map_elsewhere(m, flags));
	return (sf_buf_private_hit(sf, m) ? sf :
					    sf_buf_map_private(m, flags, sf));
}

/* --- the interface --- */

/*
 * Map a page.
 *   m: a page that the caller has wired (vm_page_wire) and keeps wired until
 *     it has freed the buffer.
 *   flags: SFB_ flags but SFB_RUN, or'ed.
 * Requires: with SFB_CPUPRIVATE, the caller cannot migrate (sched_pin) until
 *   its last access.  Without SFB_NOWAIT, a context that may sleep, so
 *   interrupts are enabled; with it, one in which a lock of RANK_SF_BUF may be
 *   taken.
 * Returns a buffer whose sf_buf_kva() maps the page, readable and writable.
 *   The page's buffer may be shared with others who map it.  NULL, with
 *   SFB_NOWAIT, when every buffer is in use or a thread waits for one; NULL,
 *   with SFB_CATCH, when a signal is or becomes pending while it waits.  A
 *   page that somebody has mapped never fails.
 * Effects: may sleep until a buffer is free (wait message "sfbufa"); may send
 *   TLB IPIs, with SFB_CPUPRIVATE only when the page's private buffers are all
 *   held and the shared window has to help.
 * Source: FreeBSD sf_buf(9).
 */
static inline struct sf_buf *
sf_buf_alloc(struct vm_page *m, int flags)
{
	struct sf_buf *sf;

	if (__predict_false(!vm_page_wired(m)))
		sf_buf_panic_page(m, "given to sf_buf_alloc is not wired");
	if (m < sf_buf_control.direct_end) {
		if ((flags & ~(SFB_CATCH | SFB_NOWAIT)) != 0)
			sf_buf_check_private(flags);
		return (sf_buf_direct_buffer(m));
	}
	if ((flags & ~(SFB_CATCH | SFB_NOWAIT)) != 0)
		return (sf_buf_alloc_private(m, flags));
	sf = sf_buf_hit(m);
	return (__predict_true(sf != NULL) ? sf : sf_buf_map(m, flags));
}

/*
 * Drop one reference.  The last one leaves the mapping as a cache until
 * its address is needed.
 *   sf: from sf_buf_alloc(); on any CPU, in any context in which a lock of
 *     RANK_SF_BUF may be taken.
 * Panics if sf is no buffer or nobody holds it.
 * Effects: may wake waiting threads.  Does not sleep.
 */
static inline void
sf_buf_free(struct sf_buf *sf)
{
	if (sf_buf_is_direct(sf)) {
		(void)sf_buf_direct_page(sf);
		return;
	}
	if (__predict_true(sf_buf_is_shared(sf))) {
		if (!sf_buf_drop(sf))
			return;
		sf_buf_count_unused();
	} else {
		if (__predict_false(!sf_buf_is_private(sf)))
			sf_buf_panic_pointer(sf, "sf_buf_free");
		if (!sf_buf_drop(sf))
			return;
	}
	if (__predict_false(load_folded(&sf_buf_control.scarce) != 0))
		sf_buf_idle(sf);
}

/* One more reference to a buffer that the caller holds. */
void sf_buf_ref(struct sf_buf *sf);

/* The mapped address, page-aligned.  Requires: the caller holds the buffer. */
static inline vm_offset_t
sf_buf_kva(const struct sf_buf *sf)
{
	if (sf_buf_is_direct(sf))
		return ((((vm_offset_t)sf - (vm_offset_t)vm_page_array.base)
			    << VM_PAGE_SCALE) +
		    DMAP_BASE - (SF_BUF_DIRECT << VM_PAGE_SCALE));
	return (sf->kva);
}

/* The page that was passed to sf_buf_alloc().  Requires: as sf_buf_kva(). */
static inline struct vm_page *
sf_buf_page(const struct sf_buf *sf)
{
	if (sf_buf_is_direct(sf))
		return (sf_buf_direct_page(sf));
	return (load_relaxed(&sf->page));
}

/*
 * Map n pages, all or none.
 *   page, sf: arrays of n; sf receives the buffers in the order of the pages.
 *   n: 1 to the number of buffers of the window, else it panics.
 *   flags: as for sf_buf_alloc(), without SFB_CPUPRIVATE.  With SFB_RUN the
 *     addresses are consecutive, as one range of n pages from
 *     sf_buf_kva(sf[0]); these buffers are not shared with others who map the
 *     same pages.
 * Requires, Effects: as sf_buf_alloc().  Holds no buffer while it waits, so
 *   threads that each want several cannot wait for each other.
 * Returns false, with nothing mapped, where sf_buf_alloc() returns NULL; and
 *   for a run in strict mode, which has a hole after each buffer.
 */
bool sf_buf_alloc_n(struct vm_page *const *page, struct sf_buf **sf, unsigned n,
    int flags);

/* Free n buffers. */
void sf_buf_free_n(struct sf_buf *const *sf, unsigned n);

/*
 * Call fn for each buffer that maps a page, held or cached, shared, of a run or
 * private to a CPU: for changes of a page's memory attributes.  The buffer is
 * held during the call.
 * Requires: nobody maps the page meanwhile, if none is to be missed.
 * Returns whether there was one.
 * Effects: looks at every slot there is; sends no IPI itself.
 * Source: FreeBSD sf_buf_process_page().
 */
bool sf_buf_process_page(struct vm_page *m, void (*fn)(struct sf_buf *sf));

/*
 * Figures, as FreeBSD's sysctl kern.ipc and struct sfstat name them.
 * used and peak count buffers of the shared window with a holder: the direct
 * map needs none, private mappings have their own.
 */
struct sf_buf_stats {
	uint32_t nsfbufs;     /* buffers in the window */
	uint32_t nsfbufsused; /* held now; exact when nobody maps or frees */
	/*
	 * The most ever held at once: on one CPU both are that, unless an
	 * interrupt handler frees a buffer in the very middle of a hit.
	 * Otherwise it lies between the largest sum that was seen at a sweep, a
	 * wait or a read (while CPUs map and free, a sum may count a buffer
	 * that is just changing hands twice) and the sum of the CPUs' own
	 * largest.
	 */
	uint32_t nsfbufspeak, nsfbufspeak_most;
	uint32_t allocwait; /* sleeps for want of a buffer */
	uint32_t allocfail; /* NULL returned */
	bool dmap;          /* direct-mapped pages use the direct map */
	bool strict;        /* see sf_buf_init() */
};
void sf_buf_get_stats(struct sf_buf_stats *st);

/*
 * Set the window up.
 *   nsfbufs: buffers, 1 to SF_BUF_MAX; 0: the default for this machine.
 *   dmap: false: map direct-mapped pages through the window, too.
 *   strict: no direct map, nothing stays mapped after its last free, and a
 *     page of nothing after each buffer, so that a caller's mistake faults.
 * Boot CPU, once, before the first sf_buf_alloc().
 * Returns 0 or ENOMEM.
 */
int sf_buf_init(unsigned nsfbufs, bool dmap, bool strict);

/*
 * Give each CPU its window for private mappings.  On other CPUs, or before, a
 * request for one faults.
 *   ncpus: CPUs 0 to ncpus - 1.
 * Boot CPU, once, when all CPUs run.  Returns 0 or ENOMEM.
 */
int sf_buf_init_cpus(unsigned ncpus);

/* For the report of a page fault: if `va` is a buffer's address, or the hole
 * after one, print what it was used for and which mistake that looks like. */
void sf_buf_explain_fault(vm_offset_t va);

/* The most buffers a window can have. */
#define SF_BUF_MAX 65536

/*
 * Change whether direct-mapped pages use the direct map, for tests and for a
 * machine without other memory.  Buffers that are held stay as they are.
 * Never on in strict mode.  Returns the former setting.
 */
bool sf_buf_set_dmap(bool on);

/*
 * Call fn for each buffer of the window that has a page: for the monitor.
 *   refs: holders; 0: cached.  A snapshot: no lock is held during the call.
 */
void sf_buf_foreach(void (*fn)(unsigned index, vm_offset_t kva,
			struct vm_page *m, unsigned refs, void *arg),
    void *arg);

#endif
