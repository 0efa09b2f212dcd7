/*
 * Numbers that wrap.
 */
#include "tests/soak/wrap.h"
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/tlb.h"
#include "tests/faults/words.h"
#include "tests/test.h"

/* So many before the end, or before the next request that goes to all. */
#define NEAR 20

/* Of mm/tlb.c, I4: one request in so many goes to every CPU. */
#define ASK_ALL (1u << 30)
#define STEPS_BETWEEN_JUMPS 300

/* Statics of the kernel: the command line says where. */
struct number {
	const char *name;
	uint32_t start;
	uint32_t seen_last;
	unsigned wraps;
};

static struct number shootdown_no = {.name = "newest"};
static struct number thread_no = {.name = "last_tid"};
static struct number harvest_no = {.name = "harvest"};
static struct number round_no = {.name = "rounds"};
static struct number clock_low = {.name = "clock"};

static unsigned steps;

static _Atomic uint32_t *
place(const struct number *n)
{
	vm_offset_t va = variant_word(n->name, 0);

	ASSERT(va >= DMAP_BASE, "variant.%s=ADDRESS is missing", n->name);
	return ((_Atomic uint32_t *)va);
}

/* One more look at a number that only rises: has it passed its end? */
static void
look(struct number *n, uint32_t value)
{
	n->wraps += value < n->seen_last;
	n->seen_last = value;
}

static void
look_at_all(void)
{
	look(&shootdown_no, load_relaxed(place(&shootdown_no)));
	look(&thread_no, load_relaxed(place(&thread_no)));
	look(&harvest_no, load_relaxed(place(&harvest_no)));
	look(&round_no, load_relaxed(&sf_buf_control.rounds_done));
	look(&clock_low, (uint32_t)clock_now());
}

/* To their last value, for the next event to wrap.  On each CPU, for only it may
 * write them. */
static void
set_counters(unsigned cpu __unused, void *arg __unused)
{
	uint32_t flags = intr_disable();

	for (unsigned i = 0; i < NCOUNTER; i++)
		curcpu()->counter[i] = UINT32_MAX;
	intr_restore(flags);
}

void
wrap_begin(void)
{
	test_run_on_all(set_counters, NULL);
	store_relaxed(place(&thread_no), UINT32_MAX - NEAR);
	store_relaxed(place(&harvest_no), UINT32_MAX - NEAR);
	look_at_all();
	CHECK_MSG(shootdown_no.seen_last > UINT32_MAX - 1000,
	    "shootdown %u is past the end", shootdown_no.seen_last);
	CHECK_MSG(round_no.seen_last > UINT32_MAX - 1000,
	    "round %u is past the end", round_no.seen_last);
}

/*
 * To shortly before the next request that goes to every CPU.  That is less than
 * 2^30 further, so for who is behind it is as if so many requests had been made.
 */
void
wrap_jump(void)
{
	uint32_t now = load_relaxed(place(&shootdown_no));
	uint32_t to = ASK_ALL / 2 - NEAR;

	atomic_fetch_add(place(&shootdown_no), (to - now) % ASK_ALL);
}

void
wrap_step(void)
{
	look_at_all();
	if (++steps % STEPS_BETWEEN_JUMPS == 0)
		wrap_jump();
	look_at_all();
}

static void
expect_wrapped(const struct number *n)
{
	test_note("soak: %s wrapped %u times", n->name, n->wraps);
	CHECK_MSG(n->wraps != 0, "%s has not wrapped, it is %u", n->name,
	    n->seen_last);
}

void
wrap_check(void)
{
	const struct number *const all[] = {
	    &shootdown_no, &thread_no, &harvest_no, &round_no, &clock_low};
	unsigned wrapped = 0, unused = 0, cpu;

	look_at_all();
	for (unsigned i = 0; i < nitems(all); i++)
		expect_wrapped(all[i]);
	CPUMASK_FOREACH(cpu, cpu_online()) {
		for (unsigned i = 0; i < NCOUNTER; i++) {
			uint32_t now = counter_read_cpu(cpu, (enum counter)i);

			wrapped += now != UINT32_MAX;
			unused += now == UINT32_MAX;
		}
	}
	test_note("soak: %u counters wrapped, %u were not used",
	    wrapped + (unsigned)nitems(all), unused);
	CHECK(wrapped > cpu_count() * NCOUNTER / 2);
}

static void
count_thread(const struct thread *td __unused, void *n)
{
	++*(unsigned *)n;
}

unsigned
wrap_count_threads(void)
{
	unsigned n = 0;

	thread_foreach(count_thread, &n);
	return (n);
}
