/*
 * The scheduler: who runs where.
 *
 * Each CPU has a run queue, first in first out, and an idle thread, which runs
 * when the queue is empty and is never queued.  A CPU that finds no work of its
 * own takes a thread from another CPU's queue, else halts.
 *
 * States.  A thread that is
 *
 *	RUNNING   is some CPU's curthread, or is just being switched away from;
 *	READY     is on one run queue;
 *	SLEEPING  is on a sleep queue, or is new, or its waker has it in hand;
 *	DEAD      will not run again.
 *
 * A thread itself leaves RUNNING; its one waker makes SLEEPING READY (who takes
 * a thread off its sleep queue is its one waker, see sleepq.c); the CPU that
 * takes it off a run queue makes READY RUNNING.
 *
 * Whose stack is it?  A sleeper enters its sleep queue while it still runs, and
 * is often woken before it has left its stack.  on_cpu is 1 from before a CPU
 * switches to a thread until after it has switched away.
 *
 * I1. A thread with on_cpu set is put on no run queue but that of the CPU which
 *     uses its stack (td->cpu).
 * I2. Only that CPU takes it from there: thieves pass it over.
 *
 * So a CPU that takes a thread finds its stack out of use, or finds itself: it
 * has only to return.  It never waits for another CPU to leave a stack; two CPUs
 * that wait for each other's thread would wait for ever.  on_cpu is cleared by a
 * release store in finish_switch(), after the switch has saved the registers;
 * it pairs with the acquire loads of wakers and thieves.  A preempted or
 * yielding thread is queued by finish_switch(), hence off its stack, and a
 * thread that binds itself elsewhere goes to its new CPU in the same way.
 *
 * Owner-written fields (pinned, bound_cpu) are read of READY threads only.  The
 * owner wrote them before it left the CPU, and the locks of the sleep queue and
 * of the run queue order that before the reading.
 *
 * No lost wakeup.  An idle CPU sets its bit in idle_cpus, then looks at all
 * queues, then halts; a waker puts the thread on a queue, then looks at the
 * bit.  The bit and the queue's length change by sequentially consistent
 * read-modify-writes, so one of them sees the other.  Interrupts are disabled
 * from the idle CPU's look to its halt, so the waker's interrupt ends the halt.
 * Who clears a bit to wake a CPU owes it that interrupt; the next waker then
 * finds another CPU.
 *
 * A CPU that halts takes no part in TLB shootdowns; the interrupt that wakes it
 * makes up for them before anything else (tlb_wake(), in interrupt() and here).
 *
 * Time slices.  A timeout is set whenever a CPU stops being idle, and sets
 * itself again until it finds the CPU idle: while a thread runs, a waker on
 * another CPU need not interrupt it, because the queue is looked at within a
 * slice; and switching between two threads, or idling briefly, sets no timer.
 * The price is one timer interrupt on a CPU that has become idle.
 */
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/runq.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/tlb.h"

/* This CPU only, with interrupts disabled. */
struct sched {
	struct thread *prev; /* whom the switch under way leaves */
	struct timeout tick; /* the end of a time slice */
	bool ticking;        /* tick is set */
} __aligned(CACHE_LINE_BYTES);

static struct sched scheds[MAXCPU];

void
sched_wakeup(struct thread *td)
{
	uint32_t eflags = intr_disable();

	ASSERT(load_relaxed(&td->state) == TDS_SLEEPING,
	    "wakeup of thread %s, which is %s", td->name,
	    thread_state_name(td));
	runq_make_ready(td);
	intr_restore(eflags);
}

static void
tick(void *arg)
{
	struct sched *s = arg;
	struct cpu *c = curcpu();

	s->ticking = c->thread != c->idle;
	if (!s->ticking)
		return;
	if (runq_has_work(c->id))
		store_folded(&c->need_resched, true);
	timeout_set(&s->tick, clock_now() + SCHED_SLICE);
}

/*
 * The second half of a switch, on the new thread's stack, perhaps much later
 * than the first half of this thread's last one and on another CPU.  Interrupts
 * are disabled.
 *
 * Whether `prev` only gave up its turn must be found out before on_cpu is
 * cleared: a sleeper may then run elsewhere at once.  A sleeper that was woken
 * already is READY, on this CPU's queue (I1), and so cannot be RUNNING.
 */
static void
finish_switch(void)
{
	const struct cpu *c = curcpu();
	struct thread *prev = scheds[c->id].prev;
	bool ready =
	    prev != c->idle && load_relaxed(&prev->state) == TDS_RUNNING;

	store_release(&prev->on_cpu, 0);
	if (ready)
		runq_make_ready(prev);
}

/* Run `next`, which this CPU has taken off a run queue or is its idle thread. */
static void
switch_to(struct cpu *c, struct thread *next)
{
	struct sched *s = &scheds[c->id];
	struct thread *old = c->thread;

	ASSERT(load_relaxed(&next->on_cpu) == 0,
	    "CPU %u takes thread %s, whose stack CPU %u uses", c->id,
	    next->name, next->cpu);
	store_relaxed(&next->on_cpu, 1);
	store_relaxed(&next->state, TDS_RUNNING);
	next->cpu = c->id;
	c->thread = next;
	s->prev = old;
	counter_inc(CTR_ctx_switches);
	if (next != c->idle && !s->ticking) {
		s->ticking = true;
		timeout_set(&s->tick, clock_now() + SCHED_SLICE);
	}
	switch_stack(&old->sp, next->sp);
	finish_switch();
}

/*
 * Finding itself on the queue, a thread was woken on its way here.  Finding the
 * queue empty, one that is still RUNNING goes on, unless it has bound itself to
 * another CPU.
 */
void
sched_switch(void)
{
	struct cpu *c = curcpu();
	struct thread *td = c->thread, *next;

	ASSERT(!intr_enabled() && c->spin_depth == 0 && c->intr_depth == 0,
	    "thread %s switches with %u spinlocks, in %u interrupts", td->name,
	    c->spin_depth, c->intr_depth);
	ASSERT(td->critnest == 0, "thread %s switches in a critical section",
	    td->name);
	store_folded(&c->need_resched, false);
	next = runq_take(c->id);
	if (next == td) {
		store_relaxed(&td->state, TDS_RUNNING);
		return;
	}
	if (next == NULL) {
		if (load_relaxed(&td->state) == TDS_RUNNING &&
		    (td->bound_cpu < 0 || (uint32_t)td->bound_cpu == c->id))
			return;
		next = c->idle;
	}
	switch_to(c, next);
}

/* An idle thread counts as in a critical section, so it is never preempted:
 * it finds the work itself. */
void
sched_preempt(void)
{
	struct cpu *c = curcpu();
	const struct thread *td = c->thread;

	if (load_folded(&c->need_resched) && td != NULL && td->critnest == 0 &&
	    c->spin_depth == 0 && c->intr_depth == 0)
		sched_switch();
}

/* Where a new thread begins: as if it returned from switch_stack(). */
static void __noreturn
first_run(void)
{
	struct thread *td;

	finish_switch();
	intr_enable();
	td = curthread;
	td->fn(td->arg);
	thread_exit();
}

void
sched_prepare(struct thread *td)
{
	uint32_t *top = (uint32_t *)(vm_offset_t)td->sp;

	/* The order in which switch_stack() pops: edi, esi, ebx, ebp, eip;
	 * then the return address that first_run() never uses. */
	const uint32_t frame[] = {
	    0, 0, 0, 0, (uint32_t)(vm_offset_t)first_run, 0};

	top -= nitems(frame);
	memcpy(top, frame, sizeof(frame));
	td->sp = (uint32_t)(vm_offset_t)top;
}

/* --- idling --- */

void
sched_init(void)
{
	runq_init();
	for (unsigned i = 0; i < MAXCPU; i++)
		timeout_init(&scheds[i].tick, tick, &scheds[i]);
}

bool
sched_init_cpu(struct cpu *c)
{
	struct thread *td = thread_alloc("idle");

	if (td == NULL)
		return (false);
	td->cpu = c->id;
	td->bound_cpu = (int)c->id;
	td->critnest = 1;
	c->idle = td;
	return (true);
}

void
sched_start(void)
{
	struct cpu *c = curcpu();

	intr_disable();
	c->thread = c->idle;
	stack_enter(c->idle->sp, sched_idle);
}

/* Each time switch_to() returns, this CPU has run out of work. */
void
sched_idle(void)
{
	struct cpu *c = curcpu();
	struct thread *td = c->idle, *next;

	ASSERT(curthread == td, "CPU %u idles outside its idle thread", c->id);
	ASSERT(cpumask_has(cpu_online(), c->id),
	    "CPU %u idles before it is online", c->id);
	intr_disable();
	store_relaxed(&td->state, TDS_RUNNING);
	store_relaxed(&td->on_cpu, 1);
	for (;;) {
		store_folded(&c->need_resched, false);
		next = runq_take_any(c->id);
		if (next == NULL) {
			runq_announce_idle(c->id);
			next = runq_take_any(c->id);
			if (next == NULL) {
				tlb_cpu_idle();
				intr_enable_and_halt();
				intr_disable();
				tlb_wake(c);
			}
			runq_retract_idle(c->id);
		}
		if (next != NULL)
			switch_to(c, next);
	}
}

/* --- what a thread may ask for --- */

void
sched_yield(void)
{
	sched_assert_may_sleep("yield", 0);
	intr_disable();
	sched_switch();
	intr_enable();
}

void
sched_panic_not_pinned(void)
{
	panic("thread %s unpinned but not pinned", curthread->name);
}

bool
sched_is_pinned(void)
{
	const struct thread *td = curthread;

	return (td == NULL || td->pinned != 0 || td->bound_cpu >= 0 ||
	    td->critnest != 0 || !intr_enabled());
}

void
sched_bind(unsigned cpu)
{
	struct thread *td = curthread;

	sched_assert_may_sleep("bind", 0);
	ASSERT(td->pinned == 0, "thread %s binds itself while pinned",
	    td->name);
	ASSERT(cpu < MAXCPU && cpumask_has(cpu_online(), cpu),
	    "thread %s binds itself to CPU %u, which is not online", td->name,
	    cpu);
	intr_disable();
	td->bound_cpu = (int)cpu;
	if (curcpu_id() != cpu)
		sched_switch();
	intr_enable();
}

void
sched_unbind(void)
{
	struct thread *td = curthread;

	ASSERT(td->bound_cpu >= 0, "thread %s unbinds itself but is not bound",
	    td->name);
	td->bound_cpu = -1;
}

void
critical_enter(void)
{
	struct thread *td = curthread;

	if (td != NULL)
		td->critnest++;
}

/*
 * A switch that came due since is made here, as in spin_unlock().  An interrupt
 * that asks for one after critnest is 0 makes it itself, so need_resched may be
 * read of a CPU that this thread has just left.
 */
void
critical_exit(void)
{
	struct thread *td = curthread;

	if (td == NULL)
		return;
	ASSERT(td->critnest > 0, "thread %s leaves no critical section",
	    td->name);
	td->critnest--;
	atomic_signal_fence(memory_order_seq_cst); /* for the interrupt above */
	if (td->critnest == 0 && load_folded(&curcpu()->need_resched) &&
	    intr_enabled()) {
		intr_disable();
		sched_preempt();
		intr_enable();
	}
}

void
sched_assert_may_sleep(const char *why, unsigned spinlocks)
{
	const struct thread *td = curthread;

	ASSERT(td != NULL, "sleep (%s) before threads run", why);
	ASSERT(cpu_intr_depth() == 0,
	    "sleep (%s) in an interrupt handler, on thread %s", why, td->name);
	ASSERT(cpu_spin_depth() == spinlocks,
	    "sleep (%s) by thread %s with a spinlock held", why, td->name);
	ASSERT(td->critnest == 0,
	    "sleep (%s) by thread %s in a critical section", why, td->name);
	ASSERT(spinlocks != 0 || intr_enabled(),
	    "sleep (%s) by thread %s with interrupts disabled", why, td->name);
}
