/*
 * Error numbers, with FreeBSD's names and values.  Functions that can fail
 * return one of these, or 0.
 */
#ifndef KERNEL_ERRNO_H
#define KERNEL_ERRNO_H

enum {
	ENOENT = 2,       /* no such file, thread or name */
	EINTR = 4,        /* a signal ended the sleep */
	EIO = 5,          /* the device or the other end failed */
	ENOMEM = 12,      /* no memory, or no address space */
	EFAULT = 14,      /* an address that is not mapped */
	EBUSY = 16,       /* in use */
	EINVAL = 22,      /* an argument out of its range */
	EFBIG = 27,       /* too large to hold */
	EPIPE = 32,       /* nobody will read it */
	EAGAIN = 35,      /* would have to wait */
	EWOULDBLOCK = 35, /* the timeout of a sleep ran out */
};

#endif
