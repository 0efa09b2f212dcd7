/*
 * The host build's loads, and what a run is asked to do.
 */
#ifndef TESTS_PORT_STRESS_H
#define TESTS_PORT_STRESS_H

#include "kernel/types.h"

/* Frames that there are: the first ones, and those above 4 GiB. */
#define FRAMES 12288u
#define DIRECT_FRAMES 4096u
#define FAR_FRAME (1u << 20)
#define FAR_FRAMES 8192u

/* What can be planted in the machine, to see that it is noticed. */
enum port_bug {
	BUG_NONE,
	BUG_SKIP_CPU,      /* CPU 1 answers shootdowns without a flush */
	BUG_DROP_INVLPG,   /* invlpg does nothing */
	BUG_DROP_CR3,      /* nor does loading CR3 */
	BUG_LATE_ACCESSED, /* a TLB holds what is not yet marked accessed */
	BUG_LOST_IPI,      /* every 8th interrupt between CPUs is lost */
};

struct stress_config {
	uint64_t seed;
	uint32_t cpus, slots, threads, ops;
	uint32_t strict, dmap, far, several;
	enum port_bug bug;
};
extern struct stress_config stress_config;

/* Run fn(i) in n threads, i from 0 on, and wait until all have returned.
 * Another thread computes meanwhile, so that a CPU never idles. */
void stress_team(unsigned n, void (*fn)(unsigned i));

/* What a thread does has come one step further. */
void stress_progress(void);

/* End the run as failed. */
void stress_fail(const char *fmt, ...) __printflike(1, 2) __noreturn;

#define STRESS_CHECK(cond, ...)                      \
	do {                                         \
		if (!(cond))                         \
			stress_fail("" __VA_ARGS__); \
	} while (0)

/* Each load: on a machine just started, in a thread; prints what it did. */
void stress_sf_buf(void);
void stress_page(void);
void stress_kva(void);
void stress_sleepq(void);
void stress_tlb(void);

#endif
