/*
 * The idle slots of a scarce window, coldest first.  For the files of sf_buf/
 * only; what ends in _locked requires the window's lock.
 */
#ifndef SF_BUF_SF_IDLE_H
#define SF_BUF_SF_IDLE_H

#include "kernel/types.h"

struct sf_buf;

/* Are so few idle slots too few to go looking for? */
bool sf_idle_is_scarce(uint32_t idle);

/* Is this window too small, or too strict, ever to stop being scarce? */
bool sf_idle_is_always_scarce(void);

/* No slot is idle: known without the lock.  False when that is not known. */
bool sf_idle_none(void);

/* From now on each last free is told, and every idle slot is on the list. */
void sf_idle_enter_locked(void);

/* The contrary, if the list is long.  Requires also that nobody waits. */
void sf_idle_leave_locked(void);

/* Put a slot that nobody holds at the warm end; take one off, if it is on. */
void sf_idle_add_locked(struct sf_buf *sf);
void sf_idle_remove_locked(struct sf_buf *sf);

/* The coldest idle slot, marked and off the list; NULL if there is none. */
struct sf_buf *sf_idle_take_locked(void);

/* Have the next flush clean them all. */
void sf_idle_sweep_locked(void);

#endif
