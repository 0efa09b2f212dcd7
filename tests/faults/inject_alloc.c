/*
 * Allocations that fail: the n-th of a thread, or of the boot.
 */
#include "kernel/console.h"
#include "kernel/thread.h"
#include "tests/faults/inject.h"
#include "tests/faults/words.h"
#include "tests/faults/wraps.h"

/* The thread that is armed only; while the machine boots, the boot CPU. */
static struct {
	struct thread *thread;
	unsigned n, seen; /* fail number n; how many there were */
	bool booted;
} armed;

static uint32_t failures;

static bool
fails(void)
{
	unsigned n = armed.booted ? armed.n : variant_word("boot", 0);

	if (armed.booted && (n == 0 || curthread != armed.thread))
		return (false);
	if (++armed.seen != n)
		return (false);
	failures++;
	return (true);
}

/* The boot is over when the machine presents itself. */
void
__wrap_banner(void)
{
	unsigned n = armed.seen;

	armed.booted = true;
	armed.seen = 0;
	kprintf_line("fault: %u allocations until here\n", n);
	__real_banner();
}

void
fault_alloc_arm(unsigned n)
{
	armed.thread = curthread;
	armed.seen = 0;
	armed.n = n;
}

bool
fault_alloc_disarm(void)
{
	bool met = armed.n != 0 && armed.seen >= armed.n;

	armed.n = 0;
	return (met);
}

uint32_t
fault_alloc_failures(void)
{
	return (failures);
}

struct vm_page *
__wrap_vm_page_alloc(unsigned flags)
{
	return (fails() ? NULL : __real_vm_page_alloc(flags));
}

struct vm_page *
__wrap_vm_page_alloc_contig(unsigned npages, unsigned flags)
{
	return (fails() ? NULL : __real_vm_page_alloc_contig(npages, flags));
}

vm_offset_t
__wrap_kva_alloc(size_t bytes)
{
	return (fails() ? 0 : __real_kva_alloc(bytes));
}

bool
__wrap_pmap_grow(vm_offset_t va, size_t npages)
{
	return (!fails() && __real_pmap_grow(va, npages));
}
