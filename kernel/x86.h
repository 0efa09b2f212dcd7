/*
 * The processor: registers, instructions and constants.  All inline assembly
 * of the kernel is in this file.
 *
 * Source: Intel SDM volume 2 (instructions) and volume 3, "System
 * Architecture Overview".
 */
#ifndef KERNEL_X86_H
#define KERNEL_X86_H

#include "kernel/types.h"
#include "kernel/yield.h"

/* Control registers and MSRs. */
#define CR0_WP (1u << 16)
#define CR0_PG (1u << 31)
#define CR4_PAE (1u << 5)
#define CR4_PGE (1u << 7)
#define MSR_APIC_BASE 0x1b
#define APIC_BASE_X2APIC (1u << 10)
#define APIC_BASE_ENABLE (1u << 11)
#define MSR_EFER 0xc0000080
#define EFER_NXE (1u << 11)

#define EFLAGS_IF (1u << 9)
#define EFLAGS_ID (1u << 21)

/* CPUID leaf 1, EDX; and leaf 0x80000001, EDX. */
#define CPUID_TSC (1u << 4)
#define CPUID_MSR (1u << 5)
#define CPUID_PAE (1u << 6)
#define CPUID_CX8 (1u << 8)
#define CPUID_APIC (1u << 9)
#define CPUID_PGE (1u << 13)
#define CPUID_PSE36 (1u << 17)
#define CPUID_EXT_NX (1u << 20)
/* CPUID leaf 1, ECX. */
#define CPUID_ECX_RDRAND (1u << 30)

/* Segment selectors: the same places in every CPU's GDT. */
#define SEL_CODE 0x08
#define SEL_DATA 0x10
#define SEL_CPU 0x18
#define SEL_TSS 0x20
#define SEL_DF_TSS 0x28

struct cpuid_regs {
	uint32_t eax, ebx, ecx, edx;
};

/* The operand of lgdt and lidt. */
struct table_register {
	uint16_t limit;
	uint32_t base;
} __packed;

static inline uint8_t
inb(uint16_t port)
{
	uint8_t v;

	__asm__ volatile("inb %1, %0" : "=a"(v) : "Nd"(port));
	return (v);
}

static inline void
outb(uint16_t port, uint8_t v)
{
	__asm__ volatile("outb %0, %1" : : "a"(v), "Nd"(port));
}

/* Write n bytes to one port. */
static inline void
outsb(uint16_t port, const void *buf, size_t n)
{
	__asm__ volatile("rep outsb"
			 : "+S"(buf), "+c"(n)
			 : "d"(port)
			 : "memory");
}

static inline void
cpu_pause(void)
{
	__asm__ volatile("pause" : : : "memory");
}

static inline void
cpu_halt(void)
{
	__asm__ volatile("hlt" : : : "memory");
}

/*
 * Enable interrupts and halt, with no moment between the two in which an
 * interrupt could be taken and the halt then sleep past it: sti holds
 * interrupts off for one more instruction.
 */
static inline void
intr_enable_and_halt(void)
{
	__asm__ volatile("sti; hlt" : : : "memory");
}

static inline void
intr_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

static inline uint32_t
read_eflags(void)
{
	uint32_t v;

	__asm__ volatile("pushfl; popl %0" : "=rm"(v) : : "memory");
	return (v);
}

static inline void
write_eflags(uint32_t v)
{
	__asm__ volatile("pushl %0; popfl" : : "rm"(v) : "memory", "cc");
}

/* Disable interrupts; returns the flags for intr_restore(). */
static inline uint32_t
intr_disable(void)
{
	uint32_t flags = read_eflags();

	__asm__ volatile("cli" : : : "memory");
	return (flags);
}

static inline void
intr_restore(uint32_t flags)
{
	if (flags & EFLAGS_IF)
		intr_enable();
}

/* The same where they are known to be enabled; intr_enable() ends it. */
static inline void
intr_disable_enabled(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static inline bool
intr_enabled(void)
{
	return ((read_eflags() & EFLAGS_IF) != 0);
}

static inline uint64_t
rdtsc(void)
{
	uint32_t lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return ((uint64_t)hi << 32 | lo);
}

/* A random word.  False if there was none at this moment. */
static inline bool
rdrand(uint32_t *word)
{
	bool drawn;

	__asm__ volatile("rdrand %0" : "=r"(*word), "=@ccc"(drawn));
	return (drawn);
}

static inline struct cpuid_regs
cpuid(uint32_t leaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(0));
	return (r);
}

static inline uint64_t
rdmsr(uint32_t msr)
{
	uint32_t lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr));
	return ((uint64_t)hi << 32 | lo);
}

static inline void
wrmsr(uint32_t msr, uint64_t v)
{
	__asm__ volatile("wrmsr"
			 :
			 : "c"(msr), "a"((uint32_t)v), "d"((uint32_t)(v >> 32))
			 : "memory");
}

static inline uint32_t
read_cr0(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr0, %0" : "=r"(v) : : "memory");
	return (v);
}

static inline void
write_cr0(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr0" : : "r"(v) : "memory");
}

static inline uint32_t
read_cr2(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr2, %0" : "=r"(v));
	return (v);
}

static inline uint32_t
read_cr3(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr3, %0" : "=r"(v) : : "memory");
	return (v);
}

static inline void
write_cr3(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr3" : : "r"(v) : "memory");
}

static inline uint32_t
read_cr4(void)
{
	uint32_t v;

	__asm__ volatile("movl %%cr4, %0" : "=r"(v) : : "memory");
	return (v);
}

static inline void
write_cr4(uint32_t v)
{
	__asm__ volatile("movl %0, %%cr4" : : "r"(v) : "memory");
}

static inline void
invlpg(vm_offset_t va)
{
	__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

static inline void
lidt(const struct table_register *r)
{
	__asm__ volatile("lidt %0" : : "m"(*r) : "memory");
}

/* Load a GDT with the layout of the SEL_ constants, and every segment. */
static inline void
load_gdt(const struct table_register *r)
{
	__asm__ volatile("lgdt %0\n\t"
			 "ljmp %1, $1f\n"
			 "1:\n\t"
			 "movl %2, %%ds\n\t"
			 "movl %2, %%es\n\t"
			 "movl %2, %%ss\n\t"
			 "movl %2, %%gs\n\t"
			 "movl %3, %%fs"
			 :
			 : "m"(*r), "i"(SEL_CODE), "r"(SEL_DATA), "r"(SEL_CPU)
			 : "memory");
}

static inline void
ltr(uint16_t selector)
{
	__asm__ volatile("ltr %0" : : "r"(selector));
}

/*
 * A word of this CPU's struct cpu, at byte `offset` (a constant).  Volatile:
 * a thread that may migrate reads it afresh each time.
 */
#define READ_CPU_WORD(offset)                        \
	({                                           \
		uint32_t w_;                         \
		__asm__ volatile("movl %%fs:%c1, %0" \
				 : "=r"(w_)          \
				 : "i"(offset));     \
		w_;                                  \
	})

/* Is it `v`?  By the flags, without a register. */
#define CPU_WORD_IS(offset, v)                          \
	({                                              \
		bool same_;                             \
		__asm__ volatile("cmpl %2, %%fs:%c1"    \
				 : "=@cce"(same_)       \
				 : "i"(offset), "ri"(v) \
				 : "memory");           \
		same_;                                  \
	})

/*
 * Add to a word of this CPU's struct cpu.  One instruction: neither an
 * interrupt nor a migration can come between its read and its write.
 */
#define ADD_CPU_WORD(offset, n)                             \
	__asm__ volatile("addl %1, %%fs:%c0"                \
			 :                                  \
			 : "i"(offset), "ri"((uint32_t)(n)) \
			 : "memory", "cc")

/* Take 1 off such a word.  Is it negative now? */
#define DEC_CPU_WORD(offset)                          \
	({                                            \
		bool negative_;                       \
		__asm__ volatile("decl %%fs:%c1"      \
				 : "=@ccs"(negative_) \
				 : "i"(offset)        \
				 : "memory");         \
		negative_;                            \
	})

/*
 * Locked operations whose flags say all that their callers want.  In C, those
 * that also return the old value take two to four instructions more.
 *   p: to a 32-bit object.
 *   ATOMIC_CAS: change it from `from` to `to`; was it `from`?
 *   ATOMIC_INC: add 1; is it negative now?
 * Sequentially consistent.
 */
#define ATOMIC_CAS(p, from, to)                                            \
	({                                                                 \
		bool done_;                                                \
		uint32_t from_ = (uint32_t)(from);                         \
		YIELD_POINT();                                             \
		__asm__ volatile("lock cmpxchgl %3, %1"                    \
				 : "=@cce"(done_), "+m"(*(p)), "+a"(from_) \
				 : "r"((uint32_t)(to))                     \
				 : "memory");                              \
		done_;                                                     \
	})

#define ATOMIC_INC(p)                                             \
	({                                                        \
		bool negative_;                                   \
		YIELD_POINT();                                    \
		__asm__ volatile("lock incl %1"                   \
				 : "=@ccs"(negative_), "+m"(*(p)) \
				 :                                \
				 : "memory");                     \
		negative_;                                        \
	})

/*
 * Take 1 off the counter at `p`, and go to a label if it is negative now, or
 * if it is not zero.
 */
#define ATOMIC_DEC(p, negative, not_zero)               \
	do {                                            \
		YIELD_POINT();                          \
		__asm__ goto("lock decl %0\n\t"         \
			     "js %l[" #negative "]\n\t" \
			     "jnz %l[" #not_zero "]"    \
			     :                          \
			     : "m"(*(p))                \
			     : "memory", "cc"           \
			     : negative, not_zero);     \
	} while (0)

static inline vm_offset_t
read_frame_pointer(void)
{
	vm_offset_t v;

	__asm__ volatile("movl %%ebp, %0" : "=r"(v));
	return (v);
}

/*
 * x divided by a 32-bit divisor, without the compiler's 64-bit library
 * routine.  Two steps, so that neither quotient overflows.
 *   rem: receives the remainder; may be NULL.
 */
static inline uint64_t
div64(uint64_t x, uint32_t divisor, uint32_t *rem)
{
	uint32_t hi = (uint32_t)(x >> 32), lo = (uint32_t)x, r, q_lo;
	uint32_t q_hi = hi / divisor;

	__asm__("divl %4"
		: "=a"(q_lo), "=d"(r)
		: "a"(lo), "d"(hi % divisor), "rm"(divisor)
		: "cc");
	if (rem != NULL)
		*rem = r;
	return ((uint64_t)q_hi << 32 | q_lo);
}

#endif
