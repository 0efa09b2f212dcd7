/*
 * Initialisation, a line a step, and then what the command line asks for.
 */
#include "kernel/main.h"
#include "boot/bootinfo.h"
#include "kernel/apic.h"
#include "kernel/banner.h"
#include "kernel/clock.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/machine.h"
#include "kernel/monitor.h"
#include "kernel/option.h"
#include "kernel/panic.h"
#include "kernel/serial_input.h"
#include "kernel/smp.h"
#include "kernel/stack_guard.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "kernel/topology.h"
#include "kernel/tour.h"
#include "kernel/trap.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/bench/bench.h"
#include "tests/panics.h"
#include "tests/runner.h"
#include <sys/sf_buf.h>

/* The boot CPU's own tables and stacks; the image's were for the first steps. */
static void
boot_cpu_init(void)
{
	struct cpu *c = cpu_boot();
	vm_offset_t df_stack = kstack_alloc(1);

	if (df_stack == 0 || !pmap_init_cpu(c) || !sched_init_cpu(c))
		machine_unable("too little memory for the boot CPU's tables.");
	c->df_stack_top = df_stack + PAGE_SIZE;
	cpu_load(c, 0);
	pmap_load_cpu(c);
	tlb_cpu_start();
}

static void
sf_buf_start(void)
{
	unsigned n = (unsigned)option_number("kern.ipc.nsfbufs", 0);

	if (sf_buf_init(n, option_on("sfbuf.dmap", true),
		option_on("sfbuf.strict", false)) != 0)
		machine_unable(
		    "too little memory for the sf_bufs; try a smaller number, "
		    "like kern.ipc.nsfbufs=64.");
}

/* Run the tests that are asked for; the machine ends with their result. */
static void
run_tests(const char *glob)
{
	int failed = test_run(glob, (unsigned)option_number("repeat", 1));

	machine_exit(failed < 0 ? EXIT_NOTHING :
		failed == 0     ? EXIT_PASSED :
				  EXIT_FAILED);
}

/* The same for benchmarks, of which none can fail. */
static void
run_benchmarks(const char *globs)
{
	const char *engines = option_string("bench.engine");
	const char *word = option_string("bench.what");
	enum bench_what what = BENCH_COST;

	if (word != NULL && strcmp(word, "time") == 0)
		what = BENCH_TIME;
	else if (word != NULL && strcmp(word, "scaling") == 0)
		what = BENCH_SCALING;
	else if (word != NULL && strcmp(word, "cost") != 0)
		kprintf_line("bench.what is cost, time or scaling\n");
	if (engines == NULL)
		engines = "*";
	machine_exit(bench_run(globs, engines, what) != 0 ? EXIT_PASSED :
							    EXIT_NOTHING);
}

/* The first thread: it can sleep, so it does what needs that. */
static void
main_thread(void *arg __unused)
{
	const char *glob = option_string("test");
	const char *bench = option_string("bench");

	smp_start((unsigned)option_number("cpus", MAXCPU),
	    (int)option_number("cpus.phantom", (uint64_t)-1));
	if (sf_buf_init_cpus(cpu_count()) != 0)
		machine_unable("too little memory for private windows.");
	panic_set_explainer(sf_buf_explain_fault);
	serial_input_init();
	banner();
	if (option_string("panic") != NULL || option_present("panic"))
		panic_on_purpose(option_string("panic"));
	if (option_present("list"))
		machine_exit(test_list(glob != NULL ? glob : "*") != 0 ?
			EXIT_PASSED :
			EXIT_NOTHING);
	if (glob != NULL)
		run_tests(glob);
	if (bench != NULL)
		run_benchmarks(bench);
	if (!option_present("monitor"))
		tour();
	monitor();
}

void
kernel_main(void)
{
	option_parse(bootinfo()->cmdline); /* words of the command line */
	stack_guard_init();                /* this boot's guard of stacks */
	kva_init();                        /* kernel addresses */
	timeout_init_queues();             /* calls at a time */
	sched_init();                      /* run queues */
	boot_cpu_init(); /* page tables and idle thread of CPU 0 */
	topology_init(); /* which CPUs and interrupt controllers */
	lapic_init(topology()->lapic_pa);
	cpu_boot()->apic_id = lapic_id();
	clock_init();   /* time, measured */
	sf_buf_start(); /* the window */
	if (thread_create("main", main_thread, NULL) == NULL)
		machine_unable("too little memory for a thread.");
	sched_start(); /* leaves for main_thread() */
}
