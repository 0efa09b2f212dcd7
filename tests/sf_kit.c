/*
 * What the tests of sf_bufs share.
 */
#include "tests/sf_kit.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"

/* A full window, and some more. */
#define KIT_MAX (KIT_MAX_FILL + 640)

/* The test's own thread only. */
static struct {
	bool dmap; /* to be restored */
	struct vm_page *page[KIT_MAX];
	unsigned npages;
	struct sf_buf *sf[KIT_MAX];
	unsigned nsf;
	uint32_t counter[NCOUNTER]; /* at kit_mark() */
	struct sleeper sleeper[KIT_MAX_SLEEPERS];
	unsigned nsleepers;
} kit;

static struct spinlock gang_lock = SPINLOCK_INITIALIZER("gang", RANK_TEST);

#define ALL KIT_MAX_GANG

/* Under gang_lock. */
static struct {
	struct thread *member[KIT_MAX_GANG]; /* the test's own thread only */
	unsigned nmembers;
	uint32_t step; /* members wait for it to change */
	unsigned busy; /* members that have not done this step */
	unsigned only; /* the one that runs fn; ALL */
	bool end;      /* this step is the last */
	void (*fn)(unsigned cpu, void *arg);
	void *arg;
} gang;

static void gang_end(void);

void
kit_begin(void)
{
	kit.dmap = sf_buf_set_dmap(false);
	kit_mark();
}

void
kit_end(void)
{
	gang_end();
	kit_unmap_all();
	/* In the order in which they wait: one that has its buffer gives it
	 * to the next. */
	for (unsigned i = 0; i < kit.nsleepers; i++) {
		struct sf_buf *sf = kit_join(&kit.sleeper[i]);

		if (sf != NULL)
			kit_unmap(sf);
	}
	kit.nsleepers = 0;
	while (kit.npages != 0)
		kit_free_page(kit.page[kit.npages - 1]);
	sf_buf_set_dmap(kit.dmap);
}

struct vm_page *
kit_page(unsigned flags)
{
	struct vm_page *m = vm_page_alloc(flags | VM_ALLOC_WIRED);

	ASSERT(kit.npages < KIT_MAX, "kit_page: %u pages", kit.npages);
	if (m != NULL)
		kit.page[kit.npages++] = m;
	return (m);
}

struct vm_page *
kit_frame(pfn_t pfn)
{
	struct vm_page *m = vm_page_alloc_frame(pfn, VM_ALLOC_WIRED);

	if (m == NULL)
		return (NULL);
	ASSERT(kit.npages < KIT_MAX, "kit: %u pages", kit.npages);
	kit.page[kit.npages++] = m;
	pmap_copy_to_page(m, 0, &pfn, sizeof(pfn));
	return (m);
}

/* Collect up to n pages whose frames lie a private window's size apart. */
static unsigned
collide_from(pfn_t pfn, struct vm_page **page, unsigned n)
{
	unsigned found = 0;

	for (; pfn < vm_page_array.npages && found < n;
	     pfn += PRIVATE_WINDOW_PAGES) {
		struct vm_page *m = kit_frame(pfn);

		if (m != NULL)
			page[found++] = m;
	}
	return (found);
}

bool
kit_colliding_pages(struct vm_page **page, unsigned n)
{
	for (pfn_t first = 0; first < PRIVATE_WINDOW_PAGES; first++) {
		unsigned found = collide_from(first, page, n);

		if (found == n)
			return (true);
		while (found != 0)
			kit_free_page(page[--found]);
	}
	test_skip("no %u free frames %u apart", n, PRIVATE_WINDOW_PAGES);
	return (false);
}

void
kit_free_page(struct vm_page *m)
{
	unsigned i = kit.npages;

	while (i != 0 && kit.page[i - 1] != m)
		i--;
	ASSERT(i != 0, "kit_free_page: not the kit's");
	kit.page[i - 1] = kit.page[--kit.npages];
	vm_page_unwire(m);
	vm_page_free(m);
}

struct vm_page *
kit_tagged_page(void)
{
	struct vm_page *m = kit_page(VM_ALLOC_ANY);

	if (m != NULL) {
		pfn_t pfn = vm_page_pfn(m);

		pmap_copy_to_page(m, 0, &pfn, sizeof(pfn));
	}
	return (m);
}

static void
remember(struct sf_buf *sf)
{
	ASSERT(kit.nsf < KIT_MAX, "kit: %u buffers", kit.nsf);
	kit.sf[kit.nsf++] = sf;
}

struct sf_buf *
kit_map(struct vm_page *m, int flags)
{
	struct sf_buf *sf = sf_buf_alloc(m, flags);

	if (sf != NULL)
		remember(sf);
	return (sf);
}

void
kit_unmap(struct sf_buf *sf)
{
	unsigned i = kit.nsf;

	while (i != 0 && kit.sf[i - 1] != sf)
		i--;
	ASSERT(i != 0, "kit_unmap: %p was not mapped", (void *)sf);
	kit.sf[i - 1] = kit.sf[--kit.nsf];
	sf_buf_free(sf);
}

void
kit_unmap_all(void)
{
	while (kit.nsf != 0)
		sf_buf_free(kit.sf[--kit.nsf]);
}

struct sf_buf *
kit_any(void)
{
	ASSERT(kit.nsf != 0, "kit_any: no buffer is held");
	return (kit.sf[kit.nsf - 1]);
}

volatile uint32_t *
kit_word(struct sf_buf *sf)
{
	return ((volatile uint32_t *)sf_buf_kva(sf));
}

bool
kit_fill(void)
{
	uint32_t nsfbufs = kit_stats().nsfbufs;
	struct vm_page *m;

	if (nsfbufs > KIT_MAX_FILL) {
		test_skip("a window of %u buffers takes too long to fill",
		    nsfbufs);
		return (false);
	}
	do {
		m = kit_page(VM_ALLOC_ANY);
		if (m == NULL) {
			test_skip("too little memory to fill the window");
			return (false);
		}
	} while (kit_map(m, SFB_NOWAIT) != NULL);
	return (true);
}

struct sf_buf *
kit_fill_but_one(void)
{
	struct sf_buf *sf;

	if (!kit_fill())
		return (NULL);
	sf = kit.sf[kit.nsf - 1];
	kit_unmap(sf);
	return (sf);
}

struct sf_buf_stats
kit_stats(void)
{
	struct sf_buf_stats st;

	sf_buf_get_stats(&st);
	return (st);
}

unsigned
kit_private_used(void)
{
	unsigned used = 0;

	for (unsigned cpu = 0; cpu < cpu_count(); cpu++)
		for (unsigned i = 0; i < PRIVATE_WINDOW_PAGES; i++)
			used +=
			    load_relaxed(&cpu_by_id(cpu)->sf_private[i].state) >
			    0;
	return (used);
}

void
kit_mark(void)
{
	for (enum counter c = 0; c < NCOUNTER; c++)
		kit.counter[c] = counter_read(c);
}

uint32_t
kit_cost(enum counter c)
{
	return (counter_read(c) - kit.counter[c]);
}

/* --- sleepers --- */

static void
sleeper_thread(void *arg)
{
	struct sleeper *s = arg;

	if ((s->flags & SFB_CPUPRIVATE) != 0)
		sched_pin();
	s->got = sf_buf_alloc(s->page, s->flags);
	if ((s->flags & SFB_CPUPRIVATE) != 0)
		sched_unpin();
}

struct sleeper *
kit_sleeper(struct vm_page *m, int flags)
{
	struct sleeper *s = &kit.sleeper[kit.nsleepers];
	uint32_t waits = kit_stats().allocwait;

	ASSERT(kit.nsleepers < KIT_MAX_SLEEPERS, "kit: too many sleepers");
	*s = (struct sleeper){.page = m, .flags = flags};
	s->td = thread_create_on(curcpu_id(), "sleeper", sleeper_thread, s);
	ASSERT(s->td != NULL, "kit: no memory for a thread");
	kit.nsleepers++;
	/* Counted under the lock with which it falls asleep. */
	while (kit_stats().allocwait == waits)
		sched_yield();
	return (s);
}

struct sf_buf *
kit_join(struct sleeper *s)
{
	if (s->td == NULL)
		return (NULL);
	thread_join(s->td);
	s->td = NULL;
	if (s->got != NULL)
		remember(s->got);
	return (s->got);
}

/* --- the gang --- */

static void
gang_member(void *arg)
{
	unsigned self = (unsigned)(vm_offset_t)arg;
	uint32_t step = 0;
	bool end = false;

	while (!end) {
		spin_lock(&gang_lock);
		while (gang.step == step)
			msleep_spin(&gang.step, &gang_lock, 0, "gang", 0);
		step = gang.step;
		end = gang.end;
		spin_unlock(&gang_lock);

		if (!end && (gang.only == ALL || gang.only == self))
			gang.fn(curcpu_id(), gang.arg);

		spin_lock(&gang_lock);
		if (--gang.busy == 0)
			wakeup(&gang.busy);
		spin_unlock(&gang_lock);
	}
}

static void
gang_step(unsigned only, void (*fn)(unsigned, void *), void *arg, bool end)
{
	spin_lock(&gang_lock);
	gang.fn = fn;
	gang.arg = arg;
	gang.only = only;
	gang.end = end;
	gang.busy = gang.nmembers;
	gang.step++;
	wakeup(&gang.step);
	while (gang.busy != 0)
		msleep_spin(&gang.busy, &gang_lock, 0, "gangend", 0);
	spin_unlock(&gang_lock);
}

static void
gang_end(void)
{
	if (gang.nmembers == 0)
		return;
	gang_step(ALL, NULL, NULL, true);
	while (gang.nmembers != 0)
		thread_join(gang.member[--gang.nmembers]);
}

unsigned
kit_gang(unsigned max)
{
	unsigned ncpus = cpu_count(), n = MIN(max, ncpus);

	ASSERT(n <= KIT_MAX_GANG, "kit_gang: %u members", n);
	gang.step = 0;
	for (unsigned i = 0; i < n; i++) {
		unsigned cpu = n == 1 ? 0 : i * (ncpus - 1) / (n - 1);

		gang.member[i] = thread_create_on(cpu, "gang", gang_member,
		    (void *)(vm_offset_t)i);
		if (gang.member[i] == NULL) {
			test_skip("too little memory for %u threads", n);
			return (0);
		}
		gang.nmembers = i + 1;
	}
	return (n);
}

void
kit_gang_run(void (*fn)(unsigned cpu, void *arg), void *arg)
{
	gang_step(ALL, fn, arg, false);
}

void
kit_gang_run_one(unsigned member, void (*fn)(unsigned cpu, void *arg),
    void *arg)
{
	ASSERT(member < gang.nmembers, "kit_gang_run_one: member %u of %u",
	    member, gang.nmembers);
	gang_step(member, fn, arg, false);
}
