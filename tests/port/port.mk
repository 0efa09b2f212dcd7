# The host build: the kernel's files that are not the machine, unchanged, on
# CPUs, TLBs and memory that are made up.

comma := ,
PORT := $(B)/port
PORT_CC ?= gcc
PORT_KERNEL := $(filter-out sf_buf/consumers/%,$(wildcard sf_buf/*.c)) \
	$(addprefix mm/,tlb.c vm_page.c vm_buddy.c vm_cache.c kva.c) \
	$(addprefix kernel/,sched.c runq.c sleepq.c thread.c timeout.c \
	    signal.c mutex.c spinlock.c cpumask.c counter.c)
PORT_MACHINE := $(addprefix tests/port/,machine.c mmu.c kernel.c stress.c \
	stress_sf.c stress_page.c stress_kva.c stress_sleepq.c \
	stress_tlb.c)
# What a sanitizer must not see: it changes stacks.
PORT_HOST := tests/port/host.c
PORT_FIBERS := tests/port/fibers.c tests/port/switch.S

PORT_CFLAGS := -std=gnu11 -ffreestanding -g -O1 -fno-pie -fno-strict-aliasing -fno-common \
	-fno-omit-frame-pointer -fno-optimize-sibling-calls -Wall -Wextra \
	-Wno-attributes -Wno-format -Wno-tsan -Wno-pointer-to-int-cast -Werror \
	-DEPHEMERA_DEBUG=0 -Dsched_yield=kernel_sched_yield -Itests/port/include -Itests/port -I. -Isf_buf

# $(1): name; $(2): flags of all; $(3): flags of what is not PORT_HOST;
# $(4): more sources, as PORT_HOST.
define port_build
$(PORT)/$(1)/%.o: %.c tests/port/port.mk | tools-host
	@mkdir -p $$(@D)
	@echo "CC    $$< ($(1))"
	@$$(PORT_CC) $(2) $(PORT_CFLAGS) $$(PORT_$(1)_ONLY) -MMD -MP -c $$< -o $$@
$(PORT)/$(1)/%.S.o: %.S tests/port/port.mk | tools-host
	@mkdir -p $$(@D)
	@$$(PORT_CC) $(2) -c $$< -o $$@
$(PORT_KERNEL:%.c=$(PORT)/$(1)/%.o) $(PORT_MACHINE:%.c=$(PORT)/$(1)/%.o): \
    PORT_$(1)_ONLY := $(3)
PORT_$(1)_OBJECTS := $(patsubst %.c,$(PORT)/$(1)/%.o,$(PORT_KERNEL) \
    $(PORT_MACHINE) $(PORT_HOST) $(filter %.c,$(4))) $(patsubst %.S,$(PORT)/$(1)/%.S.o,$(filter %.S,$(4)))
$(PORT)/$(1)/stress: $$(PORT_$(1)_OBJECTS)
	@echo "LD    $$@"
	@$$(PORT_CC) $(2) $(3) -no-pie -o $$@ $$^
-include $$(PORT_$(1)_OBJECTS:.o=.d)
endef

$(eval $(call port_build,plain,-m64,,$(PORT_FIBERS) tests/port/fiber_none.c))
$(eval $(call port_build,tsan,-m64,-fsanitize=thread,$(PORT_FIBERS) tests/port/fiber_tsan.c))
$(eval $(call port_build,asan,-m32 -msse2,-fsanitize=address$(comma)undefined \
    -fno-sanitize-recover=undefined,$(PORT_FIBERS) tests/port/fiber_asan.c))
$(eval $(call port_build,parallel,-m64 -pthread,-fsanitize=thread,\
    tests/port/parallel.c))
$(eval $(call port_build,helgrind,-m64 -pthread -include tests/port/helgrind_hb.h,,\
    tests/port/parallel.c tests/port/helgrind_hb.c))

# The readers of strange input, with the kernel's own tests of them.  The C
# library has functions of the same names, in which sanitizers are interested.
PORT_SUITES := boot/parse.c mm/memmap.c $(addprefix kernel/,option.c acpi.c \
	mptable.c topology.c firmware.c string.c printf.c lineedit.c \
	cpumask.c) \
	sf_buf/consumers/tar_header.c $(addprefix tests/,topology.c mptable.c \
	memmap.c string.c lineedit.c fake_firmware.c topology_check.c \
	port/suites.c)
# tests/string.c is about pointers of 32 bits.
PORT_RENAMED := $(foreach f,memcpy memmove memset memcmp strlen strcmp \
	strncmp strlcpy,-D$(f)=kernel_$(f))

define port_suites
$(PORT)/suites$(1)/%.o: %.c tests/port/port.mk
	@mkdir -p $$(@D)
	@echo "CC    $$< (suites$(1))"
	@$$(PORT_CC) -m$(1) -fsanitize=address,undefined \
	    -fno-sanitize-recover=undefined $(PORT_CFLAGS) \
	    $$(if $$(filter tests/port/host.c,$$<),,$(PORT_RENAMED)) \
	    -MMD -MP -c $$< -o $$@
PORT_suites$(1)_OBJECTS := $(patsubst %.c,$(PORT)/suites$(1)/%.o, \
    $(filter-out $(if $(filter 64,$(1)),tests/string.c),$(PORT_SUITES)) \
    tests/port/host.c)
$(PORT)/suites$(1)/suites: $$(PORT_suites$(1)_OBJECTS) tests/port/suites.ld
	@echo "LD    $$@"
	@$$(PORT_CC) -m$(1) -fsanitize=address,undefined -no-pie -o $$@ \
	    $$(PORT_suites$(1)_OBJECTS) -Wl,-T,tests/port/suites.ld
-include $$(PORT_suites$(1)_OBJECTS:.o=.d)
endef
$(eval $(call port_suites,32))
$(eval $(call port_suites,64))

PORT_RUN = tests/port/run.py --program $(PORT)/$(1)/stress
PORT_SOURCES := $(PORT_KERNEL) $(PORT_MACHINE) $(PORT_HOST)

.PHONY: host-stress host-asan host-parallel host-helgrind host-bugs \
	host-test
HOST_SECONDS ?= 100
host-stress: $(PORT)/tsan/stress | tools-host
	@$(call PORT_RUN,tsan) --name host-tsan --seconds $(HOST_SECONDS)

host-asan: $(PORT)/asan/stress $(PORT)/suites32/suites $(PORT)/suites64/suites | tools-host
	@for m in 32 64; do ASAN_OPTIONS=detect_leaks=0 \
	    $(PORT)/suites$$m/suites run >$(PORT)/suites$$m/log 2>&1 || \
	    { cat $(PORT)/suites$$m/log; echo "host-asan: suites$$m failed"; \
	    exit 1; }; done; tail -1 $(PORT)/suites32/log
	@$(call PORT_RUN,asan) --name host-asan --seconds 40

host-parallel: $(PORT)/parallel/stress | tools-host
	@$(call PORT_RUN,parallel) --name host-parallel --seconds 40

host-helgrind: $(PORT)/helgrind/stress | tools-host
	@$(call PORT_RUN,helgrind) --name host-helgrind --seconds 25 --helgrind

host-bugs: $(PORT)/plain/stress | tools-host
	@$(call PORT_RUN,plain) --name host-bugs --bugs

# What make test has time for.
host-test: $(PORT)/plain/stress | tools-host
	@$(call PORT_RUN,plain) --name host-test --seconds 10
	@$(call PORT_RUN,plain) --name host-test --bugs

# |make host-stress  the kernel on made-up CPUs in a process, by seeds, watched
# |                 by ThreadSanitizer;  HOST_SECONDS=100
# |make host-asan, host-parallel, host-helgrind  the same, otherwise watched
# |make host-bugs  what is planted in its machine is noticed
