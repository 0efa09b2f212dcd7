/*
 * What the linker calls instead of functions of the kernel, and those
 * themselves; see tests/variants/soak.mk.
 */
#ifndef TESTS_SOAK_WRAPS_H
#define TESTS_SOAK_WRAPS_H

#include "kernel/cpumask.h"
#include "kernel/ipi.h"
#include "mm/tlb.h"

void __wrap_ipi_send(unsigned cpu, enum vector vector);
void __real_ipi_send(unsigned cpu, enum vector vector);

void __wrap_tlb_wait(const struct cpumask *targets, tlb_gen_t gen);
void __real_tlb_wait(const struct cpumask *targets, tlb_gen_t gen);

#endif
