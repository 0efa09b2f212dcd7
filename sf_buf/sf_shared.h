/*
 * The shared half of sf_buf: one window that all CPUs use.  For sf_buf.c, where
 * the theory stands; the interface is <sys/sf_buf.h>.
 *
 * `who` is always the function to name if the pointer is no buffer, or if
 * nobody holds it.
 */
#ifndef SF_BUF_SF_SHARED_H
#define SF_BUF_SF_SHARED_H

#include "kernel/types.h"

struct sf_buf_stats;
struct sf_shared;
struct vm_page;

/* Set the window up with `nslots` buffers, 1 to SF_BUF_MAX.  Returns 0 or
 * ENOMEM. */
int sf_shared_init(uint32_t nslots);

/*
 * Map a page for every CPU, with one more holder.
 *   flags: as for sf_buf_alloc(), checked already.
 * Returns NULL as sf_buf_alloc() does.
 * Effects: may sleep, may send TLB IPIs.
 */
struct sf_shared *sf_shared_alloc(struct vm_page *m, int flags);

/* One more holder of the page's buffer, if somebody holds it; else NULL. */
struct sf_shared *sf_shared_join(struct vm_page *m);

/* One holder fewer (the last wakes who waits), or more. */
void sf_shared_free(struct sf_shared *sf, const char *who);
void sf_shared_ref(struct sf_shared *sf, const char *who);

vm_offset_t sf_shared_kva(const struct sf_shared *sf, const char *who);
struct vm_page *sf_shared_page(const struct sf_shared *sf, const char *who);

/* Fill in all but `dmap`. */
void sf_shared_get_stats(struct sf_buf_stats *st);

/* As sf_buf_foreach(). */
void sf_shared_foreach(void (*fn)(unsigned index, vm_offset_t kva,
			   struct vm_page *m, unsigned refs, void *arg),
    void *arg);

#endif
