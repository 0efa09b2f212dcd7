/*
 * Checks of a topology that was read from made-up tables.
 */
#include "tests/topology_check.h"
#include "mm/layout.h"

bool
topology_has_cpu(const struct topology *t, unsigned apic_id)
{
	for (unsigned i = 0; i < t->ncpus; i++)
		if (t->apic_id[i] == apic_id)
			return (true);
	return (false);
}

bool
text_contains(const char *text, const char *part)
{
	for (; *text != '\0'; text++)
		if (strncmp(text, part, strlen(part)) == 0)
			return (true);
	return (false);
}

static bool
ends_within(const char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if (text[i] == '\0')
			return (true);
	return (false);
}

const char *
topology_what_is_wrong(const struct topology *t)
{
	if (t == NULL)
		return ("memory was read that no parser should read");
	if (t->ncpus < 1 || t->ncpus > MAXCPU)
		return ("the number of CPUs is out of range");
	if (t->apic_id[0] != FAKE_BOOT_ID)
		return ("the boot CPU is not the first");
	for (unsigned i = 0; i < t->ncpus; i++)
		for (unsigned j = 0; j < i; j++)
			if (t->apic_id[i] == t->apic_id[j])
				return ("a CPU is there twice");
	if (t->nioapics > TOPOLOGY_MAX_IOAPICS)
		return ("too many I/O APICs");
	for (unsigned i = 0; i < t->nioapics; i++)
		if (t->ioapic[i].pa < MMIO_BASE || t->ioapic[i].pa > UINT32_MAX)
			return ("an I/O APIC is outside the device window");
	if (t->lapic_pa < MMIO_BASE || t->lapic_pa > UINT32_MAX)
		return ("the local APICs are outside the device window");
	if (!ends_within(t->note, sizeof(t->note)))
		return ("the note has no end");
	return (NULL);
}
