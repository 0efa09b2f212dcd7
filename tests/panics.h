/*
 * Bugs on purpose, one a boot, to see that each is caught by name.
 */
#ifndef TESTS_PANICS_H
#define TESTS_PANICS_H

#include "kernel/types.h"

/*
 * Do what the command line's panic=NAME names.
 *   name: NULL or unknown: a plain panic.
 */
void panic_on_purpose(const char *name) __noreturn;

#endif
