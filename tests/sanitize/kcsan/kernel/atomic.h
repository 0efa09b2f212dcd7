/*
 * kernel/atomic.h for tests/sanitize/kcsan.h: a relaxed load that may be folded
 * into an instruction is a plain one to the compiler, and so to what watches;
 * here it is a relaxed one to both.
 */
#ifndef TESTS_SANITIZE_KCSAN_KERNEL_ATOMIC_H
#define TESTS_SANITIZE_KCSAN_KERNEL_ATOMIC_H

#include_next "kernel/atomic.h"

#undef load_folded
#define load_folded(p) load_relaxed(p)

#endif
