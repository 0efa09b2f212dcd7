/*
 * Accesses to the wrong place on purpose: each must be met with its sentence,
 * see tests/sanitize/rows.cfg.  The runner runs a suite of this name only if the
 * test is named in full.
 */
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"
#include "tests/test.h"

/* What the compiler cannot know. */
static volatile unsigned five = 5;
static volatile int result;
static int five_words[5];

TEST(selftest_kasan, global_out_of_bounds)
{
	result = five_words[five];
}

TEST(selftest_kasan, constant_out_of_bounds)
{
	static const char text[] = "five";

	result = ((const volatile char *)text)[five];
}

TEST(selftest_kasan, stack_out_of_bounds)
{
	volatile int word[5] = {0};

	result = word[five];
}

TEST(selftest_kasan, stack_out_of_scope)
{
	volatile int *volatile p = NULL;

	for (int i = 0; i < 2; i++) {
		volatile int word[4];

		if (i == 1)
			break;
		word[0] = i;
		p = word;
	}
	result = *p;
}

TEST(selftest_kasan, page_after_free)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_DIRECT);
	volatile char *p = pmap_phys_to_direct(VM_PAGE_TO_PHYS(m));

	p[8] = 1;
	vm_page_free(m);
	p[9] = 1;
}

TEST(selftest_kasan, kmem_out_of_bounds)
{
	volatile char *p = kmem_alloc(PAGE_SIZE - 3);

	p[PAGE_SIZE - 8 + five] = 1;
}

static vm_offset_t left_behind;

static void
leave_behind(void *arg __unused)
{
	volatile int word = 1;

	left_behind = (vm_offset_t)&word;
}

TEST(selftest_kasan, stack_after_join)
{
	thread_join(thread_create("brief", leave_behind, NULL));
	result = *(volatile int *)left_behind;
}
