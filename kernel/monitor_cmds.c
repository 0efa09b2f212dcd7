/*
 * The monitor's commands about CPUs, threads and tests.
 */
#include "kernel/monitor_cmds.h"
#include "kernel/backtrace.h"
#include "kernel/console.h"
#include "kernel/counter.h"
#include "kernel/cpu.h"
#include "kernel/machine.h"
#include "kernel/panic.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/tour.h"
#include "tests/runner.h"

bool
monitor_number(const char *word, const char *what, uint64_t limit,
    uint64_t *value)
{
	if (!parse_number(word, value)) {
		kprintf("'%s' is no number; one is decimal, or hexadecimal "
			"after 0x.\n",
		    word);
		return (false);
	}
	if (*value >= limit) {
		kprintf("There is no %s %s; the last is %llu.\n", what, word,
		    limit - 1);
		return (false);
	}
	return (true);
}

bool
cmd_cpus(unsigned argc __unused, char **argv __unused)
{
	unsigned cpu;

	kprintf(" CPU  APIC    switches  timer intrs  shootdowns served\n");
	CPUMASK_FOREACH(cpu, cpu_online()) {
		kprintf("%4u  %4u  %10u  %11u  %17u\n", cpu,
		    cpu_by_id(cpu)->apic_id,
		    counter_read_cpu(cpu, CTR_ctx_switches),
		    counter_read_cpu(cpu, CTR_timer_intrs),
		    counter_read_cpu(cpu, CTR_tlb_ipis_received));
	}
	return (true);
}

static void
print_thread(const struct thread *td, void *arg __unused)
{
	/* Threads run on meanwhile: a glance, not a snapshot. */
	const char *wmesg = td->wmesg;
	bool asleep = load_relaxed(&td->state) == TDS_SLEEPING;

	kprintf("%5u  %-*s %-9s%4u  %s%s\n", td->tid, THREAD_NAME_BYTES,
	    td->name, thread_state_name(td), td->cpu,
	    asleep && wmesg != NULL ? wmesg : "-",
	    td->bound_cpu >= 0 || td->pinned != 0 ? "  (stays there)" : "");
}

bool
cmd_ps(unsigned argc __unused, char **argv __unused)
{
	kprintf("  TID  %-*s STATE     CPU  WAITS FOR\n", THREAD_NAME_BYTES,
	    "NAME");
	thread_foreach(print_thread, NULL);
	return (true);
}

bool
cmd_counters(unsigned argc, char **argv)
{
	uint64_t cpu = MAXCPU;

	if (argc > 1 && !monitor_number(argv[1], "CPU", cpu_count(), &cpu))
		return (false);
	for (enum counter c = 0; c < NCOUNTER; c++)
		kprintf("%11u  %-18s %s\n",
		    cpu == MAXCPU ? counter_read(c) :
				    counter_read_cpu((unsigned)cpu, c),
		    counter_name(c), counter_text(c));
	return (true);
}

bool
cmd_bt(unsigned argc __unused, char **argv __unused)
{
	backtrace_print(0, read_frame_pointer());
	return (true);
}

bool
cmd_test(unsigned argc, char **argv)
{
	if (argc < 2)
		return (false);
	test_run(argv[1], 1);
	return (true);
}

bool
cmd_sendfile(unsigned argc __unused, char **argv __unused)
{
	tour();
	return (true);
}

bool
cmd_panic(unsigned argc, char **argv)
{
	/* split() put one zero or more between the words: blanks again. */
	for (unsigned i = 2; i < argc; i++) {
		for (char *s = argv[i]; *--s == '\0';)
			*s = ' ';
	}
	panic("%s", argc > 1 ? argv[1] : "asked for at the monitor");
}

bool
cmd_exit(unsigned argc __unused, char **argv __unused)
{
	machine_exit(EXIT_PASSED);
}
