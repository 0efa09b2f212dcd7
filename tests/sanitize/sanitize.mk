# The kernel with checks that the compiler puts in: tests/variants/, and
# tests/sanitize/ for what they call.
SANITIZERS := ubsan kasan kcsan
.PHONY: sanitize $(SANITIZERS)
sanitize: $(SANITIZERS)
$(SANITIZERS): all tools-run
	@$(MAKE) VARIANT=$@ build/$@/ephemera.elf
	@tests/sanitize/sanitize.py $@

# |make sanitize  all tests with checks for undefined behaviour, bad addresses
# |                 and data races; or one: make ubsan, make kasan, make kcsan
