/*
 * Copying to and from a buffer whose address may be bad: a page fault at the
 * buffer ends the copy instead of the kernel.
 */
#ifndef KERNEL_COPY_H
#define KERNEL_COPY_H

#include "kernel/types.h"

struct trapframe;

/*
 * Copy from, or to, a buffer at any address.
 *   buf: the buffer, [buf, buf + n), mapped or not.
 *   dst, src: n bytes of the caller's own memory.  A fault there is a bug and
 *     panics.
 * Returns how many bytes were copied, from the first on: n, or fewer when the
 *   next byte of the buffer is not mapped, or is to be written and is read-only.
 * Effects: none but the copy; any context.
 */
size_t copy_from_buffer(void *dst, const void *buf, size_t n);
size_t copy_to_buffer(void *buf, const void *src, size_t n);

/*
 * For the handler of page faults: have a copy that faulted at its buffer go on
 * at its end.
 *   va: the address that faulted.
 * Returns false, with nothing changed, for any other fault.
 */
bool copy_recover(struct trapframe *tf, vm_offset_t va);

/* --- kernel/copy.S --- */

/*
 * Copy; a fault in [guard, guard + n) ends it.  Returns the bytes not copied.
 */
size_t copy_guarded(void *dst, const void *src, size_t n, vm_offset_t guard);

/* What is run in place of an instruction that faulted: addresses of both. */
#define COPY_SUBSTITUTES 2
struct copy_substitute {
	uint32_t eip, instead;
};
extern const struct copy_substitute copy_substitutes[COPY_SUBSTITUTES];

#endif
