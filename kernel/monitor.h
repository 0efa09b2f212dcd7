/*
 * The monitor: a prompt on the first serial line, and commands that look at
 * the running kernel.
 */
#ifndef KERNEL_MONITOR_H
#define KERNEL_MONITOR_H

#include "kernel/types.h"

/* Words in one line, the command included. */
#define MONITOR_MAX_WORDS 16

/*
 * Read and run commands until `exit`, or ^D on an empty line, which end the
 * machine.
 * Requires: serial_input_init() done; a thread that may sleep.
 */
void monitor(void) __noreturn;

#endif
