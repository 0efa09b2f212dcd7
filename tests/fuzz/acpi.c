/*
 * Fuzz target: ACPI's tables.
 */
#include "tests/fake_firmware.h"
#include "tests/fuzz/firmware.h"

/* clang-format off */
static const struct place places[] = {
	{ FAKE_RSDP,   {{ 0, 0, 20, 8 }, { 20, 4, 1, 32 }} },
	{ FAKE_RSDT,   {{ 4, 4, 1, 9 }} },
	{ FAKE_XSDT,   {{ 4, 4, 1, 9 }} },
	{ FAKE_MADT,   {{ 4, 4, 1, 9 }} },
	{ FAKE_MADT + 0x400, {{ 4, 4, 1, 9 }} },
	{ FAKE_ROM,    {{ 0, 0, 20, 8 }, { 20, 4, 1, 32 }} },
	{ FAKE_TABLES + FAKE_TABLES_BYTES - 64, {{ 4, 4, 1, 9 }} },
};
/* clang-format on */

static void
model_entry(const uint8_t *e, struct topology *t)
{
	bool cpu_enabled = e[0] == 0 ? e[4] & 1 : e[0] == 9 && (e[8] & 1);

	if (e[0] == 0 && cpu_enabled)
		model_cpu(t, e[3]);
	else if (e[0] == 1)
		model_ioapic(t, (uint32_t)model_number(e + 4, 4),
		    (uint32_t)model_number(e + 8, 4));
	else if (e[0] == 2 && e[2] == 0 && e[3] == 4)
		model_com1(t, (uint32_t)model_number(e + 4, 4), e[8]);
	else if (e[0] == 5)
		model_lapic(t, model_number(e + 4, 8));
	else if (e[0] == 9 && cpu_enabled)
		model_cpu(t, (uint32_t)model_number(e + 4, 4));
}

/* A MADT, all of which is in memory. */
static bool
model_madt(const uint8_t *table, size_t left, struct topology *t)
{
	static const uint8_t least[10] = {8, 12, 10, 2, 2, 12, 2, 2, 2, 16};
	size_t length, at = 44;

	if (left < 44)
		return (false);
	length = (size_t)model_number(table + 4, 4);
	if (length < 44 || length > left || !model_sums_to_zero(table, length))
		return (false);
	model_lapic(t, model_number(table + 36, 4));
	while (at + 2 <= length) {
		unsigned type = table[at], bytes = table[at + 1];

		if (bytes < (type < sizeof(least) ? least[type] : 2) ||
		    bytes > length - at)
			break;
		model_entry(table + at, t);
		at += bytes;
	}
	return (t->ncpus_listed > 0);
}

/* Is there a MADT that can be used, in the list of a sound RSDT? */
static bool
rsdt_has_madt(const uint8_t *rsdt, size_t left)
{
	static struct topology t;
	size_t length, rest;

	if (left < 36 || memcmp(rsdt, "RSDT", 4) != 0)
		return (false);
	length = (size_t)model_number(rsdt + 4, 4);
	if (length < 36 || length > left || !model_sums_to_zero(rsdt, length))
		return (false);
	for (size_t at = 36; at + 4 <= length; at += 4) {
		const uint8_t *table =
		    firmware_at(model_number(rsdt + at, 4), &rest);

		model_reset(&t);
		if (table != NULL && rest >= 4 &&
		    memcmp(table, "APIC", 4) == 0 &&
		    model_madt(table, rest, &t))
			return (true);
	}
	return (false);
}

/* The same, by the first sound RSDP of the EBDA.  An RSDT is used in any case,
 * if not first. */
static bool
ebda_has_madt(void)
{
	size_t left, rest;

	for (vm_paddr_t pa = FAKE_EBDA; pa < FAKE_EBDA + 1024; pa += 16) {
		const uint8_t *rsdp = firmware_at(pa, &left), *rsdt;

		if (left < 20 || memcmp(rsdp, "RSD PTR ", 8) != 0 ||
		    !model_sums_to_zero(rsdp, 20))
			continue;
		/* All of it must be there, or the next one counts. */
		if (rsdp[15] >= 2 && left < 36)
			continue;
		rsdt = firmware_at(model_number(rsdp + 16, 4), &rest);
		return (rsdt != NULL && rsdt_has_madt(rsdt, rest));
	}
	return (false);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	const struct topology *t;
	bool by_acpi;

	firmware_fill(&in, places, nitems(places));
	t = firmware_discover();
	by_acpi = strcmp(t->source, "ACPI MADT") == 0;
	ASSERT(by_acpi || !firmware_shows_ebda() || !ebda_has_madt(),
	    "topology: a sound MADT is refused: %s", t->note);
	ASSERT(!by_acpi || firmware_agrees(t, "APIC", model_madt),
	    "topology: no sound MADT says this: %u CPUs, %u I/O APICs",
	    t->ncpus, t->nioapics);
	return (0);
}
