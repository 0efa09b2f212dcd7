/*
 * Bugs on purpose, one a boot, and the sentence that each must be met with.
 *
 *	BUG(sf_overfree, "sf_buf_free: nobody holds it (*, of the window)")
 *	{
 *		...
 *	}
 *
 * registers a bug through a linker section.  The kernel does it when it is told
 * panic=sf-overfree, and prints all with panic=list, from which tests/matrix.py
 * makes a row of tests each: bug-sf-overfree.  No two have the same sentence.
 */
#ifndef TESTS_PANICS_H
#define TESTS_PANICS_H

#include "kernel/types.h"

struct bug {
	const char *name; /* printed and given with - for _ */
	void (*fn)(void);
	/* The report's first line, whole, but for "panic: ".  * is any text. */
	const char *says;
	const char *also;    /* parts of later lines, | between; NULL: none */
	const char *options; /* of the command line; NULL: none */
	bool debug;          /* met by a kernel made with DEBUG=1 only */
};

/* Every bug of the image, gathered by linker.ld. */
extern const struct bug bugs_start[], bugs_end[];

/* The rest are initializers, such as .also = "..." */
#define BUG(name_, ...)                                                     \
	static void bug_##name_(void);                                      \
	static const struct bug bug_entry_##name_ __used __section(".bugs") \
	    __aligned(4) = {                                                \
		.name = #name_, .fn = bug_##name_, .says = __VA_ARGS__};    \
	static void bug_##name_(void)

/*
 * Do what the command line's panic=NAME names, or print the bugs for panic=list.
 *   name: NULL or unknown: a plain panic.
 */
void panic_on_purpose(const char *name) __noreturn;

/* Call fn(arg) in an interrupt handler of this CPU; waits for ever. */
void bug_in_interrupt(void (*fn)(void *), void *arg) __noreturn;

#endif
