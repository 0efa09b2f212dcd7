/*
 * Mapping without a cache.
 *
 * Free addresses are a stack, which is the cheapest way to keep them.  Its
 * lock is not held during the shootdown.
 *
 * Source: Elmeleegy, Chanda, Cox, Zwaenepoel, "A Portable Kernel Abstraction
 * for Low-Overhead Ephemeral Mapping Management", USENIX 2005, which says what
 * the kernel did before.
 */
#include "tests/bench/engines/naive/sys/sf_buf.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "tests/bench/engines/lock.h"
#include "tests/bench/engines/window.h"

static struct window window;
static struct vm_page **page; /* of each address */
static bool alone;            /* one CPU: nobody else has to forget */

static struct engine_lock free_lock;
/* Under free_lock. */
static unsigned *free_index; /* of the window; free ones first */
static unsigned nfree, nwaiting;

__regargs struct sf_buf *
naive_alloc(struct vm_page *m, int flags)
{
	unsigned i;

	engine_lock(&free_lock);
	while (__predict_false(nfree == 0)) {
		int error;

		if ((flags & SFB_NOWAIT) != 0) {
			engine_unlock(&free_lock);
			counter_inc(CTR_sf_allocfail);
			return (NULL);
		}
		counter_inc(CTR_sf_allocwait);
		nwaiting++;
		error = engine_lock_sleep(&free_lock, &nfree,
		    (flags & SFB_CATCH) != 0 ? PCATCH : 0, "sfbufa");
		nwaiting--;
		if (error != 0) {
			engine_unlock(&free_lock);
			counter_inc(CTR_sf_allocfail);
			return (NULL);
		}
	}
	i = free_index[--nfree];
	engine_unlock(&free_lock);
	counter_inc(CTR_sf_miss);
	page[i] = m;
	window_enter(&window, i, m);
	return ((struct sf_buf *)window_kva(&window, i));
}

__regargs void
naive_free(struct sf_buf *sf)
{
	vm_offset_t kva = (vm_offset_t)sf;
	unsigned i = window_index(&window, kva);

	(void)window_remove(&window, i);
	sched_pin();
	if (alone)
		tlb_flush_page(kva);
	else
		tlb_shootdown_all(&kva, 1);
	sched_unpin();
	engine_lock(&free_lock);
	free_index[nfree++] = i;
	if (__predict_false(nwaiting != 0))
		wakeup_one(&nfree);
	engine_unlock(&free_lock);
}

struct vm_page *
naive_page(const struct sf_buf *sf)
{
	return (page[window_index(&window, (vm_offset_t)sf)]);
}

unsigned
naive_start(unsigned nbufs)
{
	page = kmem_alloc(nbufs * sizeof(page[0]));
	if (page == NULL)
		return (0);
	free_index = kmem_alloc(nbufs * sizeof(free_index[0]));
	if (free_index == NULL || !window_alloc(&window, nbufs)) {
		if (free_index != NULL)
			kmem_free(free_index, nbufs * sizeof(free_index[0]));
		kmem_free(page, nbufs * sizeof(page[0]));
		return (0);
	}
	for (unsigned i = 0; i < nbufs; i++)
		free_index[i] = nbufs - 1 - i;
	nfree = nbufs;
	alone = cpu_count() == 1;
	return (nbufs);
}

void
naive_stop(void)
{
	unsigned n = window.n;

	ASSERT(nfree == n && nwaiting == 0, "naive: %u of %u are free", nfree,
	    n);
	window_free(&window);
	kmem_free(free_index, n * sizeof(free_index[0]));
	kmem_free(page, n * sizeof(page[0]));
}
