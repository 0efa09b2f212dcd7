/*
 * kernel/atomic.h for tests/sanitize/kcsan.h: relaxed accesses that may be
 * folded into an instruction are plain ones to the compiler, and so to what
 * watches; here they are relaxed ones to both.
 */
#ifndef TESTS_SANITIZE_KCSAN_KERNEL_ATOMIC_H
#define TESTS_SANITIZE_KCSAN_KERNEL_ATOMIC_H

#include_next "kernel/atomic.h"

#undef load_folded
#define load_folded(p) load_relaxed(p)
#undef store_folded
#define store_folded(p, v) store_relaxed(p, v)

#endif
