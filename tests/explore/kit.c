/*
 * What explorations share.
 */
#include "tests/explore/kit.h"
#include "kernel/copy.h"
#include "kernel/cpu.h"
#include "kernel/sleepq.h"
#include "sf_buf/sf_window.h"
#include "tests/explore/engine.h"

static struct {
	uint32_t seed;
	struct crew crew;
	void (*fn)(unsigned self);
	_Atomic bool go;
	_Atomic unsigned working;
	uint32_t random[EXPLORE_THREADS];
} turn;

void
explore_turn(enum explore_buffers buffers, uint32_t n, void (*fn)(void))
{
	struct explore_counts counts;

	if (buffers != 0 && kit_stats().nsfbufs != (uint32_t)buffers)
		SKIP("needs kern.ipc.nsfbufs=%d", buffers);
	turn.seed = test_seed() + n;
	kit_begin();
	fn();
	kit_end();
	counts = explore_counts();
	test_note("seed %u: %u points, %u yields, %u switches%s", turn.seed,
	    counts.points, counts.yields, counts.switches,
	    test_failed() ? ": failed" : "");
}

static void
run_member(void *arg)
{
	unsigned self = (unsigned)(vm_offset_t)arg;

	WAIT_UNTIL(load_acquire(&turn.go));
	turn.fn(self);
	/* Others may signal it until all have done their work. */
	atomic_fetch_sub(&turn.working, 1);
	while (atomic_load(&turn.working) != 0)
		pause_sleep("turn", 20 * USEC);
}

void
explore_threads(unsigned n, void (*fn)(unsigned self))
{
	turn.fn = fn;
	store_relaxed(&turn.go, false);
	store_relaxed(&turn.working, n);
	for (unsigned i = 0; i < n; i++) {
		turn.random[i] =
		    (turn.seed * EXPLORE_THREADS + i) * 2654435769u;
		crew_add_on(&turn.crew, i % cpu_count(), run_member,
		    (void *)(vm_offset_t)i);
	}
	explore_begin(turn.seed);
	store_release(&turn.go, true);
	crew_join(&turn.crew);
	explore_end();
}

struct thread *
explore_thread(unsigned i)
{
	return (turn.crew.member[i]);
}

uint32_t
explore_random(unsigned self)
{
	return (test_random(&turn.random[self]));
}

bool
explore_pages(struct vm_page **page, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		pfn_t pfn;

		page[i] = kit_page(i % 4 == 0 ? VM_ALLOC_DIRECT : VM_ALLOC_ANY);
		if (page[i] == NULL) {
			test_skip("too little memory");
			return (false);
		}
		pfn = vm_page_pfn(page[i]);
		pmap_copy_to_page(page[i], 0, &pfn, sizeof(pfn));
	}
	return (true);
}

void
explore_check(struct sf_buf *sf)
{
	volatile uint32_t *word = kit_word(sf);
	pfn_t want = vm_page_pfn(sf_buf_page(sf)), got = word[0];

	CHECK_MSG(got == want, "frame %#x is read where %#x is mapped", got,
	    want);
	word[1 + curcpu_id()] = want;
}

void
explore_peek(uint32_t slot)
{
	uint32_t word;

	(void)copy_from_buffer(&word, (void *)sf_window.slot[slot].kva,
	    sizeof(word));
}

void
explore_peek_and_use(uint32_t slot, struct vm_page *const *page, unsigned n)
{
	struct sf_buf *sf = &sf_window.slot[slot];
	struct vm_page *m;
	unsigned i;

	explore_peek(slot);
	m = load_relaxed(&sf->page);
	for (i = 0; i < n && page[i] != m; i++)
		continue;
	if (i == n)
		return; /* of an earlier test */
	for (unsigned turns = 0; turns < 50 && load_relaxed(&m->sf) != sf;
	     turns++)
		cpu_pause();
	if (load_relaxed(&m->sf) != sf)
		return;
	sf = sf_buf_alloc(m, SFB_NOWAIT);
	if (sf == NULL)
		return;
	explore_check(sf);
	sf_buf_free(sf);
}

void
explore_check_idle(struct vm_page *const *page, unsigned n)
{
	CHECK_EQ(kit_stats().nsfbufsused, 0);
	for (uint32_t i = 0; i < sf_window.nslots; i++)
		CHECK_EQ(load_relaxed(&sf_window.slot[i].state), 0);
	for (unsigned i = 0; i < n; i++) {
		struct sf_buf *sf = load_relaxed(&page[i]->sf);

		CHECK(sf == NULL || load_relaxed(&sf->page) == page[i]);
	}
}
