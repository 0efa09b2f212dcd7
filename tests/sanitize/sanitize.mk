# The kernel with checks that the compiler puts in: tests/variants/, and
# tests/sanitize/ for what they call.
SANITIZERS := ubsan kasan
.PHONY: sanitize $(SANITIZERS)
sanitize: $(SANITIZERS)
$(SANITIZERS): all tools-run
	@$(MAKE) VARIANT=$@ build/$@/ephemera.elf
	@tests/sanitize/sanitize.py $@

# |make sanitize  all tests with checks for undefined behaviour and bad addresses
# |                 or one: make ubsan, make kasan
