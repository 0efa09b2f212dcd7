/*
 * What the kernel does when it cannot go on.
 */
#ifndef KERNEL_PANIC_H
#define KERNEL_PANIC_H

#include "kernel/types.h"

struct trapframe;

/*
 * Stop every CPU and report: the message, this CPU's symbolised backtrace,
 * its held locks, and (where a trap led here) registers and the page-table
 * walk of the faulting address.  Then end the machine with EXIT_PANIC.
 *   fmt: what went wrong and with which values, without a newline.
 * Effects: never returns; may be called in any context, with any lock held,
 * and from a second CPU while a first one panics (it then halts).
 */
void panic(const char *fmt, ...) __printflike(1, 2) __noreturn;

/*
 * The same, for a trap that nothing handles.
 *   tf: the interrupted registers.
 */
void panic_trap(const struct trapframe *tf, const char *fmt, ...)
    __printflike(2, 3) __noreturn;

/*
 * A test, or the whole machine, has taken too long: stop every CPU, print all
 * their backtraces and end the machine with EXIT_WATCHDOG.
 */
void panic_watchdog(const char *fmt, ...) __printflike(1, 2) __noreturn;

/*
 * Have `explain` called in the report of a page fault, to print lines about the
 * address: by the layer that manages it.  At most one.
 */
void panic_set_explainer(void (*explain)(vm_offset_t va));

/* The handler of non-maskable interrupts: how a report stops the others. */
void panic_nmi(const struct trapframe *tf);

/*
 * Is some CPU panicking?  Waiting loops of the console and of the shootdown
 * give up when this holds.
 */
bool panicking(void);

/*
 * Check what must hold.  Always compiled in; `cond` has no side effects.  The
 * rest is a printf format and its values: name the object and the numbers that
 * a reader of the report will want.
 */
#define ASSERT(cond, ...)                      \
	do {                                   \
		if (__predict_false(!(cond)))  \
			panic("" __VA_ARGS__); \
	} while (0)

#endif
