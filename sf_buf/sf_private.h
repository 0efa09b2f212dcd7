/*
 * The CPU-private half of sf_buf: a window for each CPU, in page tables that
 * only that CPU uses.  For the files of sf_buf/ only.
 */
#ifndef SF_BUF_SF_PRIVATE_H
#define SF_BUF_SF_PRIVATE_H

#include "kernel/types.h"

struct sf_buf;
struct vm_page;

/*
 * Make windows for CPUs 0 to ncpus - 1.  Before, sf_private_alloc() returns
 * NULL.
 * Returns 0 or ENOMEM.
 */
int sf_private_init(unsigned ncpus);

/*
 * Map a page on the calling CPU.
 *   caller: where sf_buf_alloc() was called, for reports.
 * Requires: cannot migrate.  Any context: an interrupt handler may come between
 *   any two instructions of another call on the same CPU.
 * Returns a buffer with one more holder; NULL if those that the page could have
 *   are all held.
 * Effects: at most one page-table entry written and one invlpg, both here.
 */
struct sf_buf *sf_private_alloc(struct vm_page *m, const void *caller);

/* As sf_buf_process_page(), for private slots. */
bool sf_private_process_page(struct vm_page *m, void (*fn)(struct sf_buf *sf));

#endif
