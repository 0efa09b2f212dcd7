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

/* The same for the bugs of tests/sf_panics.c; returns if `name` is none. */
void sf_panic_on_purpose(const char *name);

#endif
