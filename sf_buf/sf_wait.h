/*
 * Requests for slots of a scarce window, and threads that wait for one.  For
 * the files of sf_buf/ only.
 */
#ifndef SF_BUF_SF_WAIT_H
#define SF_BUF_SF_WAIT_H

#include "kernel/types.h"

struct sf_buf;
struct vm_page;

/*
 * Map n pages, all or none, by the idle slots on the list; wait for more, if
 * the flags allow.  As sf_buf_alloc_n().
 *   caller: for reports.
 */
bool sf_wait_alloc(struct vm_page *const *page, struct sf_buf **sf, unsigned n,
    int flags, const void *caller);

/* Who waits longest; NULL: nobody.  Under the window's lock. */
struct request;
extern struct request *sf_wait_first;

/*
 * Nobody holds the slot any more: give it to the first request that can use it,
 * else put it on the list of idle ones.
 * Requires: the window's lock; scarce.
 */
void sf_wait_idle_locked(struct sf_buf *sf);

/* Map one page in a scarce window; as sf_buf_alloc().  In sf_scarce.c, as is
 * sf_buf_idle(). */
struct sf_buf *
sf_scarce_map(struct vm_page *m, int flags, const void *caller) __regargs;

#endif
