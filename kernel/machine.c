/*
 * Ends the machine.
 */
#include "kernel/machine.h"
#include "kernel/console.h"
#include "kernel/x86.h"

#define EXIT_PORT 0xf4         /* QEMU's isa-debug-exit */
#define BOCHS_EXIT_PORT 0x8900 /* Bochs ends when it reads this word here */

void
machine_exit(enum exit_code code)
{
	console_drain();
	(void)intr_disable();
	outb(EXIT_PORT, code);
	for (const char *s = "Shutdown"; *s != '\0'; s++)
		outb(BOCHS_EXIT_PORT, *s);
	for (;;)
		cpu_halt();
}

void
machine_unable(const char *fmt, ...)
{
	va_list ap;

	kprintf_line("Ephemera cannot run here: ");
	va_start(ap, fmt);
	kvprintf(fmt, ap);
	va_end(ap);
	kprintf("\n");
	machine_exit(EXIT_UNABLE);
}
