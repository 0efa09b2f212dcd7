/*
 * Shootdowns while CPUs fall idle and wake: what was done stays done, and every
 * round ends.
 */
#include "mm/tlb.h"
#include "kernel/cpu.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/layout.h"
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/machine.h"
#include "tests/port/port.h"
#include "tests/port/stress.h"

static _Atomic uint32_t nrounds, nlater;

/* A list of addresses that nobody uses; empty: everything. */
static unsigned
some_list(vm_offset_t *va)
{
	unsigned n = exec_random(TLB_MAX_LIST + 4);

	for (unsigned i = 0; i < MIN(n, TLB_MAX_LIST); i++)
		va[i] = KVA_BASE + exec_random(1000) * PAGE_SIZE;
	return (n);
}

static void
one_round(void)
{
	vm_offset_t va[TLB_MAX_LIST];
	unsigned n = some_list(va);
	tlb_gen_t gen;
	bool settled;

	critical_enter();
	gen = tlb_start(cpu_online(), va, n);
	if (exec_random(2) == 0) {
		tlb_wait(cpu_online(), gen);
	} else {
		while (!tlb_done(cpu_online(), gen)) {
			atomic_fetch_add(&nlater, 1);
			cpu_pause();
		}
	}
	/* A CPU that wakes just now may make a round look undone again, until
	 * it has served it; one that halted when the round was done may not. */
	settled = machine_is_settled(gen);
	for (unsigned i = exec_random(8); i != 0 && settled; i--)
		STRESS_CHECK(tlb_done(cpu_online(), gen),
		    "round %#x was done, and is no more", gen);
	critical_exit();
	atomic_fetch_add(&nrounds, 1);
}

static void
work(unsigned self)
{
	(void)self;
	for (unsigned i = 0; i < stress_config.ops; i++) {
		one_round();
		if (exec_random(2) == 0)
			pause_sleep("pause", 1 + exec_random(20000));
		stress_progress();
	}
}

void
stress_tlb(void)
{
	stress_team(MIN(stress_config.threads, stress_config.cpus), work);
	host_print("tlb: rounds=%u later=%u steps=%llu\n", nrounds, nlater,
	    (unsigned long long)machine_steps());
}
