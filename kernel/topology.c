/*
 * One record of the machine from whichever table is the best that can be
 * believed.
 *
 * Tables are taken at their word entry by entry: a broken entry costs itself,
 * or what follows where its length is broken, and leaves a note.  A table is
 * refused as a whole if its checksum is wrong or it lists no CPU.  Nothing in
 * a table can remove the boot CPU or make the kernel start one twice.
 */
#include "kernel/topology.h"
#include "kernel/acpi.h"
#include "kernel/console.h"
#include "kernel/mptable.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/x86.h"
#include "mm/layout.h"
#include "mm/pmap.h"

/* Flags of an interrupt source: bits 1:0 and 3:2.  0 is the bus's own way,
 * which for ISA is active high and by edge, and 2 is reserved. */
#define INTR_POLARITY(flags) ((flags)&3)
#define INTR_TRIGGER(flags) ((flags) >> 2 & 3)
#define INTR_ACTIVE_LOW 3
#define INTR_LEVEL 3

/* The leaf whose EBX has this CPU's APIC ID in its top byte. */
#define CPUID_LEAF_FEATURES 1

static struct topology this_machine;

/* What is known without any table. */
static void
topology_reset(struct topology *t, unsigned boot_apic_id)
{
	memset(t, 0, sizeof(*t));
	t->ncpus = 1;
	t->apic_id[0] = (uint8_t)boot_apic_id;
	t->lapic_pa = LAPIC_DEFAULT_PA;
	t->com1_gsi = ISA_IRQ_COM1;
	t->source = "none: one CPU";
}

/* A table has been read: does it know the CPU that reads it? */
static void
topology_check_boot_cpu(struct topology *t)
{
	if (!t->boot_cpu_listed)
		topology_note(t, "the boot CPU, APIC ID %u, is not listed",
		    t->apic_id[0]);
}

void
topology_discover(struct topology *t, unsigned boot_apic_id,
    const struct phys_reader *r)
{
	char acpi_note[TOPOLOGY_NOTE_BYTES], mp_note[TOPOLOGY_NOTE_BYTES];

	ASSERT(boot_apic_id <= UINT8_MAX, "boot CPU has APIC ID %u",
	    boot_apic_id);
	topology_reset(t, boot_apic_id);
	if (acpi_read_topology(t, r)) {
		t->source = "ACPI MADT";
		topology_check_boot_cpu(t);
		return;
	}
	strlcpy(acpi_note, t->note, sizeof(acpi_note));

	topology_reset(t, boot_apic_id);
	if (mptable_read_topology(t, r)) {
		t->source = "MP table";
		topology_check_boot_cpu(t);
		strlcpy(mp_note, t->note, sizeof(mp_note));
	} else {
		strlcpy(mp_note, t->note, sizeof(mp_note));
		topology_reset(t, boot_apic_id);
	}
	ksnprintf(t->note, sizeof(t->note), "%s%s%s", acpi_note,
	    mp_note[0] != '\0' ? "; " : "", mp_note);
}

static bool
read_this_machine(void *ctx __unused, vm_paddr_t pa, void *dst, size_t n)
{
	return (pmap_read_phys(pa, dst, n));
}

void
topology_init(void)
{
	static const struct phys_reader r = {.read = read_this_machine};

	ASSERT(this_machine.ncpus == 0, "topology_init ran before");
	topology_discover(&this_machine, cpuid(CPUID_LEAF_FEATURES).ebx >> 24,
	    &r);
}

const struct topology *
topology(void)
{
	ASSERT(this_machine.ncpus > 0, "topology_init has not run");
	return (&this_machine);
}

void
topology_add_cpu(struct topology *t, uint32_t apic_id)
{
	t->ncpus_listed++;
	if (apic_id == t->apic_id[0])
		t->boot_cpu_listed = true;
	for (unsigned i = 0; i < t->ncpus; i++)
		if (t->apic_id[i] == apic_id)
			return;
	if (apic_id >= APIC_ID_BROADCAST || t->ncpus == MAXCPU) {
		t->ncpus_unusable++;
		return;
	}
	t->apic_id[t->ncpus++] = (uint8_t)apic_id;
}

/* Registers are mapped at their physical addresses, near the top of 4 GiB. */
static bool
in_device_window(vm_paddr_t pa)
{
	return (pa >= MMIO_BASE && pa <= UINT32_MAX);
}

bool
topology_add_ioapic(struct topology *t, vm_paddr_t pa, uint32_t gsi_base)
{
	if (!in_device_window(pa) || !IS_ALIGNED(pa, 16)) {
		topology_note(t, "an I/O APIC at 0x%llx is out of reach",
		    (unsigned long long)pa);
		return (false);
	}
	for (unsigned i = 0; i < t->nioapics; i++)
		if (t->ioapic[i].pa == pa)
			return (false);
	if (t->nioapics == TOPOLOGY_MAX_IOAPICS) {
		topology_note(t, "only %u I/O APICs are used",
		    TOPOLOGY_MAX_IOAPICS);
		return (false);
	}
	t->ioapic[t->nioapics].pa = pa;
	t->ioapic[t->nioapics].gsi_base = gsi_base;
	t->nioapics++;
	return (true);
}

void
topology_set_lapic(struct topology *t, vm_paddr_t pa)
{
	if (in_device_window(pa) && IS_ALIGNED(pa, PAGE_SIZE))
		t->lapic_pa = pa;
	else
		topology_note(t, "local APICs at 0x%llx are out of reach",
		    (unsigned long long)pa);
}

void
topology_set_com1(struct topology *t, uint32_t gsi, unsigned flags)
{
	t->com1_gsi = gsi;
	t->com1_low = INTR_POLARITY(flags) == INTR_ACTIVE_LOW;
	t->com1_level = INTR_TRIGGER(flags) == INTR_LEVEL;
}

void
topology_note(struct topology *t, const char *fmt, ...)
{
	va_list ap;

	if (t->note[0] != '\0')
		return;
	va_start(ap, fmt);
	kvsnprintf(t->note, sizeof(t->note), fmt, ap);
	va_end(ap);
}
