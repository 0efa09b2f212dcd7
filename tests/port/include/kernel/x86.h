/*
 * The processor, for the host build: kernel/x86.h's names, without a line of
 * assembly.  Words of a CPU's struct are read and written by atomics, so that a
 * race detector sees them.
 */
#ifndef KERNEL_X86_H
#define KERNEL_X86_H

#include "kernel/types.h"
#include "kernel/atomic.h"
#include "tests/port/port.h"

#define EFLAGS_IF (1u << 9)

static inline void
cpu_pause(void)
{
	port_pause(__func__);
}

static inline void
intr_enable(void)
{
	port_intr_enable();
	port_step(__func__);
}

static inline void
intr_enable_and_halt(void)
{
	port_halt();
}

static inline uint32_t
intr_disable(void)
{
	port_step(__func__);
	return (port_intr_disable() ? EFLAGS_IF : 0);
}

static inline void
intr_restore(uint32_t flags)
{
	if (flags & EFLAGS_IF)
		intr_enable();
}

static inline void
intr_disable_enabled(void)
{
	(void)intr_disable();
}

static inline bool
intr_enabled(void)
{
	return (port_intr_enabled());
}

/* Which tables are loaded does not matter here: there is one set. */
static inline uint32_t
read_cr3(void)
{
	return (0);
}

static inline void
write_cr3(uint32_t v)
{
	(void)v;
	port_reload_cr3();
}

static inline void
invlpg(vm_offset_t va)
{
	port_invlpg(va);
}

/* Of the processor that the firmware's tables describe: number 0. */
struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

static inline struct cpuid_regs
cpuid(uint32_t leaf)
{
	(void)leaf;
	return ((struct cpuid_regs){0});
}

static inline uint64_t
div64(uint64_t x, uint32_t divisor, uint32_t *rem)
{
	if (rem != NULL)
		*rem = (uint32_t)(x % divisor);
	return (x / divisor);
}

/* An offset is always spelled offsetof(struct cpu, member): this takes it apart.
 * Between finding the CPU and using its word there is no step, hence no
 * migration, as in one instruction. */
#define PORT_CPU_offsetof(type, member) (port_self()->member)
#define PORT_CPU_WORD(offset) PORT_CPU_##offset

#define READ_CPU_WORD(offset) \
	((uintptr_t)__atomic_load_n(&PORT_CPU_##offset, __ATOMIC_RELAXED))

#define CPU_WORD_IS(offset, v)                                               \
	((uintptr_t)__atomic_load_n(&PORT_CPU_##offset, __ATOMIC_RELAXED) == \
	    (uintptr_t)(v))

#define ADD_CPU_WORD(offset, n)                                              \
	({                                                                   \
		__typeof__(&PORT_CPU_##offset) word_ = &PORT_CPU_##offset;   \
		__atomic_store_n(word_,                                      \
		    (__typeof__(*word_))((uintptr_t)*word_ + (uint32_t)(n)), \
		    __ATOMIC_RELAXED);                                       \
	})

#define DEC_CPU_WORD(offset)                                               \
	({                                                                 \
		__typeof__(&PORT_CPU_##offset) word_ = &PORT_CPU_##offset; \
		__typeof__(*word_) value_ = *word_ - 1;                    \
		__atomic_store_n(word_, value_, __ATOMIC_RELAXED);         \
		value_ < 0;                                                \
	})

#define ATOMIC_CAS(p, from, to)                              \
	({                                                   \
		PORT_VALUE(p) from_ = (PORT_VALUE(p))(from); \
		atomic_compare_exchange_strong(p, &from_,    \
		    (PORT_VALUE(p))(to));                    \
	})

#define ATOMIC_INC(p) (atomic_fetch_add(p, 1) + 1 < 0)

#define ATOMIC_DEC(p, negative, not_zero)                    \
	do {                                                 \
		int32_t value_ = atomic_fetch_sub(p, 1) - 1; \
		if (value_ < 0)                              \
			goto negative;                       \
		if (value_ != 0)                             \
			goto not_zero;                       \
	} while (0)

#endif
