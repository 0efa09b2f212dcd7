/*
 * What is left of a kernel in the host build: messages, and threads' stacks.
 */
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/kernel.h"
#include "tests/port/machine.h"
#include "tests/port/port.h"

/* --- messages --- */

void
kvprintf(const char *fmt, va_list ap)
{
	host_vprint(fmt, ap);
}

void
kprintf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host_vprint(fmt, ap);
	va_end(ap);
}

void
kprintf_line(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	host_vprint(fmt, ap);
	va_end(ap);
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	host_print("PANIC: ");
	va_start(ap, fmt);
	host_vprint(fmt, ap);
	va_end(ap);
	host_print("\n");
	machine_print();
	host_exit(HOST_PANIC);
}

bool
panicking(void)
{
	return (false);
}

const char *
symbol_name(vm_offset_t pc, vm_offset_t *offset)
{
	(void)pc;
	*offset = 0;
	return (NULL);
}

/* Nobody fills a page in this build but with zeros. */
void *
pmap_quick_enter_page(struct vm_page *m)
{
	return (mmu_frame(vm_page_pfn(m)));
}

void
pmap_quick_remove_page(void *va)
{
	(void)va;
}

size_t
strlcpy(char *dst, const char *src, size_t size)
{
	size_t n = strlen(src), kept = MIN(n, size - 1);

	memcpy(dst, src, kept);
	dst[kept] = '\0';
	return (n);
}

/* --- stacks --- */

/*
 * Where the kernel has its threads' stacks, at low addresses; only the struct
 * thread at the end of each is used.  What threads really run on is exec.h's.
 */
#define STACKS_BASE 0x50000000u
#define STACK_BYTES (KSTACK_PAGES * PAGE_SIZE)

static uint32_t nstacks;

void
kernel_init_stacks(void)
{
	(void)host_map((void *)(vm_offset_t)STACKS_BASE,
	    PORT_THREADS * STACK_BYTES);
}

vm_offset_t
kstack_alloc(unsigned npages)
{
	uint32_t n = __atomic_fetch_add(&nstacks, 1, __ATOMIC_RELAXED);

	(void)npages;
	ASSERT(n < PORT_THREADS, "more than %u threads", PORT_THREADS);
	return (STACKS_BASE + n * STACK_BYTES);
}

static unsigned
strand_of(const struct thread *td, const struct cpu *c)
{
	if (td == c->idle)
		return (PORT_THREADS + c->id);
	return ((unsigned)(((vm_offset_t)td - STACKS_BASE) / STACK_BYTES));
}

/*
 * A thread that has not run has a stack pointer, made by sched_prepare(), with
 * its first function in the fifth word from there.
 */
void
switch_stack(uint32_t *save_sp, uint32_t sp)
{
	const struct cpu *c = curcpu();
	struct thread *td = c->thread;
	void (*entry)(void) = NULL;

	*save_sp = 0;
	if (sp != 0 && td != c->idle) {
		const uint32_t *frame = (const uint32_t *)(vm_offset_t)sp;

		entry = (void (*)(void))(vm_offset_t)frame[4];
	}
	exec_switch(strand_of(td, c), entry);
}

void
stack_enter(uint32_t sp, void (*fn)(void))
{
	(void)sp;
	fn();
	panic("an idle loop returned");
}
