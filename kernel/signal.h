/*
 * Signals to a thread: a set of pending bits, enough to end a sleep.  Nothing
 * is delivered; a thread looks for itself.
 */
#ifndef KERNEL_SIGNAL_H
#define KERNEL_SIGNAL_H

#include "kernel/types.h"

struct thread;

enum {
	SIGINT = 2,
	SIGTERM = 15,
	NSIG = 32, /* numbers are 1 to NSIG - 1 */
};

/*
 * Make a signal pending for a thread; a sleep of it with PCATCH ends.
 * Requires: nobody has joined it.  Any context.
 */
void tdsignal(struct thread *td, int sig);

/* Is any signal pending for curthread? */
bool signal_pending(void);

/* Take curthread's lowest pending signal away; 0 if there is none. */
int signal_take(void);

#endif
