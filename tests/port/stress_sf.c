/*
 * Mappings of pages, of every kind, in windows that are too small.
 *
 * Each thread owns some pages, whose words it alone writes, always through a
 * mapping; all threads read the numbers of all pages' frames.  So a translation
 * that is stale shows as another frame's number, a page mapped too early or too
 * late as another's words, and either to a race detector as a race.
 */
#include <sys/sf_buf.h>
#include "kernel/cpu.h"
#include "kernel/signal.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "sf_buf/sf_wait.h"
#include "sf_buf/sf_window.h"
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/machine.h"
#include "tests/port/port.h"
#include "tests/port/stress.h"

/* Pages that all map, and those that a thread owns. */
#define SHARED_MAX 2048
#define OWN 4
#define SEVERAL 6

static struct vm_page *shared[SHARED_MAX];
static unsigned nshared;
static _Atomic(struct thread *) who[PORT_THREADS];
/* A buffer that waits for somebody to free it. */
static _Atomic(struct sf_buf *) handed[4];
static _Atomic uint32_t nactive, nmapped, nfailed, ninterrupted, nruns;

struct worker {
	struct vm_page *own[OWN];
	uint32_t mark[OWN];
};

/* --- looking through a mapping --- */

static void
check(struct sf_buf *sf, const struct vm_page *m)
{
	vm_offset_t kva = sf_buf_kva(sf);

	for (unsigned n = 1 + exec_random(3); n != 0; n--) {
		const struct frame *f = mmu_access(kva);

		STRESS_CHECK(f->pfn == vm_page_pfn(m),
		    "CPU %u, thread %s: stale at %#zx: frame %#x, mapped %#x",
		    curcpu_id(), curthread->name, kva, f->pfn, vm_page_pfn(m));
	}
	STRESS_CHECK(sf_buf_page(sf) == m, "the buffer has another page");
}

/* The owner's words, through a mapping: as left, then new ones. */
static void
change(struct sf_buf *sf, struct worker *w, unsigned i)
{
	vm_offset_t kva = sf_buf_kva(sf);
	struct frame *f = mmu_access(kva);
	unsigned word = exec_random(FRAME_WORDS);

	STRESS_CHECK(f->pfn == vm_page_pfn(w->own[i]),
	    "CPU %u: stale at %#zx: frame %#x, mapped %#x", curcpu_id(), kva,
	    f->pfn, vm_page_pfn(w->own[i]));
	STRESS_CHECK(f->word[word] == w->mark[i],
	    "frame %#x has %#x, its owner wrote %#x", f->pfn, f->word[word],
	    w->mark[i]);
	w->mark[i] += 0x10000;
	for (word = 0; word < FRAME_WORDS; word++)
		mmu_access(kva)->word[word] = w->mark[i];
}

/* --- what a thread does --- */

static int
some_flags(void)
{
	static const int flags[] = {
	    SFB_DEFAULT, SFB_DEFAULT, SFB_NOWAIT, SFB_CATCH};

	return (flags[exec_random(nitems(flags))]);
}

/* NULL, where the flags allow it. */
static struct sf_buf *
map(struct vm_page *m, int flags)
{
	struct sf_buf *sf = sf_buf_alloc(m, flags);

	if (sf != NULL) {
		atomic_fetch_add(&nmapped, 1);
		return (sf);
	}
	atomic_fetch_add(&nfailed, 1);
	STRESS_CHECK((flags & (SFB_NOWAIT | SFB_CATCH)) != 0,
	    "NULL from an allocation that waits");
	if ((flags & SFB_NOWAIT) == 0) {
		atomic_fetch_add(&ninterrupted, 1);
		STRESS_CHECK(signal_take() != 0, "NULL without a signal");
	}
	return (NULL);
}

static struct vm_page *
some_page(void)
{
	/* Some are wanted more often than others. */
	return (shared[exec_random(1 + exec_random(nshared))]);
}

static void
one_shared(struct worker *w)
{
	struct vm_page *m = some_page();
	struct sf_buf *sf = map(m, some_flags());

	(void)w;
	if (sf == NULL)
		return;
	check(sf, m);
	if (exec_random(4) == 0) {
		sf_buf_ref(sf);
		check(sf, m);
		sf_buf_free(sf);
	}
	check(sf, m);
	if (exec_random(8) == 0) /* another thread frees it */
		sf = atomic_exchange(&handed[exec_random(nitems(handed))], sf);
	if (sf != NULL)
		sf_buf_free(sf);
}

static void
one_own(struct worker *w)
{
	unsigned i = exec_random(OWN);
	struct sf_buf *sf = map(w->own[i], some_flags());

	if (sf == NULL)
		return;
	change(sf, w, i);
	sf_buf_free(sf);
}

static void
one_private(struct worker *w)
{
	unsigned i = exec_random(OWN);
	struct vm_page *m = some_page();
	struct sf_buf *sf, *other;

	sched_pin();
	sf = map(w->own[i], some_flags() | SFB_CPUPRIVATE);
	if (sf != NULL) {
		other = map(m, SFB_NOWAIT | SFB_CPUPRIVATE);
		change(sf, w, i);
		if (other != NULL) {
			check(other, m);
			sf_buf_free(other);
		}
		check(sf, w->own[i]);
		sf_buf_free(sf);
	}
	sched_unpin();
}

static void
several(struct worker *w)
{
	unsigned most = MIN(stress_config.slots, SEVERAL);
	unsigned n = 1 + exec_random(most);
	int flags = some_flags();
	struct vm_page *page[SEVERAL];
	struct sf_buf *sf[SEVERAL];

	(void)w;
	if (exec_random(2) == 0)
		flags |= SFB_RUN;
	for (unsigned i = 0; i < n; i++)
		page[i] = some_page();
	if (!sf_buf_alloc_n(page, sf, n, flags)) {
		bool strict_run =
		    (flags & SFB_RUN) != 0 && stress_config.strict;

		if ((flags & SFB_CATCH) != 0 && !strict_run)
			STRESS_CHECK(signal_take() != 0, "no signal");
		STRESS_CHECK(strict_run ||
			(flags & (SFB_CATCH | SFB_NOWAIT)) != 0,
		    "several: false from an allocation that waits");
		return;
	}
	atomic_fetch_add(&nruns, 1);
	for (unsigned i = 0; i < n; i++) {
		check(sf[i], page[i]);
		STRESS_CHECK((flags & SFB_RUN) == 0 ||
			sf_buf_kva(sf[i]) == sf_buf_kva(sf[0]) + i * PAGE_SIZE,
		    "a run with a gap");
	}
	sf_buf_free_n(sf, n);
}

/* A page of one's own for another frame: mappings of the old one stay cached. */
static void
replace(struct worker *w)
{
	unsigned i = exec_random(OWN);
	struct vm_page *m = w->own[i];

	if (m != NULL) {
		STRESS_CHECK(vm_page_unwire(m), "wired more than once");
		vm_page_free(m);
	}
	m = vm_page_alloc(VM_ALLOC_WIRED | VM_ALLOC_ZERO |
	    (stress_config.dmap && exec_random(2) == 0 ? VM_ALLOC_DIRECT : 0));
	STRESS_CHECK(m != NULL, "no page");
	w->own[i] = m;
	w->mark[i] = 0;
}

static void
signal_someone(struct worker *w)
{
	struct thread *td =
	    load_acquire(&who[exec_random(stress_config.threads)]);

	(void)w;
	if (td != NULL && td != curthread)
		tdsignal(td, SIGINT);
}

/* Frees what others mapped, until they are done. */
static void
free_handed(void)
{
	bool last;

	do {
		last = atomic_load(&nactive) == 0;
		for (unsigned i = 0; i < nitems(handed); i++) {
			struct sf_buf *sf = atomic_exchange(&handed[i], NULL);

			if (sf != NULL)
				sf_buf_free(sf);
		}
		pause_sleep("handed", 1 + exec_random(20000));
	} while (!last);
}

static void
work(unsigned self)
{
	static void (*const ops[])(struct worker *) = {one_shared, one_shared,
	    one_shared, one_shared, one_own, one_own, one_private, several,
	    replace, signal_someone};
	struct worker w = {0};

	if (self == stress_config.threads) {
		free_handed();
		return;
	}
	for (unsigned i = 0; i < OWN; i++)
		while (w.own[i] == NULL)
			replace(&w);
	store_release(&who[self], curthread);
	for (unsigned i = 0; i < stress_config.ops; i++) {
		if (stress_config.several && exec_random(8) != 0)
			(exec_random(2) == 0 ? several : one_shared)(&w);
		else
			ops[exec_random(nitems(ops))](&w);
		stress_progress();
	}
	for (unsigned i = 0; i < OWN; i++) {
		(void)vm_page_unwire(w.own[i]);
		vm_page_free(w.own[i]);
	}
	atomic_fetch_sub(&nactive, 1);
}

/* --- before and after --- */

/* A page whose address has bits above the lowest 32 set, or just not. */
static struct vm_page *
far_and_near(void)
{
	struct vm_page *m = NULL;

	while (m == NULL) {
		pfn_t first = exec_random(2) == 0 ? FAR_FRAME : DIRECT_FRAMES;

		m = vm_page_alloc_frame(first + exec_random(FAR_FRAMES),
		    VM_ALLOC_WIRED);
	}
	return (m);
}

static void
make_shared(void)
{
	nshared = MIN(3 * stress_config.slots + 5, SHARED_MAX);
	for (unsigned i = 0; i < nshared; i++) {
		unsigned where = stress_config.dmap && i % 4 == 0 ?
		    VM_ALLOC_DIRECT :
		    VM_ALLOC_ANY;

		shared[i] = stress_config.far ?
		    far_and_near() :
		    vm_page_alloc(VM_ALLOC_WIRED | where);
		STRESS_CHECK(shared[i] != NULL, "no page");
	}
}

static void
check_idle(unsigned index, vm_offset_t kva, struct vm_page *m, unsigned refs,
    void *arg)
{
	(void)kva;
	(void)m;
	(void)arg;
	STRESS_CHECK(refs == 0, "buffer %u has %u holders left", index, refs);
}

/* While slots are scarce, whoever lets one go sees to it that it is found. */
static void
check_listed(void)
{
	for (uint32_t i = 0; i < sf_window.nslots; i++)
		STRESS_CHECK(sf_window.slot[i].listed ||
			load_relaxed(&sf_buf_control.scarce) == 0,
		    "buffer %u is idle, and not on the list of idle ones", i);
}

static void
check_end(void)
{
	struct sf_buf_stats st;
	uint32_t hits = counter_read(CTR_sf_hit);
	uint32_t misses = counter_read(CTR_sf_miss);
	uint32_t direct = counter_read(CTR_sf_direct);

	sf_buf_get_stats(&st);
	sf_buf_foreach(check_idle, NULL);
	STRESS_CHECK(st.nsfbufsused == 0, "%u buffers in use", st.nsfbufsused);
	STRESS_CHECK(st.nsfbufspeak <= st.nsfbufs, "a peak of %u",
	    st.nsfbufspeak);
	check_listed();
	STRESS_CHECK(sf_wait_first == NULL, "someone waits");
	STRESS_CHECK(hits + misses + direct >= nmapped,
	    "%u hits, %u misses and %u direct, %u mapped", hits, misses, direct,
	    nmapped);
	STRESS_CHECK(st.allocfail >= nfailed, "%u failures, %u counted",
	    nfailed, st.allocfail);
}

void
stress_sf_buf(void)
{
	uint32_t available = vm_page_available();

	make_shared();
	store_relaxed(&nactive, stress_config.threads);
	stress_team(stress_config.threads + 1, work);
	check_end();
	for (unsigned i = 0; i < nshared; i++) {
		(void)vm_page_unwire(shared[i]);
		vm_page_free(shared[i]);
	}
	STRESS_CHECK(vm_page_available() == available,
	    "%u page frames free, at first %u", vm_page_available(), available);
	if (!stress_config.far) /* that would take longer than all else */
		vm_page_check();
	host_print("sf_buf: mapped=%u several=%u failed=%u interrupted=%u "
		   "waited=%u rounds=%u shootdowns=%u steps=%llu\n",
	    nmapped, nruns, nfailed, ninterrupted,
	    counter_read(CTR_sf_allocwait), counter_read(CTR_sf_sweeps),
	    counter_read(CTR_tlb_rounds), (unsigned long long)machine_steps());
}
