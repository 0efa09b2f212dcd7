/*
 * Threads: creation, end, the list of all.
 *
 * A struct thread lives at the high end of its own stack, so a thread is one
 * allocation.  The stack of a joined thread stays mapped and waits in a free
 * list: making and joining a thread then costs neither a mapping nor a
 * shootdown, and no CPU's TLB can hold a stale translation of a stack.
 */
#include "kernel/thread.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/string.h"
#include "mm/kva.h"

#define KSTACK_BYTES (KSTACK_PAGES * PAGE_SIZE)

/* The C calling convention aligns the stack to this at each call. */
#define STACK_ALIGN 16

static struct spinlock threads_lock =
    SPINLOCK_INITIALIZER("threads", RANK_THREADS);

/* Under threads_lock. */
static struct thread *all_threads; /* in order of creation */
static struct thread **all_end = &all_threads;
static struct thread *free_threads; /* joined: only `stack` has a meaning */
static uint32_t last_tid;
static unsigned nstacks;

static struct thread *
free_list_take(void)
{
	struct thread *td;

	spin_lock(&threads_lock);
	td = free_threads;
	if (td != NULL)
		free_threads = td->all_next;
	spin_unlock(&threads_lock);
	return (td);
}

/* A struct thread on a stack; of the fields only `stack` is set. */
static struct thread *
stack_take(void)
{
	struct thread *td = free_list_take();
	vm_offset_t stack;

	if (td != NULL)
		return (td);
	stack = kstack_alloc(KSTACK_PAGES);
	if (stack == 0)
		return (NULL);
	spin_lock(&threads_lock);
	nstacks++;
	spin_unlock(&threads_lock);
	td = (struct thread *)(stack + KSTACK_BYTES -
	    ROUND_UP(sizeof(*td), STACK_ALIGN));
	td->stack = stack;
	return (td);
}

struct thread *
thread_alloc(const char *name)
{
	struct thread *td = stack_take();

	if (td == NULL)
		return (NULL);
	*td = (struct thread){
	    .stack = td->stack,
	    .bound_cpu = -1,
	    .state = TDS_SLEEPING,
	    .wmesg = "new",
	    .cpu = curcpu_id(),
	    .sp = (uint32_t)(vm_offset_t)td,
	};
	strlcpy(td->name, name, sizeof(td->name));
	spin_lock(&threads_lock);
	last_tid += last_tid == UINT32_MAX ? 2 : 1; /* 0 is of those joined */
	td->tid = last_tid;
	*all_end = td;
	all_end = &td->all_next;
	spin_unlock(&threads_lock);
	return (td);
}

/*
 *   cpu: -1: any.
 */
static struct thread *
create(int cpu, const char *name, void (*fn)(void *), void *arg)
{
	struct thread *td;

	ASSERT(fn != NULL, "thread %s created with no function", name);
	td = thread_alloc(name);
	if (td == NULL)
		return (NULL);
	td->fn = fn;
	td->arg = arg;
	td->joinable = true;
	td->bound_cpu = cpu;
	if (cpu >= 0)
		td->cpu = (uint32_t)cpu;
	sched_prepare(td);
	sched_wakeup(td);
	return (td);
}

struct thread *
thread_create(const char *name, void (*fn)(void *), void *arg)
{
	return (create(-1, name, fn, arg));
}

struct thread *
thread_create_on(unsigned cpu, const char *name, void (*fn)(void *), void *arg)
{
	ASSERT(cpu < MAXCPU && cpumask_has(cpu_online(), cpu),
	    "thread %s created on CPU %u, which is not online", name, cpu);
	return (create((int)cpu, name, fn, arg));
}

/*
 * Interrupts stay disabled from the moment at which the state says DEAD until
 * the switch: a joiner that sees the state waits for on_cpu without sleeping.
 */
void
thread_exit(void)
{
	struct thread *td = curthread;

	sched_assert_may_sleep("exit", 0);
	ASSERT(td->mtx_held == NULL, "thread %s exits with a mutex held",
	    td->name);
	ASSERT(td->pinned == 0, "thread %s exits pinned", td->name);
	intr_disable();
	sleepq_lock(td);
	store_relaxed(&td->state, TDS_DEAD);
	sleepq_unlock(td);
	wakeup(td);
	sched_switch();
	panic("dead thread %s runs", td->name);
}

/* `td` is dead and off its stack: out of the one list, into the other. */
static void
release(struct thread *td)
{
	struct thread **link = &all_threads;

	spin_lock(&threads_lock);
	while (*link != td) {
		ASSERT(*link != NULL, "thread %p is not in the list",
		    (void *)td);
		link = &(*link)->all_next;
	}
	*link = td->all_next;
	if (all_end == &td->all_next)
		all_end = link;
	td->tid = 0; /* for who signals it all the same */
	td->all_next = free_threads;
	free_threads = td;
	spin_unlock(&threads_lock);
}

/*
 * The channel is the thread; its queue's lock guards the change to DEAD.  The
 * acquire load pairs with the release in finish_switch(): the stack is out of
 * use, and all that the thread did is seen.
 */
void
thread_join(struct thread *td)
{
	sched_assert_may_sleep("join", 0);
	ASSERT(td != curthread, "thread %s joins itself", td->name);
	ASSERT(td->joinable, "thread %s joined twice", td->name);
	td->joinable = false;
	sleepq_lock(td);
	while (load_relaxed(&td->state) != TDS_DEAD) {
		sleepq_wait_locked(td, 0, "join", 0);
		sleepq_lock(td);
	}
	sleepq_unlock(td);
	while (load_acquire(&td->on_cpu) != 0)
		cpu_pause();
	release(td);
}

unsigned
thread_stacks(void)
{
	unsigned n;

	spin_lock(&threads_lock);
	n = nstacks;
	spin_unlock(&threads_lock);
	return (n);
}

void
thread_foreach(void (*fn)(const struct thread *, void *), void *arg)
{
	spin_lock(&threads_lock);
	for (struct thread *td = all_threads; td != NULL; td = td->all_next)
		fn(td, arg);
	spin_unlock(&threads_lock);
}

const char *
thread_state_name(const struct thread *td)
{
	switch (load_relaxed(&td->state)) {
	case TDS_READY:
		return ("ready");
	case TDS_RUNNING:
		return ("running");
	case TDS_SLEEPING:
		return ("sleeping");
	case TDS_DEAD:
		return ("dead");
	}
	return ("?");
}
