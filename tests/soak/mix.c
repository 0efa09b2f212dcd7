/*
 * Operations on sf_bufs for tests that go on for long.
 */
#include "tests/soak/mix.h"
#include <sys/sf_buf.h>
#include "kernel/cpu.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"
#include "tests/soak/wraps.h"
#include "tests/sf_kit.h"
#include "tests/test.h"

/* More pages than buffers, in the window and on each CPU; and those that are
 * wanted often, which stay mapped. */
#define NPAGES 4096
#define OFTEN 128
#define NCPUS 8

static struct vm_page *page[NPAGES];

/* What each CPU has written to its word of each page: its own only. */
static uint32_t written[NCPUS][NPAGES];

/* Buffers wait here for any CPU to free them. */
static _Atomic(struct sf_buf *) box[16];
static uint32_t handed_over[NCPUS];

static bool broken;

void
__wrap_ipi_send(unsigned cpu, enum vector vector)
{
	if (!__predict_false(broken && vector == IPI_TLB))
		__real_ipi_send(cpu, vector);
}

void
__wrap_tlb_wait(const struct cpumask *targets, tlb_gen_t gen)
{
	if (!__predict_false(broken))
		__real_tlb_wait(targets, gen);
}

void
mix_break_shootdowns(void)
{
	broken = true;
}

bool
mix_begin(void)
{
	kit_begin();
	memset(written, 0, sizeof(written));
	memset(handed_over, 0, sizeof(handed_over));
	for (unsigned i = 0; i < NPAGES; i++) {
		page[i] = kit_tagged_page();
		if (page[i] == NULL) {
			test_skip("too little memory");
			kit_end();
			return (false);
		}
		for (unsigned cpu = 0; cpu < NCPUS; cpu++)
			pmap_copy_to_page(page[i], (1 + cpu) * sizeof(uint32_t),
			    &written[cpu][i], sizeof(uint32_t));
	}
	return (true);
}

void
mix_end(void)
{
	for (unsigned i = 0; i < nitems(box); i++) {
		struct sf_buf *sf = atomic_exchange(&box[i], NULL);

		if (sf != NULL)
			sf_buf_free(sf);
	}
	kit_end();
}

/* Page i is what is seen through the buffer, with what this CPU wrote there. */
static inline void
check(struct sf_buf *sf, unsigned i, unsigned cpu)
{
	volatile uint32_t *word = kit_word(sf);
	uint32_t tag = word[0], mine = word[1 + cpu];

	CHECK_MSG(tag == vm_page_pfn(page[i]),
	    "CPU %u reads frame %#x where %#x is mapped", cpu, tag,
	    vm_page_pfn(page[i]));
	CHECK_MSG(mine == written[cpu][i],
	    "CPU %u reads %u in frame %#x, where it wrote %u", cpu, mine, tag,
	    written[cpu][i]);
	word[1 + cpu] = ++written[cpu][i];
}

/* Exchange the buffer for one that some CPU has put into the box, if any. */
static struct sf_buf *
hand_over(struct sf_buf *sf, unsigned i, unsigned cpu)
{
	struct sf_buf *other = atomic_exchange(&box[i], sf);

	if (other == NULL)
		return (NULL);
	handed_over[cpu]++;
	if (kit_word(other)[0] != vm_page_pfn(sf_buf_page(other)))
		test_fail(__FILE__, __LINE__, "CPU %u frees frame %#x as %#x",
		    cpu, kit_word(other)[0], vm_page_pfn(sf_buf_page(other)));
	return (other);
}

static inline void
operate(uint32_t r, unsigned cpu)
{
	unsigned i = (r >> 4) % NPAGES, kind = r % 16;
	struct sf_buf *sf;

	if (kind >= 11)
		i %= OFTEN;
	sf = sf_buf_alloc(page[i], kind < 6 ? SFB_CPUPRIVATE : SFB_DEFAULT);
	check(sf, i, cpu);
	if (kind == 10 || kind == 11)
		sf = hand_over(sf, r >> 28, cpu);
	if (sf != NULL)
		sf_buf_free(sf);
}

unsigned
mix_run(unsigned n, uint32_t *random)
{
	unsigned cpu = curcpu_id(), done;

	ASSERT(cpu < NCPUS, "CPU %u of a soak", cpu);
	for (done = 0; done < n && !test_failed(); done++)
		operate(test_random(random), cpu);
	return (done);
}

uint32_t
mix_handed_over(void)
{
	uint32_t n = 0;

	for (unsigned cpu = 0; cpu < NCPUS; cpu++)
		n += handed_over[cpu];
	return (n);
}
