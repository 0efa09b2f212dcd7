/*
 * Watching for data races.
 *
 * Each CPU watches one access at a time.  `start` of its watch is 0 while there
 * is none, else the address; who finds an overlap changes that to CLAIMED, so
 * that the other fields stay what they are, and then to HIT, or back if it was
 * no race.
 */
#include "tests/sanitize/kcsan.h"
#include "kernel/atomic.h"
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/option.h"
#include "kernel/panic.h"
#include "kernel/smp.h"
#include "kernel/uart.h"

/* An access: by which instruction, of which bytes. */
struct access {
	vm_offset_t start, pc;
	size_t bytes;
	bool write, marked;
	unsigned cpu;
};

#define CLAIMED 1u /* no object is there */
#define HIT 2u

/* What is watched has at most so many bytes. */
#define LONGEST 16u

static struct watch {
	_Atomic vm_offset_t start;
	struct access own, other; /* the other's if HIT */
	/* This CPU only. */
	uint32_t random;
	bool busy; /* watching, or printing what it has seen */
} watches[MAXCPU];

/* The races found: two places each. */
#define MAX_RACES 32
static struct race {
	vm_offset_t a, b;
} races[MAX_RACES];
static unsigned nraces;
static _Atomic bool reporting;

/* So many more accesses are not watched.  All CPUs count together, and a count
 * that is lost is no loss. */
static volatile int32_t skip;

static _Atomic bool on;
static unsigned ncpus; /* that may run */

/* One access in so many is watched, and for so many pauses; each of these, on
 * an emulator, lets another CPU run. */
#define MEAN_SKIP 256
#define MAX_PAUSES 8

static uint32_t
next_random(struct watch *w)
{
	w->random = w->random * 1664525 + 1013904223;
	return (w->random >> 16);
}

/* Without the console's lock, which this CPU may hold. */
static void
put_string(const char *s)
{
	while (*s != '\0')
		uart_put(COM1, *s++);
}

static void
put_access(const struct access *a)
{
	vm_offset_t offset = 0;
	const char *name = symbol_name(a->pc, &offset);
	char text[160];

	ksnprintf(text, sizeof(text),
	    "    %s%s of %zu bytes at %#lx by %s+%#lx, CPU %u\r\n",
	    a->marked ? "marked " : "", a->write ? "write" : "read", a->bytes,
	    (unsigned long)a->start, name != NULL ? name : "?",
	    (unsigned long)offset, a->cpu);
	put_string(text);
}

/* Print a race, if it is new. */
static void
report(const struct access *a, const struct access *b)
{
	struct race *r = races;

	while (atomic_exchange(&reporting, true))
		cpu_pause();
	while (r < races + nraces && (r->a != a->pc || r->b != b->pc))
		r++;
	if (r == races + nraces && nraces < MAX_RACES) {
		races[nraces++] = (struct race){a->pc, b->pc};
		put_string("\r\nkcsan: a data race:\r\n");
		put_access(a);
		put_access(b);
	}
	atomic_store(&reporting, false);
}

/* Could an access meet that of the watch?  None is longer than LONGEST there. */
static inline bool
is_near(const struct watch *w, vm_offset_t start, size_t bytes)
{
	vm_offset_t at = load_relaxed(&w->start);

	return (at > HIT && at - start + LONGEST < bytes + LONGEST);
}

/* Before the access is made: does it meet one that is watched? */
static void
meet(struct watch *w, const struct access *a)
{
	vm_offset_t start = load_acquire(&w->start);

	if (start <= HIT ||
	    !atomic_compare_exchange_strong(&w->start, &start, CLAIMED))
		return;
	if (a->start < w->own.start + w->own.bytes &&
	    w->own.start < a->start + a->bytes && (a->write || w->own.write)) {
		w->other = *a;
		start = HIT;
	}
	store_release(&w->start, start);
}

/* Wait before a plain access.  Interrupts are disabled. */
static void
watch(struct watch *w, const struct access *a)
{
	vm_offset_t start = a->start;

	w->busy = true;
	w->own = *a;
	store_release(&w->start, start);
	for (unsigned n = next_random(w) % MAX_PAUSES + 1; n > 0; n--)
		cpu_pause();
	while (!atomic_compare_exchange_weak(&w->start, &start, 0)) {
		if (start == HIT) {
			store_relaxed(&w->start, 0);
			report(a, &w->other);
			break;
		}
		start = a->start; /* claimed: not for long */
		cpu_pause();
	}
	w->busy = false;
}

static __noinline void
access_slowly(const struct access *a)
{
	uint32_t flags = intr_disable();
	struct watch *own = &watches[curcpu_id()];
	struct access mine = *a;

	mine.cpu = curcpu_id();
	for (struct watch *w = watches; w < watches + ncpus; w++)
		if (w != own && is_near(w, a->start, a->bytes))
			meet(w, &mine);
	if (!a->marked && a->bytes <= LONGEST && skip < 0 && !own->busy) {
		skip = (int32_t)(next_random(own) % (2 * MEAN_SKIP));
		watch(own, &mine);
	}
	intr_restore(flags);
}

static inline __always_inline void
access(const void *p, size_t bytes, bool write, bool marked, void *pc)
{
	bool slow = skip-- <= 0;

	for (const struct watch *w = watches; w < watches + ncpus; w++)
		slow |= is_near(w, (vm_offset_t)p, bytes);
	if (__predict_false(slow) && load_relaxed(&on))
		access_slowly(&(struct access){
		    (vm_offset_t)p, (vm_offset_t)pc, bytes, write, marked, 0});
}

#define HERE __builtin_return_address(0)

void
__tsan_init(void)
{
}

#define DEFINE_ONE(name, n, write, marked)         \
	void __tsan_##name##n(const void *p)       \
	{                                          \
		access(p, n, write, marked, HERE); \
	}
#define DEFINE(n)                                           \
	DEFINE_ONE(read, n, false, false)                   \
	DEFINE_ONE(write, n, true, false)                   \
	DEFINE_ONE(unaligned_read, n, false, false)         \
	DEFINE_ONE(unaligned_write, n, true, false)         \
	DEFINE_ONE(volatile_read, n, false, true)           \
	DEFINE_ONE(volatile_write, n, true, true)           \
	DEFINE_ONE(unaligned_volatile_read, n, false, true) \
	DEFINE_ONE(unaligned_volatile_write, n, true, true)
KCSAN_SIZES(DEFINE)

void
__tsan_read_range(const void *p, size_t n)
{
	access(p, n, false, false, HERE);
}

void
__tsan_write_range(const void *p, size_t n)
{
	access(p, n, true, false, HERE);
}

/* kernel/string.c is not instrumented: a call for each word would take most of
 * the time.  What it is given is not watched, but may be met. */

void *
__wrap_memcpy(void *dst, const void *src, size_t n)
{
	access(src, n, false, false, HERE);
	access(dst, n, true, false, HERE);
	return (__real_memcpy(dst, src, n));
}

void *
__wrap_memmove(void *dst, const void *src, size_t n)
{
	access(src, n, false, false, HERE);
	access(dst, n, true, false, HERE);
	return (__real_memmove(dst, src, n));
}

void *
__wrap_memset(void *dst, int c, size_t n)
{
	access(dst, n, true, false, HERE);
	return (__real_memset(dst, c, n));
}

/* --- atomic accesses --- */

#define DEFINE_FETCH(op, bits, type)                                  \
	type __tsan_atomic##bits##_fetch_##op(type *p, type v,        \
	    int order __unused)                                       \
	{                                                             \
		access(p, sizeof(*p), true, true, HERE);              \
		return (__atomic_fetch_##op(p, v, __ATOMIC_SEQ_CST)); \
	}
#define DEFINE_CAS(kind, bits, type)                                        \
	bool __tsan_atomic##bits##_compare_exchange_##kind(type *p,         \
	    type *expect, type v, int order __unused, int failure __unused) \
	{                                                                   \
		type want = *expect;                                        \
		access(p, sizeof(*p), true, true, HERE);                    \
		*expect = __sync_val_compare_and_swap(p, want, v);          \
		return (*expect == want);                                   \
	}
#define DEFINE_ATOMIC(bits, type)                                             \
	type __tsan_atomic##bits##_load(const type *p, int order __unused)    \
	{                                                                     \
		access(p, sizeof(*p), false, true, HERE);                     \
		return (__atomic_load_n(p, __ATOMIC_SEQ_CST));                \
	}                                                                     \
	void __tsan_atomic##bits##_store(type *p, type v, int order __unused) \
	{                                                                     \
		access(p, sizeof(*p), true, true, HERE);                      \
		__atomic_store_n(p, v, __ATOMIC_SEQ_CST);                     \
	}                                                                     \
	type __tsan_atomic##bits##_exchange(type *p, type v,                  \
	    int order __unused)                                               \
	{                                                                     \
		access(p, sizeof(*p), true, true, HERE);                      \
		return (__atomic_exchange_n(p, v, __ATOMIC_SEQ_CST));         \
	}                                                                     \
	KCSAN_FETCHES(DEFINE_FETCH, bits, type)                               \
	DEFINE_CAS(strong, bits, type)                                        \
	DEFINE_CAS(weak, bits, type)
KCSAN_ATOMICS(DEFINE_ATOMIC)
DEFINE_CAS(strong, 64, uint64_t)

void
__tsan_atomic_thread_fence(int order __unused)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void
__tsan_atomic_signal_fence(int order __unused)
{
}

/* --- beginning and end --- */

void
__wrap_smp_start(unsigned limit, int phantom)
{
	ncpus = MIN(limit, MAXCPU);
	for (unsigned i = 0; i < MAXCPU; i++)
		watches[i].random =
		    (uint32_t)option_number("seed", 1) * 2654435761u + i;
	atomic_store(&on, true);
	__real_smp_start(limit, phantom);
	ncpus = MIN(ncpus, cpu_count());
}

void
__wrap_machine_exit(enum exit_code code)
{
	atomic_store(&on, false);
	if (nraces == 0)
		__real_machine_exit(code);
	kprintf_line("panic: kcsan: %u data races\n", nraces);
	__real_machine_exit(EXIT_PANIC);
}
