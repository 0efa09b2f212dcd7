/*
 * Physical memory in small pieces: copy, checksum, search.
 */
#include "kernel/firmware.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "mm/layout.h"

/* Read at once; on the stack.  A multiple of the boundaries searched. */
#define CHUNK_BYTES 256
#define PARAGRAPH_BYTES 16

/* The BIOS data area: an EBDA's segment, and KiB of base memory. */
#define BDA_EBDA_SEGMENT 0x40e
#define BDA_BASE_KB 0x413
#define BDA_END 0x500
#define BASE_MEMORY_MAX 0xa0000

bool
phys_read(const struct phys_reader *r, vm_paddr_t pa, void *dst, size_t n)
{
	if (pa >= PHYS_LIMIT || n > PHYS_LIMIT - pa)
		return (false);
	return (r->read(r->ctx, pa, dst, n));
}

bool
phys_sums_to_zero(const struct phys_reader *r, vm_paddr_t pa, size_t n)
{
	uint8_t chunk[CHUNK_BYTES], sum = 0;

	while (n > 0) {
		size_t now = MIN(n, sizeof(chunk));

		if (!phys_read(r, pa, chunk, now))
			return (false);
		for (size_t i = 0; i < now; i++)
			sum += chunk[i];
		pa += now;
		n -= now;
	}
	return (sum == 0);
}

vm_paddr_t
phys_find(const struct phys_reader *r, vm_paddr_t start, vm_paddr_t end,
    const char *signature)
{
	uint8_t chunk[CHUNK_BYTES];
	size_t length = strlen(signature);

	ASSERT(length <= PARAGRAPH_BYTES, "signature %s is too long",
	    signature);
	ASSERT(start <= end && IS_ALIGNED(start | end, PARAGRAPH_BYTES),
	    "search of 0x%llx to 0x%llx", (unsigned long long)start,
	    (unsigned long long)end);
	for (vm_paddr_t pa = start; pa < end; pa += sizeof(chunk)) {
		size_t now = (size_t)MIN(end - pa, sizeof(chunk));

		if (!phys_read(r, pa, chunk, now))
			continue;
		for (size_t i = 0; i < now; i += PARAGRAPH_BYTES)
			if (memcmp(&chunk[i], signature, length) == 0)
				return (pa + i);
	}
	return (end);
}

vm_paddr_t
bios_ebda_start(const struct phys_reader *r)
{
	uint16_t segment;
	vm_paddr_t start;

	if (!phys_read(r, BDA_EBDA_SEGMENT, &segment, sizeof(segment)))
		return (0);
	start = (vm_paddr_t)segment * PARAGRAPH_BYTES;
	if (start < BDA_END || start > BASE_MEMORY_MAX - 1024)
		return (0);
	return (start);
}

vm_paddr_t
bios_base_memory_end(const struct phys_reader *r)
{
	uint16_t kb;
	vm_paddr_t end;

	if (!phys_read(r, BDA_BASE_KB, &kb, sizeof(kb)))
		return (0);
	end = (vm_paddr_t)kb * 1024;
	if (end < BDA_END || end > BASE_MEMORY_MAX)
		return (0);
	return (end);
}
