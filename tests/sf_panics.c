/*
 * Mistakes of callers of sf_buf(9), on purpose: see tests/panics.h.
 */
#include <sys/sf_buf.h>
#include "kernel/cpu.h"
#include "kernel/smp.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "tests/panics.h"

static struct spinlock lock = SPINLOCK_INITIALIZER("sf panic", RANK_TEST);

/* A wired page that is not in the direct map, as far as sf_buf goes. */
static struct vm_page *
window_page(void)
{
	sf_buf_set_dmap(false);
	return (vm_page_alloc(VM_ALLOC_WIRED));
}

/* --- pages --- */

BUG(sf_unwired, "page * given to sf_buf_alloc is not wired")
{
	(void)sf_buf_alloc(vm_page_alloc(VM_ALLOC_ANY), SFB_DEFAULT);
}

/* What an allocation that has failed returns. */
BUG(sf_no_page, "page fault: read of 0xc, not mapped",
    .also = "bug_sf_no_page+")
{
	(void)sf_buf_alloc(NULL, SFB_DEFAULT);
}

BUG(sf_n_unwired, "page * given to sf_buf_alloc_n is not wired")
{
	struct vm_page *page[] = {window_page(), vm_page_alloc(VM_ALLOC_ANY)};
	struct sf_buf *sf[2];

	(void)sf_buf_alloc_n(page, sf, 2, SFB_DEFAULT);
}

BUG(sf_direct_unwired, "page * of a direct sf_buf is not wired")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	vm_page_unwire(m);
	sf_buf_free(sf);
}

/* --- flags, counts and places --- */

BUG(sf_unpinned, "sf_buf_alloc: SFB_CPUPRIVATE, but the thread may migrate")
{
	(void)sf_buf_alloc(vm_page_alloc(VM_ALLOC_WIRED), SFB_CPUPRIVATE);
}

BUG(sf_flags, "sf_buf_alloc: unknown flags 0x40")
{
	(void)sf_buf_alloc(vm_page_alloc(VM_ALLOC_WIRED), 64);
}

BUG(sf_n_private, "sf_buf_alloc_n: unknown flags 0x2")
{
	struct vm_page *m = window_page();
	struct sf_buf *sf;

	sched_pin();
	(void)sf_buf_alloc_n(&m, &sf, 1, SFB_CPUPRIVATE);
}

BUG(sf_n_none, "sf_buf_alloc_n: no pages")
{
	struct vm_page *m = window_page();
	struct sf_buf *sf;

	(void)sf_buf_alloc_n(&m, &sf, 0, SFB_DEFAULT);
}

BUG(sf_n_too_many, "sf_buf_alloc_n: 101 pages of 100 buffers",
    .options = "kern.ipc.nsfbufs=100")
{
	struct vm_page *m = window_page();
	struct sf_buf_stats st;
	struct sf_buf *sf;

	sf_buf_get_stats(&st);
	(void)sf_buf_alloc_n(&m, &sf, st.nsfbufs + 1, SFB_NOWAIT);
}

static void
alloc_in_interrupt(void *m)
{
	(void)sf_buf_alloc(m, SFB_DEFAULT);
}

BUG(sf_in_interrupt, "sf_buf_alloc: without SFB_NOWAIT in an interrupt handler")
{
	bug_in_interrupt(alloc_in_interrupt, window_page());
}

BUG(sf_locked, "sf_buf_alloc: without SFB_NOWAIT, holding a spinlock",
    .also = "spinlock sf panic")
{
	struct vm_page *m = window_page();

	spin_lock(&lock);
	(void)sf_buf_alloc(m, SFB_DEFAULT);
}

BUG(sf_n_locked, "sf_buf_alloc_n: without SFB_NOWAIT, holding a spinlock")
{
	struct vm_page *m = window_page();
	struct sf_buf *sf;

	spin_lock(&lock);
	(void)sf_buf_alloc_n(&m, &sf, 1, SFB_CATCH);
}

/* To look would cost each miss three instructions: a debug build does. */
BUG(sf_disabled, "sf_buf_alloc: without SFB_NOWAIT, interrupts disabled",
    .debug = true)
{
	struct vm_page *m = window_page();

	(void)intr_disable();
	(void)sf_buf_alloc(m, SFB_DEFAULT);
}

BUG(sf_n_disabled, "sf_buf_alloc_n: without SFB_NOWAIT, interrupts disabled")
{
	struct vm_page *m = window_page();
	struct sf_buf *sf;

	(void)intr_disable();
	(void)sf_buf_alloc_n(&m, &sf, 1, SFB_DEFAULT);
}

static void
alloc_n_in_interrupt(void *arg)
{
	struct vm_page *m = arg;
	struct sf_buf *sf;

	(void)sf_buf_alloc_n(&m, &sf, 1, SFB_DEFAULT);
}

BUG(sf_n_in_interrupt,
    "sf_buf_alloc_n: without SFB_NOWAIT in an interrupt handler")
{
	bug_in_interrupt(alloc_n_in_interrupt, window_page());
}

/* Met when it comes to a sleep, not before. */
BUG(sf_critical, "sleep (sfbufa) by thread main in a critical section",
    .options = "kern.ipc.nsfbufs=1")
{
	(void)sf_buf_alloc(window_page(), SFB_DEFAULT);
	critical_enter();
	(void)sf_buf_alloc(window_page(), SFB_DEFAULT);
}

BUG(sf_free_locked, "spinlock sf_buf* (rank *) taken after late (rank *)",
    .options = "sfbuf.strict=on")
{
	static struct spinlock late = SPINLOCK_INITIALIZER("late", RANK_LEAF);
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	spin_lock(&late);
	sf_buf_free(sf);
}

/* --- buffers --- */

BUG(sf_overfree, "sf_buf_free: nobody holds it (*, of the window)")
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	sf_buf_free(sf);
	sf_buf_free(sf);
}

BUG(sf_ref_free, "sf_buf_ref: nobody holds it (*, of the window)")
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	sf_buf_free(sf);
	sf_buf_ref(sf);
}

BUG(private_overfree, "sf_buf_free: nobody holds it (*, private to CPU *)")
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	sf_buf_free(sf);
	sf_buf_free(sf);
}

BUG(private_elsewhere, "page fault: write of 0x4*, not mapped",
    .also =
	"private to CPU 0, touched on CPU 1; page 0x*, held, allocated by bug_private_elsewhere+0x")
{
	struct sf_buf *sf;

	sched_bind(0);
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	sched_bind(1);
	*(volatile int *)sf_buf_kva(sf) = 1;
}

BUG(sf_garbage, "sf_buf_free: 0x00001234 is no buffer")
{
	sf_buf_free((struct sf_buf *)0x1234);
}

BUG(sf_null, "sf_buf_free: NULL is no buffer")
{
	sf_buf_free(NULL);
}

BUG(sf_interior, "sf_buf_free: 0xbf*4 leads into a buffer, not to its start")
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	sf_buf_free((struct sf_buf *)((char *)sf + 4));
}

BUG(sf_ref_null, "sf_buf_ref: NULL is no buffer")
{
	sf_buf_ref(NULL);
}

BUG(sf_ref_garbage, "sf_buf_ref: 0x00001234 is no buffer")
{
	sf_buf_ref((struct sf_buf *)0x1234);
}

BUG(sf_ref_interior, "sf_buf_ref: 0xbf*4 leads into a buffer, not to its start")
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	sf_buf_ref((struct sf_buf *)((char *)sf + 4));
}

BUG(private_ref_free, "sf_buf_ref: nobody holds it (*, private to CPU *)")
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	sf_buf_free(sf);
	sf_buf_ref(sf);
}

/* A pointer that could be a buffer of a larger window. */
BUG(sf_beyond, "page fault: * of 0xbf3f*, not mapped",
    .also = "sf_buf: no buffer has its description here")
{
	sf_buf_free((struct sf_buf *)SF_BUFS_PRIVATE - 1);
}

/* --- the beginning --- */

BUG(sf_init_twice, "sf_buf_init: called twice")
{
	(void)sf_buf_init(64, false, false);
}

BUG(sf_init_many, "sf_buf_init: 65537 buffers, at most 65536")
{
	(void)sf_buf_init(SF_BUF_MAX + 1, false, false);
}

BUG(sf_init_cpus_none, "sf_buf_init_cpus: 0 CPUs")
{
	(void)sf_buf_init_cpus(0);
}

BUG(sf_init_cpus_twice, "sf_buf_init_cpus: called twice")
{
	(void)sf_buf_init_cpus(cpu_count());
}

static void
alloc_private(void *m)
{
	(void)sf_buf_alloc(m, SFB_CPUPRIVATE);
}

/* It came after sf_buf_init_cpus(). */
BUG(private_late, "page fault: read of 0x*, not mapped",
    .also = "sf_buf: CPU 1 has no private window",
    .options = "cpus=1 cpus.late")
{
	struct vm_page *m = window_page();
	unsigned cpu = smp_start_late();

	thread_join(thread_create_on(cpu, "late", alloc_private, m));
}

/* --- with sfbuf.strict=on --- */

BUG(sf_use_after_free, "page fault: write of 0x8*, not mapped",
    .also =
	"sf_buf: use after free: *; page 0x*, free, allocated by bug_sf_use_after_free+0x*, freed by bug_sf_use_after_free+0x",
    .options = "sfbuf.strict=on")
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);
	volatile int *word = (volatile int *)sf_buf_kva(sf);

	sf_buf_free(sf);
	*word = 1;
}

BUG(sf_overrun, "page fault: write of 0x8*, not mapped",
    .also =
	"sf_buf: overrun: *; page 0x*, held, allocated by bug_sf_overrun+0x",
    .options = "sfbuf.strict=on")
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	*(volatile int *)(sf_buf_kva(sf) + PAGE_SIZE) = 1;
}

BUG(private_use_after_free, "page fault: write of 0x4*, not mapped",
    .also =
	"sf_buf, private: use after free: *; page 0x*, free, allocated by bug_private_use_after_free+0x*, freed by bug_private_use_after_free+0x",
    .options = "sfbuf.strict=on")
{
	volatile int *word;
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	word = (volatile int *)sf_buf_kva(sf);
	sf_buf_free(sf);
	*word = 1;
}

BUG(private_overrun, "page fault: write of 0x4*, not mapped",
    .also =
	"sf_buf, private: overrun: *; page 0x*, held, allocated by bug_private_overrun+0x",
    .options = "sfbuf.strict=on")
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	*(volatile int *)(sf_buf_kva(sf) + PAGE_SIZE) = 1;
}
