/*
 * The local APICs and the I/O APIC.
 */
#include "kernel/apic.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/spinlock.h"
#include "kernel/topology.h"
#include "kernel/x86.h"
#include "mm/pmap.h"
#include "mm/tlb.h"

/* Registers of the local APIC, as indices of 32-bit words. */
enum {
	LAPIC_ID = 0x20 / 4,
	LAPIC_TPR = 0x80 / 4,
	LAPIC_EOI = 0xb0 / 4,
	LAPIC_SVR = 0xf0 / 4,
	LAPIC_ESR = 0x280 / 4,
	LAPIC_ICR_LOW = 0x300 / 4,
	LAPIC_ICR_HIGH = 0x310 / 4,
	LAPIC_LVT_TIMER = 0x320 / 4,
	LAPIC_LVT_LINT0 = 0x350 / 4,
	LAPIC_LVT_LINT1 = 0x360 / 4,
	LAPIC_LVT_ERROR = 0x370 / 4,
	LAPIC_TIMER_INITIAL = 0x380 / 4,
	LAPIC_TIMER_CURRENT = 0x390 / 4,
	LAPIC_TIMER_DIVIDE = 0x3e0 / 4,
};

#define SVR_ENABLE 0x100
#define LVT_MASKED 0x10000
#define ICR_PENDING 0x1000
#define DIVIDE_BY_16 0x3

/* Registers of the I/O APIC: an index, and the word it selects. */
enum {
	IOAPIC_INDEX = 0,
	IOAPIC_DATA = 0x10 / 4,
	IOAPIC_VERSION = 1,
	IOAPIC_REDIRECTION = 0x10, /* two words an entry */
};

#define REDIRECT_LOW_ACTIVE 0x2000
#define REDIRECT_LEVEL 0x8000

/* Mapped once by lapic_init(); constant then. */
static volatile uint32_t *lapic;

/* An index and the access that it selects are one act. */
static struct spinlock ioapic_lock =
    SPINLOCK_INITIALIZER("ioapic", RANK_IOAPIC);

void
lapic_enable(void)
{
	uint64_t base = rdmsr(MSR_APIC_BASE);

	if ((base & APIC_BASE_X2APIC) != 0)
		machine_unable("the firmware left the APICs in x2APIC mode; "
			       "switch x2APIC off in its setup.");
	wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	/* First of all: while it is disabled by software, mask bits in the
	 * local vector table cannot be cleared. */
	lapic[LAPIC_SVR] = SVR_ENABLE | VECTOR_SPURIOUS;
	lapic[LAPIC_TPR] = 0;
	lapic[LAPIC_LVT_LINT0] = LVT_MASKED;
	lapic[LAPIC_LVT_LINT1] = LVT_MASKED;
	lapic[LAPIC_LVT_ERROR] = LVT_MASKED;
	lapic[LAPIC_TIMER_DIVIDE] = DIVIDE_BY_16;
	lapic[LAPIC_LVT_TIMER] = VECTOR_TIMER; /* one-shot */
}

/* The two 8259s: move them off the exceptions' vectors, mask every line. */
static void
pic_disable(void)
{
	enum { MASTER = 0x20, SLAVE = 0xa0, INIT = 0x11, MODE_8086 = 1 };

	outb(MASTER, INIT);
	outb(SLAVE, INIT);
	outb(MASTER + 1, 0x20);
	outb(SLAVE + 1, 0x28);
	outb(MASTER + 1, 4);
	outb(SLAVE + 1, 2);
	outb(MASTER + 1, MODE_8086);
	outb(SLAVE + 1, MODE_8086);
	outb(MASTER + 1, 0xff);
	outb(SLAVE + 1, 0xff);
}

void
lapic_init(vm_paddr_t pa)
{
	lapic = pmap_map_device(pa);
	pic_disable();
	lapic_enable();
}

vm_offset_t
lapic_id_register(void)
{
	return ((vm_offset_t)&lapic[LAPIC_ID]);
}

unsigned
lapic_id(void)
{
	return (lapic[LAPIC_ID] >> 24);
}

void
lapic_eoi(void)
{
	lapic[LAPIC_EOI] = 0;
}

void
lapic_send(unsigned apic_id, uint32_t command)
{
	uint32_t flags = intr_disable(); /* the pair of writes is one act */

	lapic[LAPIC_ICR_HIGH] = apic_id << 24;
	lapic[LAPIC_ICR_LOW] = command;
	while (lapic[LAPIC_ICR_LOW] & ICR_PENDING) {
		cpu_pause();
		/* On old processors the target may have to take a shootdown
		 * first, and it may be waiting for ours. */
		tlb_poll();
	}
	intr_restore(flags);
}

void
lapic_timer_start(uint32_t count)
{
	lapic[LAPIC_TIMER_INITIAL] = count;
}

uint32_t
lapic_timer_count(void)
{
	return (lapic[LAPIC_TIMER_CURRENT]);
}

void
ipi_send(unsigned cpu, enum vector vector)
{
	lapic_send(cpu_by_id(cpu)->apic_id, ICR_ASSERT | vector);
}

void
ipi_send_nmi_others(void)
{
	unsigned cpu, self = curcpu_id();

	CPUMASK_FOREACH(cpu, cpu_online())
		if (cpu != self)
			lapic_send(cpu_by_id(cpu)->apic_id,
			    ICR_ASSERT | ICR_NMI);
}

static uint32_t
ioapic_read(volatile uint32_t *io, unsigned reg)
{
	io[IOAPIC_INDEX] = reg;
	return (io[IOAPIC_DATA]);
}

static void
ioapic_write(volatile uint32_t *io, unsigned reg, uint32_t v)
{
	io[IOAPIC_INDEX] = reg;
	io[IOAPIC_DATA] = v;
}

bool
ioapic_route(uint32_t gsi, unsigned vector, bool level, bool active_low)
{
	const struct topology *t = topology();

	for (unsigned i = 0; i < t->nioapics; i++) {
		volatile uint32_t *io = pmap_map_device(t->ioapic[i].pa);
		uint32_t pin = gsi - t->ioapic[i].gsi_base, npins;

		spin_lock(&ioapic_lock);
		npins = (ioapic_read(io, IOAPIC_VERSION) >> 16 & 0xff) + 1;
		if (gsi >= t->ioapic[i].gsi_base && pin < npins) {
			ioapic_write(io, IOAPIC_REDIRECTION + 2 * pin + 1,
			    cpu_boot()->apic_id << 24);
			ioapic_write(io, IOAPIC_REDIRECTION + 2 * pin,
			    vector | (level ? REDIRECT_LEVEL : 0) |
				(active_low ? REDIRECT_LOW_ACTIVE : 0));
			spin_unlock(&ioapic_lock);
			return (true);
		}
		spin_unlock(&ioapic_lock);
	}
	return (false);
}
