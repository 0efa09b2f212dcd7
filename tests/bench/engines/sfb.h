/*
 * The flags of sf_buf(9), for the engines that are not the kernel's own.
 */
#ifndef TESTS_BENCH_ENGINES_SFB_H
#define TESTS_BENCH_ENGINES_SFB_H

enum {
	SFB_DEFAULT = 0,
	SFB_CATCH = 1,
	SFB_CPUPRIVATE = 2,
	SFB_NOWAIT = 4,
};

#endif
