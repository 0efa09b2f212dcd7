# Seeded interleavings: tests/explore/engine.c says what they are.

# |make explore   short tests under yields that a seed chooses
# |                 SEEDS=1..200  SMP=2  TEST='explore_few.*'
.PHONY: explore explore-prove explore-kernel
explore-kernel: tools-run
	@$(MAKE) --no-print-directory VARIANT=explore build/explore/ephemera.elf

explore: explore-kernel
	@tests/explore/explore.py $(if $(SEEDS),--seeds $(call q,$(SEEDS))) \
	    $(if $(call given,SMP),--smp $(call q,$(SMP))) \
	    $(if $(TEST),--test $(call q,$(TEST)))

explore-prove: explore-kernel
	@tests/explore/explore.py --prove
