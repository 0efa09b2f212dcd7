/*
 * Copying that survives page faults: the part in C.
 */
#include "kernel/copy.h"
#include "kernel/trap.h"

size_t
copy_from_buffer(void *dst, const void *buf, size_t n)
{
	return (n - copy_guarded(dst, buf, n, (vm_offset_t)buf));
}

size_t
copy_to_buffer(void *buf, const void *src, size_t n)
{
	return (n - copy_guarded(buf, src, n, (vm_offset_t)buf));
}

/*
 * A reserved bit in an entry is never the buffer's fault.  The subtraction is
 * right for a buffer that wraps around the end of addresses, too.
 */
bool
copy_recover(struct trapframe *tf, vm_offset_t va)
{
	if ((tf->error & PF_RESERVED) != 0)
		return (false);
	for (unsigned i = 0; i < COPY_SUBSTITUTES; i++) {
		if (tf->eip != copy_substitutes[i].eip)
			continue;
		if (va - tf->ebx >= tf->edx)
			return (false);
		tf->eip = copy_substitutes[i].instead;
		return (true);
	}
	return (false);
}
