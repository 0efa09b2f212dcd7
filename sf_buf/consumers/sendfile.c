/*
 * sendfile: the consumer that sf_bufs were invented for.
 */
#include "sf_buf/consumers/sendfile.h"
#include <sys/sf_buf.h>
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/memfile.h"

/* Send [offset, offset + n) of one page. */
static int
send_page(struct vm_page *m, size_t offset, size_t n, sendfile_sink *sink,
    void *arg, int flags)
{
	struct sf_buf *sf = sf_buf_alloc(m, flags);
	int error;

	if (sf == NULL)
		return (EINTR);
	error = sink((const char *)sf_buf_kva(sf) + offset, n, arg);
	sf_buf_free(sf);
	return (error);
}

int
sendfile(const struct memfile *f, uint64_t offset, uint64_t count,
    sendfile_sink *sink, void *arg, enum sendfile_mode mode, uint64_t *sent)
{
	uint64_t end = offset + MIN(count, f->bytes - MIN(offset, f->bytes));
	int error = 0;

	*sent = 0;
	while (error == 0 && offset < end) {
		struct vm_page *m = f->page[offset >> PAGE_SHIFT];
		size_t skip = (size_t)(offset & PAGE_MASK);
		size_t n = (size_t)MIN(end - offset, PAGE_SIZE - skip);

		if (mode == SENDFILE_PRIVATE) {
			sched_pin();
			error = send_page(m, skip, n, sink, arg,
			    SFB_CATCH | SFB_CPUPRIVATE);
			sched_unpin();
		} else {
			error = send_page(m, skip, n, sink, arg, SFB_CATCH);
		}
		if (error == 0) {
			offset += n;
			*sent += n;
		}
	}
	return (error);
}
