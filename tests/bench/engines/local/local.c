/*
 * Addresses of each CPU, for an instant.
 *
 * Source: Linux 6.1, mm/highmem.c (kmap_local_page), for the algorithm.
 */
#include "tests/bench/engines/local/sys/sf_buf.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/tlb.h"
#include "tests/bench/engines/window.h"

/* Of each CPU: as many as Linux has. */
#define DEPTH 16

static struct window window; /* of CPU n: from n * DEPTH on */
static unsigned ncpus;

/* How many of its addresses a CPU uses. */
static struct {
	unsigned depth;
} __aligned(CACHE_LINE_BYTES) cpu_state[MAXCPU];

static struct vm_page **page; /* of each address */

__regargs struct sf_buf *
local_alloc(struct vm_page *m)
{
	unsigned cpu, i;

	critical_enter();
	cpu = curcpu_id();
	ASSERT(cpu_state[cpu].depth < DEPTH, "local: CPU %u maps more than %u",
	    cpu, DEPTH);
	i = cpu * DEPTH + cpu_state[cpu].depth++;
	counter_inc(CTR_sf_miss);
	page[i] = m;
	window_enter(&window, i, m);
	return ((struct sf_buf *)window_kva(&window, i));
}

__regargs void
local_free(struct sf_buf *sf)
{
	vm_offset_t kva = (vm_offset_t)sf;
	unsigned cpu = curcpu_id();
	unsigned i = window_index(&window, kva);

	ASSERT(i == cpu * DEPTH + cpu_state[cpu].depth - 1,
	    "local: %p is not what CPU %u mapped last", (void *)sf, cpu);
	(void)window_remove(&window, i);
	tlb_flush_page(kva);
	cpu_state[cpu].depth--;
	critical_exit();
}

struct vm_page *
local_page(const struct sf_buf *sf)
{
	return (page[window_index(&window, (vm_offset_t)sf)]);
}

unsigned
local_start(unsigned nbufs __unused)
{
	ncpus = cpu_count();
	page = kmem_alloc(ncpus * DEPTH * sizeof(page[0]));
	if (page == NULL)
		return (0);
	if (!window_alloc(&window, ncpus * DEPTH)) {
		kmem_free(page, ncpus * DEPTH * sizeof(page[0]));
		return (0);
	}
	return (DEPTH);
}

void
local_stop(void)
{
	window_free(&window);
	kmem_free(page, ncpus * DEPTH * sizeof(page[0]));
}
