# Yields, chosen by a seed, at each step that others can see: kernel/yield.h.
VARIANT_CFLAGS += -DEPHEMERA_EXPLORE
VARIANT_SOURCES += $(wildcard tests/explore/*.c)
# What decides about a yield does not yield, nor do reports.
$(foreach quiet,tests/explore/engine kernel/panic kernel/console kernel/uart \
    kernel/printf kernel/backtrace kernel/symtab kernel/machine, \
    $(eval $(B)/%/$(quiet).o: CFLAGS += -UEPHEMERA_EXPLORE))
