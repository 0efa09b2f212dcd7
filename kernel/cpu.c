/*
 * Per-CPU data: the table of CPUs, and each CPU's segments.
 */
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/trap.h"

static struct cpu boot_cpu;
/* For double faults before the boot CPU has a stack with guards for them. */
static char boot_df_stack[PAGE_SIZE] __aligned(16);
static struct cpu *cpus[MAXCPU];
static struct cpumask online;

/* Access bytes of segment descriptors; the limit is 4 GiB for memory. */
#define SEG_CODE 0x00cf9b000000ffffull
#define SEG_DATA 0x00cf93000000ffffull
#define SEG_TSS (0x0000890000000000ull | (sizeof(struct tss) - 1))

static uint64_t
segment(uint64_t kind, uint32_t base)
{
	return (kind | (uint64_t)(base & 0xffffff) << 16 |
	    (uint64_t)(base >> 24) << 56);
}

struct cpu *
cpu_boot(void)
{
	return (&boot_cpu);
}

struct cpu *
cpu_by_id(unsigned id)
{
	return (id < MAXCPU ? cpus[id] : NULL);
}

const struct cpumask *
cpu_online(void)
{
	return (&online);
}

void
cpu_set_online(void)
{
	cpumask_add(&online, curcpu_id());
}

unsigned
cpu_count(void)
{
	return (cpumask_count(&online));
}

void
cpu_init(struct cpu *c, unsigned id, unsigned apic_id)
{
	ASSERT(id < MAXCPU && cpus[id] == NULL, "cpu_init: CPU %u exists", id);
	c->self = c;
	c->id = id;
	c->apic_id = apic_id;
	if (c == &boot_cpu)
		c->df_stack_top = (vm_offset_t)boot_df_stack + PAGE_SIZE;
	cpus[id] = c;
	cpumask_words = MAX(cpumask_words, id / 32 + 1);
}

void
cpu_forget(unsigned id)
{
	ASSERT(!cpumask_has(&online, id), "cpu_forget: CPU %u runs", id);
	cpus[id] = NULL;
}

/*
 * The double fault gets a task of its own: its stack, page tables and segments
 * are right whatever state the faulting thread left behind.
 */
static void
prepare_double_fault_task(struct cpu *c)
{
	struct tss *t = &c->df_tss;

	t->eip = (uint32_t)trap_double_fault;
	t->esp = c->df_stack_top;
	t->cr3 = read_cr3();
	t->cs = SEL_CODE;
	t->ds = t->es = t->ss = t->gs = SEL_DATA;
	t->fs = SEL_CPU;
	t->eflags = 2; /* bit 1 is always set; interrupts stay disabled */
	t->iomap = sizeof(*t);
}

void
cpu_load(struct cpu *c, vm_offset_t linear_offset)
{
	struct table_register r = {
	    .limit = sizeof(c->gdt) - 1,
	    .base = (vm_offset_t)c->gdt + linear_offset,
	};
	vm_offset_t tss = (vm_offset_t)&c->tss + linear_offset;
	vm_offset_t df_tss = (vm_offset_t)&c->df_tss + linear_offset;

	c->tss.iomap = sizeof(c->tss);
	c->gdt[SEL_CODE / 8] = segment(SEG_CODE, linear_offset);
	c->gdt[SEL_DATA / 8] = segment(SEG_DATA, linear_offset);
	c->gdt[SEL_CPU / 8] = segment(SEG_DATA, (vm_offset_t)c + linear_offset);
	c->gdt[SEL_TSS / 8] = segment(SEG_TSS, tss);
	c->gdt[SEL_DF_TSS / 8] = segment(SEG_TSS, df_tss);
	prepare_double_fault_task(c);
	load_gdt(&r);
	ltr(SEL_TSS);
}
