/*
 * From the floating pointer (found by searching) to the configuration table,
 * whose entries have a length for each type, or to a default configuration.
 */
#include "kernel/mptable.h"
#include "kernel/string.h"

#define SIGNATURE "_MP_"
#define PARAGRAPH_BYTES 16
#define KIB 1024
#define ROM_START 0xf0000
#define ROM_END 0x100000

struct mp_floating {
	char signature[4];
	uint32_t table_pa;
	uint8_t paragraphs; /* its length in units of 16 bytes */
	uint8_t revision;
	uint8_t checksum;
	uint8_t default_config; /* 0: there is a table */
	uint8_t features[4];
};
_Static_assert(sizeof(struct mp_floating) == 16, "floating pointer layout");

struct mp_header {
	char signature[4];
	uint16_t length; /* of the table, this header included */
	uint8_t revision;
	uint8_t checksum;
	char oem[20];
	uint32_t oem_table_pa;
	uint16_t oem_table_length;
	uint16_t nentries;
	uint32_t lapic_pa;
	uint16_t extended_length; /* of what follows the table */
	uint8_t extended_checksum;
	uint8_t reserved;
};
_Static_assert(sizeof(struct mp_header) == 44, "MP table header layout");

enum mp_type { MP_CPU, MP_BUS, MP_IOAPIC, MP_INTR, MP_LOCAL_INTR };

#define MP_CPU_BYTES 20
#define MP_OTHER_BYTES 8

/* The first 8 bytes of an entry; what follows in MP_CPU is not needed. */
struct mp_entry {
	uint8_t type;
	union {
		struct {
			uint8_t apic_id, version, flags;
		} __packed cpu;
		struct {
			uint8_t id;
			char name[6];
		} __packed bus;
		struct {
			uint8_t id, version, flags;
			uint32_t pa;
		} __packed ioapic;
		struct {
			uint8_t kind;
			uint16_t flags;
			uint8_t bus, irq, ioapic_id, input;
		} __packed intr;
	};
} __packed;
_Static_assert(sizeof(struct mp_entry) == 8, "MP table entry layout");

#define MP_ENABLED 1u /* in the flags of a CPU and of an I/O APIC */
#define MP_INTR_VECTORED 0
#define MP_ALL_IOAPICS 255

#define MP_MAX_DEFAULT_CONFIG 7
#define MP_DEFAULT_CPUS 2

/* More inputs than any I/O APIC has: what keeps their numbers apart. */
#define GSI_STRIDE 256

/* What entries refer to, by number; later entries name earlier ones. */
struct mp_seen {
	uint8_t isa_bus[256 / 8];                /* a bit for each ID */
	uint8_t ioapic_id[TOPOLOGY_MAX_IOAPICS]; /* as in t->ioapic */
	bool com1;
};

static bool
floating_is_sound(const struct phys_reader *r, vm_paddr_t pa,
    struct mp_floating *f)
{
	return (phys_read(r, pa, f, sizeof(*f)) && f->paragraphs > 0 &&
	    phys_sums_to_zero(r, pa, (size_t)f->paragraphs * PARAGRAPH_BYTES));
}

/* Look for a sound floating pointer in [start, end). */
static bool
find_in(struct topology *t, const struct phys_reader *r, vm_paddr_t start,
    vm_paddr_t end, struct mp_floating *f)
{
	vm_paddr_t pa = phys_find(r, start, end, SIGNATURE);

	while (pa < end) {
		if (floating_is_sound(r, pa, f))
			return (true);
		topology_note(t, "MP table: a wrong checksum at 0x%llx",
		    (unsigned long long)pa);
		pa = phys_find(r, pa + PARAGRAPH_BYTES, end, SIGNATURE);
	}
	return (false);
}

/* Look in the three places in which it may be. */
static bool
find_floating(struct topology *t, const struct phys_reader *r,
    struct mp_floating *f)
{
	vm_paddr_t ebda = bios_ebda_start(r);
	vm_paddr_t base_end = bios_base_memory_end(r);

	if ((ebda != 0 && find_in(t, r, ebda, ebda + KIB, f)) ||
	    (base_end != 0 && find_in(t, r, base_end - KIB, base_end, f)) ||
	    find_in(t, r, ROM_START, ROM_END, f)) {
		t->note[0] = '\0'; /* what only looked like one */
		return (true);
	}
	topology_note(t, "MP table: there is no floating pointer");
	return (false);
}

/* All default configurations have the same CPUs and I/O APIC. */
static bool
take_default(struct topology *t, unsigned config)
{
	if (config > MP_MAX_DEFAULT_CONFIG) {
		topology_note(t, "MP table: no default configuration %u exists",
		    config);
		return (false);
	}
	for (uint32_t id = 0; id < MP_DEFAULT_CPUS; id++)
		topology_add_cpu(t, id);
	topology_add_ioapic(t, IOAPIC_DEFAULT_PA, 0);
	return (true);
}

static void
take_bus(struct mp_seen *seen, const struct mp_entry *e)
{
	if (memcmp(e->bus.name, "ISA   ", sizeof(e->bus.name)) == 0 ||
	    memcmp(e->bus.name, "EISA  ", sizeof(e->bus.name)) == 0)
		seen->isa_bus[e->bus.id / 8] |= 1u << e->bus.id % 8;
}

static void
take_ioapic(struct topology *t, struct mp_seen *seen, const struct mp_entry *e)
{
	if ((e->ioapic.flags & MP_ENABLED) &&
	    topology_add_ioapic(t, e->ioapic.pa, t->nioapics * GSI_STRIDE))
		seen->ioapic_id[t->nioapics - 1] = e->ioapic.id;
}

/* Is this COM1's interrupt?  The first entry for it counts. */
static void
take_intr(struct topology *t, struct mp_seen *seen, const struct mp_entry *e)
{
	if (e->intr.kind != MP_INTR_VECTORED || e->intr.irq != ISA_IRQ_COM1 ||
	    !(seen->isa_bus[e->intr.bus / 8] >> e->intr.bus % 8 & 1) ||
	    seen->com1)
		return;
	for (unsigned i = 0; i < t->nioapics; i++)
		if (e->intr.ioapic_id == seen->ioapic_id[i] ||
		    e->intr.ioapic_id == MP_ALL_IOAPICS) {
			topology_set_com1(t, i * GSI_STRIDE + e->intr.input,
			    e->intr.flags);
			seen->com1 = true;
			return;
		}
	topology_note(t,
	    "MP table: COM1 is at I/O APIC %u, which is not listed",
	    e->intr.ioapic_id);
}

static void
take_entry(struct topology *t, struct mp_seen *seen, const struct mp_entry *e)
{
	switch (e->type) {
	case MP_CPU:
		if (e->cpu.flags & MP_ENABLED)
			topology_add_cpu(t, e->cpu.apic_id);
		break;
	case MP_BUS:
		take_bus(seen, e);
		break;
	case MP_IOAPIC:
		take_ioapic(t, seen, e);
		break;
	case MP_INTR:
		take_intr(t, seen, e);
		break;
	}
}

/* Read the entries that follow the header. */
static void
take_entries(struct topology *t, const struct phys_reader *r, vm_paddr_t pa,
    const struct mp_header *h)
{
	struct mp_seen seen;
	struct mp_entry e;
	uint32_t at = sizeof(*h), bytes;

	memset(&seen, 0, sizeof(seen));
	for (unsigned i = 0; i < h->nentries; i++, at += bytes) {
		if (h->length - at < sizeof(e) ||
		    !phys_read(r, pa + at, &e, sizeof(e))) {
			topology_note(t,
			    "MP table: it ends before its entry %u", i);
			return;
		}
		bytes = e.type == MP_CPU ? MP_CPU_BYTES : MP_OTHER_BYTES;
		if (e.type > MP_LOCAL_INTR || bytes > h->length - at) {
			topology_note(t,
			    "MP table: entry %u of type %u is broken", i,
			    e.type);
			return;
		}
		take_entry(t, &seen, &e);
	}
}

static bool
take_table(struct topology *t, const struct phys_reader *r, vm_paddr_t pa)
{
	struct mp_header h;
	const char *wrong = NULL;

	if (!phys_read(r, pa, &h, sizeof(h)))
		wrong = "outside memory";
	else if (memcmp(h.signature, "PCMP", sizeof(h.signature)) != 0)
		wrong = "another table";
	else if (h.length < sizeof(h))
		wrong = "shorter than its header";
	else if (!phys_sums_to_zero(r, pa, h.length))
		wrong = "broken: its checksum is wrong";
	if (wrong != NULL) {
		topology_note(t, "MP table: what is at 0x%llx is %s",
		    (unsigned long long)pa, wrong);
		return (false);
	}
	topology_set_lapic(t, h.lapic_pa);
	take_entries(t, r, pa, &h);
	if (t->ncpus_listed == 0)
		topology_note(t, "MP table: it lists no enabled CPU");
	return (t->ncpus_listed > 0);
}

bool
mptable_read_topology(struct topology *t, const struct phys_reader *r)
{
	struct mp_floating f;

	if (!find_floating(t, r, &f))
		return (false);
	if (f.default_config != 0)
		return (take_default(t, f.default_config));
	return (take_table(t, r, f.table_pa));
}
