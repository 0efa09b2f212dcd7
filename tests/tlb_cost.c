/*
 * TLB shootdown: what a round costs each CPU, exactly, while all are busy and
 * while all others are idle; and what a flush may keep.
 */
#include "kernel/counter.h"
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "tests/test.h"
#include "tests/threads.h"

/* What each CPU's counters grew by in the last measure(). */
static uint32_t cost[MAXCPU][NCOUNTER];

static uint32_t
cost_of_all(enum counter c)
{
	unsigned cpu;
	uint32_t sum = 0;

	CPUMASK_FOREACH(cpu, cpu_online())
		sum += cost[cpu][c];
	return (sum);
}

/* The CPU whose rounds are measured: see run_while_all_are_busy(). */
#define MEASURER 0

/* What is to be measured. */
struct round {
	const struct cpumask *targets;
	unsigned count; /* addresses */
};

/*
 * One round.  A CPU that took no part in earlier ones may make up for them in
 * this, so there is one of all CPUs first.
 */
static void
measure_round(void *arg)
{
	const struct round *r = arg;
	vm_offset_t list[TLB_MAX_LIST + 1];
	unsigned cpu;

	for (unsigned i = 0; i < nitems(list); i++)
		list[i] = KVA_BASE + i * PAGE_SIZE;
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	CPUMASK_FOREACH(cpu, cpu_online())
		for (unsigned c = 0; c < NCOUNTER; c++)
			cost[cpu][c] = counter_read_cpu(cpu, c);
	tlb_shootdown(r->targets, list, r->count);
	CPUMASK_FOREACH(cpu, cpu_online())
		for (unsigned c = 0; c < NCOUNTER; c++)
			cost[cpu][c] = counter_read_cpu(cpu, c) - cost[cpu][c];
	critical_exit();
}

static void
measure(const struct cpumask *targets, unsigned count)
{
	struct round r = {targets, count};

	run_while_all_are_busy(measure_round, &r);
}

TEST(tlb, a_round_costs_one_interrupt_for_each_other_busy_cpu)
{
	static const unsigned counts[] = {0, 1, TLB_MAX_LIST, TLB_MAX_LIST + 1};
	unsigned others = cpu_count() - 1;

	NEED_FEW_CPUS();
	for (unsigned i = 0; i < nitems(counts); i++) {
		measure(cpu_online(), counts[i]);
		CHECK_EQ(cost_of_all(CTR_tlb_rounds), others > 0);
		CHECK_EQ(cost_of_all(CTR_tlb_ipis_sent), others);
		CHECK_EQ(cost_of_all(CTR_tlb_ipis_received), others);
		CHECK_EQ(cost[MEASURER][CTR_tlb_ipis_sent], others);
		CHECK_EQ(cost[MEASURER][CTR_tlb_ipis_received], 0);
	}
}

TEST(tlb, a_round_interrupts_no_idle_cpu)
{
	struct round r = {cpu_online(), 3};

	run_while_others_are_idle(measure_round, &r);
	CHECK_EQ(cost_of_all(CTR_tlb_rounds), 0);
	CHECK_EQ(cost_of_all(CTR_tlb_ipis_sent), 0);
	CHECK_EQ(cost_of_all(CTR_tlb_invlpg), 3);
	CHECK_EQ(cost_of_all(CTR_tlb_cr3_reloads), 0);
}

/* Did every CPU make just so many flushes of each kind? */
static void
check_flushes(uint32_t invlpgs, uint32_t reloads)
{
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online()) {
		CHECK_EQ(cost[cpu][CTR_tlb_invlpg], invlpgs);
		CHECK_EQ(cost[cpu][CTR_tlb_cr3_reloads], reloads);
	}
}

TEST(tlb, a_short_list_costs_each_cpu_one_invlpg_an_address)
{
	NEED_FEW_CPUS();
	measure(cpu_online(), 1);
	check_flushes(1, 0);
	measure(cpu_online(), TLB_MAX_LIST);
	check_flushes(TLB_MAX_LIST, 0);
}

TEST(tlb, a_long_list_costs_each_cpu_one_reload)
{
	NEED_FEW_CPUS();
	measure(cpu_online(), TLB_MAX_LIST + 1);
	check_flushes(0, 1);
	measure(cpu_online(), 0);
	check_flushes(0, 1);
}

TEST(tlb, a_round_for_this_cpu_alone_interrupts_nobody)
{
	struct cpumask self = {0};

	NEED_FEW_CPUS();
	cpumask_add(&self, MEASURER);
	measure(&self, 3);
	CHECK_EQ(cost_of_all(CTR_tlb_rounds), 0);
	CHECK_EQ(cost_of_all(CTR_tlb_ipis_sent), 0);
	CHECK_EQ(cost_of_all(CTR_tlb_invlpg), 3);
	CHECK_EQ(cost_of_all(CTR_tlb_cr3_reloads), 0);
}

TEST(tlb, a_round_for_nobody_costs_nothing)
{
	struct cpumask nobody = {0}, absent = {0};

	NEED_FEW_CPUS();
	cpumask_add(&absent, MAXCPU - 1);
	if (cpu_count() == MAXCPU)
		SKIP("every CPU number is in use");
	measure(&nobody, 0);
	check_flushes(0, 0);
	measure(&absent, 1);
	check_flushes(0, 0);
	CHECK_EQ(cost_of_all(CTR_tlb_ipis_sent), 0);
}

/* The round of every second CPU, with the measuring one among them or not. */
TEST(tlb, cpus_outside_the_mask_do_nothing)
{
	NEED_FEW_CPUS();
	for (unsigned parity = 0; parity < 2; parity++) {
		struct cpumask half = {0};
		unsigned cpu;

		CPUMASK_FOREACH(cpu, cpu_online())
			if (cpu % 2 == parity)
				cpumask_add(&half, cpu);
		measure(&half, 2);
		CPUMASK_FOREACH(cpu, cpu_online())
			CHECK_EQ(cost[cpu][CTR_tlb_invlpg],
			    cpu % 2 == parity ? 2 : 0);
		measure(&half, 0);
		CPUMASK_FOREACH(cpu, cpu_online())
			CHECK_EQ(cost[cpu][CTR_tlb_cr3_reloads],
			    cpu % 2 == parity);
	}
}

TEST(tlb, a_poll_with_no_request_flushes_nothing)
{
	uint32_t invlpgs, reloads, cpu;

	critical_enter();
	cpu = curcpu_id();
	invlpgs = counter_read_cpu(cpu, CTR_tlb_invlpg);
	reloads = counter_read_cpu(cpu, CTR_tlb_cr3_reloads);
	tlb_poll();
	invlpgs -= counter_read_cpu(cpu, CTR_tlb_invlpg);
	reloads -= counter_read_cpu(cpu, CTR_tlb_cr3_reloads);
	critical_exit();
	CHECK_EQ(invlpgs, 0);
	CHECK_EQ(reloads, 0);
}

static void
count_wrong_global(vm_offset_t start, uint64_t bytes __unused,
    const struct pmap_walk *w, void *arg)
{
	bool want = start >= DMAP_BASE && (read_cr4() & CR4_PGE) != 0;
	bool is = ((w->large ? w->pde : w->pte) & PG_G) != 0;

	if (is != want)
		++*(unsigned *)arg;
}

TEST(tlb, the_direct_map_is_global_and_nothing_else_is)
{
	unsigned wrong = 0;

	sched_pin();
	pmap_foreach_range(curcpu(), count_wrong_global, &wrong);
	sched_unpin();
	CHECK_EQ(wrong, 0);
}
