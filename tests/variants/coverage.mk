# The kernel with gcc's counters, which it sends on COM2 when it ends: see
# tests/coverage/coverage.py.  It yields, and meets faults, when it is asked to.
# Inlined before they are counted, functions would have lines that belong to none
# of their copies.
include tests/variants/explore.mk tests/variants/faults.mk
VARIANT_CFLAGS += -fprofile-arcs -ftest-coverage -fno-early-inlining \
	-fprofile-info-section=gcov_info
VARIANT_SOURCES += tests/coverage/send.c
# console_drain() is what a machine's end begins with.
VARIANT_LDFLAGS += --wrap=console_drain -u __gcov_info_to_gcda \
	--defsym=abort=coverage_unwanted --defsym=mmap64=coverage_unwanted \
	--defsym=__gcov_merge_add=coverage_unwanted \
	$(shell $(CC) -m32 -print-file-name=libgcov.a)

# Not counted: what sends the counts, and what is only measured.
$(B)/gcc/tests/coverage/%.o $(B)/gcc/tests/explore/engine.o \
$(B)/gcc/tests/bench/%.o $(B)/gcc/engine/%.o: \
    CFLAGS += -fno-profile-arcs -fno-test-coverage
