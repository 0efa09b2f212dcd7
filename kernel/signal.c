/*
 * Signals to a thread.
 */
#include "kernel/signal.h"
#include "kernel/atomic.h"
#include "kernel/panic.h"
#include "kernel/sleepq.h"
#include "kernel/thread.h"

/*
 * The bit first, then the look for a sleep to end; a sleeper does the reverse.
 * See the head of sleepq.c.
 */
void
tdsignal(struct thread *td, int sig)
{
	ASSERT(td->tid != 0, "signal %d to thread %s, which was joined", sig,
	    td->name);
	ASSERT(sig > 0 && sig < NSIG, "signal %d to thread %s", sig, td->name);
	atomic_fetch_or(&td->sig_pending, 1u << sig);
	sleepq_signal(td);
}

bool
signal_pending(void)
{
	return (atomic_load(&curthread->sig_pending) != 0);
}

/* Only the thread itself clears bits, so the lowest one stays until it does. */
int
signal_take(void)
{
	struct thread *td = curthread;
	uint32_t pending = atomic_load(&td->sig_pending);
	int sig;

	if (pending == 0)
		return (0);
	sig = __builtin_ctz(pending);
	atomic_fetch_and(&td->sig_pending, ~(1u << sig));
	return (sig);
}
