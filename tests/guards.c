/*
 * Guards: what page tables forbid everywhere, and that the walk which says so
 * would see an exception.  tests/pmap.c has stacks and the image; what a guard
 * does to who runs into it is in tests/panics.c.
 */
#include <sys/sf_buf.h>
#include "kernel/cpu.h"
#include "kernel/image.h"
#include "kernel/stack_guard.h"
#include "kernel/string.h"
#include "kernel/thread.h"
#include "mm/kva.h"
#include "mm/layout.h"
#include "mm/pmap.h"
#include "mm/pmap_tables.h"
#include "mm/tlb.h"
#include "mm/vm_page.h"
#include "tests/test.h"

/* Bytes that may be executed and are not the kernel's text; or be written too. */
struct rights {
	uint64_t executable_elsewhere;
	uint64_t writable_executable;
};

static void
look_at(vm_offset_t start, uint64_t bytes, const struct pmap_walk *w, void *arg)
{
	struct rights *r = arg;

	if (!w->executable)
		return;
	if (w->writable)
		r->writable_executable += bytes;
	/* The text's large page ends where the read-only data begin. */
	if (start < (vm_offset_t)image_text ||
	    start + bytes > (vm_offset_t)image_rodata)
		r->executable_elsewhere += bytes;
}

/* All tables of all CPUs, large pages included. */
static struct rights
rights_everywhere(void)
{
	struct rights r = {0};
	unsigned cpu;

	CPUMASK_FOREACH(cpu, cpu_online())
		pmap_foreach_range(cpu_by_id(cpu), look_at, &r);
	return (r);
}

TEST(guards, nothing_but_the_text_is_executable_on_any_cpu)
{
	if (!pmap_has_nx())
		SKIP("this processor cannot deny execution");
	CHECK_EQ(rights_everywhere().executable_elsewhere, 0);
	CHECK_EQ(rights_everywhere().writable_executable, 0);
}

/* Bits that pmap_prot_bits() refuses to put together. */
#define PG_WX (PG_V | PG_RW)

TEST(guards, the_walk_sees_a_small_page_that_is_writable_and_executable)
{
	vm_offset_t va;
	struct vm_page *m;
	struct rights r;

	if (!pmap_has_nx())
		SKIP("this processor cannot deny execution");
	va = kva_alloc(PAGE_SIZE);
	m = vm_page_alloc(VM_ALLOC_ANY);
	CHECK(va != 0 && m != NULL);
	pte_store_fresh(pmap_pte(va), VM_PAGE_TO_PHYS(m) | PG_WX);
	r = rights_everywhere();
	(void)pmap_kremove(va); /* nobody has touched it */
	kva_free(va, PAGE_SIZE);
	vm_page_free(m);
	CHECK_EQ(r.writable_executable, cpu_count() * PAGE_SIZE);
	CHECK_EQ(r.executable_elsewhere, cpu_count() * PAGE_SIZE);
}

/* An entry of the shared directory that nothing uses. */
static pt_entry_t *
free_directory_entry(void)
{
	for (unsigned i = PD_INDEX(KVA_END) - 1; i > PD_INDEX(KVA_BASE); i--)
		if ((pmap_tables()->shared[i] & PG_V) == 0)
			return (&pmap_tables()->shared[i]);
	return (NULL);
}

TEST(guards, the_walk_sees_a_large_page_that_is_writable_and_executable)
{
	pt_entry_t *pde = free_directory_entry();
	struct rights r;

	if (!pmap_has_nx())
		SKIP("this processor cannot deny execution");
	CHECK(pde != NULL);
	/* Mapped, not touched: any frame will do. */
	pte_store_fresh(pde, LARGE_PAGE_SIZE | PG_PS | PG_WX);
	r = rights_everywhere();
	(void)pte_swap(pde, 0);
	critical_enter();
	tlb_shootdown_all(NULL, 0);
	critical_exit();
	CHECK_EQ(r.writable_executable,
	    (uint64_t)cpu_count() * LARGE_PAGE_SIZE);
}

TEST(guards, the_way_by_which_cpus_start_is_closed)
{
	const struct pmap_tables *t = pmap_tables();

	for (unsigned i = 0; i < PT_ENTRIES; i++)
		CHECK_MSG(t->start[i] == 0 && t->start_pt[i] == 0,
		    "entry %u is %#llx, %#llx", i, t->start[i], t->start_pt[i]);
}

/* Is `va` mapped for data only? */
static bool
is_data(vm_offset_t va)
{
	struct pmap_walk w;

	pmap_walk(NULL, va, &w);
	return (w.present && w.writable && !w.executable);
}

TEST(guards, stacks_windows_and_the_direct_map_are_data)
{
	struct sf_buf *shared, *private;
	bool shared_ok, private_ok, dmap;
	struct vm_page *m;

	if (!pmap_has_nx())
		SKIP("this processor cannot deny execution");
	m = vm_page_alloc(VM_ALLOC_DIRECT | VM_ALLOC_WIRED);
	CHECK(m != NULL);
	dmap = sf_buf_set_dmap(false);
	sched_pin();
	private = sf_buf_alloc(m, SFB_CPUPRIVATE);
	private_ok = is_data(sf_buf_kva(private));
	sf_buf_free(private);
	sched_unpin();
	shared = sf_buf_alloc(m, SFB_DEFAULT);
	shared_ok = is_data(sf_buf_kva(shared));
	sf_buf_free(shared);
	(void)sf_buf_set_dmap(dmap);
	CHECK(private_ok && shared_ok);
	CHECK(is_data((vm_offset_t)pmap_phys_to_direct(VM_PAGE_TO_PHYS(m))));
	CHECK(is_data((vm_offset_t)&m));
	CHECK(is_data(cpu_by_id(0)->df_stack_top - 1));
	vm_page_unwire(m);
	vm_page_free(m);
}

static bool
is_mapped(vm_offset_t va, const struct cpu *c)
{
	struct pmap_walk w;

	pmap_walk(c, va, &w);
	return (w.present);
}

/* Of `n` slots of the shared window, those with a page behind. */
static unsigned
missing_holes(const struct sf_buf *slot, unsigned n)
{
	unsigned missing = 0;

	for (unsigned i = 0; i < n; i++)
		missing += is_mapped(slot[i].kva + PAGE_SIZE, NULL);
	return (missing);
}

/* Pages of this CPU's private window that are mapped, and so are the ones
 * behind.  Every second slot is a hole itself. */
static unsigned
private_neighbours(void)
{
	const struct cpu *c = curcpu();
	unsigned n = 0;

	for (unsigned i = 0; i + 1 < PRIVATE_WINDOW_PAGES; i++)
		n += is_mapped(c->sf_private[i].kva, c) &&
		    is_mapped(c->sf_private[i + 1].kva, c);
	return (n);
}

/* Private buffers of as many pages, most of them in a row: without holes some
 * would be neighbours, for a frame's number leads to its slot. */
#define IN_A_ROW 16

static void
check_private_holes(unsigned cpu, void *arg __unused)
{
	struct vm_page *page[IN_A_ROW];
	struct sf_buf *sf[IN_A_ROW];
	unsigned n;

	if (cpu_by_id(cpu)->sf_private == NULL)
		return;
	for (n = 0; n < IN_A_ROW; n++) {
		page[n] = vm_page_alloc(VM_ALLOC_WIRED);
		CHECK(page[n] != NULL);
		sf[n] = sf_buf_alloc(page[n], SFB_CPUPRIVATE);
	}
	CHECK_EQ(private_neighbours(), 0);
	while (n-- > 0) {
		sf_buf_free(sf[n]);
		vm_page_unwire(page[n]);
		vm_page_free(page[n]);
	}
}

TEST(guards, in_strict_mode_a_hole_stands_behind_each_slot)
{
	struct sf_buf_stats st;
	struct vm_page *m;
	struct sf_buf *sf;

	sf_buf_get_stats(&st);
	if (!st.strict)
		SKIP("needs sfbuf.strict=on");
	m = vm_page_alloc(VM_ALLOC_WIRED);
	CHECK(m != NULL);
	sf = sf_buf_alloc(m, SFB_DEFAULT);
	/* One that is filled would be seen; nobody touches it. */
	pmap_kenter(sf_buf_kva(sf) + PAGE_SIZE, VM_PAGE_TO_PHYS(m),
	    VM_PROT_WRITE);
	CHECK_EQ(missing_holes(sf, 1), 1);
	(void)pmap_kremove(sf_buf_kva(sf) + PAGE_SIZE);
	CHECK_EQ(missing_holes((struct sf_buf *)SF_BUFS_BASE, st.nsfbufs), 0);
	sf_buf_free(sf);
	vm_page_unwire(m);
	vm_page_free(m);
	test_run_on_all(check_private_holes, NULL);
}

TEST(guards, the_stack_guard_is_drawn_and_ends_a_text)
{
	CHECK(__stack_chk_guard != 0 && __stack_chk_guard != 0x5afe5a00);
	CHECK_EQ(__stack_chk_guard & 0xff, 0);
}
