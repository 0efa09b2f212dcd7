/*
 * Sleep queues: tokens go round by wakeups, with signals and timeouts between.
 * None is lost, and none comes twice.
 */
#include "kernel/cpu.h"
#include "kernel/mutex.h"
#include "kernel/signal.h"
#include "kernel/sleepq.h"
#include "kernel/spinlock.h"
#include "kernel/thread.h"
#include "tests/port/exec.h"
#include "tests/port/host.h"
#include "tests/port/machine.h"
#include "tests/port/port.h"
#include "tests/port/stress.h"

#define BINS 3

/* A bin of tokens; half of them under a spinlock, half under a mutex. */
static struct bin {
	struct spinlock spin;
	struct mtx mutex;
	uint32_t tokens;
	uint32_t taken; /* plain: a hole in the exclusion is a race, too */
} bins[2 * BINS];

static _Atomic(struct thread *) who[PORT_THREADS];
static _Atomic uint32_t nslept[3]; /* woken, signalled, timed out */
static _Atomic uint32_t nput, nactive;

static bool
by_mutex(const struct bin *b)
{
	return (b >= &bins[BINS]);
}

static void
bin_lock(struct bin *b)
{
	if (by_mutex(b))
		mtx_lock(&b->mutex);
	else
		spin_lock(&b->spin);
}

static void
bin_unlock(struct bin *b)
{
	if (by_mutex(b))
		mtx_unlock(&b->mutex);
	else
		spin_unlock(&b->spin);
}

static int
bin_sleep(struct bin *b, int flags, nsec_t timeout)
{
	return (by_mutex(b) ?
		msleep(b, &b->mutex, flags, "token", timeout) :
		msleep_spin(b, &b->spin, flags, "token", timeout));
}

/* A token out of a bin; false if a signal or the time ended the wait. */
static bool
take(struct bin *b)
{
	int flags = exec_random(2) == 0 ? PCATCH : 0, error = 0;
	nsec_t timeout = exec_random(2) == 0 ? 1000 + exec_random(100000) : 0;

	bin_lock(b);
	while (b->tokens == 0 && error == 0) {
		error = bin_sleep(b, flags, timeout);
		atomic_fetch_add(&nslept[error == 0     ? 0 :
					 error == EINTR ? 1 :
							  2],
		    1);
		STRESS_CHECK(error != EINTR || flags == PCATCH,
		    "a signal ended a sleep that it may not end");
		STRESS_CHECK(error != EWOULDBLOCK || timeout != 0,
		    "a sleep without an end timed out");
	}
	/* A wakeup is for a token: who leaves passes it on. */
	if (error == 0) {
		b->tokens--;
		b->taken++;
	}
	bin_unlock(b);
	if (error == EINTR)
		while (signal_take() != 0)
			continue;
	return (error == 0);
}

static void
put(struct bin *b)
{
	bin_lock(b);
	b->tokens++;
	atomic_fetch_add(&nput, 1);
	if (exec_random(2) == 0)
		wakeup(b);
	else
		wakeup_one(b);
	bin_unlock(b);
}

static void
signal_someone(void)
{
	struct thread *td =
	    load_acquire(&who[exec_random(stress_config.threads)]);

	if (td != NULL)
		tdsignal(td, SIGINT);
}

/* Puts tokens everywhere until the others are done: many sleep without end. */
static void
feed(void)
{
	while (atomic_load(&nactive) != 0) {
		put(&bins[exec_random(nitems(bins))]);
		pause_sleep("feed", 1 + exec_random(20000));
	}
}

static void
work(unsigned self)
{
	if (self == stress_config.threads) {
		feed();
		return;
	}
	store_release(&who[self], curthread);
	for (unsigned i = 0; i < stress_config.ops; i++) {
		if (take(&bins[exec_random(nitems(bins))]) &&
		    exec_random(4) != 0)
			put(&bins[exec_random(nitems(bins))]);
		if (exec_random(8) == 0)
			signal_someone();
		if (exec_random(16) == 0)
			pause_sleep("pause", 1 + exec_random(20000));
		stress_progress();
	}
	atomic_fetch_sub(&nactive, 1);
}

void
stress_sleepq(void)
{
	uint32_t ntokens = 0, ntaken = 0;

	for (unsigned i = 0; i < nitems(bins); i++) {
		spin_init(&bins[i].spin, "bin", RANK_TEST);
		mtx_init(&bins[i].mutex, "bin", MTX_RANK_TEST);
	}
	store_relaxed(&nactive, stress_config.threads);
	stress_team(stress_config.threads + 1, work);
	for (unsigned i = 0; i < nitems(bins); i++) {
		ntokens += bins[i].tokens;
		ntaken += bins[i].taken;
		STRESS_CHECK(sleepq_count(&bins[i]) == 0, "someone sleeps");
	}
	STRESS_CHECK(ntokens + ntaken == nput,
	    "%u tokens are left, %u were taken, %u put", ntokens, ntaken, nput);
	host_print("sleepq: taken=%u woken=%u signalled=%u timedout=%u "
		   "steps=%llu\n",
	    ntaken, nslept[0], nslept[1], nslept[2],
	    (unsigned long long)machine_steps());
}
