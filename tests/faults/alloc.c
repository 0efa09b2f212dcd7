/*
 * Memory that is short, at every single place: each operation that allocates is
 * tried again and again, with its first allocation failing, then its second, and
 * so on, until it makes no more.  Each time it must say that it has failed, keep
 * nothing, and work when it is tried again.
 *
 * The last tests give the judge operations that are wrong, which it must find.
 */
#include "kernel/errno.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/md.h"
#include "sf_buf/consumers/memfile.h"
#include "sf_buf/consumers/pipe.h"
#include "tests/faults/inject.h"
#include "tests/test.h"
#include "tests/threads.h"

/* One that needs more allocations is broken. */
#define MOST 2000

struct operation {
	bool (*attempt)(void); /* false: it has failed, as it should */
	void (*undo)(void);
	bool lasting; /* after a success there is nothing left to allocate */
};

enum verdict {
	GOOD,
	LEAKS,        /* what it had taken when it failed is gone */
	LIES,         /* it succeeds without what it needs */
	FAILS_ANYHOW, /* it fails with nothing made to fail */
};

/* Page tables are kept for good, and stacks for the next thread. */
struct holdings {
	uint32_t pages;
	size_t kva_bytes;
	unsigned kva_ranges, threads;
};

static void
count_thread(const struct thread *td __unused, void *n)
{
	++*(unsigned *)n;
}

static struct holdings
take_stock(void)
{
	struct holdings h = {.pages = vm_page_available() +
		pmap_shared_table_pages() + thread_stacks() * KSTACK_PAGES};
	struct kva_stats st;

	kva_get_stats(&st);
	h.kva_bytes =
	    st.free_bytes + thread_stacks() * (KSTACK_PAGES + 2) * PAGE_SIZE;
	h.kva_ranges = st.used_ranges - thread_stacks();
	thread_foreach(count_thread, &h.threads);
	return (h);
}

static bool
is_same(const struct holdings *a, const struct holdings *b)
{
	return (a->pages == b->pages && a->kva_bytes == b->kva_bytes &&
	    a->kva_ranges == b->kva_ranges && a->threads == b->threads);
}

/*
 * One attempt with allocation n failing.
 *   met: receives whether there was one.
 */
static enum verdict
try_once(const struct operation *op, unsigned n, bool *met)
{
	struct holdings before = take_stock(), after;
	bool ok;

	fault_alloc_arm(n);
	ok = op->attempt();
	*met = fault_alloc_disarm();
	if (!ok && !*met)
		return (FAILS_ANYHOW);
	if (ok)
		op->undo();
	if (ok && *met)
		return (LIES);
	after = take_stock();
	return (is_same(&before, &after) ? GOOD : LEAKS);
}

/* Fail each allocation in turn; after each, the operation must work. */
static enum verdict
judge(const struct operation *op, unsigned *tried)
{
	enum verdict v = GOOD;
	bool met = true, never;

	for (unsigned n = 1; v == GOOD && met && n < MOST; n++) {
		v = try_once(op, n, &met);
		*tried = n - !met;
		/* Large ones, every time, would take minutes. */
		if (v == GOOD && met && !op->lasting && (n < 4 || n % 16 == 0))
			v = try_once(op, 0, &never);
	}
	return (v);
}

static void
expect_good(const struct operation *op, unsigned least)
{
	static const char *const words[] = {"", "it keeps what it had taken",
	    "it succeeds without what it needs", "it fails by itself"};
	unsigned tried = 0;
	enum verdict v = judge(op, &tried);

	test_note("fault: %u allocations failed, one in each attempt", tried);
	CHECK_MSG(v == GOOD, "allocation %u: %s", tried, words[v]);
	CHECK_MSG(tried >= least, "only %u allocations, at least %u", tried,
	    least);
}

/* --- what allocates --- */

#define TABLE_BYTES (PAGE_SIZE * (PAGE_SIZE / sizeof(pt_entry_t)))
#define TABLES 20 /* the first attempts find none of them */

static vm_offset_t range;

static bool
take_range(void)
{
	range = kva_alloc(TABLES * TABLE_BYTES);
	return (range != 0);
}

static void
free_range(void)
{
	kva_free(range, TABLES * TABLE_BYTES);
}

/* Tables stay, so that each attempt gets one table further. */
TEST(fault, addresses_without_page_tables_are_given_back)
{
	expect_good(&(struct operation){take_range, free_range, true}, 4);
}

static vm_offset_t fresh;

static bool
grow_one_more(void)
{
	return (pmap_grow(fresh, PAGE_SIZE / sizeof(pt_entry_t)));
}

static void
grow_further(void)
{
	fresh += TABLE_BYTES;
}

/* At the far end of the arena, where nothing else comes. */
TEST(fault, page_tables_grow_all_or_not)
{
	fresh = KVA_END - 64 * TABLE_BYTES;
	expect_good(&(struct operation){grow_one_more, grow_further, false}, 2);
}

#define KMEM_BYTES (100 * PAGE_SIZE)

static void *memory;

static bool
take_memory(void)
{
	memory = kmem_alloc(KMEM_BYTES);
	return (memory != NULL);
}

static void
free_memory(void)
{
	kmem_free(memory, KMEM_BYTES);
}

TEST(fault, mapped_memory_is_given_whole_or_not)
{
	expect_good(&(struct operation){take_memory, free_memory, false}, 101);
}

static vm_offset_t stack;

static bool
take_stack(void)
{
	stack = kstack_alloc(KSTACK_PAGES);
	return (stack != 0);
}

static void
free_stack(void)
{
	kstack_free(stack, KSTACK_PAGES);
}

TEST(fault, a_stack_is_given_whole_or_not)
{
	expect_good(&(struct operation){take_stack, free_stack, false},
	    1 + KSTACK_PAGES);
}

/* Threads that sleep have every stack there is, so a new one needs its own. */
static _Atomic bool may_end;
static struct thread *made[CREW_MAX];
static unsigned nmade;

static void
sleep_until_the_end(void *arg __unused)
{
	while (!load_acquire(&may_end))
		pause_sleep("fault", MSEC);
}

static bool
make_thread(void)
{
	made[nmade] = thread_create("fault", sleep_until_the_end, NULL);
	return (made[nmade] != NULL);
}

/* It lives on until the test ends, and so do its stack and its entry. */
static void
keep_thread(void)
{
	nmade++;
}

TEST(fault, a_thread_is_made_or_not)
{
	unsigned stacks, n = 1;
	bool made_one, met = true;
	struct holdings before, after;

	store_relaxed(&may_end, false);
	nmade = 0;
	do {
		stacks = thread_stacks();
		CHECK(make_thread());
		keep_thread();
	} while (thread_stacks() == stacks);
	for (; met && n < CREW_MAX && !test_failed(); n++) {
		before = take_stock();
		fault_alloc_arm(n);
		made_one = make_thread();
		met = fault_alloc_disarm();
		after = take_stock();
		if (made_one)
			keep_thread();
		if (made_one == met || (met && !is_same(&before, &after)))
			test_fail(__FILE__, __LINE__,
			    "allocation %u: a thread is half made", n);
	}
	test_note("fault: %u allocations failed, one in each attempt", n - 2);
	store_release(&may_end, true);
	while (nmade != 0)
		thread_join(made[--nmade]);
	CHECK(n - 2 >= 1 + KSTACK_PAGES);
}

static struct pipe tube;

static bool
make_pipe(void)
{
	return (pipe_create(&tube) == 0);
}

static void
end_pipe(void)
{
	pipe_destroy(&tube);
}

TEST(fault, a_pipe_is_made_or_not)
{
	expect_good(&(struct operation){make_pipe, end_pipe, false},
	    1 + PIPE_SIZE / PAGE_SIZE);
}

static struct memfile file;

static bool
make_file(void)
{
	return (memfile_create(&file, 50 * PAGE_SIZE) == 0);
}

static void
end_file(void)
{
	memfile_destroy(&file);
}

TEST(fault, a_file_in_page_frames_is_made_or_not)
{
	expect_good(&(struct operation){make_file, end_file, false}, 52);
}

static struct md disk;

static bool
make_disk(void)
{
	return (md_create_from_phys(&disk, 0x100000, 30 * PAGE_SIZE) == 0);
}

static void
end_disk(void)
{
	md_destroy(&disk);
}

TEST(fault, a_memory_disk_is_made_or_not)
{
	expect_good(&(struct operation){make_disk, end_disk, false}, 32);
}

/* --- the judge is judged --- */

/* One page of each of two, the first of which it forgets. */
static struct vm_page *two[2];

static bool
take_two_and_leak(void)
{
	two[0] = vm_page_alloc(VM_ALLOC_ANY);
	if (two[0] == NULL)
		return (false);
	two[1] = vm_page_alloc(VM_ALLOC_ANY);
	return (two[1] != NULL);
}

static void
free_two(void)
{
	for (unsigned i = 0; i < nitems(two); i++)
		if (two[i] != NULL)
			vm_page_free(two[i]);
}

TEST(fault, the_judge_finds_a_page_that_is_lost)
{
	unsigned tried = 0;
	enum verdict v =
	    judge(&(struct operation){take_two_and_leak, free_two, false},
		&tried);

	vm_page_free(two[0]);
	CHECK_EQ(v, LEAKS);
	CHECK_EQ(tried, 2);
}

/* It does not look whether it got the second. */
static bool
take_two_blindly(void)
{
	two[0] = vm_page_alloc(VM_ALLOC_ANY);
	if (two[0] == NULL)
		return (false);
	two[1] = vm_page_alloc(VM_ALLOC_ANY);
	return (true);
}

TEST(fault, the_judge_finds_a_failure_that_is_hushed_up)
{
	unsigned tried = 0;
	enum verdict v =
	    judge(&(struct operation){take_two_blindly, free_two, false},
		&tried);

	CHECK_EQ(v, LIES);
	CHECK_EQ(tried, 2);
}
