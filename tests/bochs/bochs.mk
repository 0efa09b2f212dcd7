# A second kind of machine: see tests/bochs/bochs.py.
.PHONY: bochs
bochs: all tools-bochs tools-iso
	@$(MAKE) VARIANT=global build/global/ephemera.elf
	@tests/bochs/bochs.py --kernel $(KERNEL) --out $(B)/bochs \
	    --seeded-kernel build/global/ephemera.elf \
	    $(if $(TEST),--test=$(call q,$(TEST))) \
	    $(if $(call given,SMP),--cpus=$(call q,$(SMP)))

# |make bochs     the suites in Bochs, another machine than QEMU
# |                 TEST='sf_*'  some tests   SMP=2  number of CPUs
