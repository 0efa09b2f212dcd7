/*
 * What is done to whole page frames, wherever they are: fill with zeros, copy,
 * sum up.
 *
 * All of these want their pages wired, map them with SFB_CPUPRIVATE and only
 * for the time of the operation; so they send no IPI as long as this CPU has a
 * private buffer left, and may sleep only for one.
 */
#ifndef SF_BUF_CONSUMERS_PAGE_OPS_H
#define SF_BUF_CONSUMERS_PAGE_OPS_H

#include "kernel/types.h"

struct cksum;
struct vm_page;

/* Fill a page with zeros.  Source: FreeBSD pmap_zero_page(9). */
void page_zero(struct vm_page *m);

/* Copy a page to another.  Source: FreeBSD pmap_copy_page(9). */
void page_copy(struct vm_page *dst, struct vm_page *src);

/*
 * Add part of some pages to a checksum.
 *   ma: pages; as many as offset + n reach.
 *   offset, n: in bytes, from the start of the first page; offset may exceed a
 *     page.
 */
void
page_cksum(struct vm_page *const *ma, size_t offset, size_t n, struct cksum *c);

#endif
