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
 * I3  An idle CPU is left alone.  Before it halts it leaves the set `busy`, and
 *     from there on uses no address whose mapping can change; the first thing
 *     it does when it wakes is to join the set again, read the newest
 *     generation, and flush what it has missed.  A requester draws its
 *     generation, then reads the set; the joining CPU writes the set, then reads
 *     the generation; all four are sequentially consistent.  So if the
 *     requester does not see the CPU, the CPU sees the generation.  A CPU that
 *     starts joins in the same way.
 * I4  Generations are compared by signed difference, so nobody may be 2^31
 *     behind: one request in ASK_ALL goes to every CPU, idle or not.  Hence a
 *     generation that 2^31 have followed, which looks as if it was still to
 *     come, is done (is_ancient).
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
#include "kernel/thread.h"
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

/* See I4. */
#define ASK_ALL (1u << 30)
#define ASK_ALL_AT (ASK_ALL / 2)

static struct request ring[RING];
/* The first numbers are the last before they wrap, so that it is seen to work. */
static _Atomic tlb_gen_t newest __aligned(CACHE_LINE_BYTES) = UINT32_MAX - 200;
/* CPUs that are to be asked, and how many. */
static struct cpumask busy __aligned(CACHE_LINE_BYTES);
static _Atomic uint32_t nbusy;

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
			counter_inc(CTR_tlb_remote_reloads);
			tlb_flush_local();
			return;
		}
		counter_add(CTR_tlb_remote_invlpg, count);
		flush_list(va, count);
	}
}

/* Serve everything that was asked so far.  Interrupts are disabled. */
static void
catch_up(struct cpu *c)
{
	tlb_gen_t done = load_relaxed(&c->tlb_done);
	tlb_gen_t gen = atomic_load(&newest);

	if (gen == done)
		return;
	flush_requests(done, gen);
	store_release(&c->tlb_done, gen);
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
		counter_inc(CTR_tlb_ipis_received);
		catch_up(c);
	}
	intr_restore(flags);
}

/* --- who is to be asked --- */

void
tlb_cpu_start(void)
{
	ASSERT(!cpumask_has(cpu_online(), curcpu_id()),
	    "tlb_cpu_start: CPU %u is online already", curcpu_id());
	cpu_set_online();
	tlb_cpu_busy();
	tlb_flush_local(); /* whatever it has cached so far */
}

void
tlb_cpu_idle(void)
{
	struct cpu *c = curcpu();

	ASSERT(!intr_enabled(), "tlb_cpu_idle: interrupts are enabled");
	ASSERT(cpumask_has(&busy, c->id),
	    "tlb_cpu_idle: CPU %u is idle already", c->id);
	c->tlb_idle = true;
	cpumask_remove(&busy, c->id);
	atomic_fetch_sub(&nbusy, 1);
}

void
tlb_cpu_busy(void)
{
	struct cpu *c = curcpu();

	c->tlb_idle = false;
	/* A round that was over stays over for who asks tlb_done(): all but one
	 * that begins and ends before the set has this CPU; it looks as if it
	 * went on until the second of these. */
	catch_up(c);
	cpumask_add(&busy, c->id);
	atomic_fetch_add(&nbusy, 1);
	catch_up(c);
}

const struct cpumask *
tlb_busy_cpus(void)
{
	return (&busy);
}

void
tlb_intr(void)
{
	tlb_poll();
}

/* Those of 32 CPUs that are asked: the targets' members but this CPU. */
static uint32_t
others(const struct cpumask *targets, const struct cpumask *asked,
    unsigned word)
{
	unsigned self = curcpu_id();
	uint32_t set =
	    atomic_load(&targets->word[word]) & atomic_load(&asked->word[word]);

	return (word == self / 32 ? set & ~(1u << self % 32) : set);
}

/* --- asking --- */

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

/* Ask some of the CPUs from 32 * word on.  Returns how many. */
static unsigned
ask(uint32_t set, unsigned word)
{
	unsigned n = 0;

	for (; set != 0; set &= set - 1, n++) {
		unsigned cpu = word * 32 + (unsigned)__builtin_ctz(set);

		store_release(&cpu_by_id(cpu)->tlb_asked, 1);
		ipi_send(cpu, IPI_TLB);
	}
	return (n);
}

static void
ask_others(const struct cpumask *targets, tlb_gen_t gen, const vm_offset_t *va,
    unsigned count)
{
	bool everyone = gen % ASK_ALL == ASK_ALL_AT;
	const struct cpumask *asked = everyone ? cpu_online() : &busy;
	unsigned n = 0;

	for (unsigned w = 0; w < cpumask_words; w++) {
		uint32_t set = others(targets, asked, w);

		if (set != 0 && n == 0)
			post_list(gen, va, count);
		n += ask(set, w);
	}
	if (n != 0) {
		counter_inc(CTR_tlb_rounds);
		counter_add(CTR_tlb_ipis_sent, n);
	}
}

/*
 * Serve this CPU's own request, and say so: another CPU may wait for the round.
 * Where nothing older is left, that is the list.
 */
static inline __always_inline void
serve_own(tlb_gen_t gen, const vm_offset_t *va, unsigned count)
{
	uint32_t flags = intr_disable();
	struct cpu *c = curcpu();

	if (load_relaxed(&c->tlb_done) == gen - 1) {
		flush_list(va, count);
		store_release(&c->tlb_done, gen);
	} else {
		catch_up(c);
	}
	intr_restore(flags);
}

/* Now that generation `gen` is drawn: is this CPU, which is online, the only one
 * that need serve it?  Usually so, where CPUs idle; see I3 and I4. */
static inline bool
alone(tlb_gen_t gen)
{
	return (atomic_load(&nbusy) == 1 && gen % ASK_ALL != ASK_ALL_AT);
}

/* To look would cost every round fifteen instructions: a debug build does. */
static inline void
assert_cannot_migrate(const char *who)
{
	if (EPHEMERA_DEBUG)
		ASSERT(sched_is_pinned(), "%s: thread %s may migrate", who,
		    curthread->name);
}

tlb_gen_t
tlb_start(const struct cpumask *targets, const vm_offset_t *va, unsigned count)
{
	tlb_gen_t gen = atomic_fetch_add(&newest, 1) + 1;
	bool self = cpumask_has(targets, curcpu_id());

	assert_cannot_migrate("tlb_start");
	if (!self || !alone(gen))
		ask_others(targets, gen, va, count);
	if (self)
		serve_own(gen, va, count);
	return (gen);
}

/*
 * Need nobody wait for this CPU to serve generation `gen`?  It has, or it is
 * idle and will before it uses anything.  Pairs with the release in catch_up().
 */
static bool
served(unsigned cpu, tlb_gen_t gen)
{
	return ((int32_t)(load_acquire(&cpu_by_id(cpu)->tlb_done) - gen) >= 0 ||
	    !cpumask_has(&busy, cpu));
}

/* Have half of all generations been drawn since?  Then all have served it: I4. */
static bool
is_ancient(tlb_gen_t gen)
{
	return ((int32_t)(atomic_load(&newest) - gen) < 0);
}

bool
tlb_done(const struct cpumask *targets, tlb_gen_t gen)
{
	assert_cannot_migrate("tlb_done");
	tlb_poll();
	for (unsigned w = 0; w < cpumask_words; w++)
		for (uint32_t set = others(targets, &busy, w); set != 0;
		     set &= set - 1)
			if (!served(w * 32 + (unsigned)__builtin_ctz(set), gen))
				return (is_ancient(gen));
	return (true);
}

/* How often to look whether a CPU is late, or need not answer any more. */
#define SPINS_PER_LOOK 1000

static void
wait_for(unsigned cpu, tlb_gen_t gen)
{
	nsec_t since = 0;

	for (unsigned spins = 1; !served(cpu, gen) && !panicking(); spins++) {
		cpu_pause();
		tlb_poll();
		if (spins % SPINS_PER_LOOK != 0)
			continue;
		if (is_ancient(gen))
			return;
		if (since == 0)
			since = clock_now();
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
	assert_cannot_migrate("tlb_wait");
	/* Another CPU may have started the round, with this one asked. */
	tlb_poll();
	for (unsigned w = 0; w < cpumask_words; w++)
		for (uint32_t set = others(targets, &busy, w); set != 0;
		     set &= set - 1)
			wait_for(w * 32 + (unsigned)__builtin_ctz(set), gen);
}

void
tlb_shootdown(const struct cpumask *targets, const vm_offset_t *va,
    unsigned count)
{
	tlb_wait(targets, tlb_start(targets, va, count));
}

__regargs void
tlb_shootdown_all(const vm_offset_t *va, unsigned count)
{
	const struct cpumask *online = cpu_online();
	tlb_gen_t gen = atomic_fetch_add(&newest, 1) + 1;

	assert_cannot_migrate("tlb_shootdown_all");
	if (__predict_true(cpumask_has(online, curcpu_id()) && alone(gen))) {
		serve_own(gen, va, count);
		return;
	}
	ask_others(online, gen, va, count);
	if (cpumask_has(online, curcpu_id()))
		serve_own(gen, va, count);
	tlb_wait(online, gen);
}
