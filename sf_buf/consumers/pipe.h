/*
 * pipe: a stream of bytes between threads.
 *
 * Source: FreeBSD sys_pipe.c and sys/pipe.h, for the sizes and for what is
 * copied and what is loaned; POSIX, "write", for what is atomic.
 */
#ifndef SF_BUF_CONSUMERS_PIPE_H
#define SF_BUF_CONSUMERS_PIPE_H

#include "kernel/types.h"
#include "kernel/errno.h"
#include "kernel/mutex.h"

struct uio;
struct vm_page;

/* Bytes that can be written before anybody reads; a power of two. */
#define PIPE_SIZE 16384

/* A write of up to so many bytes stays together.  POSIX's least. */
#define PIPE_BUF 512

/* From so many bytes in one buffer on, a write loans its pages: at any
 * alignment one of them at least is used whole. */
#define PIPE_MINDIRECT 8192

/* What is loaned at a time: 64 KiB, at any alignment. */
#define PIPE_LOAN_PAGES 17

enum pipe_flags {
	PIPE_NONBLOCK = 1, /* EAGAIN instead of waiting */
};

struct pipe {
	char *ring; /* fixed: PIPE_SIZE bytes */
	struct mtx lock;
	/* Under the lock: see pipe.c. */
	size_t ring_start, ring_bytes;
	struct vm_page *loan[PIPE_LOAN_PAGES]; /* wired */
	unsigned loan_pages;
	size_t loan_offset, loan_bytes; /* not read yet */
	bool claimed;                   /* a writer loans, or is about to */
	bool reader_closed, writer_closed;
	unsigned readers, writers,
	    loaners; /* asleep: also what they sleep on */
};

/* Make a pipe, open at both ends.  Returns 0 or ENOMEM. */
int pipe_create(struct pipe *p);

/*
 * End it, and what is in it.
 * Requires: no thread is or comes into another function of it.
 * Effects: one shootdown of every CPU.
 */
void pipe_destroy(struct pipe *p);

/*
 * Read what is there; when there is nothing, wait for some.
 *   uio: UIO_READ; advanced by what was read.
 *   flags: enum pipe_flags.
 * Returns 0: and when nothing was read, uio wanted nothing, or the end has come:
 *   the writer has closed and all is read, or the reader has closed.  EAGAIN
 *   instead of waiting; EINTR when a signal is or becomes pending while it
 *   waits, which it does only as long as it has read nothing; EFAULT at a bad
 *   buffer, and what did not get there stays in the pipe.
 * Effects: may sleep (wait messages "piperd", "pipe").  Loaned pages are mapped
 *   as by uiomove_fromphys().
 */
int pipe_read(struct pipe *p, struct uio *uio, int flags);

/*
 * Write all, waiting for room.
 *   uio: UIO_WRITE; advanced by what was written, also on failure.
 *   flags: enum pipe_flags.
 * Up to PIPE_BUF bytes are written as a whole or, but for EFAULT, not at all;
 * more may mix with what others write.
 * Returns 0; EPIPE when either end is closed; EAGAIN instead of waiting; EINTR
 *   when a signal is or becomes pending while it waits; EFAULT at a bad buffer,
 *   with what stands before that written.
 * Effects: may sleep (wait messages "pipewr", "pipeloan", "pipe").  PIPE_MINDIRECT
 *   bytes or more in one buffer are not copied but loaned, unless flags or what
 *   is mapped there forbid it: then the call returns when they have been read,
 *   and the buffer must not change before.
 */
int pipe_write(struct pipe *p, struct uio *uio, int flags);

/*
 * Close an end, once.  Whoever waits at either end is woken: with the reader's
 * end closed, no byte moves any more; with the writer's, what is in the pipe can
 * be read still, but for what is loaned.
 */
void pipe_close_reader(struct pipe *p);
void pipe_close_writer(struct pipe *p);

#endif
