# What the tests reach: see tests/coverage/coverage.py.
.PHONY: coverage
coverage: all tools-run tools-iso tools-coverage
	@$(MAKE) VARIANT=coverage build/coverage/ephemera.elf \
	    build/coverage/ephemera-nomagic.elf \
	    build/coverage/ephemera-earlytrap.elf
	@tests/coverage/coverage.py $(if $(ROW),--rows=$(call q,$(ROW)))

# |make coverage  lines and branches that the tests reach, and its bars
# |                 ROW='smp1'  by some rows only
