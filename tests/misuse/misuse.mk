# Bugs on purpose (tests/panics.h), one a boot; also those that only a debug
# build meets.

# |make misuse    every bug of a caller is met with a sentence of its own

.PHONY: misuse
misuse: all tools-run
	@$(MAKE) --no-print-directory B=$(B)/debug DEBUG=1 all
	@tests/misuse/misuse.py --kernel $(KERNEL) --out $(B)/misuse \
	    --debug $(B)/debug/ephemera.elf
