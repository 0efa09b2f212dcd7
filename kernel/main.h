/*
 * The kernel's initialisation, in order.
 */
#ifndef KERNEL_MAIN_H
#define KERNEL_MAIN_H

#include "kernel/types.h"

/*
 * Everything after paging is on.
 * Boot CPU, interrupts disabled, on the boot stack.
 */
void kernel_main(void) __noreturn;

#endif
