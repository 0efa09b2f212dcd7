/*
 * Brings the application processors up, one after the other.
 *
 * Every CPU starts on the same page of code (boot/trampoline.S), in start_pdpt,
 * and picks its own struct cpu and stack by its APIC ID.  Taking them is an
 * exchange with NULL, so either the CPU starts or we give up on it, never both:
 * a CPU that comes late finds nothing and halts.
 */
#include "kernel/smp.h"
#include "kernel/apic.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/topology.h"
#include "kernel/trap.h"
#include "kernel/x86.h"
#include "mm/kva.h"
#include "mm/pmap_tables.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"

/* Where the trampoline goes: below 1 MiB, kept out of the free memory. */
#define TRAMPOLINE_PA 0x8000u

/* By APIC ID; read by boot/trampoline.S.  NULL: do not start. */
_Atomic(struct cpu *) smp_boot_cpus[256] __used;
vm_offset_t smp_boot_stacks[256] __used;
vm_offset_t smp_lapic_id_register __used;

/* What a CPU may take to answer.  A second STARTUP follows after the first. */
#define ANSWER_FIRST (10 * MSEC)
#define ANSWER_LAST (2 * SEC)

/* A CPU takes about a dozen pages; the rest of the kernel needs some, too. */
#define PAGES_TO_SPARE 256

struct trampoline_params {
	uint32_t cr3, cr4, nx;
};

static void
place_trampoline(void)
{
	char *page = pmap_phys_to_direct(TRAMPOLINE_PA);
	struct pmap_tables *t = pmap_tables();
	struct trampoline_params params = {
	    .cr3 = (uint32_t)pmap_direct_to_phys(t->start_pdpt),
	    .cr4 = CR4_PAE,
	    .nx = pmap_has_nx(),
	};

	smp_lapic_id_register = lapic_id_register();
	memcpy(page, trampoline, trampoline_end - trampoline);
	memcpy(page + (trampoline_params - trampoline), &params,
	    sizeof(params));
	t->start_pt[PT_INDEX(TRAMPOLINE_PA)] =
	    pmap_make_pte(TRAMPOLINE_PA, VM_PROT_EXEC);
	t->start[PD_INDEX(TRAMPOLINE_PA)] =
	    pmap_direct_to_phys((const void *)t->start_pt) | PG_V | PG_RW;
}

/* The way to the trampoline goes away once nobody starts any more. */
static void
remove_trampoline(void)
{
	struct pmap_tables *t = pmap_tables();

	pte_swap(&t->start[PD_INDEX(TRAMPOLINE_PA)], 0);
	pte_swap(&t->start_pt[PT_INDEX(TRAMPOLINE_PA)], 0);
}

/*
 * All that a CPU needs before it starts; NULL when memory is short.  What was
 * taken until then stays taken: see PAGES_TO_SPARE.
 */
static struct cpu *
prepare_cpu(unsigned id, unsigned apic_id)
{
	unsigned npages = (sizeof(struct cpu) + PAGE_SIZE - 1) / PAGE_SIZE;
	struct vm_page *m;
	struct cpu *c;
	vm_offset_t df_stack;

	m = vm_page_alloc_contig(npages, VM_ALLOC_DIRECT | VM_ALLOC_ZERO);
	if (m == NULL)
		return (NULL);
	c = pmap_phys_to_direct(VM_PAGE_TO_PHYS(m));
	cpu_init(c, id, apic_id);
	df_stack = kstack_alloc(1);
	if (df_stack == 0 || !pmap_init_cpu(c) || !sched_init_cpu(c))
		return (NULL);
	c->df_stack_top = df_stack + PAGE_SIZE;
	return (c);
}

static bool
wait_online(const struct cpu *c, nsec_t span)
{
	nsec_t end = clock_now() + span;

	while (!cpumask_has(cpu_online(), c->id)) {
		if (clock_now() > end)
			return (false);
		cpu_pause();
		tlb_poll();
	}
	return (true);
}

/* Start one CPU.  Returns false if it does not answer. */
static bool
start_cpu(struct cpu *c)
{
	uint32_t startup =
	    ICR_ASSERT | ICR_STARTUP | TRAMPOLINE_PA >> PAGE_SHIFT;

	smp_boot_stacks[c->apic_id] = c->idle->sp;
	atomic_store(&smp_boot_cpus[c->apic_id], c);
	lapic_send(c->apic_id, startup);
	if (wait_online(c, ANSWER_FIRST))
		return (true);
	lapic_send(c->apic_id, startup); /* ignored by one that runs */
	if (wait_online(c, ANSWER_LAST))
		return (true);
	if (atomic_exchange(&smp_boot_cpus[c->apic_id], NULL) != NULL) {
		/* Back to where STARTUP would find it. */
		lapic_send(c->apic_id, ICR_ASSERT | ICR_LEVEL | ICR_INIT);
		return (false);
	}
	/* It has just taken its stack: it is slow, but it comes. */
	while (!wait_online(c, ANSWER_LAST))
		kprintf("cpu: waiting for CPU %u (APIC ID %u)\n", c->id,
		    c->apic_id);
	return (true);
}

/*
 * Bring one CPU up as number `id`.
 * Returns false if it does not answer, or memory is short; it is named.
 */
static bool
bring_up(unsigned id, unsigned apic_id)
{
	struct cpu *c = prepare_cpu(id, apic_id);

	if (c != NULL && start_cpu(c))
		return (true);
	kprintf("cpu: the one with APIC ID %u is left out: %s\n", apic_id,
	    c == NULL ? "memory is short" : "it does not start");
	cpu_forget(id);
	return (false);
}

static bool
is_listed(const struct topology *t, unsigned apic_id)
{
	for (unsigned i = 0; i < t->ncpus; i++)
		if (t->apic_id[i] == apic_id)
			return (true);
	return (false);
}

void
smp_start(unsigned limit, int phantom)
{
	const struct topology *t = topology();
	unsigned n = MIN(limit, t->ncpus), id = 1;

	if (phantom >= 0 && is_listed(t, (unsigned)phantom)) {
		kprintf("cpu: APIC ID %d is no phantom: it exists\n", phantom);
		phantom = -1;
	}
	if (n <= 1 && phantom < 0)
		return;
	place_trampoline();
	for (unsigned i = 1; i < n; i++)
		lapic_send(t->apic_id[i], ICR_ASSERT | ICR_LEVEL | ICR_INIT);
	clock_delay(10 * MSEC); /* the MultiProcessor Specification's wait */
	if (phantom >= 0)
		id += bring_up(id, (unsigned)phantom);
	for (unsigned i = 1; i < n; i++) {
		if (vm_page_available() < PAGES_TO_SPARE) {
			kprintf("cpu: memory is short: %u of %u are left out\n",
			    n - i, n);
			break;
		}
		id += bring_up(id, t->apic_id[i]);
	}
	remove_trampoline();
}

static uint32_t late_pages;

/* Pages whose whereabouts are known: free, page tables, stacks of threads. */
static uint32_t
pages_accounted(void)
{
	return (vm_page_available() + pmap_shared_table_pages() +
	    thread_stacks() * KSTACK_PAGES);
}

unsigned
smp_start_late(void)
{
	const struct topology *t = topology();
	unsigned id = cpu_count(), apic_id;
	uint32_t before = pages_accounted();
	bool up;

	if (id >= t->ncpus)
		return (0);
	apic_id = t->apic_id[id];
	place_trampoline();
	lapic_send(apic_id, ICR_ASSERT | ICR_LEVEL | ICR_INIT);
	clock_delay(10 * MSEC);
	up = bring_up(id, apic_id);
	remove_trampoline();
	late_pages += before - pages_accounted();
	return (up ? id : 0);
}

uint32_t
smp_late_pages(void)
{
	return (late_pages);
}

void
smp_ap_main(struct cpu *c)
{
	cpu_load(c, 0);
	trap_load(0);
	pmap_load_cpu(c);
	c->thread = c->idle;
	lapic_enable();
	tlb_cpu_start();
	sched_idle();
}
