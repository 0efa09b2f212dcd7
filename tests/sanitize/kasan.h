/*
 * Accesses to what is not an object, or no longer one, in a kernel built with
 * -fsanitize=kernel-address (tests/variants/kasan.mk).  Before each access the
 * compiler calls one of these; a bad one panics.  What is caught:
 *
 *	a page frame that is free, in the direct map: by the state in its
 *	struct vm_page, exact to the moment;
 *	what lies beyond a variable, static or on a stack; a variable that is
 *	out of scope; what kmem_alloc() did not give of its last page; the stack
 *	of a joined thread: by the shadow.
 *
 * The shadow has a byte for each 8 bytes of constants, data, and the KVA arena
 * (tests/sanitize/kasan/mm/layout.h makes that smaller).  0: all 8 may be used;
 * 1 to 7: so many, from the first; else none, and the value says why.
 *
 * Code that the compiler puts into functions, to mark what lies around their
 * variables, finds the shadow of an address at address / 8 + KASAN_OFFSET; so
 * tests/sanitize/kasan.ld and tests/variants/kasan.mk repeat these numbers.
 */
#ifndef TESTS_SANITIZE_KASAN_H
#define TESTS_SANITIZE_KASAN_H

#include "kernel/types.h"
#include "mm/layout.h"

struct thread;
struct vm_page;

#define KASAN_OFFSET 0xa85b0000u
#define KASAN_SHADOW(va) (((vm_offset_t)(va) >> 3) + KASAN_OFFSET)

/* Constants and data: their shadow lies within the data. */
#define KASAN_IMAGE_START 0xc0400000u
#define KASAN_IMAGE_END 0xc0800000u
_Static_assert(KASAN_SHADOW(KASAN_IMAGE_START) == 0xc0630000u &&
	KASAN_SHADOW(KASAN_IMAGE_END) == 0xc06b0000u,
    "the shadow of the image is where kasan.ld puts it");
/* Values of the shadow; the first are the compiler's own. */
enum kasan_shadow {
	KASAN_STACK_BEFORE = 0xf1,
	KASAN_STACK_BETWEEN = 0xf2,
	KASAN_STACK_BEHIND = 0xf3,
	KASAN_STACK_SCOPE = 0xf8,
	KASAN_GLOBAL = 0xf9,
	KASAN_KMEM = 0xfc,
	KASAN_DEAD_STACK = 0xfd,
};

/* Where the linker gathers the functions that register each file's variables. */
extern void (*const kasan_constructors[])(void);
extern void (*const kasan_constructors_end[])(void);

/* As the compiler has it; only what is used here has a name. */
struct kasan_global {
	vm_offset_t start;
	size_t bytes, bytes_with_redzone;
	const void *unused[5];
};

void __asan_register_globals(const struct kasan_global *g, size_t n);
void __asan_unregister_globals(const struct kasan_global *g, size_t n);
void __asan_handle_no_return(void);
void __asan_poison_stack_memory(vm_offset_t va, size_t n);
void __asan_unpoison_stack_memory(vm_offset_t va, size_t n);

#define KASAN_ACCESSES(X) X(1) X(2) X(4) X(8) X(16)
#define KASAN_DECLARE(n)                               \
	void __asan_load##n##_noabort(vm_offset_t va); \
	void __asan_store##n##_noabort(vm_offset_t va);
KASAN_ACCESSES(KASAN_DECLARE)
void __asan_loadN_noabort(vm_offset_t va, size_t n);
void __asan_storeN_noabort(vm_offset_t va, size_t n);

/*
 * The linker has these called in place of the functions of these names
 * (ld's --wrap), and gives those the prefix __real_.
 */
#define KASAN_WRAP(type, name, ...)      \
	type __real_##name(__VA_ARGS__); \
	type __wrap_##name(__VA_ARGS__)
KASAN_WRAP(void *, memcpy, void *dst, const void *src, size_t n);
KASAN_WRAP(void *, memmove, void *dst, const void *src, size_t n);
KASAN_WRAP(void *, memset, void *dst, int c, size_t n);
KASAN_WRAP(int, memcmp, const void *a, const void *b, size_t n);
KASAN_WRAP(size_t, strlen, const char *s);
KASAN_WRAP(void, kva_init, void);
KASAN_WRAP(void *, kmem_alloc, size_t bytes);
KASAN_WRAP(void, kmem_free, void *p, size_t bytes);
KASAN_WRAP(vm_offset_t, kstack_alloc, unsigned npages);
KASAN_WRAP(void, sched_prepare, struct thread *td);
KASAN_WRAP(struct thread *, thread_alloc, const char *name);
KASAN_WRAP(void, thread_join, struct thread *td);
KASAN_WRAP(struct vm_page *, vm_page_alloc, unsigned flags);
KASAN_WRAP(struct vm_page *, vm_page_alloc_contig, unsigned npages,
    unsigned flags);
KASAN_WRAP(struct vm_page *, vm_page_alloc_frame, pfn_t pfn, unsigned flags);
KASAN_WRAP(void, vm_page_free, struct vm_page *m);
KASAN_WRAP(void, vm_page_free_contig, struct vm_page *m, unsigned npages);

#endif
