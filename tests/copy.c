/*
 * Copies that a page fault ends.
 *
 * Kills: a count that is right to the word only; a fix-up for one of the two
 * string instructions; a recovery that keeps its state where an interrupt
 * overwrites it.
 */
#include "kernel/copy.h"
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/image.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "tests/test.h"
#include "tests/threads.h"

/* Ordinary memory, and what is around it. */
#define ROOM 64
#define FILLER 0xee

/* One page with nothing mapped before and behind it. */
static char *island;
#define ISLAND_END (island + PAGE_SIZE)

#define ISLAND_TEST(name_)                           \
	static void island_##name_(void);            \
	TEST(copy, name_)                            \
	{                                            \
		island = (char *)kstack_alloc(1);    \
		CHECK(island != NULL);               \
		island_##name_();                    \
		kstack_free((vm_offset_t)island, 1); \
	}                                            \
	static void island_##name_(void)

static void
number_bytes(char *buf, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf[i] = (char)(i * 5 + 1);
}

/* Is `buf` ROOM bytes of filler, but for n bytes at `at` that equal `src`? */
static bool
only_these(const char *buf, size_t at, const char *src, size_t n)
{
	for (size_t i = 0; i < ROOM; i++) {
		bool inside = i >= at && i - at < n;

		if ((uint8_t)buf[i] != (inside ? (uint8_t)src[i - at] : FILLER))
			return (false);
	}
	return (true);
}

TEST(copy, every_alignment_and_length_is_copied_and_nothing_else)
{
	char src[ROOM], dst[ROOM];

	number_bytes(src, ROOM);
	for (size_t from = 0; from < 5; from++)
		for (size_t to = 0; to < 5; to++)
			for (size_t n = 0; n < 40; n++) {
				memset(dst, FILLER, ROOM);
				CHECK_EQ(copy_from_buffer(dst + to, src + from,
					     n),
				    n);
				CHECK(only_these(dst, to, src + from, n));
				memset(dst, FILLER, ROOM);
				CHECK_EQ(copy_to_buffer(dst + to, src + from,
					     n),
				    n);
				CHECK(only_these(dst, to, src + from, n));
			}
}

ISLAND_TEST(a_copy_ends_at_the_byte_that_is_not_mapped)
{
	char mine[ROOM], want[ROOM];

	for (size_t good = 0; good < 20; good++)
		for (size_t bad = 1; bad < 20; bad++) {
			char *buf = ISLAND_END - good;

			number_bytes(want, ROOM);
			memcpy(buf, want, good);
			memset(mine, FILLER, ROOM);
			CHECK_EQ(copy_from_buffer(mine + 1, buf, good + bad),
			    good);
			CHECK(only_these(mine, 1, want, good));

			memset(buf, FILLER, good);
			CHECK_EQ(copy_to_buffer(buf, want, good + bad), good);
			CHECK_EQ(memcmp(buf, want, good), 0);
		}
}

ISLAND_TEST(a_buffer_that_begins_where_nothing_is_gives_nothing)
{
	void *const nowhere[] = {NULL, island - 1, island - 2, island - 4,
	    island - 5, ISLAND_END, (void *)~(vm_offset_t)2};
	char mine[ROOM];

	for (size_t i = 0; i < nitems(nowhere); i++)
		for (size_t n = 6; n < 12; n++) {
			memset(mine, FILLER, ROOM);
			CHECK_EQ(copy_from_buffer(mine, nowhere[i], n), 0);
			CHECK_EQ(copy_to_buffer(nowhere[i], mine, n), 0);
			CHECK(only_these(mine, 0, mine, 0));
		}
}

ISLAND_TEST(a_buffer_that_is_read_only_can_be_read_and_not_written)
{
	uint32_t mine[2] = {0, 0}, zero[2] = {0, 0};

	memset(island, FILLER, PAGE_SIZE);
	pmap_protect((vm_offset_t)island, 1, VM_PROT_READ);
	CHECK_EQ(copy_to_buffer(island, zero, sizeof(zero)), 0);
	CHECK_EQ(copy_from_buffer(mine, island, sizeof(mine)), sizeof(mine));
	CHECK_EQ(mine[1], 0xeeeeeeee);
	/* The direct map's large pages, too. */
	CHECK_EQ(copy_to_buffer((void *)(vm_offset_t)image_rodata, zero, 3), 0);
}

/* --- with interrupts --- */

#define TICKS 50
#define COPIES 100 /* at least: a slow host may see all ticks at once */

struct ticker {
	struct timeout timeout;
	_Atomic unsigned ticks;
	bool wrong;
};

/* In the interrupt handler: two copies that fault, one that does not. */
static void
tick(void *arg)
{
	struct ticker *t = arg;
	char mine[8] = "1234567";

	t->wrong |= copy_from_buffer(mine, ISLAND_END - 3, 7) != 3;
	t->wrong |= copy_to_buffer(island - 1, mine, 7) != 0;
	t->wrong |= copy_from_buffer(mine, ISLAND_END - 8, 8) != 8;
	atomic_fetch_add(&t->ticks, 1);
	if (load_relaxed(&t->ticks) < TICKS)
		timeout_set(&t->timeout, clock_now() + 20 * USEC);
}

ISLAND_TEST(an_interrupt_that_copies_and_faults_disturbs_no_copy)
{
	static char mine[PAGE_SIZE];
	struct ticker t = {.ticks = 0};

	memset(island, 7, PAGE_SIZE);
	sched_bind(curcpu_id());
	timeout_init(&t.timeout, tick, &t);
	timeout_set(&t.timeout, clock_now());
	for (unsigned i = 0; i < COPIES || load_relaxed(&t.ticks) < TICKS;
	     i++) {
		size_t whole = copy_from_buffer(mine, island, PAGE_SIZE);
		size_t part = copy_to_buffer(island + 5, mine, PAGE_SIZE);

		if (whole != PAGE_SIZE || part != PAGE_SIZE - 5) {
			test_fail(__FILE__, __LINE__, "copied %zu, %zu", whole,
			    part);
			break;
		}
	}
	timeout_cancel(&t.timeout);
	sched_unbind();
	CHECK(!t.wrong);
	for (size_t i = 0; i < PAGE_SIZE; i++)
		CHECK_EQ(mine[i], 7);
}
