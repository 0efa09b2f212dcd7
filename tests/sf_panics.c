/*
 * Mistakes of callers of sf_buf(9), on purpose: see tests/panics.c.
 */
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/spinlock.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
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

static void
bug_sf_unwired(void)
{
	(void)sf_buf_alloc(vm_page_alloc(VM_ALLOC_ANY), SFB_DEFAULT);
}

static void
bug_sf_n_unwired(void)
{
	struct vm_page *page[] = {window_page(), vm_page_alloc(VM_ALLOC_ANY)};
	struct sf_buf *sf[2];

	(void)sf_buf_alloc_n(page, sf, 2, SFB_DEFAULT);
}

static void
bug_sf_direct_unwired(void)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED);
	struct sf_buf *sf = sf_buf_alloc(m, SFB_DEFAULT);

	vm_page_unwire(m);
	sf_buf_free(sf);
}

static void
bug_sf_free_wired(void)
{
	struct vm_page *m = window_page();

	(void)sf_buf_alloc(m, SFB_DEFAULT);
	vm_page_free(m);
}

/* --- flags, counts and places --- */

static void
bug_sf_unpinned(void)
{
	(void)sf_buf_alloc(vm_page_alloc(VM_ALLOC_WIRED), SFB_CPUPRIVATE);
}

static void
bug_sf_flags(void)
{
	(void)sf_buf_alloc(vm_page_alloc(VM_ALLOC_WIRED), 64);
}

static void
bug_sf_n_private(void)
{
	struct vm_page *m = window_page();
	struct sf_buf *sf;

	sched_pin();
	(void)sf_buf_alloc_n(&m, &sf, 1, SFB_CPUPRIVATE);
}

static void
bug_sf_n_none(void)
{
	struct vm_page *m = window_page();
	struct sf_buf *sf;

	(void)sf_buf_alloc_n(&m, &sf, 0, SFB_DEFAULT);
}

static void
bug_sf_n_too_many(void)
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

static void
bug_sf_in_interrupt(void)
{
	static struct timeout timeout;

	timeout_init(&timeout, alloc_in_interrupt, window_page());
	timeout_set(&timeout, clock_now());
	for (;;)
		cpu_pause();
}

static void
bug_sf_locked(void)
{
	struct vm_page *m = window_page();

	spin_lock(&lock);
	(void)sf_buf_alloc(m, SFB_DEFAULT);
}

static void
bug_sf_n_locked(void)
{
	struct vm_page *m = window_page();
	struct sf_buf *sf;

	spin_lock(&lock);
	(void)sf_buf_alloc_n(&m, &sf, 1, SFB_CATCH);
}

/* --- buffers --- */

static void
bug_sf_overfree(void)
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	sf_buf_free(sf);
	sf_buf_free(sf);
}

static void
bug_sf_ref_free(void)
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	sf_buf_free(sf);
	sf_buf_ref(sf);
}

static void
bug_private_overfree(void)
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	sf_buf_free(sf);
	sf_buf_free(sf);
}

static void
bug_private_elsewhere(void)
{
	struct sf_buf *sf;

	sched_bind(0);
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	sched_bind(1);
	*(volatile int *)sf_buf_kva(sf) = 1;
}

static void
bug_sf_garbage(void)
{
	sf_buf_free((struct sf_buf *)0x1234);
}

static void
bug_sf_null(void)
{
	sf_buf_free(NULL);
}

static void
bug_sf_interior(void)
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	sf_buf_free((struct sf_buf *)((char *)sf + 4));
}

/* --- with sfbuf.strict=on --- */

static void
bug_sf_use_after_free(void)
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);
	volatile int *word = (volatile int *)sf_buf_kva(sf);

	sf_buf_free(sf);
	*word = 1;
}

static void
bug_sf_overrun(void)
{
	struct sf_buf *sf = sf_buf_alloc(window_page(), SFB_DEFAULT);

	*(volatile int *)(sf_buf_kva(sf) + PAGE_SIZE) = 1;
}

static void
bug_private_use_after_free(void)
{
	volatile int *word;
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	word = (volatile int *)sf_buf_kva(sf);
	sf_buf_free(sf);
	*word = 1;
}

static void
bug_private_overrun(void)
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(window_page(), SFB_CPUPRIVATE);
	*(volatile int *)(sf_buf_kva(sf) + PAGE_SIZE) = 1;
}

static const struct {
	const char *name;
	void (*fn)(void);
} bugs[] = {
    {"sf-unwired", bug_sf_unwired},
    {"sf-n-unwired", bug_sf_n_unwired},
    {"sf-direct-unwired", bug_sf_direct_unwired},
    {"sf-free-wired", bug_sf_free_wired},
    {"sf-unpinned", bug_sf_unpinned},
    {"sf-flags", bug_sf_flags},
    {"sf-n-private", bug_sf_n_private},
    {"sf-n-none", bug_sf_n_none},
    {"sf-n-too-many", bug_sf_n_too_many},
    {"sf-in-interrupt", bug_sf_in_interrupt},
    {"sf-locked", bug_sf_locked},
    {"sf-n-locked", bug_sf_n_locked},
    {"sf-overfree", bug_sf_overfree},
    {"sf-ref-free", bug_sf_ref_free},
    {"private-overfree", bug_private_overfree},
    {"private-elsewhere", bug_private_elsewhere},
    {"sf-garbage", bug_sf_garbage},
    {"sf-null", bug_sf_null},
    {"sf-interior", bug_sf_interior},
    {"sf-use-after-free", bug_sf_use_after_free},
    {"sf-overrun", bug_sf_overrun},
    {"private-use-after-free", bug_private_use_after_free},
    {"private-overrun", bug_private_overrun},
};

void
sf_panic_on_purpose(const char *name)
{
	for (unsigned i = 0; i < nitems(bugs); i++)
		if (strcmp(bugs[i].name, name) == 0)
			bugs[i].fn();
}
