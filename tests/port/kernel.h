/*
 * The rest of a kernel, see kernel.c.
 */
#ifndef TESTS_PORT_KERNEL_H
#define TESTS_PORT_KERNEL_H

/* Before the first thread is made. */
void kernel_init_stacks(void);

#endif
