/*
 * Event counters, one set per CPU.  Counting is one unlocked instruction on
 * this CPU's own memory, so it costs the same on any number of CPUs and is
 * safe against interrupts and migration.  Counters are 32 bits and wrap:
 * differences modulo 2^32 are what they are for.
 */
#ifndef KERNEL_COUNTER_H
#define KERNEL_COUNTER_H

#include "kernel/types.h"

/* name, and what one count stands for */
#define COUNTER_LIST(X)                                                      \
	X(sf_hit, "sf_buf_alloc found the page mapped")                      \
	X(sf_miss, "sf_buf_alloc wrote a new mapping")                       \
	X(sf_aborts, "idle sf_bufs let go again: not clean, or a lost race") \
	X(sf_sweeps, "sweeps of the sf_buf window")                          \
	X(sf_direct, "sf_buf_alloc answered from the direct map")            \
	X(sf_private, "sf_buf_alloc calls with SFB_CPUPRIVATE")              \
	X(sf_allocwait, "sf_buf_alloc slept, once per sleep")                \
	X(sf_allocfail, "sf_buf_alloc returned NULL")                        \
	X(tlb_rounds, "shootdown rounds begun that had a remote CPU")        \
	X(tlb_ipis_sent, "shootdown interrupts sent, one per target CPU")    \
	X(tlb_ipis_received, "shootdown requests served for another CPU")    \
	X(tlb_invlpg, "invlpg instructions")                                 \
	X(tlb_cr3_reloads, "CR3 reloads to flush the TLB")                   \
	X(tlb_remote_invlpg,                                                 \
	    "of the invlpg, those that another CPU asked for")               \
	X(tlb_remote_reloads, "of the CR3 reloads, the same")                \
	X(pte_writes, "page-table entries of 4 KiB pages written")           \
	X(page_allocs, "page frames allocated")                              \
	X(page_frees, "page frames freed")                                   \
	X(lock_waits, "times that a spinlock or mutex was not free")         \
	X(engine_locks, "locks that engines of benchmarks have taken")       \
	X(ctx_switches, "context switches")                                  \
	X(sched_steals, "threads taken from another CPU's queue")            \
	X(timer_intrs, "timer interrupts")                                   \
	X(resched_ipis, "reschedule interrupts sent")

enum counter {
#define COUNTER_ENUM(name, text) CTR_##name,
	COUNTER_LIST(COUNTER_ENUM)
#undef COUNTER_ENUM
	    NCOUNTER
};

/* The sum over all CPUs; exact when nobody counts meanwhile. */
uint32_t counter_read(enum counter c);

/* One CPU's count. */
uint32_t counter_read_cpu(unsigned cpu, enum counter c);

/* "sf_hit", and what it counts. */
const char *counter_name(enum counter c);
const char *counter_text(enum counter c);

/* counter_inc() and counter_add() stand in kernel/cpu.h. */

#endif
