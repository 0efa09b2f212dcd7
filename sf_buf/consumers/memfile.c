/*
 * A file held in page frames.
 */
#include "sf_buf/consumers/memfile.h"
#include <sys/sf_buf.h>
#include "kernel/panic.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/pmap.h"
#include "mm/vm_page.h"

/* Give the first `n` pages back, and the array. */
static void
free_pages(struct memfile *f, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		vm_page_unwire(f->page[i]);
		vm_page_free(f->page[i]);
	}
	if (f->page != NULL)
		kmem_free(f->page, f->npages * sizeof(f->page[0]));
	*f = (struct memfile){.bytes = 0};
}

int
memfile_create(struct memfile *f, uint64_t bytes)
{
	uint64_t npages = (bytes + PAGE_MASK) >> PAGE_SHIFT;

	*f = (struct memfile){.bytes = 0};
	if (bytes == 0)
		return (0);
	/* Also keeps the array's size within 32 bits. */
	if (bytes > bytes + PAGE_MASK || npages > vm_page_available())
		return (ENOMEM);
	f->page = kmem_alloc((size_t)npages * sizeof(f->page[0]));
	if (f->page == NULL)
		return (ENOMEM);
	f->npages = (size_t)npages;
	for (size_t i = 0; i < f->npages; i++) {
		f->page[i] = vm_page_alloc(VM_ALLOC_ANY | VM_ALLOC_WIRED);
		if (f->page[i] == NULL) {
			free_pages(f, i);
			return (ENOMEM);
		}
	}
	f->bytes = bytes;
	return (0);
}

void
memfile_destroy(struct memfile *f)
{
	free_pages(f, f->npages);
}

/* Fill [offset, offset + n) of one page.  Private: nobody else looks yet. */
static bool
fill_page(struct vm_page *m, size_t offset, vm_paddr_t pa, size_t n)
{
	struct sf_buf *sf;
	bool ok;

	sched_pin();
	sf = sf_buf_alloc(m, SFB_CPUPRIVATE);
	ok = pmap_read_phys(pa, (char *)sf_buf_kva(sf) + offset, n);
	sf_buf_free(sf);
	sched_unpin();
	return (ok);
}

int
memfile_copy_from_phys(struct memfile *f, uint64_t offset, vm_paddr_t pa,
    uint64_t n, memfile_progress *progress, void *arg)
{
	uint64_t done = 0;

	ASSERT(offset <= f->bytes && n <= f->bytes - offset,
	    "memfile_copy_from_phys: [%llu, +%llu) of a file of %llu bytes",
	    offset, n, f->bytes);
	while (done < n) {
		uint64_t at = offset + done;
		size_t skip = (size_t)(at & PAGE_MASK);
		size_t part = (size_t)MIN(n - done, PAGE_SIZE - skip);

		if (!fill_page(f->page[at >> PAGE_SHIFT], skip, pa + done,
			part))
			return (EFAULT);
		done += part;
		if (progress != NULL)
			progress(done, n, arg);
	}
	return (0);
}
