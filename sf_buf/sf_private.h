/*
 * The CPU-private half of sf_buf: a window for each CPU, in page tables that
 * only that CPU uses.  For sf_buf.c; the interface is <sys/sf_buf.h>.
 */
#ifndef SF_BUF_SF_PRIVATE_H
#define SF_BUF_SF_PRIVATE_H

#include "kernel/types.h"

struct sf_private;
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
struct sf_private *sf_private_alloc(struct vm_page *m, const void *caller);

/*
 * One holder fewer, or more, from any CPU.  `who` is always the function to
 * name if the pointer is no buffer, or if nobody holds it.
 */
void sf_private_free(struct sf_private *sf, const char *who);
void sf_private_ref(struct sf_private *sf, const char *who);

vm_offset_t sf_private_kva(const struct sf_private *sf, const char *who);
struct vm_page *sf_private_page(const struct sf_private *sf, const char *who);

/*
 * If `va` lies in a CPU's window, print whose it is, which page, and who
 * allocated it: for the report of a page fault.
 */
void sf_private_explain(vm_offset_t va);

#endif
