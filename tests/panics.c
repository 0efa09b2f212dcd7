/*
 * Bugs on purpose.  Each row of tests/tests.cfg that boots with panic=NAME
 * expects the sentence that the bug must be met with.
 */
#include "tests/panics.h"
#include "kernel/console.h"
#include "kernel/copy.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/mutex.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/vm_page.h"

static struct spinlock lock_a = SPINLOCK_INITIALIZER("panic a", RANK_TEST);
static struct spinlock lock_leaf = SPINLOCK_INITIALIZER("panic b", RANK_LEAF);

static struct mtx mutex = MTX_INITIALIZER("panic c", MTX_RANK_TEST);

/* Recursion that the compiler cannot turn into a loop, nor see the end of. */
static int
eat_stack(volatile int *depth)
{
	volatile int mine = *depth + 1;

	if (mine < 0)
		return (0);
	return (eat_stack(&mine) + mine);
}

static void
bug_stack(void)
{
	volatile int depth = 0;

	(void)eat_stack(&depth);
}

static void
bug_fault(void)
{
	static int *volatile nowhere = (int *)0x10;

	*nowhere = 1;
}

static void
bug_rodata(void)
{
	*(volatile char *)image_rodata = 1;
}

static void
bug_execute_data(void)
{
	static char ret_instruction[] = {(char)0xc3};
	void (*fn)(void) = (void (*)(void))(vm_offset_t)ret_instruction;

	fn();
}

static void
bug_double_free(void)
{
	struct vm_page *m = vm_page_alloc(VM_ALLOC_ANY);

	vm_page_free(m);
	vm_page_free(m);
}

static void
bug_free_wired(void)
{
	vm_page_free(vm_page_alloc(VM_ALLOC_WIRED));
}

static void
bug_unwire(void)
{
	vm_page_unwire(vm_page_alloc(VM_ALLOC_ANY));
}

static void
bug_lock_order(void)
{
	spin_lock(&lock_leaf);
	spin_lock(&lock_a);
}

static void
bug_lock_twice(void)
{
	spin_lock(&lock_a);
	spin_lock(&lock_a);
}

static void
bug_sleep_locked(void)
{
	spin_lock(&lock_a);
	pause_sleep("bug", MSEC);
}

static void
bug_sleep_critical(void)
{
	critical_enter();
	pause_sleep("bug", MSEC);
}

static void
bug_mutex_twice(void)
{
	mtx_lock(&mutex);
	mtx_lock(&mutex);
}

static void
bug_mutex_not_owner(void)
{
	mtx_unlock(&mutex);
}

/* Only the buffer's address may be bad. */
static void
bug_copy_source(void)
{
	char buf[8];

	copy_to_buffer(buf, (void *)0x10, sizeof(buf));
}

/* Each level recovers from a fault; the last one has no stack to do it on. */
static int
eat_stack_by_faults(volatile int *depth)
{
	char byte;
	volatile int mine = *depth + 1 + (int)copy_from_buffer(&byte, NULL, 1);

	if (mine < 0)
		return (0);
	return (eat_stack_by_faults(&mine) + mine);
}

static void
bug_copy_stack(void)
{
	volatile int depth = 0;

	(void)eat_stack_by_faults(&depth);
}

static const struct {
	const char *name;
	void (*fn)(void);
} bugs[] = {
    {"stack", bug_stack},
    {"fault", bug_fault},
    {"rodata", bug_rodata},
    {"execute-data", bug_execute_data},
    {"double-free", bug_double_free},
    {"free-wired", bug_free_wired},
    {"unwire", bug_unwire},
    {"lock-order", bug_lock_order},
    {"lock-twice", bug_lock_twice},
    {"sleep-locked", bug_sleep_locked},
    {"sleep-critical", bug_sleep_critical},
    {"mutex-twice", bug_mutex_twice},
    {"mutex-not-owner", bug_mutex_not_owner},
    {"copy-source", bug_copy_source},
    {"copy-stack", bug_copy_stack},
};

void
panic_on_purpose(const char *name)
{
	for (unsigned i = 0; name != NULL && i < nitems(bugs); i++)
		if (strcmp(bugs[i].name, name) == 0)
			bugs[i].fn();
	if (name != NULL) {
		sf_panic_on_purpose(name);
		kprintf("option: no bug is called \"%s\"; tests/panics.c and "
			"tests/sf_panics.c have the list\n",
		    name);
	}
	panic("on purpose");
}
