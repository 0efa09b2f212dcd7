/*
 * Scalar types that carry a unit, and the few macros everything uses.
 * Nothing here depends on the machine but the width of a pointer, so that
 * sf_buf also compiles on a host.
 */
#ifndef KERNEL_TYPES_H
#define KERNEL_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uintptr_t vm_offset_t; /* a virtual address, in bytes */
typedef uint64_t vm_paddr_t;   /* a physical address, in bytes */
typedef uint32_t pfn_t;        /* a physical page frame number */
typedef uint64_t nsec_t;       /* a time or a span, in nanoseconds */

#define PAGE_SHIFT 12
#define PAGE_SIZE (1u << PAGE_SHIFT)
#define PAGE_MASK (PAGE_SIZE - 1)

/* The most CPUs one machine may have: 8-bit APIC IDs less the broadcast. */
#define MAXCPU 255

/* Two CPUs that write different lines of this size do not disturb each other. */
#define CACHE_LINE_BYTES 64

#define USEC ((nsec_t)1000)
#define MSEC (1000 * USEC)
#define SEC (1000 * MSEC)

#define nitems(a) (sizeof(a) / sizeof((a)[0]))
#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
/* `to` is a power of two in these three.  The mask has the width of x: that of a
 * 32-bit `to` would cut a 64-bit x. */
#define ROUND_DOWN(x, to) ((x) & ~(__typeof__((x) + (to)))((to)-1))
#define ROUND_UP(x, to) ROUND_DOWN((x) + ((to)-1), to)
#define IS_ALIGNED(x, to) (((x) & ((to)-1)) == 0)

#define container_of(ptr, type, member) \
	((type *)((char *)(ptr)-offsetof(type, member)))

#define __unused __attribute__((unused))
#define __used __attribute__((used))
#define __noreturn __attribute__((noreturn))
#define __packed __attribute__((packed))
#define __aligned(n) __attribute__((aligned(n)))
#define __section(s) __attribute__((section(s)))
#define __printflike(fmt, args) __attribute__((format(printf, fmt, args)))
#define __noinline __attribute__((noinline))
#define __no_stack_protector __attribute__((no_stack_protector))
#define __always_inline __attribute__((always_inline))
/* Arguments in registers: for what is called often. */
#define __regargs __attribute__((regparm(3)))
/* Before a loop: n turns of it in one. */
#ifdef __clang__
#define UNROLL(n) _Pragma(UNROLL_WORDS(unroll n))
#else
#define UNROLL(n) _Pragma(UNROLL_WORDS(GCC unroll n))
#endif
#define UNROLL_WORDS(words) #words
#define __predict_true(x) __builtin_expect(!!(x), 1)
#define __predict_false(x) __builtin_expect(!!(x), 0)

#endif
