/*
 * Fuzz target: the MP table.
 */
#include "tests/fake_firmware.h"
#include "tests/fuzz/firmware.h"

/* clang-format off */
static const struct place places[] = {
	{ FAKE_FLOATING, {{ 8, 1, 16, 10 }} },
	{ FAKE_PCMP,     {{ 4, 2, 1, 7 }} },
	{ FAKE_EBDA,     {{ 8, 1, 16, 10 }} },
	{ FAKE_TABLES + FAKE_TABLES_BYTES - 64, {{ 4, 2, 1, 7 }} },
};
/* clang-format on */

struct seen {
	bool isa[256], com1;
	uint8_t ioapic_id[TOPOLOGY_MAX_IOAPICS];
};

static void
model_intr(const uint8_t *e, struct topology *t, struct seen *seen)
{
	if (e[1] != 0 || !seen->isa[e[4]] || e[5] != 4 || seen->com1)
		return;
	for (unsigned i = 0; i < t->nioapics; i++) {
		if (e[6] != 255 && e[6] != seen->ioapic_id[i])
			continue;
		model_com1(t, 256 * i + e[7], e[2]);
		seen->com1 = true;
		return;
	}
}

static void
model_entry(const uint8_t *e, struct topology *t, struct seen *seen)
{
	if (e[0] == 0 && (e[3] & 1))
		model_cpu(t, e[1]);
	else if (e[0] == 1)
		seen->isa[e[1]] |= memcmp(e + 2, "ISA   ", 6) == 0 ||
		    memcmp(e + 2, "EISA  ", 6) == 0;
	else if (e[0] == 2 && (e[3] & 1)) {
		if (model_ioapic(t, (uint32_t)model_number(e + 4, 4),
			256 * t->nioapics))
			seen->ioapic_id[t->nioapics - 1] = e[1];
	} else if (e[0] == 3)
		model_intr(e, t, seen);
}

/* A configuration table, all of which is in memory. */
static bool
model_pcmp(const uint8_t *table, size_t left, struct topology *t)
{
	static struct seen seen;
	size_t length, at = 44, entries;

	memset(&seen, 0, sizeof(seen));
	if (left < 44)
		return (false);
	length = (size_t)model_number(table + 4, 2);
	entries = (size_t)model_number(table + 34, 2);
	if (length < 44 || length > left || !model_sums_to_zero(table, length))
		return (false);
	model_lapic(t, model_number(table + 36, 4));
	while (entries-- > 0 && at + 8 <= length) {
		size_t bytes = table[at] == 0 ? 20 : 8;

		if (table[at] > 4 || bytes > length - at)
			break;
		model_entry(table + at, t, &seen);
		at += bytes;
	}
	return (t->ncpus_listed > 0);
}

/* A floating pointer that stands for a table. */
static bool
model_floating(const uint8_t *table, size_t left, struct topology *t)
{
	if (left < 16 || table[8] == 0 || 16u * table[8] > left ||
	    !model_sums_to_zero(table, 16u * table[8]) || table[11] == 0 ||
	    table[11] > 7)
		return (false);
	model_cpu(t, 0);
	model_cpu(t, 1);
	return (model_ioapic(t, 0xfec00000, 0));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, size};
	const struct topology *t;

	firmware_fill(&in, places, nitems(places));
	t = firmware_discover();
	ASSERT(strcmp(t->source, "MP table") != 0 ||
		firmware_agrees(t, "PCMP", model_pcmp) ||
		firmware_agrees(t, "_MP_", model_floating),
	    "topology: no sound MP table says this: %u CPUs, %u I/O APICs",
	    t->ncpus, t->nioapics);
	return (0);
}
