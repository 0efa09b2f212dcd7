/*
 * What the linker calls instead of functions of the kernel, and those
 * themselves; see inject.h.
 */
#ifndef TESTS_FAULTS_WRAPS_H
#define TESTS_FAULTS_WRAPS_H

#include "kernel/types.h"
#include "kernel/ipi.h"

struct vm_page;

void __wrap_banner(void);
void __real_banner(void);

struct vm_page *__wrap_vm_page_alloc(unsigned flags);
struct vm_page *__real_vm_page_alloc(unsigned flags);

struct vm_page *__wrap_vm_page_alloc_contig(unsigned npages, unsigned flags);
struct vm_page *__real_vm_page_alloc_contig(unsigned npages, unsigned flags);

vm_offset_t __wrap_kva_alloc(size_t bytes);
vm_offset_t __real_kva_alloc(size_t bytes);

bool __wrap_pmap_grow(vm_offset_t va, size_t npages);
bool __real_pmap_grow(vm_offset_t va, size_t npages);

void __wrap_ipi_send(unsigned cpu, enum vector vector);
void __real_ipi_send(unsigned cpu, enum vector vector);

void __wrap_ipi_send_nmi_others(void);
void __real_ipi_send_nmi_others(void);

void __wrap_kprintf_line(const char *fmt, ...) __printflike(1, 2);
void __real_kprintf_line(const char *fmt, ...) __printflike(1, 2);

nsec_t __wrap_clock_now(void);
nsec_t __real_clock_now(void);

#endif
