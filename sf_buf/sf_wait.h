/*
 * Requests for slots of a scarce window, and threads that wait for one.  For the
 * files of sf_buf/ only.
 */
#ifndef SF_BUF_SF_WAIT_H
#define SF_BUF_SF_WAIT_H

#include "kernel/types.h"

struct sf_buf;
struct vm_page;

/*
 * Map n pages, all or none, by the idle slots on the list; wait for more, if the
 * flags allow.  As sf_buf_alloc_n().
 *   caller: for reports.
 */
bool sf_wait_alloc(struct vm_page *const *page, struct sf_buf **sf, unsigned n,
    int flags, const void *caller);

/* The same for one page.  Returns its buffer, or NULL. */
struct sf_buf *
sf_wait_alloc_one(struct vm_page *m, int flags, const void *caller) __regargs;

#endif
