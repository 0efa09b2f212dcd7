/*
 * The made-up machine: its memory, and a writer of tables.
 */
#include "kernel/panic.h"
#include "kernel/string.h"
#include "tests/fake_firmware.h"
#include "tests/test.h"

/* More than two searches, and the largest table a few times over. */
#define READ_BYTES_MAX (8u << 20)

#define SUM_IN_TABLE 9 /* where an ACPI table has its checksum */

static struct {
	uint8_t low[0x500], ebda[1024], rom[1024], tables[FAKE_TABLES_BYTES];
	vm_paddr_t put;    /* where the next byte of a table goes */
	unsigned mp_count; /* entries of the MP table so far */
	uint32_t bytes;    /* asked for since fake_discover() began */
	bool strayed;      /* a read that phys_read() should have refused */
} fake;

/* Where [pa, pa + n) is; NULL if that is not within one piece. */
static uint8_t *
fake_at(vm_paddr_t pa, size_t n)
{
	const struct {
		vm_paddr_t start;
		uint8_t *byte;
		size_t size;
	} piece[] = {
	    {0, fake.low, sizeof(fake.low)},
	    {FAKE_EBDA, fake.ebda, sizeof(fake.ebda)},
	    {FAKE_ROM, fake.rom, sizeof(fake.rom)},
	    {FAKE_TABLES, fake.tables, sizeof(fake.tables)},
	};

	for (unsigned i = 0; i < nitems(piece); i++)
		if (pa >= piece[i].start && n <= piece[i].size &&
		    pa - piece[i].start <= piece[i].size - n)
			return (&piece[i].byte[pa - piece[i].start]);
	return (NULL);
}

static uint8_t *
fake_must(vm_paddr_t pa, size_t n)
{
	uint8_t *p = fake_at(pa, n);

	ASSERT(p != NULL, "the made-up machine has no 0x%llx",
	    (unsigned long long)pa);
	return (p);
}

/* What cannot be read is left full of junk, to be ignored. */
static bool
fake_read(void *ctx __unused, vm_paddr_t pa, void *dst, size_t n)
{
	const vm_paddr_t limit = (vm_paddr_t)64 << 30;
	const uint8_t *from = fake_at(pa, n);

	fake.bytes += n;
	if (n == 0 || pa >= limit || n > limit - pa)
		fake.strayed = true;
	if (from == NULL)
		memset(dst, 0xaa, n);
	else
		memcpy(dst, from, n);
	return (from != NULL);
}

const struct topology *
fake_discover(void)
{
	static const struct phys_reader r = {.read = fake_read};
	static struct topology found;

	memset(&found, 0xcc, sizeof(found));
	fake.bytes = 0;
	fake.strayed = false;
	topology_discover(&found, FAKE_BOOT_ID, &r);
	return (fake.strayed || fake.bytes > READ_BYTES_MAX ? NULL : &found);
}

void
fake_reset(void)
{
	memset(&fake, 0, sizeof(fake));
	fake_poke(0x40e, FAKE_EBDA >> 4, 2);
	fake_poke(0x413, FAKE_EBDA >> 10, 2);
}

void
fake_poke(vm_paddr_t pa, uint64_t v, unsigned n)
{
	for (uint8_t *p = fake_must(pa, n); n > 0; n--, v >>= 8)
		*p++ = (uint8_t)v;
}

void
fake_move(vm_paddr_t from, vm_paddr_t to, size_t n)
{
	memmove(fake_must(to, n), fake_must(from, n), n);
	memset(fake_must(from, n), 0, n);
}

void
fake_flip(vm_paddr_t pa, uint8_t bits)
{
	*fake_must(pa, 1) ^= bits;
}

void
fake_mutate(vm_paddr_t start, vm_paddr_t end, uint32_t *random)
{
	for (unsigned n = test_random(random) % 4 + 1; n > 0; n--)
		fake_flip(start + test_random(random) % (uint32_t)(end - start),
		    test_random(random) | 1u << test_random(random) % 8);
}

void
fake_fix_sum(vm_paddr_t pa, size_t n, size_t sum)
{
	uint8_t *p = fake_must(pa, n), total = 0;

	for (size_t i = 0; i < n; i++)
		total += p[i];
	p[sum] -= total;
}

void
fake_set_length(vm_paddr_t table, uint32_t bytes)
{
	fake_poke(table + 4, bytes, 4);
	if (bytes > SUM_IN_TABLE && fake_at(table, bytes) != NULL)
		fake_fix_sum(table, bytes, SUM_IN_TABLE);
}

vm_paddr_t
fake_end(void)
{
	return (fake.put);
}

/* Append the low `n` bytes of a number. */
static void
put(uint64_t v, unsigned n)
{
	fake_poke(fake.put, v, n);
	fake.put += n;
}

static void
put_text(const char *s)
{
	while (*s != '\0')
		put((uint8_t)*s++, 1);
}

static void
begin_table(vm_paddr_t pa, const char *signature)
{
	fake.put = pa;
	put_text(signature);
	put(0, 4);                  /* length */
	put(1, 2);                  /* revision, checksum */
	put_text("MADEUPTESTCASE"); /* OEM */
	put(1, 4);
	put_text("TEST");
	put(1, 4);
}

static void
put_root(vm_paddr_t pa, const char *signature, unsigned width)
{
	begin_table(pa, signature);
	put(FAKE_ROM, width); /* here, a table of another kind would be */
	put(FAKE_MADT, width);
	fake_set_length(pa, fake.put - pa);
}

static void
put_rsdp(unsigned revision)
{
	fake.put = FAKE_RSDP;
	put_text("RSD PTR ");
	put(0, 1); /* checksum */
	put_text("MADEUP");
	put(revision, 1);
	put(FAKE_RSDT, 4);
	fake_fix_sum(FAKE_RSDP, 20, 8);
	if (revision < 2)
		return;
	put(36, 4);
	put(FAKE_XSDT, 8);
	put(0, 4); /* extended checksum, reserved */
	fake_fix_sum(FAKE_RSDP, 36, 32);
}

void
fake_begin_acpi(unsigned rsdp_revision)
{
	fake_reset();
	put_rsdp(rsdp_revision);
	put_root(FAKE_RSDT, "RSDT", 4);
	if (rsdp_revision >= 2)
		put_root(FAKE_XSDT, "XSDT", 8);
	begin_table(FAKE_MADT, "APIC");
	put(LAPIC_DEFAULT_PA, 4);
	put(1, 4); /* flags */
}

void
fake_entry(unsigned type, unsigned length)
{
	put(type, 1);
	put(length, 1);
}

void
fake_cpu(unsigned apic_id, bool enabled)
{
	fake_entry(0, 8);
	put(apic_id, 1); /* the processor's UID */
	put(apic_id, 1);
	put(enabled, 4);
}

void
fake_x2apic(uint32_t apic_id)
{
	fake_entry(9, 16);
	put(0, 2);
	put(apic_id, 4);
	put(1, 4);       /* enabled */
	put(apic_id, 4); /* the processor's UID */
}

void
fake_ioapic(uint32_t pa, uint32_t gsi_base)
{
	fake_entry(1, 12);
	put(0, 2); /* ID */
	put(pa, 4);
	put(gsi_base, 4);
}

void
fake_override(unsigned irq, uint32_t gsi, unsigned flags)
{
	fake_entry(2, 10);
	put(0, 1); /* the ISA bus */
	put(irq, 1);
	put(gsi, 4);
	put(flags, 2);
}

void
fake_lapic_address(uint64_t pa)
{
	fake_entry(5, 12);
	put(0, 2);
	put(pa, 8);
}

void
fake_finish_acpi(void)
{
	fake_set_length(FAKE_MADT, fake.put - FAKE_MADT);
}

void
fake_build_acpi(unsigned rsdp_revision)
{
	fake_begin_acpi(rsdp_revision);
	for (unsigned id = 0; id < 4; id++)
		fake_cpu(id, true);
	fake_ioapic(IOAPIC_DEFAULT_PA, 0);
	fake_override(0, 2, 0);
	fake_finish_acpi();
}

void
fake_floating(unsigned config)
{
	fake.put = FAKE_FLOATING;
	put_text("_MP_");
	put(FAKE_PCMP, 4);
	put(1, 1); /* paragraphs */
	put(4, 1); /* revision */
	put(0, 1); /* checksum */
	put(config, 1);
	put(0, 4);
	fake_fix_sum(FAKE_FLOATING, 16, 10);
}

void
fake_begin_mp(void)
{
	fake_reset();
	fake_floating(0);
	fake.put = FAKE_PCMP;
	put_text("PCMP");
	put(0, 2); /* length */
	put(4, 2); /* revision, checksum */
	put_text("MADEUP  TEST MACHINE");
	put(0, 6); /* OEM table */
	put(0, 2); /* entries */
	put(LAPIC_DEFAULT_PA, 4);
	put(0, 4); /* extended table */
}

void
fake_mp_cpu(unsigned apic_id, bool enabled)
{
	fake.mp_count++;
	put(0, 1);
	put(apic_id, 1);
	put(0x14, 1); /* version */
	put(enabled, 1);
	put(0, 8);
	put(0, 8);
}

void
fake_mp_isa_bus(unsigned id)
{
	fake.mp_count++;
	put(1, 1);
	put(id, 1);
	put_text("ISA   ");
}

void
fake_mp_ioapic(unsigned id, bool enabled, uint32_t pa)
{
	fake.mp_count++;
	put(2, 1);
	put(id, 1);
	put(0x11, 1); /* version */
	put(enabled, 1);
	put(pa, 4);
}

void
fake_mp_intr(unsigned flags, unsigned bus, unsigned irq, unsigned ioapic,
    unsigned input)
{
	fake.mp_count++;
	put(3, 1);
	put(0, 1); /* vectored */
	put(flags, 2);
	put(bus, 1);
	put(irq, 1);
	put(ioapic, 1);
	put(input, 1);
}

void
fake_mp_entry(unsigned type)
{
	fake.mp_count++;
	put(type, 8);
}

void
fake_finish_mp(void)
{
	fake_poke(FAKE_PCMP + 4, fake.put - FAKE_PCMP, 2);
	fake_poke(FAKE_PCMP + 34, fake.mp_count, 2);
	fake_fix_sum(FAKE_PCMP, fake.put - FAKE_PCMP, 7);
}

void
fake_build_mp(void)
{
	fake_begin_mp();
	fake_mp_cpu(0, true);
	fake_mp_cpu(2, true);
	fake_mp_cpu(5, false);
	fake_mp_isa_bus(7);
	fake_mp_ioapic(8, true, IOAPIC_DEFAULT_PA);
	fake_mp_ioapic(9, true, IOAPIC_DEFAULT_PA + 0x1000);
	fake_finish_mp();
}
