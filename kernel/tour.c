/*
 * The tour: the first boot module becomes a file in page frames, goes out on
 * COM2 by sendfile(), and the bill is printed.
 */
#include "kernel/tour.h"
#include <sys/sf_buf.h>
#include "boot/bootinfo.h"
#include "kernel/clock.h"
#include "kernel/com2.h"
#include "kernel/console.h"
#include "kernel/counter.h"
#include "kernel/x86.h"
#include "mm/vm_page.h"
#include "sf_buf/consumers/memfile.h"
#include "sf_buf/consumers/sendfile.h"
#include "sf_buf/consumers/uio.h"

/* A number with commas: 20 digits, 6 commas, the end. */
#define COMMAS_BYTES 27

/* A progress line is rewritten no more often than a person can read. */
#define PROGRESS_SPAN (500 * MSEC)

static const char *
with_commas(char buf[COMMAS_BYTES], uint64_t n)
{
	char *at = buf + COMMAS_BYTES - 1;
	unsigned digits = 0;
	uint32_t digit;

	*at = '\0';
	do {
		if (digits != 0 && digits % 3 == 0)
			*--at = ',';
		n = div64(n, 10, &digit);
		*--at = (char)('0' + digit);
		digits++;
	} while (n != 0);
	return (at);
}

/* --- progress --- */

struct progress {
	const char *verb; /* "copying" */
	uint64_t done, total;
	nsec_t printed; /* when */
};

static void
progress_print(struct progress *p)
{
	char done[COMMAS_BYTES], total[COMMAS_BYTES];

	kprintf("\r  %s: %s of %s KiB", p->verb,
	    with_commas(done, p->done >> 10),
	    with_commas(total, p->total >> 10));
	p->printed = clock_now();
}

static void
progress_update(struct progress *p, uint64_t done)
{
	p->done = done;
	if (clock_now() - p->printed >= PROGRESS_SPAN)
		progress_print(p);
}

static void
progress_end(struct progress *p)
{
	progress_print(p);
	kprintf("\n");
}

static void
copy_progress(uint64_t done, uint64_t total __unused, void *arg)
{
	progress_update(arg, done);
}

/* Takes a page or less at a time, so that progress is seen. */
static int
com2_sink(struct uio *uio, void *arg)
{
	struct progress *p = arg;
	size_t n;
	const void *buf = uio_front(uio, &n);

	com2_write(buf, n);
	uio_advance(uio, n);
	progress_update(p, p->done + n);
	return (0);
}

/* --- the bill --- */

struct cost {
	enum counter counter;
	const char *text;
};

static const struct cost costs[] = {
    {CTR_sf_hit, "found mapped (hits)"},
    {CTR_sf_miss, "newly mapped (misses)"},
    {CTR_sf_direct, "seen in the direct map"},
    {CTR_sf_allocwait, "waits for a buffer"},
    {CTR_pte_writes, "page-table entries written"},
    {CTR_tlb_invlpg, "single TLB entries flushed"},
    {CTR_tlb_cr3_reloads, "whole TLBs flushed"},
    {CTR_tlb_rounds, "shootdown rounds"},
    {CTR_tlb_ipis_sent, "interrupts sent for them"},
};

static void
costs_read(uint32_t counts[nitems(costs)])
{
	for (size_t i = 0; i < nitems(costs); i++)
		counts[i] = counter_read(costs[i].counter);
}

static void
print_cost(uint32_t n, size_t npages)
{
	char number[COMMAS_BYTES];
	uint64_t hundredths = div64((uint64_t)n * 100, (uint32_t)npages, NULL);
	uint32_t fraction;
	uint64_t whole = div64(hundredths, 100, &fraction);

	kprintf("%12s %6llu.%02u", with_commas(number, n), whole, fraction);
}

/* What copying (from before to between) and sending (to after) cost. */
static void
costs_print(const uint32_t *before, const uint32_t *between,
    const uint32_t *after, size_t npages)
{
	kprintf("\n%-28s%12s %9s%12s %9s\n", "  What it cost", "copying in",
	    "per page", "sending", "per page");
	for (size_t i = 0; i < nitems(costs); i++) {
		kprintf("  %-26s", costs[i].text);
		print_cost(between[i] - before[i], npages);
		print_cost(after[i] - between[i], npages);
		kprintf("\n");
	}
	kprintf("\n");
}

/* --- the file --- */

static void
print_pages(const struct memfile *f)
{
	char all[COMMAS_BYTES], high[COMMAS_BYTES];
	size_t nhigh = 0;

	for (size_t i = 0; i < f->npages; i++)
		nhigh += !vm_page_is_direct(f->page[i]);
	kprintf("  in %s page%s, ", with_commas(all, f->npages),
	    f->npages == 1 ? "" : "s");
	if (nhigh == f->npages)
		kprintf("all above the direct map\n");
	else if (nhigh == 0)
		kprintf("all in the direct map\n");
	else
		kprintf("%s of them above the direct map\n",
		    with_commas(high, nhigh));
}

/* Copy the module in; false, having said why, if it cannot be. */
static bool
load(struct memfile *f, const struct boot_module *module)
{
	struct progress p = {.verb = "copying"};
	uint64_t bytes = module->end - module->start;
	char need[COMMAS_BYTES], have[COMMAS_BYTES];

	p.total = bytes;
	if (memfile_create(f, bytes) != 0) {
		kprintf("It does not fit: %s KiB are needed, %s KiB are "
			"free.  Give the machine more memory (make run "
			"MEM=4G).\n",
		    with_commas(need, (bytes + 1023) >> 10),
		    with_commas(have, (uint64_t)vm_page_available() << 2));
		return (false);
	}
	print_pages(f);
	if (memfile_copy_from_phys(f, 0, module->start, bytes, copy_progress,
		&p) != 0) {
		kprintf("The boot loader put it where this processor cannot "
			"reach: %#llx.\n",
		    module->start);
		memfile_destroy(f);
		return (false);
	}
	p.done = bytes;
	progress_end(&p);
	return (true);
}

static void
send(const struct memfile *f)
{
	struct progress p = {.verb = "sending", .total = f->bytes};
	uint64_t sent;
	int error = sendfile(f, com2_sink, &p, 0, f->bytes, NULL, &sent, 0);

	com2_drain();
	progress_end(&p);
	if (error != 0)
		kprintf("Sending ended early: error %d.\n", error);
	/* scripts/console.py waits for this line. */
	kprintf_line("sendfile: %llu bytes sent on COM2\n", sent);
}

static void
load_and_send(const struct boot_module *module)
{
	uint32_t before[nitems(costs)], between[nitems(costs)];
	uint32_t after[nitems(costs)];
	struct memfile f;

	costs_read(before);
	if (!load(&f, module))
		return;
	costs_read(between);
	send(&f);
	costs_read(after);
	costs_print(before, between, after, f.npages);
	memfile_destroy(&f);
}

void
tour(void)
{
	const struct bootinfo *bi = bootinfo();
	const struct boot_module *module = &bi->module[0];
	struct vm_page_stats st;
	char bytes[COMMAS_BYTES];
	bool dmap;

	if (bi->nmodules == 0) {
		kprintf("No file was passed: make run FILE=path sends one "
			"through the kernel.\n");
		return;
	}
	kprintf(
	    "\nThe tour: a file from a boot module into page frames, and out "
	    "again by sendfile.\n");
	kprintf("The file has %s bytes",
	    with_commas(bytes, module->end - module->start));
	if (module->end == module->start) {
		kprintf(": there is nothing to send.\n");
		return;
	}
	kprintf(".\n");
	if (!com2_init()) {
		kprintf("There is no second serial line to send it on.\n");
		return;
	}
	vm_page_get_stats(&st);
	if (st.total_pages[VM_ZONE_HIGH] != 0) {
		load_and_send(module);
		return;
	}
	kprintf("All memory is in the direct map, which costs nothing: to show "
		"the window,\n  every page goes through it now "
		"(sfbuf.dmap=off does this for good).\n");
	dmap = sf_buf_set_dmap(false);
	load_and_send(module);
	sf_buf_set_dmap(dmap);
}
