/*
 * Ranges of addresses: no two overlap, and all join again.
 */
#include "kernel/cpu.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/layout.h"
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/machine.h"
#include "tests/port/stress.h"

#define HELD 8
#define CHUNK (16 * PAGE_SIZE)
#define CHUNKS 4096

/* Who has each chunk of the arena's first part, plainly: a second owner is a
 * race, too. */
static uint32_t owner[CHUNKS];
static _Atomic uint32_t nallocs;

struct range {
	vm_offset_t va;
	size_t bytes;
};

/* The chunks that lie wholly in a range. */
static void
claim(const struct range *r, uint32_t from, uint32_t to)
{
	size_t first = (r->va - KVA_BASE + CHUNK - 1) / CHUNK;
	size_t end = (r->va + r->bytes - KVA_BASE) / CHUNK;

	for (size_t i = first; i < end && i < CHUNKS; i++) {
		STRESS_CHECK(owner[i] == from, "chunk %zu is thread %u's", i,
		    owner[i]);
		owner[i] = to;
	}
}

static void
work(unsigned self)
{
	struct range held[HELD] = {0};

	for (unsigned i = 0; i < stress_config.ops + HELD; i++) {
		struct range *r = &held[i % HELD];

		if (r->va != 0) {
			claim(r, self + 1, 0);
			kva_free(r->va, r->bytes);
			*r = (struct range){0};
		}
		if (i < stress_config.ops) {
			r->bytes = (1 + exec_random(40)) * CHUNK / 8;
			r->va = kva_alloc(r->bytes);
			STRESS_CHECK(r->va != 0, "no addresses");
			atomic_fetch_add(&nallocs, 1);
			claim(r, 0, self + 1);
		}
		stress_progress();
	}
}

void
stress_kva(void)
{
	struct kva_stats before, after;

	kva_get_stats(&before);
	stress_team(stress_config.threads, work);
	kva_get_stats(&after);
	STRESS_CHECK(before.free_bytes == after.free_bytes &&
		before.free_ranges == after.free_ranges,
	    "%zu bytes free in %u ranges, at first %zu in %u", after.free_bytes,
	    after.free_ranges, before.free_bytes, before.free_ranges);
	host_print("kva: allocs=%u steps=%llu\n", nallocs,
	    (unsigned long long)machine_steps());
}
