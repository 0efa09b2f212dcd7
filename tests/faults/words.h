/*
 * Words of the command line that only a variant of the kernel knows, such as
 * fault.boot=12.  They are taken out before the kernel sees the rest.
 */
#ifndef TESTS_FAULTS_WORDS_H
#define TESTS_FAULTS_WORDS_H

#include "kernel/types.h"

/*
 * The number after NAME=, decimal or 0x; `otherwise` if the word is not there.
 *   name: of those in words.c.
 */
uint32_t variant_word(const char *name, uint32_t otherwise);

/* What the linker calls instead of option_parse(), and that itself. */
void __wrap_option_parse(const char *cmdline);
void __real_option_parse(const char *cmdline);

#endif
