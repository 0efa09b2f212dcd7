/*
 * md: a memory disk.
 */
#include "sf_buf/consumers/md.h"
#include "sf_buf/consumers/page_ops.h"
#include "sf_buf/consumers/uio.h"

int
md_create(struct md *md, uint64_t sectors)
{
	int error;

	if (sectors == 0)
		return (EINVAL);
	if (sectors > UINT64_MAX / MD_SECTOR_BYTES)
		return (ENOMEM);
	error = memfile_create(&md->file, sectors * MD_SECTOR_BYTES);
	if (error != 0)
		return (error);
	for (size_t i = 0; i < md->file.npages; i++)
		page_zero(md->file.page[i]);
	return (0);
}

int
md_create_from_phys(struct md *md, vm_paddr_t pa, uint64_t bytes)
{
	uint64_t sectors = bytes / MD_SECTOR_BYTES;
	int error;

	if (bytes % MD_SECTOR_BYTES != 0)
		sectors++;
	error = md_create(md, sectors);
	if (error != 0)
		return (error);
	error = memfile_copy_from_phys(&md->file, 0, pa, bytes, NULL, NULL);
	if (error != 0)
		md_destroy(md);
	return (error);
}

void
md_destroy(struct md *md)
{
	memfile_destroy(&md->file);
}

static int
transfer(const struct md *md, uint64_t offset, size_t n, void *buf,
    enum uio_rw rw)
{
	struct iovec iov;
	struct uio uio;

	if (offset > md_bytes(md) || n > md_bytes(md) - offset)
		return (EIO);
	uio_init(&uio, &iov, buf, n, rw);
	return (uiomove_fromphys(md->file.page + (offset >> PAGE_SHIFT),
	    (size_t)(offset & PAGE_MASK), n, &uio));
}

static int
transfer_sectors(const struct md *md, uint64_t sector, size_t count, void *buf,
    enum uio_rw rw)
{
	if (count > SIZE_MAX / MD_SECTOR_BYTES)
		return (EINVAL);
	if (sector > md_bytes(md) / MD_SECTOR_BYTES)
		return (EIO);
	return (transfer(md, sector * MD_SECTOR_BYTES, count * MD_SECTOR_BYTES,
	    buf, rw));
}

int
md_read(const struct md *md, uint64_t sector, size_t count, void *buf)
{
	return (transfer_sectors(md, sector, count, buf, UIO_READ));
}

int
md_write(const struct md *md, uint64_t sector, size_t count, const void *buf)
{
	/* Only read from, but an iovec serves both ways. */
	return (transfer_sectors(md, sector, count, (void *)(vm_offset_t)buf,
	    UIO_WRITE));
}

int
md_read_bytes(const struct md *md, uint64_t offset, size_t n, void *buf)
{
	return (transfer(md, offset, n, buf, UIO_READ));
}
