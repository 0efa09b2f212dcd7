/*
 * The guard of stack frames.  The compiler puts it between the arrays of a
 * function and its return address, and has it looked at before the function
 * returns: an array that was written past its end is met there, not somewhere
 * else later.
 */
#ifndef KERNEL_STACK_GUARD_H
#define KERNEL_STACK_GUARD_H

#include "kernel/types.h"

/* The names are the compiler's (-fstack-protector-strong). */
extern uint32_t __stack_chk_guard;
void __stack_chk_fail(void) __noreturn;

/*
 * Draw this boot's value: from seed=N if it is given, else from what differs
 * from boot to boot.
 * Requires: the command line has been read; no function is under way that has
 *   arrays and will return; no other CPU or thread runs.
 */
void stack_guard_init(void);

#endif
