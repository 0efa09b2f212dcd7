/*
 * Pages that benchmarks map.
 */
#include "tests/bench/pool.h"
#include "kernel/machine.h"
#include "mm/kva.h"
#include "mm/vm_page.h"

/* 512 MiB: more than any benchmark asks for. */
#define MAX_PAGES (1u << 17)

static struct {
	struct vm_page **page; /* of MAX_PAGES; NULL: nothing yet */
	unsigned n;
} pool[POOL_NKIND];

static struct vm_page *
take(enum pool_kind kind)
{
	struct vm_page *m;

	if (kind == POOL_DIRECT)
		return (vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED));
	m = vm_page_alloc(VM_ALLOC_HIGH | VM_ALLOC_WIRED);
	return (m != NULL ? m : vm_page_alloc(VM_ALLOC_WIRED));
}

struct vm_page *const *
pool_pages(enum pool_kind kind, unsigned n)
{
	if (pool[kind].page == NULL)
		pool[kind].page =
		    kmem_alloc(MAX_PAGES * sizeof(struct vm_page *));
	if (pool[kind].page == NULL || n > MAX_PAGES)
		machine_unable("too little memory for benchmarks.");
	for (; pool[kind].n < n; pool[kind].n++) {
		struct vm_page *m = take(kind);

		if (m == NULL)
			machine_unable("too little memory for a pool of %u "
				       "pages; try kern.ipc.nsfbufs=1024.",
			    n);
		pool[kind].page[pool[kind].n] = m;
	}
	return (pool[kind].page);
}
