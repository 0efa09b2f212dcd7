/*
 * A run of the host build: start the machine, do one load, check, end.
 */
#include "tests/port/stress.h"
#include "kernel/console.h"
#include "kernel/cpu.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "kernel/timeout.h"
#include "mm/kva.h"
#include "mm/memmap.h"
#include "mm/pmap.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include <sys/sf_buf.h>
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/kernel.h"
#include "tests/port/machine.h"

struct stress_config stress_config = {
    .seed = 1,
    .cpus = 4,
    .slots = 7,
    .threads = 8,
    .ops = 200,
};

static const struct {
	const char *name;
	void (*fn)(void);
	const char *text;
} kinds[] = {
    {"sf_buf", stress_sf_buf, "map, touch and free pages in every way"},
    {"page", stress_page, "allocate and free page frames"},
    {"kva", stress_kva, "allocate and free ranges of addresses"},
    {"sleepq", stress_sleepq, "sleep, wake, signal, time out"},
    {"tlb", stress_tlb, "start shootdowns and ask whether they are done"},
};
static unsigned kind;

static const struct {
	const char *name;
	uint32_t *value;
	uint32_t least, most;
	const char *text;
} settings[] = {
    {"cpus", &stress_config.cpus, 1, PORT_CPUS, "CPUs"},
    {"slots", &stress_config.slots, 1, 1024, "buffers of the window"},
    {"threads", &stress_config.threads, 1, 40, "threads that work"},
    {"ops", &stress_config.ops, 1, UINT32_MAX, "operations of each"},
    {"strict", &stress_config.strict, 0, 1, "strict mode"},
    {"dmap", &stress_config.dmap, 0, 1, "direct pages use the direct map"},
    {"several", &stress_config.several, 0, 1, "mostly several at once"},
    {"far", &stress_config.far, 0, 1, "half of the frames lie above 4 GiB"},
};

static const char *const bugs[] = {
    [BUG_NONE] = "none",
    [BUG_SKIP_CPU] = "skip-cpu",
    [BUG_DROP_INVLPG] = "drop-invlpg",
    [BUG_DROP_CR3] = "drop-cr3",
    [BUG_LATE_ACCESSED] = "late-accessed",
    [BUG_LOST_IPI] = "lost-ipi",
};

bool
stress_set_kind(const char *name)
{
	for (kind = 0; kind < nitems(kinds); kind++)
		if (strcmp(kinds[kind].name, name) == 0)
			return (true);
	return (false);
}

static bool
set_bug(const char *name)
{
	for (unsigned i = 0; i < nitems(bugs); i++)
		if (strcmp(bugs[i], name) == 0) {
			stress_config.bug = (enum port_bug)i;
			return (true);
		}
	return (false);
}

bool
stress_set(const char *name, const char *text, uint64_t value)
{
	if (strcmp(name, "bug") == 0)
		return (set_bug(text));
	if (strcmp(name, "seed") == 0) {
		stress_config.seed = value;
		return (true);
	}
	for (unsigned i = 0; i < nitems(settings); i++)
		if (strcmp(settings[i].name, name) == 0) {
			*settings[i].value = (uint32_t)value;
			return (value >= settings[i].least &&
			    value <= settings[i].most);
		}
	return (false);
}

void
stress_print_usage(void)
{
	for (unsigned i = 0; i < nitems(kinds); i++)
		host_print("  %-12s %s\n", kinds[i].name, kinds[i].text);
	host_print("words: seed=N");
	for (unsigned i = 0; i < nitems(settings); i++)
		host_print("; %s=%u to %u: %s", settings[i].name,
		    settings[i].least, settings[i].most, settings[i].text);
	host_print("; bug=");
	for (unsigned i = 0; i < nitems(bugs); i++)
		host_print(" %s", bugs[i]);
	host_print("\n");
}

void
stress_fail(const char *fmt, ...)
{
	va_list ap;

	host_print("FAIL: ");
	va_start(ap, fmt);
	host_vprint(fmt, ap);
	va_end(ap);
	host_print("\n");
	machine_print();
	host_exit(HOST_FAILED);
}

void
stress_progress(void)
{
	machine_progress();
}

/* --- threads --- */

struct member {
	unsigned i;
	void (*fn)(unsigned i);
};

static _Atomic unsigned nworking;

/* None ends before all have done their work: others may send it signals. */
static void
member_main(void *arg)
{
	const struct member *m = arg;

	m->fn(m->i);
	atomic_fetch_sub(&nworking, 1);
	while (atomic_load(&nworking) != 0)
		pause_sleep("team", 20000);
}

/* Uses a CPU and asks for nothing: only an interrupt reaches that CPU. */
static void
compute(void *arg)
{
	const _Atomic bool *done = arg;

	while (!load_acquire(done))
		continue;
}

void
stress_team(unsigned n, void (*fn)(unsigned i))
{
	static struct member members[PORT_THREADS];
	static _Atomic bool done;
	struct thread *td[PORT_THREADS], *computes;

	store_relaxed(&done, false);
	computes = thread_create_on(cpu_count() - 1, "computes", compute,
	    (void *)&done);
	ASSERT(n < PORT_THREADS && computes != NULL, "a team of %u", n);
	store_relaxed(&nworking, n);
	for (unsigned i = 0; i < n; i++) {
		members[i] = (struct member){.i = i, .fn = fn};
		td[i] = thread_create("works", member_main, &members[i]);
		ASSERT(td[i] != NULL, "no thread");
	}
	for (unsigned i = 0; i < n; i++)
		thread_join(td[i]);
	store_release(&done, true);
	thread_join(computes);
}

/* --- the machine --- */

static void
main_thread(void *arg)
{
	(void)arg;
	while (cpu_count() != stress_config.cpus)
		sched_yield();
	STRESS_CHECK(sf_buf_init_cpus(stress_config.cpus) == 0,
	    "no private windows");
	kinds[kind].fn();
	host_exit(0);
}

static uint32_t
number_of_frames(void)
{
	return (stress_config.far ? FAR_FRAME + FAR_FRAMES : FRAMES);
}

static void
start_kernel(void)
{
	static struct memmap map;
	uint32_t nframes = number_of_frames();

	map.nranges = 1 + stress_config.far;
	map.range[0].end = (vm_paddr_t)FRAMES * PAGE_SIZE;
	map.range[1].start = (vm_paddr_t)FAR_FRAME * PAGE_SIZE;
	map.range[1].end = (vm_paddr_t)nframes * PAGE_SIZE;
	vm_page_init(&map, host_map(NULL, nframes * sizeof(struct vm_page)),
	    nframes, (vm_paddr_t)DIRECT_FRAMES * PAGE_SIZE);
	kva_init();
	timeout_init_queues();
	kernel_init_stacks();
	sched_init();
	for (unsigned i = 0; i < stress_config.cpus; i++)
		STRESS_CHECK(sched_init_cpu(cpu_by_id(i)), "no idle thread");
	STRESS_CHECK(sf_buf_init(stress_config.slots, stress_config.dmap,
			 stress_config.strict) == 0,
	    "no window");
	STRESS_CHECK(thread_create_on(0, "main", main_thread, NULL) != NULL,
	    "no thread");
}

static void
boot(void)
{
	static _Atomic bool started;

	if (curcpu_id() == 0) {
		tlb_cpu_start();
		start_kernel();
		store_release(&started, true);
	} else {
		while (!load_acquire(&started))
			cpu_pause();
		tlb_cpu_start();
	}
	sched_start();
}

void
stress_run(void)
{
	machine_init(stress_config.cpus);
	mmu_init(number_of_frames(),
	    stress_config.slots * (1 + stress_config.strict));
	exec_start(stress_config.cpus, stress_config.seed, boot);
}
