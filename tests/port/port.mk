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
$(PORT)/$(1)/%.o: %.c tests/port/port.mk
	@mkdir -p $$(@D)
	@echo "CC    $$< ($(1))"
	@$$(PORT_CC) $(2) $(PORT_CFLAGS) $$(PORT_$(1)_ONLY) -MMD -MP -c $$< -o $$@
$(PORT)/$(1)/%.S.o: %.S tests/port/port.mk
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

PORT_RUN = tests/port/run.py --program $(PORT)/$(1)/stress
PORT_SOURCES := $(PORT_KERNEL) $(PORT_MACHINE) $(PORT_HOST)

.PHONY: host-stress host-asan host-parallel host-helgrind host-bugs \
	host-mutants host-test
HOST_SECONDS ?= 100
host-stress: $(PORT)/tsan/stress | tools-host
	@$(call PORT_RUN,tsan) --name host-tsan --seconds $(HOST_SECONDS)

host-asan: $(PORT)/asan/stress | tools-host
	@$(call PORT_RUN,asan) --name host-asan --seconds 40

host-parallel: $(PORT)/parallel/stress | tools-host
	@$(call PORT_RUN,parallel) --name host-parallel --seconds 40

host-helgrind: $(PORT)/helgrind/stress | tools-host
	@$(call PORT_RUN,helgrind) --name host-helgrind --seconds 25 --helgrind

host-bugs: $(PORT)/plain/stress | tools-host
	@$(call PORT_RUN,plain) --name host-bugs --bugs

host-mutants: | tools-host
	@tests/port/mutants.py --out $(PORT)/mutants \
	    --compile '$(PORT_CC) -m64 $(PORT_CFLAGS)' \
	    $(PORT_SOURCES) $(PORT_FIBERS) tests/port/fiber_none.c

# What make test has time for.
host-test: $(PORT)/plain/stress | tools-host
	@$(call PORT_RUN,plain) --name host-test --seconds 10
	@$(call PORT_RUN,plain) --name host-test --bugs

# |make host-stress  the kernel on made-up CPUs in a process, by seeds, watched
# |                 by ThreadSanitizer;  HOST_SECONDS=100
# |make host-asan, host-parallel, host-helgrind  the same, otherwise watched
# |make host-bugs  what is planted in its machine is noticed
# |make host-mutants  what is planted in the kernel's files, too
