/*
 * The CPU-private half of sf_buf: a window for each CPU, in page tables that
 * only that CPU uses.  For the files of sf_buf/ only.
 */
#ifndef SF_BUF_SF_PRIVATE_H
#define SF_BUF_SF_PRIVATE_H

#include "kernel/types.h"

struct sf_buf;
struct vm_page;

/* Make windows for CPUs 0 to ncpus - 1.  Returns 0 or ENOMEM. */
int sf_private_init(unsigned ncpus);

/* Strict mode: unmap a private slot that nobody holds. */
void sf_private_unmap(struct sf_buf *sf, const void *freer);

/* As sf_buf_process_page(), for private slots. */
bool sf_private_process_page(struct vm_page *m, void (*fn)(struct sf_buf *sf));

#endif
