/*
 * Kernel threads and the scheduler.
 *
 * One run queue per CPU, first in first out, with a time slice; an idle CPU
 * steals.  A thread is RUNNING on one CPU, READY on one run queue, SLEEPING on
 * one sleep queue, or DEAD.
 */
#ifndef KERNEL_THREAD_H
#define KERNEL_THREAD_H

#include "kernel/types.h"
#include "kernel/atomic.h"
#include "kernel/cpu.h"
#include "kernel/timeout.h"

#define THREAD_NAME_BYTES 20
#define KSTACK_PAGES 4
#define SCHED_SLICE (10 * MSEC)

struct mtx;

enum thread_state {
	TDS_READY,
	TDS_RUNNING,
	TDS_SLEEPING,
	TDS_DEAD,
};

struct thread {
	/* Fixed while the thread lives. */
	uint32_t tid; /* unique, from 1, of idle threads, too; 0: joined */
	char name[THREAD_NAME_BYTES];
	void (*fn)(void *);
	void *arg;
	vm_offset_t stack; /* lowest address; KSTACK_PAGES pages */

	/* Written by the thread itself only. */
	uint32_t critnest;    /* critical_enter() depth */
	int16_t pinned;       /* sched_pin() depth */
	int bound_cpu;        /* sched_bind()'s CPU, -1: none */
	struct mtx *mtx_held; /* mutexes held, newest first */

	/* Set by the waker or by the thread; see sched.c for who when. */
	_Atomic uint32_t state;  /* enum thread_state */
	_Atomic uint32_t on_cpu; /* its stack is in use; cleared by release */
	uint32_t cpu;            /* where it runs or last ran */
	struct thread *runq_next;

	/*
	 * The saved stack pointer while its stack is not in use.  Of an idle
	 * thread that has not run: the top of its stack, 16-byte aligned; a C
	 * function without arguments may be called (not jumped to) with esp
	 * set to it.
	 */
	uint32_t sp;

	/* Under the sleep queue's lock, see sleepq.c. */
	_Atomic(const void *) wchan; /* what it sleeps on; NULL: nothing */
	const char *wmesg;           /* why, for ps */
	uint32_t sleep_flags;        /* PCATCH or 0 */
	int sleep_result;            /* what the sleep will return */
	struct thread *sleepq_next;
	struct timeout sleep_timeout;

	/* Atomic: a set bit is a pending signal; see kernel/signal.h. */
	_Atomic uint32_t sig_pending;

	/* Under the thread-list lock. */
	struct thread *all_next; /* also links the free list */
	bool joinable;
};

/*
 * Make a thread and let it run.
 *   name: at most THREAD_NAME_BYTES - 1 bytes are kept.
 *   fn: its body; returning from it is thread_exit().
 * Returns it, to be given to thread_join() exactly once; NULL when memory or
 * address space is short.
 * Effects: may send TLB or reschedule IPIs; does not sleep.
 */
struct thread *thread_create(const char *name, void (*fn)(void *), void *arg);

/*
 * As thread_create(), on one CPU from the start: as if the thread's first act
 * were sched_bind(cpu).
 */
struct thread *
thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg);

/* End the calling thread.  Requires: no lock held. */
void thread_exit(void) __noreturn;

/*
 * Wait until `td` has ended, and release it.  Requires: a thread that may sleep.
 * Effects: may sleep (wait message "join").
 */
void thread_join(struct thread *td);

/*
 * How many thread stacks exist.  The stack of a thread that was joined stays
 * mapped and serves the next one, so this never falls, and rises only when more
 * threads live at once than ever before.
 */
unsigned thread_stacks(void);

/*
 * Call `fn` for each live thread, with the thread-list lock held (a spinlock):
 * fn must not sleep or create threads.
 */
void thread_foreach(void (*fn)(const struct thread *td, void *arg), void *arg);

/* "ready", "running", "sleeping", "dead". */
const char *thread_state_name(const struct thread *td);

/* --- scheduling --- */

/* Prepare the run queues.  Boot CPU, once. */
void sched_init(void);

/*
 * Make CPU `c` an idle thread, whose stack pointer at start is returned
 * through c->idle->sp.  Returns false when memory is short.
 */
bool sched_init_cpu(struct cpu *c);

/*
 * Leave the boot stack for this CPU's idle thread, which runs what is ready.
 * Boot CPU only; application processors start on their idle thread's stack
 * and call sched_idle().
 */
void sched_start(void) __noreturn;

/* The idle loop of this CPU.  Requires: curthread is this CPU's idle thread. */
void sched_idle(void) __noreturn;

/* Let another ready thread of this CPU run, if there is one.  May not be
 * called with a spinlock held. */
void sched_yield(void);

/* What sched_unpin() does about a thread that is not pinned. */
void sched_panic_not_pinned(void) __noreturn;

/*
 * Keep the calling thread on its present CPU until the matching unpin; calls
 * nest.  It may still be preempted, and may sleep.
 * Requires: threads run.
 */
static inline void
sched_pin(void)
{
	curthread->pinned++;
}

static inline void
sched_unpin(void)
{
	if (__predict_false(--curthread->pinned < 0))
		sched_panic_not_pinned();
}

/* Is the calling thread unable to change CPU (pinned, bound or critical)? */
bool sched_is_pinned(void);

/*
 * Move the calling thread to a CPU and keep it there.
 *   cpu: a CPU that is online.
 * Requires: not pinned, no spinlock held.
 * Effects: switches threads.
 */
void sched_bind(unsigned cpu);

/* Undo sched_bind(). */
void sched_unbind(void);

/*
 * No preemption of the calling thread between these; they nest.  Sleeping in
 * between is a bug that panics.  Interrupts stay enabled.
 */
void critical_enter(void);
void critical_exit(void);

/* --- between thread.c, sched.c, sleepq.c, mutex.c, spinlock.c, trap.c --- */

/*
 * A thread with a stack, SLEEPING on nothing, sp at the top of its stack; in
 * the list of all threads.  NULL when memory is short.
 */
struct thread *thread_alloc(const char *name);

/* Have a thread from thread_alloc() call its fn when it is first switched to. */
void sched_prepare(struct thread *td);

/*
 * Panic unless the caller may sleep: a thread, not an idle one, in no critical
 * section and no interrupt handler, with `spinlocks` spinlocks held.
 *   why: what it would wait for.
 */
void sched_assert_may_sleep(const char *why, unsigned spinlocks);

/* Give the CPU away.  Requires: interrupts disabled, no spinlock held.  A
 * caller that is not to run again at once has changed curthread's state. */
void sched_switch(void);

/* Make a SLEEPING thread READY, on a run queue.  Requires: the caller has just
 * taken it off its sleep queue, or it is new. */
void sched_wakeup(struct thread *td);

/* Switch threads if that is due and allowed.  Called on the way out of every
 * interrupt and when the last spinlock is released.  Requires: interrupts
 * disabled. */
void sched_preempt(void);

/* --- kernel/switch.S --- */

/*
 * Save the caller's registers on its stack and the stack pointer in *save_sp;
 * continue on the stack `sp`, which this function saved before or
 * sched_prepare() made.
 */
void switch_stack(uint32_t *save_sp, uint32_t sp);

/* Leave the present stack for good and call fn on the stack that ends at sp. */
void stack_enter(uint32_t sp, void (*fn)(void)) __noreturn;

#endif
