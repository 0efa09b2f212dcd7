/*
 * The guard of stack frames: its value, and the end of who breaks it.
 */
#include "kernel/stack_guard.h"
#include "kernel/backtrace.h"
#include "kernel/cpu.h"
#include "kernel/option.h"
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "kernel/x86.h"

/* Until the command line is read.  The 0 is where text would have to go on. */
uint32_t __stack_chk_guard = 0x5afe5a00;

/* One round of xorshift with a multiplication: each bit reaches most others. */
static uint32_t
mix(uint32_t v, uint32_t more)
{
	v = (v ^ more) * 2654435769u;
	v ^= v >> 15;
	v *= 2246822519u;
	return (v ^ v >> 13);
}

/*
 * The time since power-on in cycles: what the firmware and the loader took
 * differs each time.  Where the processor has a generator, its word, too.
 * (Under QEMU's -icount both are the same each time, as all else is.)
 */
static uint32_t
draw(void)
{
	uint64_t tsc = rdtsc();
	uint32_t v = mix((uint32_t)tsc, (uint32_t)(tsc >> 32)), word;

	if ((cpuid(1).ecx & CPUID_ECX_RDRAND) != 0 && rdrand(&word))
		v = mix(v, word);
	return (v);
}

/* Not guarded itself: the value changes under it. */
__no_stack_protector void
stack_guard_init(void)
{
	uint32_t v = option_present("seed") ?
	    mix(0, (uint32_t)option_number("seed", 0)) :
	    draw();

	__stack_chk_guard = v & ~0xffu;
}

/* The call is the last instruction of its function, so what follows it may
 * belong to the next. */
void
__stack_chk_fail(void)
{
	vm_offset_t pc = (vm_offset_t)__builtin_return_address(0) - 1, offset;
	const char *name = symbol_name(pc, &offset);

	panic("%s has written past the end of an array on its stack",
	    name != NULL ? name : "a function without a name");
}
