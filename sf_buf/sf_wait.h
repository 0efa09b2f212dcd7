/*
 * Scarcity: the list of idle slots, and threads that wait for one.  For the
 * files of sf_buf/ only.
 */
#ifndef SF_BUF_SF_WAIT_H
#define SF_BUF_SF_WAIT_H

#include "kernel/types.h"

struct sf_buf;
struct vm_page;

/* Are so few idle slots too few to go looking for? */
bool sf_wait_is_scarce(uint32_t idle);

/* Is this window too small, or too strict, ever to stop being scarce? */
bool sf_wait_is_always_scarce(void);

/* No slot is idle: known without the lock.  False when that is not known. */
bool sf_wait_none_idle(void);

/* From now on each last free is told, and every idle slot is on the list.
 * Requires: the window's lock. */
void sf_wait_enter_locked(void);

/*
 * Map n pages, all or none, by the idle slots on the list; wait for more, if the
 * flags allow.  As sf_buf_alloc_n().
 *   caller: for reports.
 */
bool sf_wait_alloc(struct vm_page *const *page, struct sf_buf **sf, unsigned n,
    int flags, const void *caller);

#endif
