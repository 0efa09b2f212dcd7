/*
 * A file held in page frames, wherever they are: most of them have no address
 * of their own.
 */
#ifndef SF_BUF_CONSUMERS_MEMFILE_H
#define SF_BUF_CONSUMERS_MEMFILE_H

#include "kernel/types.h"
#include "kernel/errno.h"

struct vm_page;

/* Fixed while the file lives. */
struct memfile {
	uint64_t bytes;
	size_t npages;
	struct vm_page **page; /* npages, wired; NULL when the file is empty */
};

/*
 * Make a file of unspecified contents.
 *   f: receives it.
 * Takes pages above the direct map first.
 * Returns 0; or ENOMEM, and then nothing is kept and `f` is an empty file.
 */
int memfile_create(struct memfile *f, uint64_t bytes);

/* Give its pages back; `f` is an empty file then. */
void memfile_destroy(struct memfile *f);

/* Called as a long copy goes on: `done` of `total` bytes. */
typedef void memfile_progress(uint64_t done, uint64_t total, void *arg);

/*
 * Fill part of a file from physical memory that need not be mapped.
 *   offset, n: the part, in bytes; within the file.
 *   pa: where the bytes come from, at any alignment.
 *   progress: called after each page, with `arg`; or NULL.
 * Returns 0; EFAULT if the source reaches beyond what the processor can
 *   address, with the part filled up to there.
 * Effects: may sleep for an sf_buf.
 */
int memfile_copy_from_phys(struct memfile *f, uint64_t offset, vm_paddr_t pa,
    uint64_t n, memfile_progress *progress, void *arg);

#endif
