/*
 * The engine that gives each thread a thread of the host: CPUs run at the same
 * time, as far as the host's do.  A thread runs while its CPU is left to it.
 *
 * The seed decides only where threads linger.  What this adds to fibers.c is the
 * host's own order of stores and loads; and it is all that a detector which
 * knows only the host's threads can look at.
 */
#define _GNU_SOURCE
#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
#include "tests/port/exec.h"
#include "tests/port/host.h"

#define STRANDS (PORT_THREADS + PORT_CPUS)

struct strand {
	sem_t turn;      /* its CPU is left to it */
	unsigned cpu;    /* which one; set before that */
	uint64_t random; /* of its own */
	uint32_t linger; /* steps until it does */
	void (*entry)(void);
};

static struct strand *strands[STRANDS];
static _Thread_local struct strand *self;
static uint64_t first_seed;

uint32_t
exec_random(uint32_t n)
{
	self->random ^= self->random << 13;
	self->random ^= self->random >> 7;
	self->random ^= self->random << 17;
	return ((uint32_t)((self->random >> 32) * n >> 32));
}

bool
exec_repeats(void)
{
	return (false);
}

unsigned
exec_cpu(void)
{
	return (self->cpu);
}

static void *
strand_main(void *arg)
{
	self = arg;
	self->entry();
	host_print("a thread has returned\n");
	host_exit(HOST_FAILED);
}

/* A strand whose number served another before, which is dead, begins anew. */
static void
strand_start(unsigned i, unsigned cpu, void (*entry)(void))
{
	struct strand *s = calloc(1, sizeof(*s));
	pthread_t thread;

	if (s == NULL)
		host_exit(HOST_FAILED);
	sem_init(&s->turn, 0, 0);
	s->cpu = cpu;
	s->entry = entry;
	s->random = (first_seed + i) * 0x9e3779b97f4a7c15u + 1;
	strands[i] = s;
	if (pthread_create(&thread, NULL, strand_main, s) != 0) {
		host_print("no more threads\n");
		host_exit(HOST_FAILED);
	}
}

void
exec_switch(unsigned to, void (*entry)(void))
{
	if (entry != NULL) {
		strand_start(to, self->cpu, entry);
	} else {
		strands[to]->cpu = self->cpu;
		sem_post(&strands[to]->turn);
	}
	while (sem_wait(&self->turn) != 0)
		continue;
}

/* The C library's sched_yield() would be the kernel's. */
static void
yield(void)
{
	syscall(SYS_sched_yield);
}

/* Let others run for a while, or not. */
static void
linger(void)
{
	if (exec_random(4) == 0)
		yield();
	else
		for (volatile unsigned n = exec_random(200); n != 0; n--)
			continue;
}

void
port_step(const char *where)
{
	machine_count_step(where);
	if (self->linger-- != 0)
		return;
	self->linger = exec_random(64);
	if (exec_random(4) == 0)
		machine_hardware();
	linger();
	machine_interrupts();
}

void
port_pause(const char *where)
{
	machine_count_step(where);
	yield();
	machine_interrupts();
}

void
exec_pause_cpu(void)
{
	if (exec_random(4) == 0)
		linger();
}

/* Time passes by steps, so a wait is one, too. */
void
exec_wait(void)
{
	machine_count_step(__func__);
	yield();
}

void
exec_start(unsigned ncpus, uint64_t seed, void (*boot)(void))
{
	first_seed = seed;
	for (unsigned i = 0; i < ncpus; i++)
		strand_start(PORT_THREADS + i, i, boot);
	pthread_exit(NULL);
}
