# Data races are watched for: tests/sanitize/kcsan.h.
VARIANT_CFLAGS := -UEPHEMERA_DEBUG -DEPHEMERA_DEBUG=1 \
	-iquote tests/sanitize/kcsan -fsanitize=thread \
	--param tsan-distinguish-volatile=1 \
	--param tsan-instrument-func-entry-exit=0 -Wno-tsan
VARIANT_SOURCES := tests/sanitize/kcsan.c tests/sanitize/kcsan_bugs.c
VARIANT_LDFLAGS := $(addprefix --wrap=,memcpy memmove memset smp_start \
	machine_exit)

ifeq ($(VARIANT),kcsan)
# Who watches is not watched; for string.o see kcsan.c.
%/tests/sanitize/kcsan.o %/kernel/string.o: CFLAGS += -fno-sanitize=thread
# A CPU loads its segments there, and until then does not know its number.
%/kernel/cpu.o: CFLAGS += -fno-sanitize=thread
endif
