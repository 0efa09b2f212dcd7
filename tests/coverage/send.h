/*
 * What the coverage build adds: gcc's names, and the linker's.
 */
#ifndef TESTS_COVERAGE_SEND_H
#define TESTS_COVERAGE_SEND_H

/* One object's counters; gcc knows what is in it. */
struct gcov_info;

/* Section gcov_info, in which gcc puts a pointer for each object. */
extern const struct gcov_info *const __start_gcov_info[];
extern const struct gcov_info *const __stop_gcov_info[];

/* libgcov's: turns an object's counters into the bytes of its .gcda file. */
void __gcov_info_to_gcda(const struct gcov_info *info,
    void (*filename_fn)(const char *name, void *arg),
    void (*dump_fn)(const void *bytes, unsigned n, void *arg),
    void *(*allocate_fn)(unsigned n, void *arg), void *arg);

/* What libgcov names and never needs: merging files, counters of values. */
void coverage_unwanted(void);

/* The linker leads calls of console_drain() to the first of these, which calls
 * the second: the kernel's own. */
void __wrap_console_drain(void);
void __real_console_drain(void);

#endif
