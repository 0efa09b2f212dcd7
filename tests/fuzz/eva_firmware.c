/*
 * For Frama-C: ACPI's tables and the MP table, from any memory.
 */
#include "kernel/topology.h"
#include "tests/fuzz/eva.h"

/* Each reading succeeds or fails, and leaves anything. */
static bool
read_any(void *ctx __unused, vm_paddr_t pa __unused, void *dst, size_t n)
{
	uint8_t *byte = dst;

	/* As long as what is read into a structure. */
	/*@ loop unroll 48; */
	for (size_t i = 0; i < n; i++)
		byte[i] = (uint8_t)eva_any();
	return (eva_between(0, 1));
}

void
eva_firmware(void)
{
	static const struct phys_reader r = {.read = read_any};
	static struct topology t;

	topology_discover(&t, eva_between(0, UINT8_MAX), &r);
}
