/*
 * The end of the machine: its exit code and how it gets out.
 */
#ifndef KERNEL_MACHINE_H
#define KERNEL_MACHINE_H

#include "kernel/types.h"

/*
 * Written to port 0xf4, where QEMU's isa-debug-exit device makes it the
 * process's exit code, (code << 1) | 1.
 */
enum exit_code {
	EXIT_PASSED = 0x10,   /* 33: all passed */
	EXIT_FAILED = 0x11,   /* 35: a test failed */
	EXIT_PANIC = 0x12,    /* 37 */
	EXIT_WATCHDOG = 0x13, /* 39: something took too long */
	EXIT_NOTHING = 0x14,  /* 41: nothing ran, bad filter */
	EXIT_UNABLE = 0x15,   /* 43: this machine cannot run us */
};

/* Send out what is printed, then end the machine; halt where nothing can. */
void machine_exit(enum exit_code code) __noreturn;

/*
 * This machine cannot run the kernel: print one sentence and exit with
 * EXIT_UNABLE.  Works from the first C line on.
 *   fmt: what is missing.
 */
void machine_unable(const char *fmt, ...) __printflike(1, 2) __noreturn;

#endif
