/*
 * Atomic operations, for the host build: kernel/atomic.h's names.  Before each
 * is a step, so every order of them can come up; and each is one that a race
 * detector knows, by itself or from port_hb.h.
 */
#ifndef KERNEL_ATOMIC_H
#define KERNEL_ATOMIC_H

#include <stdatomic.h>
#include <stdbool.h>
#include "tests/port/port.h"
#include "tests/port/port_hb.h"

#undef atomic_load
#undef atomic_store
#undef atomic_exchange
#undef atomic_fetch_add
#undef atomic_fetch_sub
#undef atomic_fetch_or
#undef atomic_fetch_and
#undef atomic_compare_exchange_strong
#undef atomic_compare_exchange_strong_explicit

#define PORT_VALUE(p) __typeof__(atomic_load_explicit(p, memory_order_relaxed))

/* A load; a store; a locked operation `op`, whose value is the result's.  A
 * store orders what came before it, a load what comes after. */
#define PORT_LOAD(p, order)                                             \
	({                                                              \
		port_step(__func__);                                    \
		port_hb_before(p, memory_order_relaxed);                \
		PORT_VALUE(p) loaded_ = atomic_load_explicit(p, order); \
		port_hb_after(p, order);                                \
		loaded_;                                                \
	})
#define PORT_STORE(p, v, order)                           \
	({                                                \
		PORT_VALUE(p) stored_ = (v);              \
		port_step(__func__);                      \
		port_hb_before(p, order);                 \
		atomic_store_explicit(p, stored_, order); \
	})
#define PORT_LOCKED(p, order, op)              \
	({                                     \
		port_step(__func__);           \
		port_hb_before(p, order);      \
		__typeof__(op) locked_ = (op); \
		port_hb_after(p, order);       \
		locked_;                       \
	})

#define atomic_load(p) PORT_LOAD(p, memory_order_seq_cst)
#define atomic_store(p, v) PORT_STORE(p, v, memory_order_seq_cst)
#define atomic_exchange(p, v)                \
	PORT_LOCKED(p, memory_order_seq_cst, \
	    atomic_exchange_explicit(p, v, memory_order_seq_cst))
#define atomic_fetch_add(p, v)               \
	PORT_LOCKED(p, memory_order_seq_cst, \
	    atomic_fetch_add_explicit(p, v, memory_order_seq_cst))
#define atomic_fetch_sub(p, v)               \
	PORT_LOCKED(p, memory_order_seq_cst, \
	    atomic_fetch_sub_explicit(p, v, memory_order_seq_cst))
#define atomic_fetch_or(p, v)                \
	PORT_LOCKED(p, memory_order_seq_cst, \
	    atomic_fetch_or_explicit(p, v, memory_order_seq_cst))
#define atomic_fetch_and(p, v)               \
	PORT_LOCKED(p, memory_order_seq_cst, \
	    atomic_fetch_and_explicit(p, v, memory_order_seq_cst))
#define atomic_compare_exchange_strong_explicit(p, from, to, done, failed)     \
	PORT_LOCKED(p, done, ({                                                \
		PORT_VALUE(p) to_ = (to);                                      \
		__atomic_compare_exchange(p, from, &to_, false, done, failed); \
	}))
#define atomic_compare_exchange_strong(p, from, to)          \
	atomic_compare_exchange_strong_explicit(p, from, to, \
	    memory_order_seq_cst, memory_order_seq_cst)

#define load_relaxed(p) PORT_LOAD(p, memory_order_relaxed)
#define load_folded(p) load_relaxed(p)
#define load_acquire(p) PORT_LOAD(p, memory_order_acquire)
#define store_relaxed(p, v) PORT_STORE(p, v, memory_order_relaxed)
#define store_folded(p, v) store_relaxed(p, v)
#define store_release(p, v) PORT_STORE(p, v, memory_order_release)

#endif
