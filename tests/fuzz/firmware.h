/*
 * Firmware's tables from fuzzed bytes, in the memory of tests/fake_firmware.c,
 * and a second opinion on what they say.
 */
#ifndef TESTS_FUZZ_FIRMWARE_H
#define TESTS_FUZZ_FIRMWARE_H

#include "kernel/topology.h"
#include "tests/fuzz/fuzz.h"

/* Where a structure keeps its length and a checksum of that many bytes. */
struct sum {
	unsigned length_at, length_bytes; /* 0 bytes: the length is `unit` */
	unsigned unit; /* what the length counts; 0: no sum */
	unsigned at;
};

/* A place that a record of the input can fill. */
struct place {
	vm_paddr_t pa;
	struct sum sum[2];
};

/*
 * Fill memory from the input: a byte whose lowest bit is set if checksums are
 * to be made right; two words by which those of the BIOS data area differ from
 * sane ones; and records: a byte that names a place, two that are a length, and
 * that many bytes.
 *   place: `n` of them.
 */
void firmware_fill(struct input *in, const struct place *place, unsigned n);

/* Read the tables twice; check what must hold of any result, and that nothing
 * but the tables matters.  Returns the result. */
const struct topology *firmware_discover(void);

/*
 * The second opinion: is `t` what some table in memory says?
 *   signature: of the table, 4 characters.
 *   model: reads the table at `table`, of which `left` bytes are in memory, into
 *     a topology without tables; false if it is none.
 */
bool firmware_agrees(const struct topology *t, const char *signature,
    bool (*model)(const uint8_t *table, size_t left, struct topology *t));

/*
 * What the parser should see at `pa`; NULL if nothing is there.
 *   left: receives how many bytes follow, at least 1.
 */
const uint8_t *firmware_at(vm_paddr_t pa, size_t *left);

/* Does the BIOS data area say where the EBDA is? */
bool firmware_shows_ebda(void);

/* Are the results the same, the notes and the sources aside? */
bool topology_equal(const struct topology *a, const struct topology *b);

/* --- for models: what entries mean --- */

void model_reset(struct topology *t);
void model_cpu(struct topology *t, uint32_t apic_id);
bool model_ioapic(struct topology *t, uint32_t pa, uint32_t gsi_base);
void model_lapic(struct topology *t, uint64_t pa);
void model_com1(struct topology *t, uint32_t gsi, unsigned flags);

uint64_t model_number(const uint8_t *at, unsigned bytes);
bool model_sums_to_zero(const uint8_t *at, size_t n);

#endif
