/*
 * Atomic operations: C11's, under the names of <stdatomic.h>, plus a short
 * form for each of the few orders in use.  Every acquire in the kernel names
 * the release that it pairs with.  Nothing here is 64 bits wide: i686 has no
 * plain 8-byte atomics (mm/pmap.c does what page tables need).
 */
#ifndef KERNEL_ATOMIC_H
#define KERNEL_ATOMIC_H

#include <stdatomic.h>
#include "kernel/yield.h"

#define load_relaxed(p) atomic_load_explicit(p, memory_order_relaxed)
/* The same object without _Atomic. */
#define ATOMIC_PLAIN(p) \
	((__typeof__(atomic_load_explicit(p, memory_order_relaxed)) *)(p))

/* A relaxed load that the compiler may make part of the instruction which uses
 * the value; those of C11 always take a register and an instruction. */
#define load_folded(p) (YIELD_POINT(), *ATOMIC_PLAIN(p))
/* The same of a store: of a constant, without a register. */
#define store_folded(p, v) (YIELD_POINT(), (void)(*ATOMIC_PLAIN(p) = (v)))
#define load_acquire(p) atomic_load_explicit(p, memory_order_acquire)
#define store_relaxed(p, v) atomic_store_explicit(p, v, memory_order_relaxed)
#define store_release(p, v) atomic_store_explicit(p, v, memory_order_release)

#endif
