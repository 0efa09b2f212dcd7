# Ephemera.  `make help` says what there is.

SMP ?= 4
MEM ?= 2G
CPU ?= max
FILE ?= README.md
APPEND ?=
# Another build of the kernel, by tests/variants/NAME.mk; with all its own files.
VARIANT ?=
B := build$(if $(VARIANT),/$(VARIANT))

ifeq ($(origin CC),default)
CC := gcc
endif
IS_CLANG := $(findstring clang,$(notdir $(CC)))
WERROR ?=
DEBUG ?= 0

# ---------------------------------------------------------------- the kernel

CFLAGS := -m32 -march=i586 -mtune=generic -mgeneral-regs-only -std=gnu11 -O2 \
	-ffreestanding -fno-pic -fno-pie \
	-fstack-protector-strong -mstack-protector-guard=global \
	-fno-asynchronous-unwind-tables -fno-omit-frame-pointer \
	-fno-strict-aliasing -fno-common -g \
	-Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes \
	-Wpointer-arith -Wundef -Wwrite-strings \
	$(if $(filter 1,$(WERROR)),-Werror) \
	-DEPHEMERA_DEBUG=$(DEBUG) -I. -Isf_buf -Itests/bench/engines/sf_buf
ASFLAGS := -m32 -I. $(if $(IS_CLANG),,-Wa,--fatal-warnings)
ifneq ($(IS_CLANG),)
CFLAGS += --target=i386-unknown-none-elf
ASFLAGS += --target=i386-unknown-none-elf
endif
# What a variant may set, for what is compiled, added and linked.
VARIANT_CFLAGS :=
VARIANT_SOURCES :=
VARIANT_LDFLAGS :=
ifneq ($(VARIANT),)
ifeq ($(wildcard tests/variants/$(VARIANT).mk),)
$(error there is no VARIANT=$(VARIANT); there are: \
    $(patsubst tests/variants/%.mk,%,$(wildcard tests/variants/*.mk)))
endif
include tests/variants/$(VARIANT).mk
endif
CFLAGS += $(VARIANT_CFLAGS)
# Other flags make other objects.
RULES := Makefile $(if $(VARIANT),tests/variants/$(VARIANT).mk)
LDFLAGS := -m elf_i386 -static --build-id=none --fatal-warnings \
	-z max-page-size=4096 $(VARIANT_LDFLAGS) -T linker.ld

SOURCES := $(sort $(wildcard boot/*.c kernel/*.c mm/*.c sf_buf/*.c \
	sf_buf/consumers/*.c tests/*.c tests/bench/*.c \
	tests/bench/engines/*.c tests/bench/engines/*/*.c) $(VARIANT_SOURCES))
ASSEMBLY := $(sort $(wildcard boot/*.S kernel/*.S tests/*.S))
# Objects of different compilers and settings do not mix.
O := $(B)/$(if $(IS_CLANG),clang,gcc)$(if $(filter 1,$(DEBUG)),-debug)
OBJECTS := $(SOURCES:%.c=$(O)/%.o) $(ASSEMBLY:%.S=$(O)/%.S.o)

# Benchmarks that compare, and the consumers that they use, are compiled for each
# engine (tests/bench/engine.h), and linked with it alone: what they define is
# local to the engine's object, or there would be six of each.  The kernel's own
# engine is the first, and micro, so that first_use finds a window that was never
# used.
ENGINES := sf_buf direct local pkmap classic naive
LOADS := $(patsubst %,tests/bench/load/%.c,micro set pipe md sendfile mix check)
PER_ENGINE := $(LOADS) $(patsubst %,sf_buf/consumers/%.c,cksum md memfile \
	page_ops pipe sendfile uio)
ENGINE_OBJECTS := $(ENGINES:%=$(O)/engine/%.o)

KERNEL := $(B)/ephemera.elf

.DEFAULT_GOAL := all
.PHONY: all
all: $(KERNEL) compile_commands.json

# Tests and benchmarks run in the order of their files, which gcc would reverse.
$(if $(IS_CLANG),,$(O)/tests/%.o $(O)/engine/%.o: CFLAGS += -fno-toplevel-reorder)

# A function that calls nothing gets by without a frame, which is a tenth of what
# a miss costs.  A report of a fault in one of these omits its caller.
$(O)/sf_buf/%.o $(O)/kernel/spinlock.o $(O)/tests/bench/engines/%.o: \
    CFLAGS += -momit-leaf-frame-pointer

# No guard of stack frames (kernel/stack_guard.h) in what an sf_buf's cost is
# made of, and in the loops that measure it: it would be seven instructions in a
# shootdown, and one in the way of a miss while buffers are scarce.
$(O)/sf_buf/sf_%.o $(O)/mm/tlb.o $(O)/engine/%.o $(O)/tests/bench/%.o: \
    CFLAGS += -fno-stack-protector

$(O)/%.o: %.c $(RULES)
	@mkdir -p $(@D)
	@echo "CC    $<"
	@$(CC) $(CFLAGS) -MMD -MP -c $< -o $@

$(O)/%.S.o: %.S $(RULES)
	@mkdir -p $(@D)
	@echo "AS    $<"
	@$(CC) $(ASFLAGS) -MMD -MP -c $< -o $@

define engine_rules
$(O)/engine/$(1)/%.o: CFLAGS += -momit-leaf-frame-pointer
$(O)/engine/$(1)/%.o: %.c $(RULES)
	@mkdir -p $$(@D)
	@echo "CC    $$< ($(1))"
	@$$(CC) -Itests/bench/engines/$(1) $$(CFLAGS) -MMD -MP -c $$< -o $$@
$(O)/engine/$(1).o: $(PER_ENGINE:%.c=$(O)/engine/$(1)/%.o)
	@ld -m elf_i386 -r -o $$@.tmp $$^
	@objcopy --wildcard --localize-symbol='*' $$@.tmp $$@
	@rm -f $$@.tmp
endef
$(foreach engine,$(ENGINES),$(eval $(call engine_rules,$(engine))))

# Linked twice: scripts/gen_symtab.py says why.
$(O)/kernel.elf: $(OBJECTS) $(ENGINE_OBJECTS) linker.ld scripts/gen_symtab.py
	@echo "LD    $@"
	@scripts/gen_symtab.py </dev/null >$(O)/empty.S
	@$(CC) $(ASFLAGS) -c $(O)/empty.S -o $(O)/empty.o
	@ld $(LDFLAGS) -o $(O)/first.elf $(OBJECTS) $(ENGINE_OBJECTS) \
	    $(O)/empty.o
	@nm -n $(O)/first.elf | scripts/gen_symtab.py >$(O)/symtab.S
	@$(CC) $(ASFLAGS) -c $(O)/symtab.S -o $(O)/symtab.o
	@ld $(LDFLAGS) -o $@.tmp $(OBJECTS) $(ENGINE_OBJECTS) $(O)/symtab.o
	@scripts/check_image.py $@.tmp
	@mv $@.tmp $@

# What runs is always the last one asked for, whichever compiler made it.
.PHONY: force
$(KERNEL): $(O)/kernel.elf force
	@cmp -s $< $@ || cp $< $@

# The same image with another entry point: see tests/entries.S.
$(B)/ephemera-%.elf: $(KERNEL)
	@objcopy --set-start=0x$$(nm $< | sed -n 's/ . start_$*$$//p') $< $@

$(B)/test.iso: $(KERNEL) scripts/mkiso.sh | tools-iso
	@scripts/mkiso.sh $< $@ 'test=*'

compile_commands.json: Makefile
	@scripts/compile_commands.py '$(CC) $(CFLAGS)' $(SOURCES) $(LOADS) >$@

-include $(OBJECTS:.o=.d) $(foreach engine,$(ENGINES), \
    $(PER_ENGINE:%.c=$(O)/engine/$(engine)/%.d))

# --------------------------------------------------------------- what is needed

# Install what is missing; silent when nothing is.
.PHONY: doctor tools-build
TOOLS := run iso check debug model host fuzz analysis coverage bochs
tools-build:
	@CC='$(CC)' scripts/setup.sh ensure build $(if $(IS_CLANG),clang) \
	    $(if $(filter test,$(MAKECMDGOALS)),run iso check host)
.PHONY: $(TOOLS:%=tools-%)
$(TOOLS:%=tools-%): tools-%: tools-build
	@scripts/setup.sh ensure $*
doctor:
	@CC='$(CC)' scripts/setup.sh doctor

$(OBJECTS) $(foreach engine,$(ENGINES), \
    $(PER_ENGINE:%.c=$(O)/engine/$(engine)/%.o)) compile_commands.json: | tools-build

# ------------------------------------------------------------------ running it

# For the shell: whatever is in a variable, quotes included, is one word.
q = '$(subst ','\'',$(1))'
RUN = scripts/run.py --kernel $(KERNEL) --file=$(call q,$(FILE)) \
	--smp=$(call q,$(SMP)) --memory=$(call q,$(MEM)) \
	--cpu=$(call q,$(CPU)) --append=$(call q,$(APPEND))

.PHONY: run run-iso iso gdb
run: all tools-run
	@$(RUN)

run-iso: all tools-run tools-iso
	@$(RUN) --iso

iso: all tools-iso
	@scripts/mkiso.sh $(KERNEL) $(B)/ephemera.iso $(call q,$(APPEND)) \
	    $(call q,$(FILE))
	@echo "made $(B)/ephemera.iso: boot it in a machine whose console is its"
	@echo "first serial line, or: qemu-system-i386 -accel tcg -cpu max -m 1G" \
	    "-serial stdio -cdrom $(B)/ephemera.iso"

gdb: all tools-run tools-debug
	@$(RUN) --gdb --gdb-script scripts/ephemera.gdb

# ---------------------------------------------------------------------- testing

# With any of these given, `make test` boots one machine with just that.
given = $(filter command line environment,$(origin $(1)))
TEST_ARGS = $(if $(TEST),--test=$(call q,$(TEST))) \
	$(if $(ROW),--rows=$(call q,$(ROW))) \
	$(if $(call given,SMP),--smp=$(call q,$(SMP))) \
	$(if $(call given,MEM),--memory=$(call q,$(MEM))) \
	$(if $(call given,CPU),--cpu=$(call q,$(CPU))) \
	$(if $(SEED),--seed=$(call q,$(SEED))) \
	$(if $(MODE),--mode=$(call q,$(MODE))) \
	$(if $(APPEND),--append=$(call q,$(APPEND)))
# Only a run of everything checks the sources and the tools, too.
WHOLE = $(if $(strip $(TEST_ARGS)),,check test-host host-test fuzz-corpus)
IMAGES = $(KERNEL) $(B)/ephemera-nomagic.elf $(B)/ephemera-earlytrap.elf \
	$(B)/test.iso

.PHONY: test test-all test-host repro list list-tests check
test: all $(IMAGES) tools-run tools-iso $(WHOLE)
	@tests/run.py --kernel $(KERNEL) $(TEST_ARGS)

# Every machine; then one with each of the other builds.
test-all: all $(IMAGES) tools-run tools-iso check test-host host-test fuzz-corpus
	@$(MAKE) B=$(B)/debug DEBUG=1 WERROR=1 TEST='*' test
	@$(MAKE) B=$(B)/clang CC=clang WERROR=1 TEST='*' test
	@tests/run.py --kernel $(KERNEL) --set all $(TEST_ARGS)

repro: test

list: all tools-run
	@tests/run.py --kernel $(KERNEL) --list

test-host: all tools-run tools-iso
	@echo "TEST  tests/host: the runner, the checks, the tour, the monitor"
	@KERNEL=$(abspath $(KERNEL)) python3 -m unittest discover -q -s tests/host

list-tests: all tools-run
	@qemu-system-i386 -accel tcg -cpu max -m 64M -nodefaults -vga none \
	    -display none -serial stdio -no-reboot \
	    -device isa-debug-exit,iobase=0xf4,iosize=4 \
	    -kernel $(KERNEL) -append list </dev/null | \
	    sed -n 's/\r$$//; /^[a-z_0-9]*\.[a-z_0-9]*$$/p'

check: all tools-check
	@scripts/check.sh '$(CC) $(CFLAGS)' $(O) $(SOURCES) $(LOADS)

# -------------------------------------------------------------------- measuring

# For QEMU, so by the host's own compiler; `make bench` works without it.
HOSTCC ?= cc
$(B)/bench/plugin.so: scripts/bench_plugin.c Makefile
	@mkdir -p $(@D)
	@echo "CC    $<"
	@$(HOSTCC) -O2 -Wall -Wextra -fPIC -shared -fvisibility=hidden \
	    -o $@ $< -ldl || { rm -f $@; echo "$@ was not built"; }

# Without gnuplot there are no plots, but all the rest.
.PHONY: bench tools-plots
tools-plots: tools-build
	@scripts/setup.sh ensure plots || echo "There will be no plots."

bench: all tools-run tools-plots $(B)/bench/plugin.so
	@scripts/bench.py --kernel $(KERNEL) --out $(B)/bench \
	    --plugin $(B)/bench/plugin.so \
	    $(if $(BENCH),--bench $(call q,$(BENCH))) \
	    $(if $(ENGINE),--engine $(call q,$(ENGINE)))

.PHONY: bench-compare bench-docs
bench-compare:
	@scripts/bench_compare.py $(if $(BENCH),--bench $(call q,$(BENCH))) \
	    $(if $(OLD),$(call q,$(OLD)) \
	    $(if $(NEW),$(call q,$(NEW)),$(B)/bench/results.json))

# README and docs/plots show the last run.
bench-docs:
	@scripts/bench_docs.py --out $(B)/bench

# ---------------------------------------------------------------------- proving

# Each part is a target of its own; tests/prove.cfg lists them.
.PHONY: prove
prove: all $(IMAGES) tools-run tools-iso
	@tests/prove.py $(if $(PART),--part $(call q,$(PART))) \
	    $(if $(FRESH),--fresh)

include $(sort $(filter-out tests/variants/%,$(wildcard tests/*/*.mk)))

# ------------------------------------------------------------------------- rest

.PHONY: clean help
clean:
	rm -rf $(B) compile_commands.json

help:
	@sed -n 's/^# *|//p' Makefile
	@echo
	@echo "What proves it, part by part:"
	@sed -n 's/^# *|//p' $(filter %.mk,$(MAKEFILE_LIST))

# |make run       boot in QEMU, take the tour, stop at the monitor's prompt
# |                 FILE=path  the file that the tour sends (README.md)
# |                 SMP=4 MEM=2G CPU=max  the machine   APPEND="words"  options
# |make test      all that must pass; then N passed, N failed, N skipped
# |                 TEST='page.*' SMP=2 MEM=512M SEED=7 APPEND=..  one machine
# |                 ROW='smp*'  rows of make list;  MODE=mttcg, single, icount
# |make repro     what a failed row printed, again
# |make test-all  the slower machines, too
# |make prove     everything that shows the kernel right, in parts
# |                 PART=name  one part or some (glob)   FRESH=1  all again
# |make bench     what an sf_buf costs: instructions, events, time, scaling
# |                 BENCH='*miss*'  some cases   ENGINE='sf_buf,classic'  some engines
# |                 and build/bench/report.html, to read and to show
# |make bench-compare OLD=results.json  what became worse since that run
# |                 NEW=build/bench/results.json  BENCH='*miss*'
# |make run-iso   the same tour from a GRUB ISO;  make iso  makes one
# |make gdb       QEMU and gdb together
# |make check     layering, format, static analysis
# |make list      the machines of make test;  make list-tests  the tests
# |make doctor    what is missing, and the line that installs it
# |make clean     remove all that was built
# |
# |Build options: CC=clang  WERROR=1  DEBUG=1 (page poison)
