/*
 * A memory disk of a quarter of a window to four, read by every CPU, a page at a
 * time: in order, or anywhere.
 */
#include "sf_buf/consumers/md.h"
#include "tests/bench/load/load.h"
#include "kernel/panic.h"
#include "mm/kva.h"
#include "mm/vm_page.h"
#include "tests/test.h"

#define PAGE_SECTORS (PAGE_SIZE / MD_SECTOR_BYTES)

static struct md disk;

/* Kept by each worker. */
static struct {
	char *buf; /* a page */
	uint32_t at, state;
} __aligned(CACHE_LINE_BYTES) reader[MAXCPU];

static inline void
read_page(struct bench_walk *w, uint32_t page)
{
	int error = md_read(&disk, (uint64_t)page * PAGE_SECTORS, PAGE_SECTORS,
	    reader[w->worker].buf);

	ASSERT(error == 0, "md_read: error %d", error);
}

static void
sequential_loop(struct bench_walk *w)
{
	for (; w->left != 0; w->left--) {
		uint32_t page = reader[w->worker].at++;

		if (reader[w->worker].at == disk.file.npages)
			reader[w->worker].at = 0;
		read_page(w, page);
		bench_turn(w);
	}
}

static void
random_loop(struct bench_walk *w)
{
	for (; w->left != 0; w->left--) {
		read_page(w,
		    test_random(&reader[w->worker].state) % disk.file.npages);
		bench_turn(w);
	}
}

/* A disk of so many quarters of a window, every page of which was mapped. */
static void
set_up(unsigned workers, unsigned quarters)
{
	size_t npages = MAX(bench_window() * quarters / 4, 1);

	load_start();
	disk.file = (struct memfile){
	    .bytes = npages * PAGE_SIZE,
	    .npages = npages,
	    .page =
		(struct vm_page **)(vm_offset_t)load_pages((unsigned)npages),
	};
	for (unsigned i = 0; i < workers; i++) {
		reader[i].buf = kmem_alloc(PAGE_SIZE);
		reader[i].at = (uint32_t)(i * npages / workers);
		reader[i].state = i;
		if (reader[i].buf == NULL)
			machine_unable("too little memory for benchmarks.");
	}
}

static void
tear_down(void)
{
	for (unsigned i = 0; i < MAXCPU; i++) {
		if (reader[i].buf != NULL)
			kmem_free(reader[i].buf, PAGE_SIZE);
		reader[i].buf = NULL;
	}
	engine_stop();
}

/* Before it counts, each reads as often as there are pages. */
static void
warm_up(struct bench_walk *w, unsigned worker __unused)
{
	w->first = disk.file.page;
	w->end = w->first + disk.file.npages;
}

#define DISK(name, quarters)                                                 \
	static void setup_##name(unsigned workers)                           \
	{                                                                    \
		set_up(workers, (quarters));                                 \
	}                                                                    \
	LOAD(md, seq_##name, .loop = sequential_loop, .setup = setup_##name, \
	    .teardown = tear_down, .pages = warm_up, .counted = COUNTED_NOT, \
	    .others = OTHERS_WORK);                                          \
	LOAD(md, random_##name, .loop = random_loop, .setup = setup_##name,  \
	    .teardown = tear_down, .pages = warm_up, .counted = COUNTED_NOT, \
	    .others = OTHERS_WORK)

DISK(quarter, 1);
DISK(half, 2);
DISK(1, 4);
DISK(2, 8);
DISK(4, 16);
