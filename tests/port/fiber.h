/*
 * What a sanitizer is told when fibers change: one file for each.
 */
#ifndef TESTS_PORT_FIBER_H
#define TESTS_PORT_FIBER_H

#include <stdbool.h>
#include <stddef.h>

#define FIBERS 73

/* Fiber i gets a stack, and begins anew. */
void fiber_created(unsigned i, void *stack, size_t bytes);

/* Before the change.  synced: what `from` did comes before what `to` does. */
void fiber_leaves(unsigned from, unsigned to, bool synced);

/* After it, on fiber i. */
void fiber_arrived(unsigned i);

#endif
