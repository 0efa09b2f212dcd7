/*
 * TLB shootdown: make other CPUs forget translations.
 *
 * Source: Intel SDM volume 3, "Invalidation of TLBs and Paging-Structure
 * Caches" and "Propagation of Paging-Structure Changes to Multiple Processors".
 */
#ifndef MM_TLB_H
#define MM_TLB_H

#include "kernel/types.h"
#include "kernel/cpu.h"
#include "kernel/cpumask.h"
#include "kernel/x86.h"

/* A list longer than this is not worth sending: everything is flushed. */
#define TLB_MAX_LIST 32

/* Names a round; compared by signed difference. */
typedef uint32_t tlb_gen_t;

/*
 * Make the CPUs of `targets` forget translations, and wait until all have.
 *   targets: any set.  Members that are not online are passed over; idle ones
 *     are not interrupted and flush before they do anything else.  The calling
 *     CPU, if a member, flushes while the others do.
 *   va: page addresses; not read when count is 0.
 *   count: how many; 0 or more than TLB_MAX_LIST: everything not global.
 * Requires: the page-table entries are changed already; cannot migrate (a debug
 *   build looks).  Any interrupt state, spinlocks may be held.
 * Effects: one IPI to each busy target but this CPU; serves other CPUs' requests
 *   while waiting.  Does not sleep.
 */
void tlb_shootdown(const struct cpumask *targets, const vm_offset_t *va,
    unsigned count);

/* The same for every online CPU. */
void tlb_shootdown_all(const vm_offset_t *va, unsigned count) __regargs;

/*
 * The same in two steps.  tlb_start() sends the requests, flushes this CPU and
 * returns at once; tlb_done() asks and tlb_wait() waits, on any CPU: the caller
 * serves itself first.
 * Requires: cannot migrate during each call.
 */
tlb_gen_t
tlb_start(const struct cpumask *targets, const vm_offset_t *va, unsigned count);
bool tlb_done(const struct cpumask *targets, tlb_gen_t gen);
void tlb_wait(const struct cpumask *targets, tlb_gen_t gen);

/* Flush on this CPU only.  Requires: cannot migrate. */
static inline void
tlb_flush_page(vm_offset_t va)
{
	counter_inc(CTR_tlb_invlpg);
	invlpg(va);
}

void tlb_flush_local(void);

/* Serve requests to this CPU, if any: for loops that wait with interrupts
 * disabled.  Cheap when there is none. */
void tlb_poll(void);

/*
 * The calling CPU goes online, and is asked from now on.  On each CPU, once,
 * interrupts disabled, before it touches an address of slot 2.
 */
void tlb_cpu_start(void);

/*
 * The calling CPU is about to halt: nobody need ask it any more.  It then uses
 * no address whose mapping can change until tlb_cpu_busy(), which flushes what
 * it has missed.  tlb_wake() is for where an idle CPU may find itself awake.
 * Interrupts disabled.
 */
void tlb_cpu_idle(void);
void tlb_cpu_busy(void);

static inline void
tlb_wake(const struct cpu *self)
{
	if (self->tlb_idle)
		tlb_cpu_busy();
}

/* The CPUs that would be asked now. */
const struct cpumask *tlb_busy_cpus(void);

/* The shootdown interrupt's handler. */
void tlb_intr(void);

#endif
