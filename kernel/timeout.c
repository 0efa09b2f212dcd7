/*
 * Timeouts: one list for each CPU, ordered by deadline.
 *
 * A timeout is in one of four states:
 *
 *	state              queue  queued  queue->running
 *	idle               NULL   no      another
 *	queued             q      yes     another
 *	running            q      no      this one
 *	running and set    q      yes     this one
 *
 * I1. `queue` changes only with the lock of the queue it names or is about to
 *     name, so a reader that finds the same queue before and after it has taken
 *     that lock may rely on all the rest.
 * I2. A running timeout is not touched after its function has returned and
 *     `queue` has become NULL: timeout_cancel() waits for that NULL, so its
 *     caller may reuse the memory.
 *
 * Lists, not heaps: a CPU has its time slice and a few sleepers.
 */
#include "kernel/timeout.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/spinlock.h"
#include "mm/tlb.h"

struct timeout_queue {
	struct spinlock lock;
	/* Under the lock. */
	struct timeout *head;    /* earliest deadline first */
	struct timeout *running; /* its function is being called */
} __aligned(CACHE_LINE_BYTES);

static struct timeout_queue queues[MAXCPU];

void
timeout_init_queues(void)
{
	for (unsigned i = 0; i < MAXCPU; i++)
		spin_init(&queues[i].lock, "timeouts", RANK_TIMEOUT);
}

void
timeout_init(struct timeout *t, void (*fn)(void *), void *arg)
{
	ASSERT(fn != NULL, "timeout_init: %p has no function", (void *)t);
	*t = (struct timeout){.fn = fn, .arg = arg};
}

/* Set this CPU's timer for the first of `q`, its queue. */
static void
set_timer_locked(const struct timeout_queue *q)
{
	nsec_t now;

	if (q->head == NULL) {
		clock_timer_stop();
		return;
	}
	now = clock_now();
	clock_timer_set(q->head->deadline > now ? q->head->deadline - now : 0);
}

/* Equal deadlines run in the order in which they were set. */
static void
insert_locked(struct timeout_queue *q, struct timeout *t)
{
	struct timeout **link = &q->head;

	while (*link != NULL && (*link)->deadline <= t->deadline)
		link = &(*link)->next;
	t->next = *link;
	*link = t;
	t->queued = true;
}

static void
remove_locked(struct timeout_queue *q, struct timeout *t)
{
	struct timeout **link = &q->head;

	while (*link != t) {
		ASSERT(*link != NULL, "timeout %p is not in its queue",
		    (void *)t);
		link = &(*link)->next;
	}
	*link = t->next;
	t->queued = false;
}

void
timeout_set(struct timeout *t, nsec_t deadline)
{
	uint32_t eflags = intr_disable(); /* stay on this CPU */
	struct timeout_queue *q = &queues[curcpu_id()];

	spin_lock(&q->lock);
	ASSERT(load_relaxed(&t->queue) == NULL ||
		(q->running == t && !t->queued),
	    "timeout %p (%p) set while it is queued or running", (void *)t,
	    t->arg);
	t->deadline = deadline;
	store_relaxed(&t->queue, q);
	insert_locked(q, t);
	if (q->head == t)
		set_timer_locked(q);
	spin_unlock(&q->lock);
	intr_restore(eflags);
}

/*
 * The acquire load pairs with the release store of NULL in timeout_intr(): who
 * sees NULL sees all that the function did.
 *
 * The timer of a first timeout stays set: it belongs to another CPU, or costs
 * as much to set anew as one interrupt that finds nothing due, and most
 * cancelled timeouts are cancelled long before their time by a thread that
 * soon sets another.
 */
bool
timeout_cancel(struct timeout *t)
{
	bool cancelled = false, own = false;
	struct timeout_queue *q;

	while (!own && (q = load_acquire(&t->queue)) != NULL) {
		spin_lock(&q->lock);
		if (load_relaxed(&t->queue) == q) {
			if (t->queued) {
				remove_locked(q, t);
				cancelled = true;
			}
			if (q->running != t)
				store_relaxed(&t->queue, NULL);
			else
				own = q == &queues[curcpu_id()];
		}
		tlb_poll(); /* the caller may have disabled interrupts */
		spin_unlock(&q->lock);
		cpu_pause();
	}
	return (cancelled);
}

void
timeout_intr(void)
{
	struct timeout_queue *q = &queues[curcpu_id()];
	struct timeout *t;

	ASSERT(!intr_enabled(), "timeout_intr with interrupts enabled");
	spin_lock(&q->lock);
	while ((t = q->head) != NULL && t->deadline <= clock_now()) {
		remove_locked(q, t);
		q->running = t;
		spin_unlock(&q->lock);
		t->fn(t->arg);
		ASSERT(cpu_spin_depth() == 0,
		    "timeout %p (%p) returns with a spinlock held", (void *)t,
		    t->arg);
		ASSERT(!intr_enabled(),
		    "timeout %p (%p) returns with interrupts enabled",
		    (void *)t, t->arg);
		spin_lock(&q->lock);
		q->running = NULL;
		if (!t->queued)
			store_release(&t->queue, NULL);
	}
	set_timer_locked(q);
	spin_unlock(&q->lock);
}
