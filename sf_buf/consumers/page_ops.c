/*
 * What is done to whole page frames.
 */
#include "sf_buf/consumers/page_ops.h"
#include <sys/sf_buf.h>
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/cksum.h"

void
page_zero(struct vm_page *m)
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
	memset((void *)sf_buf_kva(sf), 0, PAGE_SIZE);
	sf_buf_free(sf);
	sched_unpin();
}

/* False if there is no second buffer just now: who holds a private one does
 * not sleep for another. */
static bool
try_copy(struct vm_page *dst, struct vm_page *src)
{
	struct sf_buf *from, *to;

	sched_pin();
	from = sf_buf_alloc(src, SFB_CPUPRIVATE);
	to = sf_buf_alloc(dst, SFB_CPUPRIVATE | SFB_NOWAIT);
	if (to != NULL) {
		memcpy((void *)sf_buf_kva(to), (void *)sf_buf_kva(from),
		    PAGE_SIZE);
		sf_buf_free(to);
	}
	sf_buf_free(from);
	sched_unpin();
	return (to != NULL);
}

/* Private buffers are held by threads that are ready to run: let them. */
void
page_copy(struct vm_page *dst, struct vm_page *src)
{
	while (!try_copy(dst, src))
		sched_yield();
}

/* The same part of one page. */
static void
cksum_one(struct vm_page *m, size_t offset, size_t n, struct cksum *c)
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
	cksum_update(c, (char *)sf_buf_kva(sf) + offset, n);
	sf_buf_free(sf);
	sched_unpin();
}

void
page_cksum(struct vm_page *const *ma, size_t offset, size_t n, struct cksum *c)
{
	while (n != 0) {
		size_t skip = offset & PAGE_MASK;
		size_t part = MIN(n, PAGE_SIZE - skip);

		cksum_one(ma[offset >> PAGE_SHIFT], skip, part, c);
		offset += part;
		n -= part;
	}
}
