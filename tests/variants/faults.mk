# The kernel with faults on purpose: the linker leads the calls that other files
# make of these functions to tests/faults/inject_*.c, so no source is changed.
VARIANT_SOURCES += $(wildcard tests/faults/*.c)
VARIANT_LDFLAGS += $(addprefix --wrap=,option_parse banner vm_page_alloc \
	vm_page_alloc_contig kva_alloc pmap_grow ipi_send ipi_send_nmi_others \
	kprintf_line clock_now)
