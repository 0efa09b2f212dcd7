/*
 * Per-CPU data, reached through %fs.
 *
 * A thread may be moved to another CPU at any instruction unless it is pinned,
 * in a critical section, or has interrupts disabled; only then do curcpu() and
 * curcpu_id() mean anything beyond the next instruction.  curthread needs no
 * such care: it is right wherever the thread runs.
 */
#ifndef KERNEL_CPU_H
#define KERNEL_CPU_H

#include "kernel/types.h"
#include "kernel/atomic.h"
#include "kernel/counter.h"
#include "kernel/cpumask.h"
#include "kernel/x86.h"

struct sf_buf;
struct spinlock;
struct thread;

/* How many spinlocks one CPU may hold at once. */
#define SPIN_MAX_HELD 8

/* Task state segment (Intel SDM volume 3, "Task Management"), 104 bytes. */
struct tss {
	uint32_t link, esp0, ss0, esp1, ss1, esp2, ss2, cr3, eip, eflags;
	uint32_t eax, ecx, edx, ebx, esp, ebp, esi, edi;
	uint32_t es, cs, ss, ds, fs, gs, ldt;
	uint16_t trap, iomap;
};
_Static_assert(sizeof(struct tss) == 104, "TSS layout");

struct cpu {
	/* Fixed once the CPU runs. */
	struct cpu *self;
	uint32_t id;      /* 0 is the boot CPU; consecutive */
	uint32_t apic_id; /* local APIC ID */
	struct thread *idle;
	uint64_t pdpt[4] __aligned(32); /* below 4 GiB; constant once loaded */
	uint64_t *private_pd;     /* 512 entries: the directory of slot 1 */
	vm_offset_t quick_va;     /* see pmap_quick_enter_page() */
	vm_offset_t df_stack_top; /* of the double-fault task */
	uint64_t gdt[6];          /* in the order of the SEL_ constants */
	struct tss tss;
	struct tss df_tss; /* the double-fault task */

	/* This CPU only. */
	struct thread *thread; /* the running one: see curthread */
	union {
		struct {
			uint16_t intr_depth; /* interrupt handlers under way */
			uint16_t spin_depth; /* spinlocks held */
		};
		uint32_t depths; /* 0: neither */
	};
	uint32_t spin_eflags;      /* flags to restore at depth 0 */
	_Atomic bool need_resched; /* switch threads when next allowed */
	bool tlb_idle;             /* see tlb_cpu_idle() */
	struct spinlock *spin_held[SPIN_MAX_HELD]; /* in order taken */
	uint32_t counter[NCOUNTER];

	/* This CPU only: the sf_buf layer's. */
	struct sf_buf *sf_next, *sf_end; /* slots that it tries next */
	uint32_t sf_harvest;             /* the last that it took of */
	struct sf_buf *sf_private;       /* its own slots; NULL: none */
	/* Buffers that were taken here less those freed here: sf_peak is the
	 * most that it has been, sf_room what it is less than that.  Others
	 * read them. */
	_Atomic int32_t sf_room, sf_peak;

	/* Shootdown, see mm/tlb.c. */
	_Atomic uint32_t tlb_asked __aligned(CACHE_LINE_BYTES); /* others set */
	_Atomic uint32_t tlb_done; /* written by this CPU only */

	/* Written once, when a report stops this CPU; see kernel/panic.c. */
	vm_offset_t stop_pc, stop_frame; /* before `stopped` */
	_Atomic uint32_t stopped;        /* released last */
} __aligned(CACHE_LINE_BYTES);

#define curthread ((struct thread *)READ_CPU_WORD(offsetof(struct cpu, thread)))

/* This CPU.  Requires: cannot migrate (see above), to be meaningful. */
static inline struct cpu *
curcpu(void)
{
	return ((struct cpu *)READ_CPU_WORD(offsetof(struct cpu, self)));
}

/* This CPU's number.  Requires: as curcpu(). */
static inline unsigned
curcpu_id(void)
{
	return (READ_CPU_WORD(offsetof(struct cpu, id)));
}

/* How many interrupt handlers are under way on this CPU, and how many spinlocks
 * it holds.  Each is right for a thread that may migrate, too: only what the
 * thread itself does makes it nonzero. */
static inline unsigned
cpu_intr_depth(void)
{
	return (READ_CPU_WORD(offsetof(struct cpu, depths)) & 0xffff);
}

static inline unsigned
cpu_spin_depth(void)
{
	return (READ_CPU_WORD(offsetof(struct cpu, depths)) >> 16);
}

/* CPU number `id`; NULL if there is none. */
struct cpu *cpu_by_id(unsigned id);

/* CPUs that run, by number.  A bit is set once and stays. */
const struct cpumask *cpu_online(void);

/* The calling CPU runs from now on: shootdowns reach it. */
void cpu_set_online(void);

/* How many CPUs run.  Grows during boot only. */
unsigned cpu_count(void);

/*
 * Prepare a CPU's fixed fields and tables: GDT, TSS, double-fault task.
 *   c: zeroed memory in the direct map.
 *   id: its number, below MAXCPU, not yet in use.
 *   apic_id: its local APIC ID.
 */
void cpu_init(struct cpu *c, unsigned id, unsigned apic_id);

/* A CPU that did not start: its number is free again.  (Its tables are not.) */
void cpu_forget(unsigned id);

/*
 * Load the CPU's segments, so that %fs finds `c`.  On the CPU itself, before
 * anything else.
 *   linear_offset: added to a linked address to get the linear one.  0 with
 *     paging on; before, LINEAR_OFFSET_UNPAGED, which makes linked addresses
 *     come out at the physical ones.
 */
void cpu_load(struct cpu *c, vm_offset_t linear_offset);

/* 0xc0000000 and this make 2^32: see boot/entry.S. */
#define LINEAR_OFFSET_UNPAGED 0x40000000u

/* The boot CPU's data. */
struct cpu *cpu_boot(void);

static inline void
counter_add(enum counter c, uint32_t n)
{
	ADD_CPU_WORD(offsetof(struct cpu, counter[c]), n);
}

static inline void
counter_inc(enum counter c)
{
	counter_add(c, 1);
}

#endif
