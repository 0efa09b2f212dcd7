/*
 * Data races, in a kernel built with -fsanitize=thread
 * (tests/variants/kcsan.mk).  Before each access the compiler calls one of
 * these.  Now and then one watches: it waits a little before a plain access,
 * with interrupts disabled, and every access of another CPU to the same bytes
 * meanwhile, if one of the two writes, is a data race: nothing orders them.
 *
 * Accesses that are atomic, of any order, or volatile are meant to meet others.
 * They do not watch, but what they meet is as much of a race: the plain access
 * is at fault.  Inline assembly is not seen.
 *
 * Each race is printed once, with both its places, when it is found.  The end of
 * the machine is then a panic.
 */
#ifndef TESTS_SANITIZE_KCSAN_H
#define TESTS_SANITIZE_KCSAN_H

#include "kernel/types.h"
#include "kernel/machine.h"

void __tsan_init(void);

#define KCSAN_SIZES(X) X(1) X(2) X(4) X(8) X(16)
#define KCSAN_DECLARE(n)                                       \
	void __tsan_read##n(const void *p);                    \
	void __tsan_write##n(const void *p);                   \
	void __tsan_unaligned_read##n(const void *p);          \
	void __tsan_unaligned_write##n(const void *p);         \
	void __tsan_volatile_read##n(const void *p);           \
	void __tsan_volatile_write##n(const void *p);          \
	void __tsan_unaligned_volatile_read##n(const void *p); \
	void __tsan_unaligned_volatile_write##n(const void *p);
KCSAN_SIZES(KCSAN_DECLARE)
void __tsan_read_range(const void *p, size_t n);
void __tsan_write_range(const void *p, size_t n);

/* Each makes the access itself, sequentially consistent whatever the order. */
#define KCSAN_ATOMICS(X) X(8, uint8_t) X(16, uint16_t) X(32, uint32_t)
#define KCSAN_FETCHES(X, bits, type) \
	X(add, bits, type)           \
	X(sub, bits, type)           \
	X(and, bits, type) X(or, bits, type) X(xor, bits, type)
#define KCSAN_DECLARE_FETCH(op, bits, type) \
	type __tsan_atomic##bits##_fetch_##op(type *p, type v, int order);
#define KCSAN_DECLARE_ATOMIC(bits, type)                                 \
	type __tsan_atomic##bits##_load(const type *p, int order);       \
	void __tsan_atomic##bits##_store(type *p, type v, int order);    \
	type __tsan_atomic##bits##_exchange(type *p, type v, int order); \
	KCSAN_FETCHES(KCSAN_DECLARE_FETCH, bits, type)                   \
	KCSAN_DECLARE_CAS(strong, bits, type)                            \
	KCSAN_DECLARE_CAS(weak, bits, type)
#define KCSAN_DECLARE_CAS(kind, bits, type)                         \
	bool __tsan_atomic##bits##_compare_exchange_##kind(type *p, \
	    type *expect, type v, int order, int failure_order);
KCSAN_ATOMICS(KCSAN_DECLARE_ATOMIC)
KCSAN_DECLARE_CAS(strong, 64, uint64_t)
void __tsan_atomic_thread_fence(int order);
void __tsan_atomic_signal_fence(int order);

/* In place of the functions of these names, by ld's --wrap. */
void *__real_memcpy(void *dst, const void *src, size_t n);
void *__wrap_memcpy(void *dst, const void *src, size_t n);
void *__real_memmove(void *dst, const void *src, size_t n);
void *__wrap_memmove(void *dst, const void *src, size_t n);
void *__real_memset(void *dst, int c, size_t n);
void *__wrap_memset(void *dst, int c, size_t n);

/* Watching begins before other CPUs start, and ends when the machine does. */
void __real_smp_start(unsigned limit, int phantom);
void __wrap_smp_start(unsigned limit, int phantom);
void __real_machine_exit(enum exit_code code) __noreturn;
void __wrap_machine_exit(enum exit_code code) __noreturn;

#endif
