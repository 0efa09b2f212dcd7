# A kernel with a bug that `make bochs` must find: the window's pages are global,
# so a load of CR3 leaves stale translations.  In QEMU it passes all suites.
VARIANT_CFLAGS := -include tests/bochs/global.h
