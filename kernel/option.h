/*
 * The kernel command line: words, some of the form name=value.
 */
#ifndef KERNEL_OPTION_H
#define KERNEL_OPTION_H

#include "kernel/types.h"

/*
 * Take the words apart; print a line for each that no one knows and for each
 * value out of its range (the default then holds).
 *   cmdline: copied.
 */
void option_parse(const char *cmdline);

/* Is the word there (alone or with a value)? */
bool option_present(const char *name);

/* The value of name=value: the last one given; NULL if there is none. */
const char *option_string(const char *name);

/* The same as a number (decimal, 0x, suffixes K M G), or `otherwise`. */
uint64_t option_number(const char *name, uint64_t otherwise);

/* The same for on and off. */
bool option_on(const char *name, bool otherwise);

#endif
