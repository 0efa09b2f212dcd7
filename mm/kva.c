/*
 * The arena of kernel virtual addresses.
 *
 * [KVA_BASE, KVA_END) is cut into ranges, free or used, on one list in address
 * order.  An allocation takes the lower end of the first free range that is
 * large enough; a free joins its neighbours.  The descriptors come from a
 * fixed pool, so that neither ever needs memory.
 *
 *	I1  The ranges of the list follow each other without gap or overlap,
 *	    from KVA_BASE to KVA_END, each of at least one page.
 *	I2  No two neighbours are both free.
 *
 * The lock "kva" guards all of it.  Page tables are made after it is released,
 * when the range is the caller's already; if that fails, the range goes back.
 *
 * The search is linear.  Its cost is bounded by KVA_MAX_RANGES, and nothing
 * that has to be fast comes here: what maps pages in a hurry is sf_buf.
 */
#include "kernel/types.h"
#include "kernel/panic.h"
#include "kernel/spinlock.h"
#include "mm/layout.h"
#include "mm/kva.h"
#include "mm/pmap.h"

struct range {
	vm_offset_t start, end; /* [start, end), page-aligned */
	bool used;
	struct range *prev, *next; /* by address; next: of the pool, too */
};

static struct spinlock kva_lock = SPINLOCK_INITIALIZER("kva", RANK_KVA);
static struct range ranges[KVA_MAX_RANGES];
static struct range *first;  /* the range at KVA_BASE */
static struct range *unused; /* the pool: descriptors of nothing */

static size_t
range_bytes(const struct range *r)
{
	return (r->end - r->start);
}

/* Cut `r` at `at`: the part from there on becomes a range of its own. */
static bool
range_cut(struct range *r, vm_offset_t at)
{
	struct range *rest = unused;

	if (rest == NULL)
		return (false);
	unused = rest->next;
	*rest = (struct range){
	    .start = at,
	    .end = r->end,
	    .used = r->used,
	    .prev = r,
	    .next = r->next,
	};
	if (r->next != NULL)
		r->next->prev = rest;
	r->next = rest;
	r->end = at;
	return (true);
}

/* Join `r` and the range after it. */
static void
range_join_next(struct range *r)
{
	struct range *gone = r->next;

	r->end = gone->end;
	r->next = gone->next;
	if (r->next != NULL)
		r->next->prev = r;
	gone->next = unused;
	unused = gone;
}

void
kva_init(void)
{
	ASSERT(first == NULL, "kva_init: called twice");
	for (unsigned i = 0; i < nitems(ranges); i++) {
		ranges[i].next = unused;
		unused = &ranges[i];
	}
	first = unused;
	unused = first->next;
	*first = (struct range){.start = KVA_BASE, .end = KVA_END};
}

/* The address of a range newly used; 0 when there is no room. */
static vm_offset_t
range_alloc(size_t bytes)
{
	vm_offset_t va = 0;

	spin_lock(&kva_lock);
	for (struct range *r = first; r != NULL && va == 0; r = r->next) {
		if (r->used || range_bytes(r) < bytes)
			continue;
		if (range_bytes(r) > bytes && !range_cut(r, r->start + bytes))
			continue; /* no descriptor; another may fit exactly */
		r->used = true;
		va = r->start;
	}
	spin_unlock(&kva_lock);
	return (va);
}

vm_offset_t
kva_alloc(size_t bytes)
{
	vm_offset_t va;

	ASSERT(bytes > 0, "kva_alloc: no bytes");
	if (bytes > KVA_END - KVA_BASE)
		return (0);
	bytes = ROUND_UP(bytes, PAGE_SIZE);
	va = range_alloc(bytes);
	if (va != 0 && !pmap_grow(va, bytes >> PAGE_SHIFT)) {
		kva_free(va, bytes);
		return (0);
	}
	return (va);
}

/* The caller's range; it stays what it is until that one frees it. */
static struct range *
range_in_use(vm_offset_t va, size_t bytes)
{
	struct range *r;

	spin_lock(&kva_lock);
	for (r = first; r != NULL && r->start != va; r = r->next)
		continue;
	ASSERT(r != NULL, "kva_free: no range begins at %#zx", va);
	ASSERT(r->used, "kva_free: the range at %#zx is free already", va);
	ASSERT(range_bytes(r) == bytes,
	    "kva_free: the range at %#zx has %#zx bytes, not %#zx", va,
	    range_bytes(r), bytes);
	spin_unlock(&kva_lock);
	return (r);
}

void
kva_free(vm_offset_t va, size_t bytes)
{
	struct range *r = range_in_use(va, ROUND_UP(bytes, PAGE_SIZE));
	vm_paddr_t pa;

	for (; va < r->end; va += PAGE_SIZE)
		ASSERT(!pmap_kextract(va, &pa),
		    "kva_free: %#zx is mapped still, to %#llx", va, pa);
	spin_lock(&kva_lock);
	ASSERT(r->used, "kva_free: two free the range that ends at %#zx", va);
	r->used = false;
	if (r->next != NULL && !r->next->used)
		range_join_next(r);
	if (r->prev != NULL && !r->prev->used)
		range_join_next(r->prev);
	spin_unlock(&kva_lock);
}

void
kva_get_stats(struct kva_stats *st)
{
	*st = (struct kva_stats){.total_bytes = KVA_END - KVA_BASE};
	spin_lock(&kva_lock);
	for (const struct range *r = first; r != NULL; r = r->next) {
		if (r->used) {
			st->used_ranges++;
			continue;
		}
		st->free_ranges++;
		st->free_bytes += range_bytes(r);
		st->largest_free_bytes =
		    MAX(st->largest_free_bytes, range_bytes(r));
	}
	spin_unlock(&kva_lock);
}

void
kva_foreach(void (*fn)(vm_offset_t start, vm_offset_t end, bool used,
		void *arg),
    void *arg)
{
	spin_lock(&kva_lock);
	for (const struct range *r = first; r != NULL; r = r->next)
		fn(r->start, r->end, r->used, arg);
	spin_unlock(&kva_lock);
}
