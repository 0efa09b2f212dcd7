# Accesses to what is not an object, or no longer one: tests/sanitize/kasan.h.
# Each check is a call, but marks around variables on stacks are not: these want
# an alignment that an interrupted stack has not.
VARIANT_CFLAGS := -UEPHEMERA_DEBUG -DEPHEMERA_DEBUG=1 \
	-iquote tests/sanitize/kasan -mincoming-stack-boundary=2 \
	-fsanitize=kernel-address -fasan-shadow-offset=0xa85b0000 \
	-fsanitize-address-use-after-scope --param asan-globals=1 \
	--param asan-stack=1 --param asan-instrumentation-with-call-threshold=0
VARIANT_SOURCES := tests/sanitize/kasan.c tests/sanitize/kasan_bugs.c
VARIANT_LDFLAGS := -T tests/sanitize/kasan.ld $(addprefix --wrap=,\
	memcpy memmove memset memcmp strlen kva_init kmem_alloc kmem_free \
	kstack_alloc sched_prepare thread_alloc thread_join vm_page_alloc \
	vm_page_alloc_contig vm_page_alloc_frame vm_page_free \
	vm_page_free_contig)

ifeq ($(VARIANT),kasan)
# Who checks is not checked; for string.o see kasan.c.
%/tests/sanitize/kasan.o %/kernel/string.o: CFLAGS += \
    --param asan-instrument-reads=0 --param asan-instrument-writes=0 \
    --param asan-stack=0 --param asan-globals=0
endif
