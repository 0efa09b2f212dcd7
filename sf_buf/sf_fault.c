/*
 * What a report says of a fault at an sf_buf's address, and of a buffer that
 * was misused.
 */
#include <sys/sf_buf.h>
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/panic.h"
#include "sf_buf/sf_window.h"

static void
print_caller(const char *verb, const void *pc)
{
	vm_offset_t offset;
	const char *name = symbol_name((vm_offset_t)pc, &offset);

	if (pc != NULL)
		kprintf(", %s by %s+%#lx", verb, name != NULL ? name : "?",
		    name != NULL ? (unsigned long)offset : 0);
}

/* What a slot maps, or mapped last, and who dealt with it. */
static void
print_slot(const struct sf_buf *sf, bool held)
{
	const struct vm_page *m = load_relaxed(&sf->page);

	if (m == NULL)
		m = sf->last;
	if (m == NULL) {
		kprintf("; never mapped\n");
		return;
	}
	kprintf("; page %#llx, %s", VM_PAGE_TO_PHYS(m), held ? "held" : "free");
	print_caller("allocated", sf->caller);
	if (!held)
		print_caller("freed", sf->freer);
	kprintf("\n");
}

/* A fault where this CPU could reach the slot: the page after one in strict
 * mode, or one that is not mapped. */
static const char *
mistake(unsigned index)
{
	return (sf_window.strict && index % 2 != 0 ?
		"overrun: this is the page after a buffer" :
		"use after free: nothing is mapped here");
}

static void
explain_shared(vm_offset_t va)
{
	unsigned index = (va - WINDOW_BASE) / PAGE_SIZE;
	unsigned slot = sf_window.strict ? index / 2 : index;
	const struct sf_buf *sf = &sf_window.slot[slot];

	if (slot >= sf_window.nslots)
		return;
	kprintf("  sf_buf: %s", mistake(index));
	print_slot(sf, load_relaxed(&sf->state) > 0);
}

static void
explain_private(vm_offset_t va)
{
	unsigned owner = (va - PRIVATE_BASE) / PRIVATE_STRIDE;
	unsigned index = (va - PRIVATE_BASE) % PRIVATE_STRIDE / PAGE_SIZE;
	unsigned slot = index & ~(unsigned)sf_window.strict;
	const struct cpu *c = cpu_by_id(owner);
	const struct sf_buf *sf;

	if (c == NULL || c->sf_private == NULL || index >= PRIVATE_WINDOW_PAGES)
		return;
	sf = &c->sf_private[slot];
	if (owner != curcpu_id())
		kprintf("  sf_buf: private to CPU %u, touched on CPU %u", owner,
		    curcpu_id());
	else
		kprintf("  sf_buf, private: %s", mistake(index));
	print_slot(sf, load_relaxed(&sf->state) > 0);
}

void
sf_buf_explain_fault(vm_offset_t va)
{
	if (va < PRIVATE_WINDOW_PAGES * sizeof(struct sf_buf) &&
	    curcpu()->sf_private == NULL)
		kprintf("  sf_buf: CPU %u has no private window\n",
		    curcpu_id());
	else if (va - SF_BUFS_BASE < SF_BUFS_BYTES)
		kprintf("  sf_buf: no buffer has its description here\n");
	else if (va >= WINDOW_BASE && va < WINDOW_END)
		explain_shared(va);
	else if (va >= PRIVATE_BASE && va < WINDOW_BASE)
		explain_private(va);
}

/*
 *   sf: a buffer.
 */
void
sf_buf_panic(const struct sf_buf *sf, const char *what)
{
	if (sf_buf_is_shared(sf))
		panic("%s (%p, of the window)", what, (const void *)sf);
	panic("%s (%p, private to CPU %u)", what, (const void *)sf,
	    (unsigned)((sf->kva - PRIVATE_BASE) / PRIVATE_STRIDE));
}

/* It is none: which mistake does the pointer look like? */
void
sf_buf_panic_pointer(const void *p, const char *who)
{
	ASSERT(p != NULL, "%s: NULL is no buffer", who);
	ASSERT((vm_offset_t)p - SF_BUFS_BASE >= SF_BUFS_BYTES,
	    "%s: %p leads into a buffer, not to its start", who, p);
	panic("%s: %p is no buffer", who, p);
}

void
sf_buf_panic_page(const struct vm_page *m, const char *what)
{
	panic("page %#llx %s", VM_PAGE_TO_PHYS(m), what);
}
