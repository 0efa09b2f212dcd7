# Faults on purpose, in a variant of the kernel: tests/faults/inject.h.

# |make faults    allocations that fail, interrupts that get lost, deaf CPUs
.PHONY: faults
faults: tools-run
	@$(MAKE) --no-print-directory VARIANT=faults build/faults/ephemera.elf
	@tests/faults/faults.py --kernel build/faults/ephemera.elf
