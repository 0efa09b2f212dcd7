# The kernel with tests that take minutes, and with the two wrappers by which one
# of them makes it wrong on purpose.
VARIANT_SOURCES := $(wildcard tests/soak/*.c) tests/faults/words.c
VARIANT_LDFLAGS := $(addprefix --wrap=,option_parse ipi_send tlb_wait)
