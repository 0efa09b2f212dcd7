/*
 * TLB shootdown.
 *
 * A request draws the next generation.  Its list of addresses goes into a ring
 * indexed by generation; then each target's `tlb_asked` is set and an IPI sent.
 * A target serves everything asked so far in one go: it reads the newest
 * generation, forgets what the requests since its last one name, publishes
 * that generation in `tlb_done`, and starts over if it was asked meanwhile.  So
 * merged IPIs lose nothing, and nothing here is locked: requests that cross
 * serve each other, and a CPU that spins with interrupts disabled serves
 * requests from its loop (tlb_poll).
 *
 * I1  If a target's tlb_done is at or past generation g, it holds nothing that
 *     request g wants forgotten.
 *     The requester changes the page tables, then draws g (an atomic add), so
 *     whoever reads a generation at or past g sees the new entries; the target
 *     flushes after reading it and publishes after flushing (invlpg and MOV to
 *     CR3 are serializing).
 * I2  A target that has not reached g is asked: tlb_asked is set after g is
 *     drawn, and the target clears it before it reads the generation.
 * I3  A CPU that starts sets its bit in cpu_online(), then reloads CR3.  If the
 *     requester, after changing the tables, does not see the bit, then that
 *     reload comes after the change.
 *
 * A list in the ring can be incomplete (its generation is drawn but the list
 * not yet stored), overwritten (the target is RING requests behind) or missing
 * (another requester is writing the same entry).  Each entry says which
 * generation it is for; a target that does not find what it looks for, before
 * and after reading, flushes everything, which is never wrong.  That is why the
 * ring needs no lock.
 *
 * Rejected: a lock around the whole request (FreeBSD's smp_ipi_mtx): with many
 * requesters each waits for all rounds before its own.
 */
#include "mm/tlb.h"
#include "kernel/atomic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/panic.h"
#include "kernel/x86.h"

/* Requests that a busy CPU may be behind before it flushes everything. */
#define RING 64

/* No list is ever found under this generation.  Entries start as 0. */
#define WRITING UINT32_MAX

struct request {
	_Atomic tlb_gen_t gen;  /* WRITING, then released last */
	_Atomic uint32_t count; /* 0: everything not global */
	_Atomic vm_offset_t va[TLB_MAX_LIST];
};

static struct request ring[RING];
static _Atomic tlb_gen_t newest __aligned(CACHE_LINE_BYTES);

/* A target that has not answered for so long is reported, again and again. */
#define LATE (1 * SEC)

void
tlb_flush_local(void)
{
	counter_inc(CTR_tlb_cr3_reloads);
	write_cr3(read_cr3());
}

static void
flush_list(const vm_offset_t *va, unsigned count)
{
	if (count == 0 || count > TLB_MAX_LIST) {
		tlb_flush_local();
		return;
	}
	for (unsigned i = 0; i < count; i++)
		tlb_flush_page(va[i]);
}

/*
 * Read request g's list.  Returns false if it is not, or no longer, there.
 * The acquire pairs with post()'s release; the fence orders the copy before
 * the second look, so an overwritten list is noticed.
 */
static bool
read_request(tlb_gen_t g, vm_offset_t *va, unsigned *count)
{
	struct request *r = &ring[g % RING];

	if (g == WRITING || g == 0 || load_acquire(&r->gen) != g)
		return (false);
	*count = MIN(load_relaxed(&r->count), TLB_MAX_LIST);
	for (unsigned i = 0; i < *count; i++)
		va[i] = load_relaxed(&r->va[i]);
	atomic_thread_fence(memory_order_acquire);
	return (load_relaxed(&r->gen) == g);
}

/* Forget what requests (from, to] name. */
static void
flush_requests(tlb_gen_t from, tlb_gen_t to)
{
	vm_offset_t va[TLB_MAX_LIST];
	unsigned count, total = 0;

	for (tlb_gen_t g = from + 1; g != to + 1; g++) {
		bool known = to - g < RING && read_request(g, va, &count);

		if (known)
			total += count;
		if (!known || count == 0 || total > TLB_MAX_LIST) {
			tlb_flush_local();
			return;
		}
		flush_list(va, count);
	}
}

void
tlb_poll(void)
{
	struct cpu *c;
	uint32_t flags;

	/* A thread that moves right here is polled for where it goes. */
	if (__predict_true(load_relaxed(&curcpu()->tlb_asked) == 0))
		return;
	flags = intr_disable();
	c = curcpu();
	while (atomic_exchange(&c->tlb_asked, 0) != 0) {
		tlb_gen_t done = load_relaxed(&c->tlb_done);
		tlb_gen_t gen = atomic_load(&newest);

		counter_inc(CTR_tlb_ipis_received);
		if (gen == done)
			continue; /* an earlier IPI's service covered it */
		flush_requests(done, gen);
		store_release(&c->tlb_done, gen);
	}
	intr_restore(flags);
}

void
tlb_cpu_start(void)
{
	tlb_gen_t gen;

	cpu_set_online();
	gen = atomic_load(&newest);
	tlb_flush_local();
	store_release(&curcpu()->tlb_done, gen);
}

void
tlb_intr(void)
{
	tlb_poll();
}

/*
 * Put a list in the ring, unless someone is writing that entry.  Writers
 * exclude each other by the exchange to WRITING; the release fence keeps the
 * list's stores behind it.
 */
static void
post_list(tlb_gen_t gen, const vm_offset_t *va, unsigned count)
{
	struct request *r = &ring[gen % RING];
	tlb_gen_t old = load_relaxed(&r->gen);

	if (old == WRITING ||
	    !atomic_compare_exchange_strong(&r->gen, &old, WRITING))
		return;
	atomic_thread_fence(memory_order_release);
	store_relaxed(&r->count, count > TLB_MAX_LIST ? 0 : count);
	for (unsigned i = 0; i < count && count <= TLB_MAX_LIST; i++)
		store_relaxed(&r->va[i], va[i]);
	store_release(&r->gen, gen);
}

static tlb_gen_t
post(const vm_offset_t *va, unsigned count)
{
	tlb_gen_t gen = atomic_fetch_add(&newest, 1) + 1;

	post_list(gen, va, count);
	return (gen);
}

/* Ask the members of a set, this CPU aside.  Returns how many. */
static unsigned
ask(const struct cpumask *targets)
{
	unsigned cpu, n = 0, self = curcpu_id();

	CPUMASK_FOREACH(cpu, targets) {
		if (cpu == self || !cpumask_has(cpu_online(), cpu))
			continue;
		store_release(&cpu_by_id(cpu)->tlb_asked, 1);
		ipi_send(cpu, IPI_TLB);
		n++;
	}
	return (n);
}

static bool
has_remote(const struct cpumask *targets)
{
	unsigned cpu, self = curcpu_id();

	CPUMASK_FOREACH(cpu, targets)
		if (cpu != self && cpumask_has(cpu_online(), cpu))
			return (true);
	return (false);
}

/*
 * Serve this CPU's own request, and say so: another CPU may wait for the round.
 * Where nothing older is left, that is the list; else everything that was
 * asked, in the order in which tlb_poll() does it.
 */
static void
serve_own(tlb_gen_t gen, const vm_offset_t *va, unsigned count)
{
	uint32_t flags = intr_disable();
	struct cpu *c = curcpu();

	if (load_relaxed(&c->tlb_done) == gen - 1) {
		flush_list(va, count);
		store_release(&c->tlb_done, gen);
	} else {
		atomic_store(&c->tlb_asked, 1);
		tlb_poll();
	}
	intr_restore(flags);
}

tlb_gen_t
tlb_start(const struct cpumask *targets, const vm_offset_t *va, unsigned count)
{
	/* In this order: a CPU that is not seen online after the load will
	 * begin with a generation at or past it. */
	tlb_gen_t gen = atomic_load(&newest);
	bool remote = has_remote(targets);

	if (remote) {
		gen = post(va, count);
		counter_inc(CTR_tlb_rounds);
		counter_add(CTR_tlb_ipis_sent, ask(targets));
	}
	if (cpumask_has(targets, curcpu_id())) {
		if (remote)
			serve_own(gen, va, count);
		else
			flush_list(va, count);
	}
	return (gen);
}

/*
 * Has this CPU served generation `gen`?  Pairs with tlb_poll()'s release.  The
 * signed difference is right as long as no CPU is left out of 2^31 requests in
 * a row: several hours of nothing but requests to others.
 */
static bool
served(unsigned cpu, tlb_gen_t gen)
{
	return ((int32_t)(load_acquire(&cpu_by_id(cpu)->tlb_done) - gen) >= 0);
}

bool
tlb_done(const struct cpumask *targets, tlb_gen_t gen)
{
	unsigned cpu, self = curcpu_id();

	tlb_poll();
	CPUMASK_FOREACH(cpu, targets)
		if (cpu != self && cpumask_has(cpu_online(), cpu) &&
		    !served(cpu, gen))
			return (false);
	return (true);
}

static void
wait_for(unsigned cpu, tlb_gen_t gen)
{
	nsec_t since = clock_now();

	while (!served(cpu, gen) && !panicking()) {
		cpu_pause();
		tlb_poll();
		if (clock_now() - since > LATE) {
			kprintf_line("CPU %u has not answered a TLB shootdown "
				     "of CPU %u for %llu ms\n",
			    cpu, curcpu_id(), LATE / MSEC);
			since = clock_now();
		}
	}
}

void
tlb_wait(const struct cpumask *targets, tlb_gen_t gen)
{
	unsigned cpu, self = curcpu_id();

	/* Another CPU may have started the round, with this one asked. */
	tlb_poll();
	CPUMASK_FOREACH(cpu, targets)
		if (cpu != self && cpumask_has(cpu_online(), cpu))
			wait_for(cpu, gen);
}

void
tlb_shootdown(const struct cpumask *targets, const vm_offset_t *va,
    unsigned count)
{
	tlb_wait(targets, tlb_start(targets, va, count));
}

void
tlb_shootdown_all(const vm_offset_t *va, unsigned count)
{
	tlb_shootdown(cpu_online(), va, count);
}
