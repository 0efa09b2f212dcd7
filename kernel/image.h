/*
 * Where the linker put the parts of the image, see linker.ld.  The address of
 * each name is the value.
 */
#ifndef KERNEL_IMAGE_H
#define KERNEL_IMAGE_H

#include "kernel/types.h"

extern const char image_text[], image_text_end[];
extern const char image_rodata[], image_rodata_end[];
extern const char image_data[], image_end[]; /* data and bss */

/* boot/trampoline.S, copied below 1 MiB. */
extern const char trampoline[], trampoline_params[], trampoline_end[];

#endif
