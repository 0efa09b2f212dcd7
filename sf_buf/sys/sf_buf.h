/*
 * sf_buf(9): temporary kernel mappings of physical pages.
 *
 * See docs/sf_buf.9 and, for how it works, the head of sf_buf/sf_buf.c.
 */
#ifndef SYS_SF_BUF_H
#define SYS_SF_BUF_H

#include "kernel/types.h"

struct sf_buf;
struct vm_page;

enum {
	SFB_DEFAULT = 0,    /* valid on every CPU when alloc returns */
	SFB_CATCH = 1,      /* a signal while waiting ends the wait */
	SFB_CPUPRIVATE = 2, /* valid on the calling CPU only; it is pinned */
	SFB_NOWAIT = 4,     /* never sleep */
};

/*
 * Map a page.
 *   m: a page that the caller has wired (vm_page_wire) and keeps wired until
 *     it has freed the buffer.
 *   flags: SFB_ flags, or'ed.
 * Requires: with SFB_CPUPRIVATE, the caller cannot migrate (sched_pin) until
 *   its last access.  Without SFB_NOWAIT, a context that may sleep.
 * Returns a buffer whose sf_buf_kva() maps the page, readable and writable.
 *   The page's buffer may be shared with others who map it.  NULL, with
 *   SFB_NOWAIT, when every buffer is in use or promised to a thread that
 *   waits; NULL, with SFB_CATCH, when a signal is or becomes pending while it
 *   waits.  A page that is mapped already never fails.
 * Effects: may sleep until a buffer is free (wait message "sfbufa"); may send
 *   TLB IPIs, with SFB_CPUPRIVATE only when the page's private buffers are all
 *   held and the shared window has to help.
 * Source: FreeBSD sf_buf(9).
 */
struct sf_buf *sf_buf_alloc(struct vm_page *m, int flags);

/*
 * Drop one reference.  The last one leaves the mapping as a cache until
 * its address is needed.
 *   sf: from sf_buf_alloc(); on any CPU, in any context in which a lock of
 *     RANK_SF_BUF may be taken.
 * Panics, as the next three do, if sf is no buffer or nobody holds it.
 * Effects: may wake waiting threads.  Does not sleep.
 */
void sf_buf_free(struct sf_buf *sf);

/* One more reference to a buffer that the caller holds. */
void sf_buf_ref(struct sf_buf *sf);

/* The mapped address, page-aligned. */
vm_offset_t sf_buf_kva(struct sf_buf *sf);

/* The page that was passed to sf_buf_alloc(). */
struct vm_page *sf_buf_page(struct sf_buf *sf);

/*
 * Figures, as FreeBSD's sysctl kern.ipc and struct sfstat name them.
 * used and peak count buffers of the shared window with a holder: the direct
 * map needs none, private mappings have their own.
 */
struct sf_buf_stats {
	uint32_t nsfbufs;     /* buffers in the window */
	uint32_t nsfbufsused; /* held now */
	uint32_t nsfbufspeak; /* the most ever held at once */
	uint32_t allocwait;   /* sleeps for want of a buffer */
	uint32_t allocfail;   /* NULL returned */
	bool dmap;            /* direct-mapped pages use the direct map */
};
void sf_buf_get_stats(struct sf_buf_stats *st);

/*
 * Set the window up.
 *   nsfbufs: buffers, 1 to SF_BUF_MAX; 0: the default for this machine.
 *   dmap: false: map direct-mapped pages through the window, too.
 * Boot CPU, once, before the first sf_buf_alloc().
 * Returns 0 or ENOMEM.
 */
int sf_buf_init(unsigned nsfbufs, bool dmap);

/*
 * Give each CPU its window for private mappings.  Before, and on CPUs beyond
 * these, they use the shared window.
 *   ncpus: CPUs 0 to ncpus - 1.
 * Boot CPU, once, when all CPUs run.  Returns 0 or ENOMEM.
 */
int sf_buf_init_cpus(unsigned ncpus);

/* For the report of a page fault: if a private mapping was touched on the wrong
 * CPU, print whose it is, the page, and who allocated it. */
void sf_buf_explain_fault(vm_offset_t va);

/* The most buffers a window can have. */
#define SF_BUF_MAX 65536

/*
 * Change whether direct-mapped pages use the direct map, for tests and for a
 * machine without other memory.  Buffers that are held stay as they are.
 * Returns the former setting.
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
