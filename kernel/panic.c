/*
 * The last report: stop the other CPUs, say what happened and where, and end
 * the machine.
 */
#include "kernel/panic.h"
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/ipi.h"
#include "kernel/machine.h"
#include "kernel/mutex.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "kernel/trap.h"
#include "mm/pmap.h"

/* Who reports; taken once, never given back. */
static _Atomic(struct cpu *) reporter;

/* A CPU that does not stop within about this many polls is reported so. */
#define STOP_POLLS 20000000u

/* Set once, before other CPUs could fault in what it explains. */
static void (*explain_address)(vm_offset_t va);

void
panic_set_explainer(void (*explain)(vm_offset_t va))
{
	explain_address = explain;
}

bool
panicking(void)
{
	return (load_relaxed(&reporter) != NULL);
}

static void
halt_forever(void)
{
	(void)intr_disable();
	for (;;)
		cpu_halt();
}

/*
 * Become the one that reports.  A second CPU halts (and the NMI finds it
 * there); a panic within the report goes straight to the exit.
 */
static void
claim_report(void)
{
	struct cpu *none = NULL;

	(void)intr_disable();
	if (atomic_compare_exchange_strong(&reporter, &none, curcpu()))
		return;
	if (none != curcpu())
		halt_forever();
	kprintf_line("panic: and again, while reporting\n");
	machine_exit(EXIT_PANIC);
}

/* Stop the others by NMI, which no lock and no cli keeps out. */
static void
stop_others(void)
{
	unsigned id;

	console_break_lock();
	ipi_send_nmi_others();
	CPUMASK_FOREACH(id, cpu_online()) {
		struct cpu *c = cpu_by_id(id);
		uint32_t polls = 0;

		if (c == curcpu())
			continue;
		/* Pairs with the release in panic_nmi(). */
		while (load_acquire(&c->stopped) == 0 && polls++ < STOP_POLLS)
			cpu_pause();
		if (load_acquire(&c->stopped) == 0)
			kprintf_line("CPU %u does not stop\n", id);
	}
}

void
panic_nmi(const struct trapframe *tf)
{
	struct cpu *c = curcpu();

	if (load_relaxed(&reporter) == c)
		return; /* the hardware's: let the report end */
	if (!panicking())
		panic_trap(tf, "non-maskable interrupt from the hardware");
	c->stop_pc = tf->eip;
	c->stop_frame = tf->ebp;
	store_release(&c->stopped, 1);
	halt_forever();
}

static void
print_registers(const struct trapframe *tf)
{
	/* At ring 0 the processor pushes no stack pointer: the frame ends
	 * where the interrupted stack begins.  A task switch saves it. */
	uint32_t esp = tf->vector == TRAP_DOUBLE_FAULT ? tf->esp_unused :
							 (uint32_t)(tf + 1);

	kprintf("  eax %08x  ebx %08x  ecx %08x  edx %08x\n", tf->eax, tf->ebx,
	    tf->ecx, tf->edx);
	kprintf("  esi %08x  edi %08x  ebp %08x  esp %08x\n", tf->esi, tf->edi,
	    tf->ebp, esp);
	kprintf("  eip %08x  cs  %08x  eflags %08x\n", tf->eip, tf->cs,
	    tf->eflags);
	kprintf("  cr0 %08x  cr2 %08x  cr3 %08x  cr4 %08x\n", read_cr0(),
	    read_cr2(), read_cr3(), read_cr4());
}

/* An address just outside this thread's stack says what has happened. */
static void
print_guard(vm_offset_t va)
{
	const struct thread *td = curthread;
	vm_offset_t page = ROUND_DOWN(va, PAGE_SIZE);

	if (td != NULL && page == td->stack - PAGE_SIZE)
		kprintf("  %#lx is the guard below the stack of thread %s\n",
		    (unsigned long)va, td->name);
	if (td != NULL && page == td->stack + KSTACK_PAGES * PAGE_SIZE)
		kprintf("  %#lx is the guard above the stack of thread %s\n",
		    (unsigned long)va, td->name);
}

static void
print_where(void)
{
	const struct thread *td = curthread;

	kprintf_line("on CPU %u, thread %s\n", curcpu_id(),
	    td != NULL ? td->name : "(none yet)");
}

static void
print_locks(void)
{
	spin_print_held(curcpu());
	if (curthread != NULL)
		mtx_print_held(curthread);
}

/* The first line of a report: "panic: " or "watchdog: ", and what happened. */
static void
begin_report(const char *kind, const char *fmt, va_list ap)
{
	claim_report();
	stop_others();
	kprintf_line("%s: ", kind);
	kvprintf(fmt, ap);
	kprintf("\n");
}

void
panic(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin_report("panic", fmt, ap);
	va_end(ap);
	print_where();
	backtrace_print(0, read_frame_pointer());
	print_locks();
	machine_exit(EXIT_PANIC);
}

void
panic_trap(const struct trapframe *tf, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	begin_report("panic", fmt, ap);
	va_end(ap);
	print_where();
	print_registers(tf);
	if (tf->vector == TRAP_PAGE_FAULT || tf->vector == TRAP_DOUBLE_FAULT) {
		pmap_print_walk(curcpu(), read_cr2());
		print_guard(read_cr2());
	}
	if (tf->vector == TRAP_PAGE_FAULT && explain_address != NULL)
		explain_address(read_cr2());
	backtrace_print(tf->eip, tf->ebp);
	print_locks();
	machine_exit(EXIT_PANIC);
}

static void
print_stopped(const struct cpu *c)
{
	kprintf("CPU %u, thread %s:\n", c->id,
	    c->thread != NULL ? c->thread->name : "(none)");
	if (c == curcpu())
		backtrace_print(0, read_frame_pointer());
	else if (load_acquire(&c->stopped) != 0)
		backtrace_print(c->stop_pc, c->stop_frame);
	spin_print_held(c);
}

void
panic_watchdog(const char *fmt, ...)
{
	va_list ap;
	unsigned id;

	va_start(ap, fmt);
	begin_report("watchdog", fmt, ap);
	va_end(ap);
	CPUMASK_FOREACH(id, cpu_online())
		print_stopped(cpu_by_id(id));
	machine_exit(EXIT_WATCHDOG);
}
