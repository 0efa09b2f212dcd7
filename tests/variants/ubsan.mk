# Undefined behaviour is found where it happens: tests/sanitize/ubsan.h.
VARIANT_CFLAGS := -UEPHEMERA_DEBUG -DEPHEMERA_DEBUG=1 -fsanitize=undefined
VARIANT_SOURCES := tests/sanitize/ubsan.c tests/sanitize/ubsan_bugs.c

ifeq ($(VARIANT),ubsan)
# A report is no place for another one.
%/tests/sanitize/ubsan.o: CFLAGS += -fno-sanitize=undefined
endif
