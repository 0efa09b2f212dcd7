/*
 * Exceptions and interrupts: the table of vectors, and who handles what.
 */
#include "kernel/trap.h"
#include "kernel/apic.h"
#include "kernel/copy.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/panic.h"
#include "kernel/serial_input.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/tlb.h"

#define GATE_INTERRUPT 0x8e00ull /* interrupts are disabled on entry */
#define GATE_TASK 0x8500ull

static uint64_t idt[NVECTORS];

static const char *const exception_name[32] = {"divide error",
    "debug exception", "non-maskable interrupt", "breakpoint", "overflow",
    "bound range exceeded", "invalid opcode", "no coprocessor", "double fault",
    "coprocessor segment overrun", "invalid TSS", "segment not present",
    "stack-segment fault", "general protection fault", "page fault",
    "reserved exception 15", "x87 error", "alignment check", "machine check",
    "SIMD error", "virtualization exception", "control protection exception"};

void
trap_init(void)
{
	for (unsigned v = 0; v < NVECTORS; v++) {
		uint32_t pc = vector_entry[v];

		idt[v] = (uint64_t)(pc & 0xffff0000) << 32 |
		    GATE_INTERRUPT << 32 | SEL_CODE << 16 | (pc & 0xffff);
	}
	idt[TRAP_DOUBLE_FAULT] = GATE_TASK << 32 | SEL_DF_TSS << 16;
}

void
trap_load(vm_offset_t linear_offset)
{
	struct table_register r = {
	    .limit = sizeof(idt) - 1,
	    .base = (vm_offset_t)idt + linear_offset,
	};

	lidt(&r);
}

/* CR2 stays what it is until the next fault: interrupts are disabled. */
static void
page_fault(struct trapframe *tf)
{
	vm_offset_t va = read_cr2();

	if (copy_recover(tf, va))
		return;
	panic_trap(tf, "page fault: %s of %#lx%s",
	    tf->error & PF_FETCH     ? "execution" :
		tf->error & PF_WRITE ? "write" :
				       "read",
	    (unsigned long)va,
	    tf->error & PF_RESERVED       ? ", reserved bit set" :
		tf->error & PF_PROTECTION ? ", not allowed" :
					    ", not mapped");
}

static void
exception(struct trapframe *tf)
{
	const char *name = exception_name[tf->vector];

	if (tf->vector == TRAP_PAGE_FAULT) {
		page_fault(tf);
		return;
	}
	panic_trap(tf, "%s (vector %u), error code %#x",
	    name != NULL ? name : "reserved exception", tf->vector, tf->error);
}

static void
interrupt(const struct trapframe *tf)
{
	struct cpu *c = curcpu();

	tlb_wake(c);
	c->intr_depth++;
	switch (tf->vector) {
	case IPI_TLB:
		lapic_eoi();
		tlb_intr();
		break;
	case IPI_RESCHED:
		lapic_eoi();
		store_folded(&c->need_resched, true);
		break;
	case VECTOR_TIMER:
		lapic_eoi();
		counter_inc(CTR_timer_intrs);
		timeout_intr();
		break;
	case VECTOR_SERIAL:
		lapic_eoi();
		serial_intr();
		break;
	case VECTOR_SPURIOUS:
		break; /* by definition not acknowledged */
	default:
		panic("stray interrupt, vector %u", tf->vector);
	}
	c->intr_depth--;
}

void
trap(struct trapframe *tf)
{
	if (tf->vector == TRAP_NMI) {
		panic_nmi(tf);
		return;
	}
	if (tf->vector < 32) {
		exception(tf);
		return;
	}
	interrupt(tf);
	sched_preempt();
}

/*
 * The double-fault task.  The registers at the fault are in the main TSS,
 * where the task switch saved them.
 */
void
trap_double_fault(void)
{
	const struct tss *t = &curcpu()->tss;
	struct trapframe tf = {
	    .edi = t->edi,
	    .esi = t->esi,
	    .ebp = t->ebp,
	    .ebx = t->ebx,
	    .edx = t->edx,
	    .ecx = t->ecx,
	    .eax = t->eax,
	    .vector = TRAP_DOUBLE_FAULT,
	    .eip = t->eip,
	    .cs = t->cs,
	    .eflags = t->eflags,
	    .esp_unused = t->esp,
	};

	panic_trap(&tf, "double fault at esp %#x: kernel stack overflow?",
	    t->esp);
}
