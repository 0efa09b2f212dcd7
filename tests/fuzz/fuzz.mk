# Fuzzing: the kernel's parsers on the host, fed with what libFuzzer makes up.
# tests/fuzz/fuzz.h says what a target is, tests/fuzz/fuzz.py how they are run.

FUZZ := $(B)/fuzz
FUZZ_CLANG ?= clang
# As the kernel is compiled, as far as sanitizers let it be.
FUZZ_CFLAGS := -m32 -std=gnu11 -O1 -g -ffreestanding -fno-strict-aliasing \
	-fno-common -fno-omit-frame-pointer -Wall -Wextra -Werror \
	-Wstrict-prototypes -Wmissing-prototypes -DEPHEMERA_DEBUG=0 -I. \
	-Isf_buf -fsanitize=address,undefined -fno-sanitize-recover=all
# The host has these, and a sanitizer watches its own.
FUZZ_HOST := $(foreach f,memcpy memmove memset memcmp strlen strcmp strncmp, \
	-D$(f)=kernel_$(f))

# Nothing is looked for in the made-up machine and in the plain model of the
# memory map, and they are what takes the time.
FUZZ_PLAIN := -fno-sanitize=all -O2
FUZZ_FLAGS = $(if $(filter kernel/string.c,$<),$(FUZZ_HOST)) \
	$(if $(filter tests/fake_firmware.c tests/fuzz/memmap.c,$<), \
	$(FUZZ_PLAIN))

# What a target is made of, besides itself.
FUZZ_TARGETS := memmap multiboot option acpi mptable tar_header lineedit printf
FUZZ_COMMON := kernel/printf kernel/string tests/fuzz/port
FUZZ_FIRMWARE := kernel/acpi kernel/firmware kernel/mptable kernel/topology \
	tests/fake_firmware tests/topology_check tests/fuzz/firmware
FUZZ_memmap := mm/memmap
FUZZ_multiboot := boot/parse mm/memmap
FUZZ_option := kernel/option
FUZZ_acpi := $(FUZZ_FIRMWARE)
FUZZ_mptable := $(FUZZ_FIRMWARE)
FUZZ_tar_header := sf_buf/consumers/tar_header
FUZZ_lineedit := kernel/lineedit
FUZZ_printf :=

# Two builds of each: for libFuzzer, and to replay the corpus without it.
FUZZ_clang = $(FUZZ_CLANG) $(FUZZ_CFLAGS) -fsanitize=fuzzer-no-link
FUZZ_gcc = gcc $(FUZZ_CFLAGS)
# libFuzzer is C++, whose library needs no package to be linked by its name.
FUZZ_LINK_clang = $(FUZZ_CLANG) -m32 -fsanitize=fuzzer,address,undefined \
	-nostdlib++ -l:libstdc++.so.6
FUZZ_LINK_gcc = gcc -m32 -fsanitize=address,undefined $(FUZZ)/gcc/tests/fuzz/replay.o

$(FUZZ)/gcc/%.o: %.c tests/fuzz/fuzz.mk | tools-host
	@mkdir -p $(@D)
	@$(FUZZ_gcc) $(FUZZ_FLAGS) \
	    -MMD -MP -c $< -o $@
$(FUZZ)/clang/%.o: %.c tests/fuzz/fuzz.mk | tools-fuzz
	@mkdir -p $(@D)
	@$(FUZZ_clang) $(FUZZ_FLAGS) \
	    -MMD -MP -c $< -o $@

define fuzz_rules
$(FUZZ)/$(1)-$(2): $(patsubst %,$(FUZZ)/$(2)/%.o,$(FUZZ_COMMON) \
    $(FUZZ_$(1)) tests/fuzz/$(1)) $(if $(filter gcc,$(2)), \
    $(FUZZ)/gcc/tests/fuzz/replay.o)
	@echo "FUZZ  $(1) ($(2))"
	@$$(FUZZ_LINK_$(2)) -o $$@ $$(filter-out %/replay.o,$$^)
	@echo $$^ >$$@.objects
-include $(patsubst %,$(FUZZ)/$(2)/%.d,$(FUZZ_COMMON) $(FUZZ_$(1)) \
    tests/fuzz/$(1))
endef
$(foreach t,$(FUZZ_TARGETS),$(foreach c,gcc clang, \
    $(eval $(call fuzz_rules,$(t),$(c)))))

RUNS ?= 1000000
TARGET ?=
FUZZ_RUN = tests/fuzz/fuzz.py --dir $(FUZZ) $(if $(JOBS),--jobs $(JOBS))
FUZZ_BUGS = --bugs '*' --compile '$(FUZZ_clang)' --link '$(FUZZ_LINK_clang)'

# |make fuzz      what reads the words of loaders and firmware, a million times
# |                 RUNS=n  in all   TARGET=acpi  one part alone
# |make fuzz-bugs bugs planted in copies of it, each of which must be found
# |make fuzz-corpus  only the inputs that are kept, without libFuzzer
.PHONY: fuzz fuzz-bugs fuzz-corpus
fuzz: $(FUZZ_TARGETS:%=$(FUZZ)/%-clang)
	@$(FUZZ_RUN) --runs $(RUNS) $(if $(TARGET),--target $(TARGET), \
	    $(FUZZ_BUGS))

fuzz-bugs: $(FUZZ_TARGETS:%=$(FUZZ)/%-clang)
	@$(FUZZ_RUN) $(FUZZ_BUGS)

fuzz-corpus: $(FUZZ_TARGETS:%=$(FUZZ)/%-gcc)
	@$(FUZZ_RUN) --replay

# |make hostile-boots  machines whose firmware and loader lie, or are odd
.PHONY: hostile-boots
hostile-boots: all tools-run
	@tests/fuzz/hostile.py --kernel $(KERNEL) $(if $(JOBS),--jobs $(JOBS))

# |make frama-c   what reads firmware's tables, by static analysis of all paths
.PHONY: frama-c
frama-c: | tools-analysis
	@tests/fuzz/eva.py
