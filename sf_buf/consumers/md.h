/*
 * md: a memory disk, sectors in page frames that mostly have no address of
 * their own.
 *
 * Any number of threads may read and write a disk at once; it has no lock.  Of
 * bytes that one writes while another reads or writes them, each is one of
 * those written or what was there before: it is never anything else, but a
 * sector may be made of both.  Whoever needs sectors whole holds a lock of his
 * own.  Bytes outside a request's sectors are left alone, so requests for
 * different sectors never disturb each other, not even in the same page.
 *
 * Mappings are private to a CPU: no request interrupts another one.
 *
 * Source: FreeBSD md(4).
 */
#ifndef SF_BUF_CONSUMERS_MD_H
#define SF_BUF_CONSUMERS_MD_H

#include "kernel/types.h"
#include "kernel/errno.h"
#include "sf_buf/consumers/memfile.h"

#define MD_SECTOR_BYTES 512

/* Fixed while the disk lives, but for the contents of the pages. */
struct md {
	struct memfile file; /* whole sectors */
};

static inline uint64_t
md_bytes(const struct md *md)
{
	return (md->file.bytes);
}

/*
 * Make a disk of zeros.
 *   md: receives it.
 *   sectors: at least 1.
 * Takes pages above the direct map first.
 * Returns 0; EINVAL for no sectors; ENOMEM.  On failure nothing is kept.
 */
int md_create(struct md *md, uint64_t sectors);

/*
 * Make a disk that holds a copy of physical memory, a boot module for example;
 * zeros fill its last sector.
 *   pa: where the bytes come from, at any alignment, mapped or not.
 *   bytes: at least 1.
 * Returns 0; EINVAL for no bytes; ENOMEM; EFAULT if the source reaches beyond
 *   what the processor can address.  On failure nothing is kept.
 * Effects: may sleep for an sf_buf.
 */
int md_create_from_phys(struct md *md, vm_paddr_t pa, uint64_t bytes);

/* Give a disk's pages back.  Requires: nobody uses it. */
void md_destroy(struct md *md);

/*
 * Read or write `count` sectors from number `sector` on.
 *   buf: count * MD_SECTOR_BYTES bytes.
 * Returns 0; EIO, with nothing done, if that reaches beyond the disk's end;
 *   EINVAL, with nothing done, if it is more than the address space holds;
 *   EFAULT if an address of the buffer is bad: the bytes before it have been
 *   moved, be they whole sectors or not.
 * Effects: may sleep for an sf_buf, when other threads of this CPU hold all
 *   that a page can have here; only then may there be an IPI.
 */
int md_read(const struct md *md, uint64_t sector, size_t count, void *buf);
int
md_write(const struct md *md, uint64_t sector, size_t count, const void *buf);

/* Read n bytes from byte `offset` on.  Otherwise as md_read(). */
int md_read_bytes(const struct md *md, uint64_t offset, size_t n, void *buf);

#endif
