/*
 * The idle slots of a scarce window.
 *
 * When few slots are idle, looking for one would go over the whole window.  So
 * the window becomes scarce: `sf_buf_control.scarce` is set, each last free
 * goes to sf_buf_idle(), and idle slots are kept on a list, coldest first.  A
 * miss takes the first, and an empty list means that none is free, both in
 * constant time.  When the list has grown long the window stops being scarce.
 * A window of few slots always is, as is one in strict mode.
 *
 * I5  While the window is scarce, each idle slot is on the list, or whoever
 *     made it idle is on the way here.  A free lets go, then reads `scarce`;
 *     whoever sets `scarce` then looks at every slot.  All are sequentially
 *     consistent, so one sees the other.
 *
 * A slot on the list may be held again, by a hit, which takes no lock, or by a
 * miss of a CPU that has slots in hand from before.  It is
 * dropped when its turn comes, and goes to the end of the list when it is
 * freed.
 */
#include "sf_buf/sf_idle.h"
#include "sf_buf/sf_window.h"

/*
 * The window becomes scarce with fewer idle slots than 1 / SCARCE_PART, when
 * a search would pass that many slots for each that it finds; or than
 * SCARCE_MIN.  It stops with twice as many, so that it does not alternate.
 */
#define SCARCE_PART 32
#define SCARCE_MIN 32

struct sf_idle sf_idle;

static uint32_t
scarce_below(void)
{
	return (MAX(sf_window.nslots / SCARCE_PART, SCARCE_MIN));
}

bool
sf_idle_is_scarce(uint32_t n)
{
	return (n < scarce_below());
}

void
sf_idle_init_locked(void)
{
	sf_idle.end.next = sf_idle.end.prev = &sf_idle.end;
	store_relaxed(&sf_idle.n, SF_IDLE_PARTIAL);
	sf_idle.plenty =
	    sf_window.strict ? sf_window.nslots : 2 * scarce_below();
	if (sf_window.nslots <= sf_idle.plenty)
		sf_idle_enter_locked();
}

bool
sf_idle_none(void)
{
	return (load_relaxed(&sf_idle.n) == 0);
}

/* Drop what is held again, or all. */
static void
list_purge(bool all)
{
	struct sf_buf *sf, *next;

	for (sf = sf_idle.end.next; sf != &sf_idle.end; sf = next) {
		next = sf->next;
		if (all || load_relaxed(&sf->state) > 0)
			sf_idle_remove_locked(sf);
	}
}

void
sf_idle_enter_locked(void)
{
	if (load_relaxed(&sf_buf_control.scarce) != 0)
		return;
	sf_window_reset_locked();
	sf_window_note_used_locked();
	atomic_store(&sf_buf_control.scarce, 1);
	for (uint32_t i = 0; i < sf_window.nslots; i++)
		if (atomic_load(&sf_window.slot[i].state) == 0)
			sf_idle_add_locked(&sf_window.slot[i]);
	store_relaxed(&sf_idle.n, load_relaxed(&sf_idle.n) - SF_IDLE_PARTIAL);
}

void
sf_idle_leave_locked(void)
{
	if (load_relaxed(&sf_buf_control.scarce) == 0 ||
	    sf_idle.n <= sf_idle.plenty)
		return;
	list_purge(false);
	if (sf_idle.n <= sf_idle.plenty)
		return;
	store_relaxed(&sf_idle.n, load_relaxed(&sf_idle.n) + SF_IDLE_PARTIAL);
	list_purge(true);
	atomic_store(&sf_buf_control.scarce, 0);
}

void
sf_idle_sweep_locked(void)
{
	const struct sf_buf *end = &sf_idle.end;

	for (struct sf_buf *sf = sf_idle.end.next; sf != end; sf = sf->next)
		if (load_relaxed(&sf->state) == 0)
			sf_window_sweep_one_locked(sf);
	counter_inc(CTR_sf_sweeps);
}
