/*
 * Mistakes of callers of the page allocator, of kernel addresses, of page
 * tables and of shootdown, on purpose: see tests/panics.h.
 */
#include "kernel/copy.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/panics.h"

/* --- pages --- */

BUG(double_free, "vm_page_free: frame * is free already")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);

	vm_page_free(m);
	vm_page_free(m);
}

BUG(free_wired, "vm_page_free: frame * is wired 1 times")
{
	vm_page_free(vm_page_alloc(VM_ALLOC_WIRED));
}

BUG(free_no_page, "vm_page_free: 0x00001230 is not a page")
{
	vm_page_free((struct vm_page *)0x1230);
}

BUG(free_reserved, "vm_page_free: frame 0x200 was never ours to hand out")
{
	/* The kernel's text. */
	vm_page_free(vm_page_at(0x200));
}

BUG(free_contig_none, "vm_page_free_contig: no pages")
{
	vm_page_free_contig(vm_page_alloc(VM_ALLOC_ANY), 0);
}

BUG(free_contig_zones,
    "vm_page_free_contig: 2 pages from frame *, of both zones")
{
	vm_page_free_contig(vm_page_at(vm_page_array.direct_end - 1), 2);
}

BUG(alloc_contig_none, "vm_page_alloc_contig: no pages")
{
	(void)vm_page_alloc_contig(0, VM_ALLOC_ANY);
}

BUG(alloc_contig_many, "vm_page_alloc_contig: 1025 pages, at most 1024")
{
	(void)vm_page_alloc_contig(1025, VM_ALLOC_ANY);
}

BUG(alloc_both, "vm_page_alloc: both direct and high, flags 0x9")
{
	(void)vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_HIGH);
}

BUG(alloc_contig_both, "vm_page_alloc_contig: both direct and high, flags 0x9")
{
	(void)vm_page_alloc_contig(2, VM_ALLOC_DIRECT | VM_ALLOC_HIGH);
}

BUG(unwire, "vm_page_unwire: frame * was not wired")
{
	vm_page_unwire(vm_page_alloc(VM_ALLOC_ANY));
}

BUG(unwire_free, "vm_page_unwire: frame * is not in use")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);

	vm_page_free(m);
	vm_page_unwire(m);
}

BUG(wire_free, "vm_page_wire: frame * is not in use")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);

	vm_page_free(m);
	vm_page_wire(m);
}

BUG(wire_often, "vm_page_wire: frame * is wired 65535 times")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);

	for (;;)
		vm_page_wire(m);
}

BUG(page_init, "vm_page_init: called twice")
{
	vm_page_init(NULL, NULL, 0, 0);
}

BUG(write_free, "vm_page: free frame * was written: 0x1 at offset 0",
    .debug = true)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);
	const int one = 1;

	vm_page_free(m);
	pmap_copy_to_page(m, 0, &one, sizeof(one));
	(void)vm_page_alloc(VM_ALLOC_ANY);
}

/* --- kernel addresses --- */

BUG(kva_init, "kva_init: called twice")
{
	kva_init();
}

BUG(kva_none, "kva_alloc: no bytes")
{
	(void)kva_alloc(0);
}

BUG(kva_free_nothing, "kva_free: no range begins at *")
{
	kva_free(kva_alloc(2 * PAGE_SIZE) + PAGE_SIZE, PAGE_SIZE);
}

BUG(kva_free_twice, "kva_free: the range at * is free already")
{
	vm_offset_t va = kva_alloc(PAGE_SIZE);

	kva_free(va, PAGE_SIZE);
	kva_free(va, PAGE_SIZE);
}

BUG(kva_free_part, "kva_free: the range at * has 0x2000 bytes, not 0x1000")
{
	kva_free(kva_alloc(2 * PAGE_SIZE), PAGE_SIZE);
}

BUG(kva_free_mapped, "kva_free: * is mapped still, to *")
{
	kva_free((vm_offset_t)kmem_alloc(PAGE_SIZE), PAGE_SIZE);
}

BUG(kmem_free_twice, "kmem: * is not mapped memory")
{
	void *p = kmem_alloc(PAGE_SIZE);

	kmem_free(p, PAGE_SIZE);
	kmem_free(p, PAGE_SIZE);
}

BUG(kmem_at_odd, "kmem_alloc_at: no page begins at 0xbfffe010")
{
	(void)kmem_alloc_at(0xbfffe010, 1);
}

BUG(kmem_at_arena, "kmem_alloc_at: 0x1000 bytes at 0xa0000000 are of the arena")
{
	(void)kmem_alloc_at(KVA_BASE, PAGE_SIZE);
}

/* --- page tables --- */

BUG(pte_fresh, "pte_store_fresh: * is present")
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);

	pmap_kenter((vm_offset_t)kmem_alloc(PAGE_SIZE), VM_PAGE_TO_PHYS(m),
	    VM_PROT_WRITE);
}

BUG(pte_wx, "a mapping may not be writable and executable: 0x3")
{
	(void)pmap_make_pte(0, VM_PROT_WRITE | VM_PROT_EXEC);
}

BUG(pmap_grow, "pmap_grow: [0xc0000000, 0xc0001000) is not in slot 2")
{
	(void)pmap_grow(DMAP_BASE, 1);
}

BUG(pmap_pte, "pmap_pte: no page table for 0xc0000000")
{
	(void)pmap_pte(DMAP_BASE);
}

BUG(protect_unmapped, "pmap_protect: * is not mapped")
{
	pmap_protect(kva_alloc(PAGE_SIZE), 1, VM_PROT_READ);
}

BUG(map_device, "device registers at 0x1000 are outside the device range")
{
	(void)pmap_map_device(0x1000);
}

BUG(quick_interrupts, "pmap_quick_enter_page: interrupts are enabled")
{
	(void)pmap_quick_enter_page(vm_page_alloc(VM_ALLOC_HIGH));
}

BUG(quick_nested, "pmap_quick_enter_page: nested on CPU *")
{
	(void)intr_disable();
	(void)pmap_quick_enter_page(vm_page_alloc(VM_ALLOC_HIGH));
	(void)pmap_quick_enter_page(vm_page_alloc(VM_ALLOC_HIGH));
}

BUG(quick_remove, "pmap_quick_remove_page: 0x00000010 was not entered")
{
	pmap_quick_remove_page((void *)0x10);
}

BUG(copy_to_page, "pmap_copy_to_page: 2 bytes at 4095")
{
	pmap_copy_to_page(vm_page_alloc(VM_ALLOC_ANY), PAGE_SIZE - 1, "ab", 2);
}

BUG(copy_from_page, "pmap_copy_from_page: 2 bytes at 4095")
{
	char buf[2];

	pmap_copy_from_page(vm_page_alloc(VM_ALLOC_ANY), PAGE_SIZE - 1, buf,
	    sizeof(buf));
}

/* --- shootdown, CPUs --- */

BUG(tlb_start, "tlb_start: thread main may migrate", .debug = true)
{
	(void)tlb_start(cpu_online(), NULL, 0);
}

BUG(tlb_done, "tlb_done: thread main may migrate", .debug = true)
{
	(void)tlb_done(cpu_online(), 0);
}

BUG(tlb_wait, "tlb_wait: thread main may migrate", .debug = true)
{
	tlb_wait(cpu_online(), 0);
}

BUG(tlb_shootdown_all, "tlb_shootdown_all: thread main may migrate",
    .debug = true)
{
	tlb_shootdown_all(NULL, 0);
}

BUG(tlb_cpu_start, "tlb_cpu_start: CPU * is online already")
{
	(void)intr_disable();
	tlb_cpu_start();
}

BUG(tlb_idle, "tlb_cpu_idle: interrupts are enabled")
{
	tlb_cpu_idle();
}

BUG(tlb_idle_twice, "tlb_cpu_idle: CPU * is idle already")
{
	(void)intr_disable();
	tlb_cpu_idle();
	tlb_cpu_idle();
}

BUG(cpu_init, "cpu_init: CPU 1 exists")
{
	cpu_init(cpu_by_id(1), 1, 1);
}

BUG(cpu_forget, "cpu_forget: CPU 1 runs")
{
	cpu_forget(1);
}

/* --- copies that may fault: at the buffer only --- */

BUG(copy_source, "page fault: read of 0x10, not mapped",
    .also = "copy_guarded+0x")
{
	char buf[8];

	copy_to_buffer(buf, (void *)0x10, sizeof(buf));
}

BUG(copy_destination, "page fault: write of 0x20, not mapped",
    .also = "copy_guarded+0x")
{
	char buf[8] = "";

	copy_from_buffer((void *)0x20, buf, sizeof(buf));
}

/* Each level recovers from a fault; the last one has no stack to do it on. */
static int
eat_stack_by_faults(volatile int *depth)
{
	char byte;
	volatile int mine = *depth + 1 + (int)copy_from_buffer(&byte, NULL, 1);

	if (mine < 0)
		return (0);
	return (eat_stack_by_faults(&mine) + mine);
}

BUG(copy_stack, "double fault at esp *: kernel stack overflow?",
    .also = "eat_stack_by_faults+0x")
{
	volatile int depth = 0;

	(void)eat_stack_by_faults(&depth);
}
