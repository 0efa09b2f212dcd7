/*
 * What a person sees first.
 */
#ifndef KERNEL_BANNER_H
#define KERNEL_BANNER_H

/* Print memory by zone, CPUs, the map of virtual addresses, the window. */
void banner(void);

#endif
