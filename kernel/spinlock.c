/*
 * Spinlocks.
 *
 * The owner word is the lock.  It holds the owning CPU rather than a bit, so
 * that a second acquisition by the same CPU and a release by another one are
 * caught where they happen, and a report can say who holds it.
 *
 * Order: acquire() takes the word with acquire order and pairs with the
 * release store in spin_unlock(); what one holder wrote, the next one sees.
 *
 * Each CPU lists the locks it holds, in the order taken.  Only that CPU, with
 * interrupts disabled, writes its list; the report of a panic reads it.
 *
 * Not chosen: ticket or queue locks.  Under an emulator a virtual CPU can lose
 * its host CPU at any instruction; with a fixed order of service everyone then
 * waits for the one who is not running.
 */
#include "kernel/spinlock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/tlb.h"

void
spin_init(struct spinlock *l, const char *name, enum lock_rank rank)
{
	*l = (struct spinlock)SPINLOCK_INITIALIZER(name, rank);
}

/* Panic unless taking `l` now keeps to the order of ranks. */
static void
check_rank(const struct cpu *c, const struct spinlock *l)
{
	for (unsigned i = 0; i < c->spin_depth; i++) {
		const struct spinlock *held = c->spin_held[i];

		ASSERT(held != l, "spinlock %s taken twice by CPU %u", l->name,
		    c->id);
		ASSERT(held->rank < l->rank,
		    "spinlock %s (rank %d) taken after %s (rank %d)", l->name,
		    l->rank, held->name, held->rank);
	}
}

static bool
acquire(struct spinlock *l, struct cpu *c)
{
	struct cpu *nobody = NULL;

	return (atomic_compare_exchange_strong_explicit(&l->owner, &nobody, c,
	    memory_order_acquire, memory_order_relaxed));
}

/* Enter `l`, just acquired, in the list; `eflags` are those before it. */
static void
push_held(struct cpu *c, struct spinlock *l, uint32_t eflags)
{
	ASSERT(c->spin_depth < SPIN_MAX_HELD,
	    "spinlock %s: CPU %u holds %u already", l->name, c->id,
	    c->spin_depth);
	if (c->spin_depth == 0)
		c->spin_eflags = eflags;
	c->spin_held[c->spin_depth++] = l;
}

static void
drop_held(struct cpu *c, const struct spinlock *l)
{
	unsigned i = c->spin_depth;

	do {
		ASSERT(i > 0, "spinlock %s is not in CPU %u's list", l->name,
		    c->id);
	} while (c->spin_held[--i] != l);
	for (c->spin_depth--; i < c->spin_depth; i++)
		c->spin_held[i] = c->spin_held[i + 1];
}

/*
 * Any case.  The wait serves shootdowns, because interrupts are disabled and the
 * holder may itself be waiting for this CPU to flush.  It reads before it tries
 * again, so that waiting CPUs share the line instead of fighting for it.
 */
static __noinline __regargs void
lock_slowly(struct spinlock *l, struct cpu *c, uint32_t eflags)
{
	check_rank(c, l);
	if (!acquire(l, c)) {
		atomic_fetch_add(&l->contended, 1);
		counter_inc(CTR_lock_waits);
		do {
			cpu_pause();
			tlb_poll();
		} while (load_relaxed(&l->owner) != NULL || !acquire(l, c));
	}
	push_held(c, l, eflags);
}

/* The usual case: the only lock, and it is free. */
__regargs void
spin_lock(struct spinlock *l)
{
	uint32_t eflags = intr_disable();
	struct cpu *c = curcpu();

	if (__predict_false(c->spin_depth != 0 ||
		!ATOMIC_CAS(&l->owner, NULL, c))) {
		lock_slowly(l, c, eflags);
		return;
	}
	c->spin_eflags = eflags;
	c->spin_held[0] = l;
	c->spin_depth = 1;
}

bool
spin_trylock(struct spinlock *l)
{
	uint32_t eflags = intr_disable();
	struct cpu *c = curcpu();

	if (!acquire(l, c)) {
		intr_restore(eflags);
		return (false);
	}
	push_held(c, l, eflags);
	return (true);
}

/*
 * With the last lock go the reasons not to switch threads, so a switch that
 * came due meanwhile is made here.  After it this may be another CPU: `c` must
 * not be used any more.
 */
static __noinline __regargs void
unlock_slowly(struct spinlock *l)
{
	struct cpu *c;

	ASSERT(spin_held(l), "spinlock %s released by CPU %u, not its owner",
	    l->name, curcpu_id());
	c = curcpu();
	drop_held(c, l);
	store_release(&l->owner, NULL);
	if (c->spin_depth == 0 && (c->spin_eflags & EFLAGS_IF) != 0) {
		if (load_folded(&c->need_resched))
			sched_preempt();
		intr_enable();
	}
}

/* The usual case: the only lock, and nobody wants the CPU.  The depth is read
 * first, and in one instruction: see spin_held(). */
__regargs void
spin_unlock(struct spinlock *l)
{
	unsigned depth = cpu_spin_depth();
	struct cpu *c = curcpu();

	if (__predict_false(depth != 1 || c->spin_held[0] != l ||
		load_folded(&c->need_resched))) {
		unlock_slowly(l);
		return;
	}
	c->spin_depth = 0;
	store_release(&l->owner, NULL);
	intr_restore(c->spin_eflags);
}

/*
 * The depth is read in one instruction and settles whether this CPU can
 * change: a caller that holds nothing may migrate between two loads, but then
 * it does not hold `l` either.
 */
bool
spin_held(const struct spinlock *l)
{
	return (cpu_spin_depth() != 0 && load_relaxed(&l->owner) == curcpu());
}

void
spin_print_held(const struct cpu *c)
{
	unsigned n = MIN(c->spin_depth, SPIN_MAX_HELD);

	for (unsigned i = 0; i < n; i++)
		kprintf("  spinlock %s (rank %d)\n", c->spin_held[i]->name,
		    c->spin_held[i]->rank);
}
