#!/bin/sh
# The checks of `make check`: layering, format, headers, the sf_buf layer's
# seam, and static analysis.  Each says what it found; all run even if one
# fails.
#
#   scripts/check.sh 'COMPILER FLAGS' OBJECT_DIRECTORY SOURCE...
set -u
if [ $# -lt 3 ]; then
    sed -n '2,/^set/s/^# \{0,1\}//p' "$0"
    exit 2
fi
command=$1 objects=$2
shift 2
failed=0

# check NAME COMMAND...: run one; print its output only if it fails.
check() {
    name=$1
    shift
    printf 'CHECK %s\n' "$name"
    if ! output=$("$@" 2>&1); then
        printf '%s\n' "$output"
        failed=1
    fi
}

headers() {
    find boot kernel mm sf_buf tests -name '*.h'
}

# Those of the variants and of the host builds, too.
format() {
    clang-format --dry-run -Werror $(find boot kernel mm sf_buf tests scripts \
        -name '*.[ch]')
}

# Each header compiles alone.
alone() {
    for header in $(headers); do
        printf '#include "%s"\n' "$header" |
            $command -Werror -fsyntax-only -x c - ||
            { echo "$header does not compile alone"; return 1; }
    done
}

# What sf_buf/ needs from a kernel is the list in sf_buf/undefined.txt.
seam() {
    ld -m elf_i386 -r -o "$objects/sf_buf.o" "$objects"/sf_buf/*.o || return 1
    nm -u "$objects/sf_buf.o" | sed 's/^ *U //' | LC_ALL=C sort |
        diff -u sf_buf/undefined.txt - && return 0
    echo "sf_buf/ needs other symbols than sf_buf/undefined.txt lists"
    return 1
}

# Analysis is for the kernel: tests do odd things on purpose.
kernel_sources() {
    for source in "$@"; do
        case $source in
        tests/*) ;;
        *) printf '%s\n' "$source" ;;
        esac
    done
}

cppcheck_all() {
    cppcheck --quiet --error-exitcode=1 --inline-suppr --std=c11 \
        --platform=unix32 --enable=warning,portability --force \
        --suppressions-list=scripts/cppcheck.suppress -USIGINT -USIGTERM \
        -DEPHEMERA_DEBUG=0 -I. -Isf_buf $(kernel_sources "$@")
}

tidy_all() {
    clang-tidy --quiet -p . --warnings-as-errors='*' \
        $(kernel_sources "$@") 2>/dev/null
}

check layering scripts/check_reading.py
check format format
check headers alone
check 'sf_buf seam' seam
check cppcheck cppcheck_all "$@"
check clang-tidy tidy_all "$@"
[ $failed -eq 0 ] || echo "make check: failed" >&2
exit $failed
