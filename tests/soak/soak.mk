# Soaks, in a variant of the kernel: tests/soak/soak.c.

# |make soak      100 million operations, and a day of virtual time
.PHONY: soak
soak: tools-run
	@$(MAKE) --no-print-directory VARIANT=soak build/soak/ephemera.elf
	@tests/soak/soak.py --kernel build/soak/ephemera.elf
