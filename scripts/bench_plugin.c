/*
 * A plugin for QEMU that counts, in the sections that tests/bench/mark.h
 * marks, what the kernel cannot count itself without changing it:
 *
 *	locked operations: instructions with a LOCK prefix, and exchanges
 *	    with memory, which lock without one
 *	calls of the functions that take a lock
 *	cache lines that two or more CPUs wrote while they were at work, by
 *	    physical address, other than by copying and filling (rep)
 *
 *	-plugin bench.so,mark_begin=ADDRESS,...,lock=ADDRESS,...
 *
 * Addresses are those of the image's functions.  At each report mark it prints
 * one line of sums, and before that one for each shared line, on QEMU's
 * standard output, which is the kernel's console: so they stand before the
 * kernel's own line for the same case.
 *
 *	PLUGIN line va=c0639304 writers=c0210050,c0210090
 *	PLUGIN sums locked=8192 locks=0 lines=1 overflow=0
 *
 * For icount mode, in which one host thread runs all CPUs: nothing here is
 * locked.  Debian has no package with qemu-plugin.h, so what is used of it is
 * declared here.
 *
 * Source: QEMU's documentation, "QEMU TCG Plugins".
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXPORT __attribute__((visibility("default")))

/* --- of qemu-plugin.h --- */

typedef uint64_t plugin_id;

struct plugin_info {
	const char *target_name;
	struct {
		int min, cur;
	} version;
};

enum { CB_NO_REGS = 0, MEM_W = 2 };

struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_plugin_hwaddr;

void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id,
    void (*cb)(plugin_id id, struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *
qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
    void (*cb)(unsigned cpu, void *data), int flags, void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn,
    void (*cb)(unsigned cpu, uint32_t info, uint64_t va, void *data), int flags,
    int rw, void *data);
bool qemu_plugin_mem_is_store(uint32_t info);
struct qemu_plugin_hwaddr *qemu_plugin_get_hwaddr(uint32_t info, uint64_t va);
bool qemu_plugin_hwaddr_is_io(const struct qemu_plugin_hwaddr *addr);
uint64_t qemu_plugin_hwaddr_phys_addr(const struct qemu_plugin_hwaddr *addr);

/* Before version 3 of the interface it takes the first argument only and
 * returns a pointer; since then it fills a buffer. */
uintptr_t
qemu_plugin_insn_data(const struct qemu_plugin_insn *insn, void *to, size_t n);

EXPORT int qemu_plugin_version = 1;
EXPORT int qemu_plugin_install(plugin_id id, const struct plugin_info *info,
    int argc, char **argv);

static bool data_is_copied;

/* QEMU refuses a plugin of another version, so say the one that it has. */
__attribute__((constructor)) static void
choose_version(void)
{
	if (dlsym(RTLD_DEFAULT, "qemu_plugin_read_memory_vaddr") != NULL)
		qemu_plugin_version = 4;
	else if (dlsym(RTLD_DEFAULT, "qemu_plugin_n_vcpus") == NULL)
		qemu_plugin_version = 2;
}

/* --- what is counted --- */

#define MAXCPU 256
#define CACHE_LINE 64

struct counts {
	uint64_t locked, locks;
};

/* A line that was written. */
struct line {
	uint64_t number; /* physical address / CACHE_LINE, and 1: never 0 */
	uint32_t va;     /* the last one that was written */
	unsigned first;  /* the first CPU that wrote it */
	bool shared;     /* another did, too */
	uint32_t pc[2];  /* the first CPU's instruction, and another's */
};

#define LINES 65536 /* a power of 2 */
#define LINES_PRINTED 16
struct lines {
	struct line slot[LINES];
	unsigned n;
	bool overflow;
};

/* Those of the section that is under way, and of those kept so far. */
static struct counts now, kept;
static struct lines lines_now, lines_kept;
static bool measuring;
static bool at_work[MAXCPU];

static struct line *
find_line(struct lines *l, uint64_t number)
{
	unsigned i = (unsigned)(number * 0x9e3779b97f4a7c15u >> 48) % LINES;

	while (l->slot[i].number != 0 && l->slot[i].number != number)
		i = (i + 1) % LINES;
	return (&l->slot[i]);
}

static void
note_line(struct lines *l, uint64_t number, uint32_t va, unsigned cpu,
    uint32_t pc)
{
	struct line *line = find_line(l, number);

	if (line->number == 0) {
		if (l->n == LINES / 2) {
			l->overflow = true;
			return;
		}
		l->n++;
		*line = (struct line){
		    .number = number, .va = va, .first = cpu, .pc = {pc, 0}};
	} else if (cpu != line->first && !line->shared) {
		line->shared = true;
		line->va = va;
		line->pc[1] = pc;
	}
}

static void
forget_lines(struct lines *l)
{
	if (l->n != 0)
		memset(l, 0, sizeof(*l));
	l->overflow = false;
}

static void
keep_lines(void)
{
	lines_kept.overflow |= lines_now.overflow;
	for (unsigned i = 0; lines_now.n != 0 && i < LINES; i++) {
		struct line *line = &lines_now.slot[i];

		if (line->number == 0)
			continue;
		note_line(&lines_kept, line->number, line->va, line->first,
		    line->pc[0]);
		if (line->shared)
			note_line(&lines_kept, line->number, line->va,
			    line->first + 1, line->pc[1]);
	}
}

/* --- marks --- */

static void
mark_begin(void)
{
	now = (struct counts){0};
	forget_lines(&lines_now);
	measuring = true;
}

static void
mark_end(void)
{
	measuring = false;
}

static void
mark_keep(void)
{
	kept.locked += now.locked;
	kept.locks += now.locks;
	keep_lines();
}

/* One write for each line: what others print stands before or after it. */
static void
print(const char *text, int n)
{
	ssize_t done = write(STDOUT_FILENO, text, (size_t)n);

	(void)done;
}

static void
mark_report(void)
{
	char text[160];
	unsigned shared = 0;

	for (unsigned i = 0; lines_kept.n != 0 && i < LINES; i++) {
		struct line *line = &lines_kept.slot[i];

		if (line->number == 0 || !line->shared ||
		    shared++ >= LINES_PRINTED)
			continue;
		print(text,
		    snprintf(text, sizeof(text),
			"PLUGIN line va=%x writers=%x,%x\n", line->va,
			line->pc[0], line->pc[1]));
	}
	print(text,
	    snprintf(text, sizeof(text),
		"PLUGIN sums locked=%llu locks=%llu lines=%u overflow=%d\n",
		(unsigned long long)kept.locked, (unsigned long long)kept.locks,
		shared, lines_kept.overflow));
	kept = (struct counts){0};
	forget_lines(&lines_kept);
}

/* What is given by address. */
enum { BEGIN, END, KEEP, REPORT, WORK_BEGIN, WORK_END, LOCK };
static const char *const mark_name[] = {"mark_begin", "mark_end", "mark_keep",
    "mark_report", "work_begin", "work_end", "lock"};
#define NMARKS (sizeof(mark_name) / sizeof(mark_name[0]))

static void
at_mark(unsigned cpu, void *data)
{
	switch ((uintptr_t)data) {
	case BEGIN:
		mark_begin();
		break;
	case END:
		mark_end();
		break;
	case KEEP:
		mark_keep();
		break;
	case REPORT:
		mark_report();
		break;
	case WORK_BEGIN:
		at_work[cpu % MAXCPU] = true;
		break;
	case WORK_END:
		at_work[cpu % MAXCPU] = false;
		break;
	case LOCK:
		now.locks += measuring;
		break;
	}
}

static void
at_locked(unsigned cpu, void *data)
{
	(void)cpu;
	(void)data;
	now.locked += measuring;
}

static void
at_store(unsigned cpu, uint32_t info, uint64_t va, void *data)
{
	struct qemu_plugin_hwaddr *addr;

	/* The emulator of Debian 12 calls for loads, too. */
	if (!measuring || !at_work[cpu % MAXCPU] ||
	    !qemu_plugin_mem_is_store(info))
		return;
	addr = qemu_plugin_get_hwaddr(info, va);
	if (addr == NULL || qemu_plugin_hwaddr_is_io(addr))
		return;
	note_line(&lines_now,
	    qemu_plugin_hwaddr_phys_addr(addr) / CACHE_LINE + 1, (uint32_t)va,
	    cpu, (uint32_t)(uintptr_t)data);
}

/* --- at translation --- */

#define MAX_PLACES 32
static struct {
	uint32_t address;
	unsigned mark;
} place[MAX_PLACES];
static unsigned nplaces;

static bool
is_prefix(uint8_t b)
{
	return (b == 0xf0 || b == 0xf2 || b == 0xf3 || b == 0x66 || b == 0x67 ||
	    b == 0x2e || b == 0x36 || b == 0x3e || b == 0x26 || b == 0x64 ||
	    b == 0x65);
}

/* 86 and 87 are xchg; with mod 3 both operands are registers. */
static bool
is_locked(const uint8_t *code, size_t n)
{
	size_t i = 0;

	for (; i < n && is_prefix(code[i]); i++)
		if (code[i] == 0xf0)
			return (true);
	return (i + 1 < n && (code[i] & ~1) == 0x86 && code[i + 1] >> 6 != 3);
}

/* A string instruction that is repeated: f2 and f3 have other uses only before
 * instructions of two bytes. */
static bool
is_repeated(const uint8_t *code, size_t n)
{
	bool rep = false;
	size_t i = 0;

	for (; i < n && is_prefix(code[i]); i++)
		rep |= code[i] == 0xf2 || code[i] == 0xf3;
	return (rep && i < n && code[i] != 0x0f);
}

static void
instrument(struct qemu_plugin_insn *insn)
{
	uint32_t pc = (uint32_t)qemu_plugin_insn_vaddr(insn);
	size_t size = qemu_plugin_insn_size(insn);
	uint8_t copy[16] = {0};
	uintptr_t data = qemu_plugin_insn_data(insn, copy, sizeof(copy));
	const uint8_t *code = data_is_copied ? copy : (const uint8_t *)data;

	for (unsigned i = 0; i < nplaces; i++)
		if (place[i].address == pc)
			qemu_plugin_register_vcpu_insn_exec_cb(insn, at_mark,
			    CB_NO_REGS, (void *)(uintptr_t)place[i].mark);
	if (is_locked(code, size))
		qemu_plugin_register_vcpu_insn_exec_cb(insn, at_locked,
		    CB_NO_REGS, NULL);
	/* Copies and fills of data are not looked at, and are most stores. */
	if (!is_repeated(code, size))
		qemu_plugin_register_vcpu_mem_cb(insn, at_store, CB_NO_REGS,
		    MEM_W, (void *)(uintptr_t)pc);
}

static void
translated(plugin_id id, struct qemu_plugin_tb *tb)
{
	(void)id;
	for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++)
		instrument(qemu_plugin_tb_get_insn(tb, i));
}

/* --- arguments --- */

static bool
take_argument(const char *arg)
{
	const char *value = strchr(arg, '=');
	size_t n = value == NULL ? 0 : (size_t)(value - arg);

	for (unsigned i = 0; i < NMARKS; i++)
		if (n == strlen(mark_name[i]) &&
		    memcmp(arg, mark_name[i], n) == 0 && nplaces < MAX_PLACES) {
			place[nplaces].mark = i;
			place[nplaces++].address =
			    (uint32_t)strtoul(value + 1, NULL, 16);
			return (true);
		}
	return (false);
}

int
qemu_plugin_install(plugin_id id, const struct plugin_info *info, int argc,
    char **argv)
{
	data_is_copied = info->version.cur >= 3;
	for (int i = 0; i < argc; i++)
		if (!take_argument(argv[i])) {
			fprintf(stderr, "bench plugin: bad argument %s\n",
			    argv[i]);
			return (1);
		}
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	return (0);
}
