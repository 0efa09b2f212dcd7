/*
 * Who called whom, by the chain of frame pointers, with names from the table
 * of symbols in the image.
 */
#ifndef KERNEL_BACKTRACE_H
#define KERNEL_BACKTRACE_H

#include "kernel/types.h"

/*
 * Print a line for each frame, innermost first.
 *   pc: where it starts; 0: leave out.
 *   frame: a frame pointer; a broken chain ends the output.
 */
void backtrace_print(vm_offset_t pc, vm_offset_t frame);

/*
 * The function that an address lies in.
 *   offset: receives the distance from its start.
 * Returns its name; NULL if it is not in the kernel's text.
 */
const char *symbol_name(vm_offset_t pc, vm_offset_t *offset);

#endif
