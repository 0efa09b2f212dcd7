/*
 * Who waits for a round of flushes may come back after very many others: a sweep
 * that is made ahead starts one that is waited for when its slots are needed,
 * while other users of shootdowns go on.
 */
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/tlb.h"
#include "tests/soak/wrap.h"
#include "tests/test.h"
#include "tests/threads.h"

static _Atomic bool over;

/* Never idle: it has to be asked, and waited for. */
static void
stay_busy(void *arg __unused)
{
	SPIN_UNTIL(load_acquire(&over));
}

/*
 * Numbers of rounds are compared by signed difference, so one that half of all
 * have passed by looks as if it was still to come.
 *
 * Kills: a wait for a round that is over for so long that it never ends.
 */
TEST(selftest, soak_a_round_of_long_ago_is_over)
{
	struct crew crew = {0};
	tlb_gen_t long_ago;
	bool done = true;

	if (cpu_count() < 2)
		SKIP("one CPU waits for nobody");
	sched_bind(0);
	store_relaxed(&over, false);
	crew_add_on(&crew, 1, stay_busy, NULL);
	SPIN_UNTIL(cpumask_has(tlb_busy_cpus(), 1));
	critical_enter();
	long_ago = tlb_start(cpu_online(), NULL, 0);
	for (unsigned i = 0; i < 4 && done; i++) {
		tlb_wait(cpu_online(), long_ago);
		done = tlb_done(cpu_online(), long_ago);
		wrap_jump();
		tlb_shootdown_all(NULL, 0);
	}
	critical_exit();
	store_release(&over, true);
	crew_join(&crew);
	sched_unbind();
	CHECK_MSG(done, "round %u is over, but said not to be", long_ago);
}
