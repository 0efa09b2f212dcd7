/*
 * Checks of accesses, and when the shadow changes.
 */
#include "tests/sanitize/kasan.h"
#include "kernel/backtrace.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/vm_page.h"

#define GRANULE 8u

_Static_assert(KASAN_SHADOW(KVA_BASE) > KVA_END &&
	KASAN_SHADOW(KVA_END) <= SF_BUFS_BASE,
    "the shadow of the arena lies between it and the sf_bufs");

/* CPUs that are in the page allocator, which may touch what is free.
 * This CPU only. */
static bool in_allocator[MAXCPU];

/* A report was begun: it may touch anything. */
static _Atomic bool reporting;

/* Before that only the image has a shadow. */
static bool arena_has_shadow;

static uint8_t *
shadow(vm_offset_t va)
{
	return ((uint8_t *)KASAN_SHADOW(va));
}

static bool
has_shadow(vm_offset_t va)
{
	return ((va >= KASAN_IMAGE_START && va < KASAN_IMAGE_END) ||
	    (va >= KVA_BASE && va < KVA_END && arena_has_shadow));
}

/* --- reports --- */

static const char *
kind(vm_offset_t va)
{
	uint8_t v = *shadow(va);

	if (v < GRANULE) /* the reason stands in the next one */
		v = *shadow(va + GRANULE);
	switch (v) {
	case KASAN_STACK_BEFORE:
	case KASAN_STACK_BETWEEN:
	case KASAN_STACK_BEHIND:
		return ("beyond a variable on a stack");
	case KASAN_STACK_SCOPE:
		return ("a variable out of scope");
	case KASAN_GLOBAL:
		return ("beyond a static variable");
	case KASAN_KMEM:
	case 0: /* of the next page: only there no mark follows */
		return ("beyond what kmem_alloc() gave");
	case KASAN_DEAD_STACK:
		return ("the stack of a joined thread");
	default:
		return ("what is marked so that nobody knows why");
	}
}

static void
report(const char *what, vm_offset_t va, size_t n, bool write, vm_offset_t pc)
{
	vm_offset_t offset = 0;
	const char *name;

	if (panicking() || atomic_exchange(&reporting, true))
		return;
	name = symbol_name(pc, &offset);
	panic("kasan: %s: %s of %zu bytes at %#lx by %s+%#lx", what,
	    write ? "write" : "read", n, (unsigned long)va,
	    name != NULL ? name : "?", (unsigned long)offset);
}

/* --- checks --- */

/* May the bytes of a granule from its first up to that of `va` be used? */
static inline bool
is_good(vm_offset_t va)
{
	uint8_t v = *shadow(va);

	return (v == 0 || (v < GRANULE && va % GRANULE < v));
}

static inline void
check_shadow(vm_offset_t va, size_t n, bool write, vm_offset_t pc)
{
	vm_offset_t last = va + n - 1, at = va;

	if ((*shadow(va) | *shadow(last)) == 0 && n <= GRANULE)
		return;
	while (at < last && is_good(MIN(at | (GRANULE - 1), last)))
		at = ROUND_DOWN(at, GRANULE) + GRANULE;
	at = MIN(at, last);
	if (!is_good(MIN(at | (GRANULE - 1), last)))
		report(kind(at), at, n, write, pc);
}

static void
check_frame(vm_offset_t va, size_t n, bool write, vm_offset_t pc)
{
	pfn_t pfn = (va - DMAP_BASE) >> PAGE_SHIFT;
	uint32_t flags;
	bool exempt;

	if (pfn >= vm_page_array.direct_end || pfn >= vm_page_array.npages)
		return;
	switch (vm_page_get_state(vm_page_at(pfn))) {
	case VM_PAGE_RESERVED:
	case VM_PAGE_USED:
		return;
	default:
		break;
	}
	flags = intr_disable();
	exempt = in_allocator[curcpu_id()];
	intr_restore(flags);
	if (!exempt)
		report("a free page frame", va, n, write, pc);
}

static inline void
check(vm_offset_t va, size_t n, bool write, void *pc)
{
	if (has_shadow(va))
		check_shadow(va, n, write, (vm_offset_t)pc);
	else if (va >= DMAP_BASE)
		check_frame(va, n, write, (vm_offset_t)pc);
}

/* An access of any length; page by page, each of which is of one kind. */
static void
check_range(const void *p, size_t n, bool write, void *pc)
{
	vm_offset_t va = (vm_offset_t)p;

	while (n != 0) {
		size_t part = MIN(n, PAGE_SIZE - (va & PAGE_MASK));

		check(va, part, write, pc);
		va += part;
		n -= part;
	}
}

#define DEFINE(n)                                                 \
	void __asan_load##n##_noabort(vm_offset_t va)             \
	{                                                         \
		check(va, n, false, __builtin_return_address(0)); \
	}                                                         \
	void __asan_store##n##_noabort(vm_offset_t va)            \
	{                                                         \
		check(va, n, true, __builtin_return_address(0));  \
	}
KASAN_ACCESSES(DEFINE)

void
__asan_loadN_noabort(vm_offset_t va, size_t n)
{
	check_range((const void *)va, n, false, __builtin_return_address(0));
}

void
__asan_storeN_noabort(vm_offset_t va, size_t n)
{
	check_range((const void *)va, n, true, __builtin_return_address(0));
}

/* kernel/string.c is not instrumented: a check for each word would take most of
 * the time.  The ranges that it is given are checked. */

void *
__wrap_memcpy(void *dst, const void *src, size_t n)
{
	check_range(src, n, false, __builtin_return_address(0));
	check_range(dst, n, true, __builtin_return_address(0));
	return (__real_memcpy(dst, src, n));
}

void *
__wrap_memmove(void *dst, const void *src, size_t n)
{
	check_range(src, n, false, __builtin_return_address(0));
	check_range(dst, n, true, __builtin_return_address(0));
	return (__real_memmove(dst, src, n));
}

void *
__wrap_memset(void *dst, int c, size_t n)
{
	check_range(dst, n, true, __builtin_return_address(0));
	return (__real_memset(dst, c, n));
}

int
__wrap_memcmp(const void *a, const void *b, size_t n)
{
	check_range(a, n, false, __builtin_return_address(0));
	check_range(b, n, false, __builtin_return_address(0));
	return (__real_memcmp(a, b, n));
}

size_t
__wrap_strlen(const char *s)
{
	size_t n = __real_strlen(s);

	check_range(s, n + 1, false, __builtin_return_address(0));
	return (n);
}

/* --- the shadow --- */

/* [va, end) may be used, or nothing of it for the reason `v`.  A granule that
 * it begins in is whole: its start is aligned, or the rest stays usable. */
static void
set_shadow(vm_offset_t va, vm_offset_t end, uint8_t v)
{
	if (va % GRANULE != 0 && va < end) {
		*shadow(va) = v == 0 ? 0 : va % GRANULE;
		va = ROUND_UP(va, GRANULE);
	}
	for (; va < end; va += GRANULE)
		*shadow(va) = v == 0 && end - va < GRANULE ? end - va : v;
}

void
__asan_register_globals(const struct kasan_global *g, size_t n)
{
	for (; n-- > 0; g++)
		if (has_shadow(g->start))
			set_shadow(g->start + g->bytes,
			    g->start + g->bytes_with_redzone, KASAN_GLOBAL);
}

void
__asan_unregister_globals(const struct kasan_global *g __unused,
    size_t n __unused)
{
}

void
__asan_poison_stack_memory(vm_offset_t va, size_t n)
{
	set_shadow(va, va + n, KASAN_STACK_SCOPE);
}

void
__asan_unpoison_stack_memory(vm_offset_t va, size_t n)
{
	set_shadow(va, va + n, 0);
}

/* What never returns leaves its frames marked: sched_prepare() clears them
 * before another thread has the stack. */
void
__asan_handle_no_return(void)
{
}

void
__wrap_kva_init(void)
{
	__real_kva_init();
	for (void (*const *fn)(void) = kasan_constructors;
	     fn < kasan_constructors_end; fn++)
		(*fn)();
	arena_has_shadow = kmem_alloc_at(KASAN_SHADOW(KVA_BASE),
	    KASAN_SHADOW(KVA_END) - KASAN_SHADOW(KVA_BASE));
	ASSERT(arena_has_shadow, "kasan: no memory for the arena's shadow");
}

void *
__wrap_kmem_alloc(size_t bytes)
{
	void *p = __real_kmem_alloc(bytes);
	vm_offset_t va = (vm_offset_t)p;

	if (p != NULL)
		set_shadow(va + bytes, va + ROUND_UP(bytes, PAGE_SIZE),
		    KASAN_KMEM);
	return (p);
}

void
__wrap_kmem_free(void *p, size_t bytes)
{
	vm_offset_t va = (vm_offset_t)p;

	set_shadow(va, va + ROUND_UP(bytes, PAGE_SIZE), 0);
	__real_kmem_free(p, bytes);
}

vm_offset_t
__wrap_kstack_alloc(unsigned npages)
{
	vm_offset_t stack = __real_kstack_alloc(npages);

	if (stack != 0)
		set_shadow(stack, stack + npages * PAGE_SIZE, 0);
	return (stack);
}

/* Once a thread is joined, all of its stack below its struct thread is dead,
 * until the stack is another thread's. */
static void
mark_stack(const struct thread *td, uint8_t v)
{
	set_shadow(td->stack, (vm_offset_t)td, v);
}

struct thread *
__wrap_thread_alloc(const char *name)
{
	struct thread *td = __real_thread_alloc(name);

	if (td != NULL)
		mark_stack(td, 0);
	return (td);
}

void
__wrap_sched_prepare(struct thread *td)
{
	mark_stack(td, 0);
	__real_sched_prepare(td);
}

/* The stack may be another's before thread_join() returns, so the thread's end
 * is waited for here, in the same way. */
void
__wrap_thread_join(struct thread *td)
{
	sleepq_lock(td);
	while (load_relaxed(&td->state) != TDS_DEAD) {
		sleepq_wait_locked(td, 0, "join", 0);
		sleepq_lock(td);
	}
	sleepq_unlock(td);
	while (load_acquire(&td->on_cpu) != 0)
		cpu_pause();
	mark_stack(td, KASAN_DEAD_STACK);
	__real_thread_join(td);
}

/* --- the page allocator --- */

static uint32_t
allocator_enter(void)
{
	uint32_t flags = intr_disable();

	in_allocator[curcpu_id()] = true;
	return (flags);
}

static void
allocator_leave(uint32_t flags)
{
	in_allocator[curcpu_id()] = false;
	intr_restore(flags);
}

struct vm_page *
__wrap_vm_page_alloc(unsigned flags)
{
	uint32_t eflags = allocator_enter();
	struct vm_page *m = __real_vm_page_alloc(flags);

	allocator_leave(eflags);
	return (m);
}

struct vm_page *
__wrap_vm_page_alloc_contig(unsigned npages, unsigned flags)
{
	uint32_t eflags = allocator_enter();
	struct vm_page *m = __real_vm_page_alloc_contig(npages, flags);

	allocator_leave(eflags);
	return (m);
}

struct vm_page *
__wrap_vm_page_alloc_frame(pfn_t pfn, unsigned flags)
{
	uint32_t eflags = allocator_enter();
	struct vm_page *m = __real_vm_page_alloc_frame(pfn, flags);

	allocator_leave(eflags);
	return (m);
}

void
__wrap_vm_page_free(struct vm_page *m)
{
	uint32_t eflags = allocator_enter();

	__real_vm_page_free(m);
	allocator_leave(eflags);
}

void
__wrap_vm_page_free_contig(struct vm_page *m, unsigned npages)
{
	uint32_t eflags = allocator_enter();

	__real_vm_page_free_contig(m, npages);
	allocator_leave(eflags);
}
