/*
 * The host's side of the host build: memory, text, the command line.
 */
#define _GNU_SOURCE
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <unistd.h>
#include "tests/port/exec.h"
#include "tests/port/host.h"

static char **arguments;

void *
host_map(void *address, size_t bytes)
{
	int fixed = address != NULL ? MAP_FIXED_NOREPLACE : 0;
	void *p = mmap(address, bytes, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | fixed, -1, 0);

	if (p == MAP_FAILED || (address != NULL && p != address)) {
		perror("mmap");
		host_exit(HOST_FAILED);
	}
	return (p);
}

void
host_vprint(const char *fmt, va_list ap)
{
	vprintf(fmt, ap);
}

void
host_print(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
}

void
host_exit(int status)
{
	if (status != 0) {
		printf("again:");
		for (char **a = arguments; *a != NULL; a++)
			printf(" %s", *a);
		printf("\n");
	}
	fflush(stdout);
	_exit(status);
}

/* The same run each time: the same addresses, too. */
static void
fix_addresses(char **argv)
{
	int was = personality(0xffffffff);

	if (was == -1 || (was & ADDR_NO_RANDOMIZE) != 0 ||
	    personality((unsigned long)was | ADDR_NO_RANDOMIZE) == -1)
		return;
	execv("/proc/self/exe", argv);
}

static void
usage(const char *name)
{
	printf("usage: %s KIND [WORD=NUMBER]... [bug=NAME]\n", name);
	stress_print_usage();
	exit(64);
}

int
main(int argc, char **argv)
{
	arguments = argv;
	if (exec_repeats())
		fix_addresses(argv);
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc < 2 || !stress_set_kind(argv[1]))
		usage(argv[0]);
	for (int i = 2; i < argc; i++) {
		char *value = strchr(argv[i], '=');

		if (value == NULL)
			usage(argv[0]);
		*value = '\0';
		if (!stress_set(argv[i], value + 1,
			strtoull(value + 1, NULL, 0)))
			usage(argv[0]);
		*value = '=';
	}
	stress_run();
}
