# Deliberate bugs, and what notices each: tests/mutants/mutants.py.
#
# |make mutants   build the kernel with each deliberate bug; the tests must fail
# |                 MUTANT='sf_buf-*'  some   FRESH=1  also those known already
# |                 MATRIX=1  every machine for each, not just until one fails

.PHONY: mutants
mutants: all tools-run
	@tests/mutants/mutants.py $(if $(MUTANT),--mutant $(call q,$(MUTANT))) \
	    $(if $(FRESH),--fresh) $(if $(MATRIX),--matrix)
