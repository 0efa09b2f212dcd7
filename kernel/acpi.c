/*
 * From the RSDP (found by searching) to the XSDT or RSDT (a list of tables) to
 * the MADT (a list of entries, each with its length).
 *
 * Lengths and addresses are the firmware's: each is checked before use, and
 * every loop advances within a length that has an upper bound.
 */
#include "kernel/acpi.h"
#include "kernel/string.h"

#define RSDP_SIGNATURE "RSD PTR "
#define RSDP_SEARCH_START 0xe0000
#define RSDP_SEARCH_END 0x100000
#define EBDA_SEARCH_BYTES 1024

struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the fields up to rsdt_pa */
	char oem[6];
	uint8_t revision; /* 0: ends here; 2 and above: all of it */
	uint32_t rsdt_pa;
	uint32_t length;
	uint64_t xsdt_pa;
	uint8_t extended_checksum; /* of `length` bytes */
	uint8_t reserved[3];
} __packed;
#define RSDP_V0_BYTES offsetof(struct rsdp, length)
_Static_assert(RSDP_V0_BYTES == 20, "ACPI 1.0 RSDP layout");
_Static_assert(sizeof(struct rsdp) == 36, "RSDP layout");

struct sdt_header {
	char signature[4];
	uint32_t length; /* of the table, this header included */
	uint8_t revision;
	uint8_t checksum;
	char oem[14];
	uint32_t oem_revision;
	char creator[4];
	uint32_t creator_revision;
};
_Static_assert(sizeof(struct sdt_header) == 36, "table header layout");

struct madt {
	struct sdt_header header;
	uint32_t lapic_pa;
	uint32_t flags;
};
_Static_assert(sizeof(struct madt) == 44, "MADT layout");

enum madt_type {
	MADT_LAPIC = 0,
	MADT_IOAPIC = 1,
	MADT_OVERRIDE = 2,
	MADT_LAPIC_ADDRESS = 5,
	MADT_X2APIC = 9,
};

/* As much of an entry as any of the kinds above has. */
struct madt_entry {
	uint8_t type;
	uint8_t length;
	union {
		struct {
			uint8_t uid, apic_id;
			uint32_t flags;
		} __packed lapic;
		struct {
			uint8_t id, reserved;
			uint32_t pa, gsi_base;
		} __packed ioapic;
		struct {
			uint8_t bus, irq;
			uint32_t gsi;
			uint16_t flags;
		} __packed override;
		struct {
			uint16_t reserved;
			uint64_t pa;
		} __packed lapic_address;
		struct {
			uint16_t reserved;
			uint32_t apic_id, flags, uid;
		} __packed x2apic;
	};
} __packed;
_Static_assert(sizeof(struct madt_entry) == 16, "MADT entry layout");

#define MADT_CPU_ENABLED 1u
#define BUS_ISA 0

/* Read and check what is at `pa`, all of it; `rsdp` is zeroed. */
static bool
read_rsdp(const struct phys_reader *r, vm_paddr_t pa, struct rsdp *rsdp)
{
	return (phys_sums_to_zero(r, pa, RSDP_V0_BYTES) &&
	    phys_read(r, pa, rsdp, RSDP_V0_BYTES) &&
	    (rsdp->revision < 2 || phys_read(r, pa, rsdp, sizeof(*rsdp))));
}

/* The first sound RSDP of [start, end); `end` if there is none. */
static vm_paddr_t
find_rsdp(struct topology *t, const struct phys_reader *r, vm_paddr_t start,
    vm_paddr_t end, struct rsdp *rsdp)
{
	vm_paddr_t pa = phys_find(r, start, end, RSDP_SIGNATURE);

	while (pa < end && !read_rsdp(r, pa, rsdp)) {
		topology_note(t,
		    "ACPI: the RSDP's checksum is wrong, at 0x%llx",
		    (unsigned long long)pa);
		pa = phys_find(r, pa + 16, end, RSDP_SIGNATURE);
	}
	return (pa);
}

/* Is the part of the RSDP that came with revision 2 sound? */
static bool
rsdp_extension_is_sound(struct topology *t, const struct phys_reader *r,
    vm_paddr_t pa, const struct rsdp *rsdp)
{
	if (rsdp->length >= sizeof(*rsdp) && rsdp->length <= PAGE_SIZE &&
	    phys_sums_to_zero(r, pa, rsdp->length))
		return (true);
	topology_note(t,
	    "ACPI: the RSDP's extended checksum is wrong, at 0x%llx",
	    (unsigned long long)pa);
	return (false);
}

/* Read a table's header, and check the table. */
static bool
read_table(struct topology *t, const struct phys_reader *r, vm_paddr_t pa,
    const char *signature, struct sdt_header *h)
{
	const char *wrong = NULL;

	if (!phys_read(r, pa, h, sizeof(*h)))
		wrong = "outside memory";
	else if (memcmp(h->signature, signature, sizeof(h->signature)) != 0)
		wrong = "another table";
	else if (h->length < sizeof(*h))
		wrong = "shorter than its header";
	else if (h->length > ACPI_MAX_TABLE_BYTES)
		wrong = "longer than a mebibyte";
	else if (!phys_sums_to_zero(r, pa, h->length))
		wrong = "broken: its checksum is wrong";
	if (wrong != NULL)
		topology_note(t, "ACPI: the %s at 0x%llx is %s", signature,
		    (unsigned long long)pa, wrong);
	return (wrong == NULL);
}

/* How long an entry of a type that we use must be; 0: not used. */
static unsigned
madt_entry_bytes(uint8_t type)
{
	switch (type) {
	case MADT_LAPIC:
		return (8);
	case MADT_IOAPIC:
		return (12);
	case MADT_OVERRIDE:
		return (10);
	case MADT_LAPIC_ADDRESS:
		return (12);
	case MADT_X2APIC:
		return (16);
	default:
		return (0);
	}
}

static void
take_entry(struct topology *t, const struct madt_entry *e)
{
	switch (e->type) {
	case MADT_LAPIC:
		if (e->lapic.flags & MADT_CPU_ENABLED)
			topology_add_cpu(t, e->lapic.apic_id);
		break;
	case MADT_X2APIC:
		if (e->x2apic.flags & MADT_CPU_ENABLED)
			topology_add_cpu(t, e->x2apic.apic_id);
		break;
	case MADT_IOAPIC:
		topology_add_ioapic(t, e->ioapic.pa, e->ioapic.gsi_base);
		break;
	case MADT_OVERRIDE:
		if (e->override.bus == BUS_ISA &&
		    e->override.irq == ISA_IRQ_COM1)
			topology_set_com1(t, e->override.gsi,
			    e->override.flags);
		break;
	case MADT_LAPIC_ADDRESS:
		topology_set_lapic(t, e->lapic_address.pa);
		break;
	}
}

/*
 * Read the entry at byte `at` of the MADT.
 * Returns false if it leaves the table, or has no length that leads on.
 */
static bool
read_entry(const struct phys_reader *r, vm_paddr_t madt_pa, uint32_t at,
    uint32_t end, struct madt_entry *e)
{
	memset(e, 0, sizeof(*e));
	if (end - at < offsetof(struct madt_entry, lapic) ||
	    !phys_read(r, madt_pa + at, e, offsetof(struct madt_entry, lapic)))
		return (false);
	if (e->length < madt_entry_bytes(e->type) ||
	    e->length < offsetof(struct madt_entry, lapic) ||
	    e->length > end - at)
		return (false);
	return (phys_read(r, madt_pa + at, e, MIN(e->length, sizeof(*e))));
}

static bool
read_madt(struct topology *t, const struct phys_reader *r, vm_paddr_t pa)
{
	struct madt madt;
	struct madt_entry e;
	uint32_t end;

	if (!read_table(t, r, pa, "APIC", &madt.header))
		return (false);
	end = madt.header.length;
	if (end < sizeof(madt) || !phys_read(r, pa, &madt, sizeof(madt))) {
		topology_note(t, "ACPI: the MADT at 0x%llx has no contents",
		    (unsigned long long)pa);
		return (false);
	}
	topology_set_lapic(t, madt.lapic_pa);
	for (uint32_t at = sizeof(madt); at < end; at += e.length) {
		if (!read_entry(r, pa, at, end, &e)) {
			topology_note(t,
			    "ACPI: the MADT's entry at byte %u is broken", at);
			break;
		}
		take_entry(t, &e);
	}
	if (t->ncpus_listed == 0)
		topology_note(t, "ACPI: the MADT lists no enabled CPU");
	return (t->ncpus_listed > 0);
}

/*
 * Look through a root table for a MADT that can be used.
 *   width: bytes of an address in it, 4 or 8.
 */
static bool
read_root(struct topology *t, const struct phys_reader *r, vm_paddr_t root_pa,
    const char *signature, unsigned width)
{
	struct sdt_header h;
	char found[4];

	if (!read_table(t, r, root_pa, signature, &h))
		return (false);
	for (uint32_t at = sizeof(h); at + width <= h.length; at += width) {
		uint64_t pa = 0; /* little-endian: 4 bytes are its low half */

		if (phys_read(r, root_pa + at, &pa, width) &&
		    phys_read(r, pa, found, sizeof(found)) &&
		    memcmp(found, "APIC", sizeof(found)) == 0 &&
		    read_madt(t, r, pa))
			return (true);
	}
	topology_note(t, "ACPI: the %s lists no MADT", signature);
	return (false);
}

bool
acpi_read_topology(struct topology *t, const struct phys_reader *r)
{
	vm_paddr_t ebda = bios_ebda_start(r), end, pa;
	struct rsdp rsdp;

	memset(&rsdp, 0, sizeof(rsdp));
	end = ebda + (ebda != 0 ? EBDA_SEARCH_BYTES : 0);
	pa = find_rsdp(t, r, ebda, end, &rsdp);
	if (pa == end) {
		end = RSDP_SEARCH_END;
		pa = find_rsdp(t, r, RSDP_SEARCH_START, end, &rsdp);
	}
	if (pa == end) {
		topology_note(t, "ACPI: there is no RSDP");
		return (false);
	}
	t->note[0] = '\0'; /* what only looked like one does not matter */
	if (rsdp.revision >= 2 && rsdp_extension_is_sound(t, r, pa, &rsdp) &&
	    read_root(t, r, rsdp.xsdt_pa, "XSDT", 8))
		return (true);
	return (read_root(t, r, rsdp.rsdt_pa, "RSDT", 4));
}
