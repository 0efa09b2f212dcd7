/*
 * Bugs on purpose: finding and listing them; those that the processor meets,
 * by what page tables forbid, and the compiler's guard of stacks.
 */
#include "tests/panics.h"
#include <sys/sf_buf.h>
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"

/* --- stacks --- */

/* Recursion that the compiler cannot turn into a loop, nor see the end of. */
static int
eat_stack(volatile int *depth)
{
	volatile int mine = *depth + 1;

	if (mine < 0)
		return (0);
	return (eat_stack(&mine) + mine);
}

BUG(stack, "double fault at esp *: kernel stack overflow?",
    .also = "is the guard below the stack of thread main | eat_stack+0x")
{
	volatile int depth = 0;

	(void)eat_stack(&depth);
}

BUG(stack_above, "page fault: write of 0xa*, not mapped",
    .also = "is the guard above the stack of thread main")
{
	*(volatile char *)(curthread->stack + KSTACK_PAGES * PAGE_SIZE) = 1;
}

BUG(stack_smash,
    "bug_stack_smash has written past the end of an array on its "
    "stack")
{
	volatile size_t n = 24;
	char array[16];

	memset(array, 'A', n);
}

/* --- what is not mapped so --- */

BUG(fault, "page fault: write of 0x10, not mapped")
{
	static int *volatile nowhere = (int *)0x10;

	*nowhere = 1;
}

BUG(call_null, "page fault: execution of 0, not mapped")
{
	static void (*volatile nowhere)(void);

	nowhere();
}

BUG(text, "page fault: write of 0xc02*, not allowed")
{
	*(volatile char *)image_text = 1;
}

BUG(rodata, "page fault: write of 0xc04*, not allowed")
{
	*(volatile char *)image_rodata = 1;
}

/* An instruction that returns, at once. */
static void
execute(void *va)
{
	*(char *)va = (char)0xc3;
	((void (*)(void))va)();
}

BUG(execute_data, "page fault: execution of 0xc06*, not allowed")
{
	static char byte;

	execute(&byte);
}

BUG(execute_stack, "page fault: execution of 0xa*, not allowed")
{
	char byte;

	execute(&byte);
}

BUG(execute_direct, "page fault: execution of 0xc8*, not allowed")
{
	const vm_paddr_t pa = 128 << 20;

	ASSERT(vm_page_alloc_frame(pa >> PAGE_SHIFT, VM_ALLOC_ANY) != NULL,
	    "the frame at %#llx is in use", pa);
	execute(pmap_phys_to_direct(pa));
}

BUG(execute_window, "page fault: execution of 0x8*, not allowed",
    .options = "sfbuf.dmap=off")
{
	struct sf_buf *sf =
	    sf_buf_alloc(vm_page_alloc(VM_ALLOC_WIRED), SFB_DEFAULT);

	execute((void *)sf_buf_kva(sf));
}

BUG(execute_private, "page fault: execution of 0x4*, not allowed",
    .options = "sfbuf.dmap=off")
{
	struct sf_buf *sf;

	sched_pin();
	sf = sf_buf_alloc(vm_page_alloc(VM_ALLOC_WIRED), SFB_CPUPRIVATE);
	execute((void *)sf_buf_kva(sf));
}

/* --- all of them --- */

void
bug_in_interrupt(void (*fn)(void *), void *arg)
{
	static struct timeout timeout;

	timeout_init(&timeout, fn, arg);
	timeout_set(&timeout, clock_now());
	for (;;)
		cpu_pause();
}

/* The same name, with - for _ in the second? */
static bool
is_called(const struct bug *b, const char *name)
{
	const char *p = b->name;

	for (; *p != '\0' && *name == (*p == '_' ? '-' : *p); p++)
		name++;
	return (*p == '\0' && *name == '\0');
}

/* A line each, for tests/matrix.py. */
static void
list_bugs(void)
{
	for (const struct bug *b = bugs_start; b < bugs_end; b++) {
		if (b->debug && !EPHEMERA_DEBUG)
			continue;
		kprintf_line("bug ");
		for (const char *p = b->name; *p != '\0'; p++)
			kprintf("%c", *p == '_' ? '-' : *p);
		kprintf(" | %s | %s | %s\n",
		    b->options != NULL ? b->options : "", b->says,
		    b->also != NULL ? b->also : "");
	}
}

void
panic_on_purpose(const char *name)
{
	if (name != NULL && strcmp(name, "list") == 0) {
		list_bugs();
		machine_exit(EXIT_PASSED);
	}
	for (const struct bug *b = bugs_start; b < bugs_end; b++)
		if (name != NULL && is_called(b, name)) {
			b->fn();
			panic("nobody has met the bug %s", name);
		}
	if (name != NULL)
		kprintf("option: no bug is called \"%s\"; panic=list names "
			"them\n",
		    name);
	panic("on purpose");
}
