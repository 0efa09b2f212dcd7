#!/bin/sh
# What this project needs from the machine, and how to get it.
#
#   scripts/setup.sh doctor           list each thing, found or missing
#   scripts/setup.sh ensure GROUP...  install what a group misses
#
# ensure is silent if nothing is missing. On Debian and Ubuntu it installs, as
# root or with sudo; elsewhere it prints the line to type. Both work without
# any other program, even with an empty PATH: only built-in commands are used
# until there is something to install.
set -u

all_groups="build run iso check host clang debug plots model fuzz analysis coverage bochs"
compiler=${CC:-gcc}
compiler=${compiler%% *}
grub_modules=/usr/lib/grub/i386-pc

usage() {
    printf '%s\n' \
        "usage: scripts/setup.sh doctor" \
        "       scripts/setup.sh ensure GROUP..." \
        "groups: $all_groups"
}

say() {
    printf '%s\n' "$*"
}

have() {
    command -v "$1" >/dev/null 2>&1
}

# ---- what is needed

# The things of a group, one word each, as `found` and `purpose` know them.
things() {
    case $1 in
    build) say "cc make ld nm objcopy python3" ;;
    run) say "qemu-system-i386" ;;
    iso) say "grub-mkrescue grub-file grub-modules xorriso mformat" ;;
    check) say "clang-format cppcheck clang-tidy" ;;
    host) say "cc-m32 valgrind" ;;
    clang) say "clang" ;;
    debug) say "gdb" ;;
    plots) say "gnuplot" ;;
    model) say "spin" ;;
    fuzz) say "clang libfuzzer" ;;
    analysis) say "frama-c" ;;
    coverage) say "gcov gcovr cc-m32" ;;
    bochs) say "bochs bochs-bios bochs-term" ;;
    *) return 1 ;;
    esac
}

purpose() {
    case $1 in
    cc) say "compiles the kernel (gcc, or what CC says)" ;;
    make) say "builds everything" ;;
    ld) say "links the kernel" ;;
    nm) say "reads the symbols for backtraces" ;;
    objcopy) say "makes variants of the kernel" ;;
    python3) say "runs the tests and other tools" ;;
    qemu-system-i386) say "is the machine that the kernel runs on" ;;
    grub-mkrescue) say "makes the ISO" ;;
    grub-file) say "checks the kernel's multiboot header" ;;
    grub-modules) say "GRUB for the ISO, in $grub_modules" ;;
    xorriso) say "writes the ISO, for grub-mkrescue" ;;
    mformat) say "part of mtools, for grub-mkrescue" ;;
    clang-format) say "make check: layout of the source" ;;
    cppcheck | clang-tidy) say "make check: static analysis" ;;
    cc-m32) say "host tests in 32 bits, and make coverage" ;;
    clang) say "the other compiler, make CC=clang" ;;
    gdb) say "make gdb" ;;
    gnuplot) say "make bench: the plots of its report" ;;
    valgrind) say "make prove: helgrind, on the host build" ;;
    spin) say "make model: checks the models of tests/model" ;;
    libfuzzer) say "make fuzz: clang's library for it" ;;
    frama-c) say "make prove: static analysis of the boot parsers" ;;
    gcov | gcovr) say "make coverage: what the tests reach" ;;
    bochs | bochs-*) say "make bochs: a second kind of machine" ;;
    esac
}

# Is this thing here?
found() {
    case $1 in
    cc) have "$compiler" ;;
    grub-mkrescue | grub-file)
        have "$1" || have "grub2-${1#grub-}" || have "i686-elf-$1"
        ;;
    grub-modules)
        [ -e "$grub_modules/multiboot.mod" ] || have i686-elf-grub-mkrescue
        ;;
    cc-m32) have_libc32 ;;
    libfuzzer) have_libfuzzer ;;
    bochs-bios) [ -e /usr/share/bochs/BIOS-bochs-latest ] &&
        [ -e /usr/share/bochs/VGABIOS-lgpl-latest ] ;;
    bochs-term) have_bochs_term ;;
    *) have "$1" ;;
    esac
}

# The compiler answers with a whole path only for a file that is there.
have_libc32() {
    have "$compiler" || return 1
    case $("$compiler" -m32 -print-file-name=crt1.o 2>/dev/null) in
    */*) return 0 ;;
    esac
    return 1
}

have_libfuzzer() {
    have clang || return 1
    for library in "$(clang -print-resource-dir)"/lib/*/libclang_rt.fuzzer*.a; do
        [ -e "$library" ] && return 0
    done
    return 1
}

# Of the clang that is here, or of the one that Debian 12 would install.
clang_major() {
    have clang || { say 14; return; }
    major=$(clang -dumpversion)
    say "${major%%.*}"
}

have_bochs_term() {
    for library in /usr/lib/bochs/plugins/libbx_term_gui.so \
        /usr/lib/*/bochs/plugins/libbx_term_gui.so; do
        [ -e "$library" ] && return 0
    done
    return 1
}

# The first line that a tool prints about its version.
version() {
    case $1 in
    cc) tool=$compiler ;;
    grub-modules | cc-m32 | mformat | libfuzzer | bochs | bochs-*) return ;;
    *) tool=$1 ;;
    esac
    lines=$("$tool" --version 2>&1 </dev/null) || return
    say "${lines%%
*}"
}

# ---- packages

# The package of a thing, for one package manager.
package() {
    case $1:$2 in
    *:cc)
        case $1:$compiler in
        brew:*) say i686-elf-gcc ;;
        apt:*clang*) say "clang libc6-dev" ;;
        *clang*) say clang ;;
        apt:*) say "gcc libc6-dev" ;;
        *) say gcc ;;
        esac
        ;;
    *:make) say make ;;
    brew:ld | brew:nm | brew:objcopy) say i686-elf-binutils ;;
    *:ld | *:nm | *:objcopy) say binutils ;;
    pacman:python3 | brew:python3) say python ;;
    *:python3) say python3 ;;
    apt:qemu-* | pacman:qemu-*) say qemu-system-x86 ;;
    dnf:qemu-*) say qemu-system-x86-core ;;
    brew:qemu-*) say qemu ;;
    apt:grub-modules) say grub-pc-bin ;;
    apt:grub-*) say grub-common ;;
    dnf:grub-modules) say grub2-pc-modules ;;
    dnf:grub-mkrescue) say grub2-tools-extra ;;
    dnf:grub-*) say grub2-tools-minimal ;;
    pacman:grub-*) say grub ;;
    brew:grub-*) say i686-elf-grub ;;
    pacman:xorriso) say libisoburn ;;
    *:xorriso) say xorriso ;;
    *:mformat) say mtools ;;
    dnf:clang-*) say clang-tools-extra ;;
    pacman:clang-*) say clang ;;
    brew:clang-tidy) say llvm ;;
    apt:cc-m32) say gcc-multilib ;;
    dnf:cc-m32) say "glibc-devel.i686 libgcc.i686" ;;
    pacman:cc-m32) say "lib32-glibc lib32-gcc-libs" ;;
    brew:cc-m32) ;;
    brew:clang) say llvm ;;
    apt:gnuplot) say gnuplot-nox ;;
    dnf:gnuplot) say gnuplot-minimal ;;
    apt:libfuzzer) say "libclang-rt-$(clang_major)-dev" ;;
    *:libfuzzer) say compiler-rt ;;
    apt:frama-c) say frama-c-base ;;
    apt:gcov | pacman:gcov | dnf:gcov) say gcc ;;
    apt:bochs-bios) say "bochsbios vgabios" ;;
    apt:bochs-term) say bochs-term ;;
    *:bochs-*) say bochs ;;
    *) say "$2" ;;
    esac
}

# The packages of several things, each once.
packages() {
    manager=$1
    shift
    list=
    for thing in "$@"; do
        for name in $(package "$manager" "$thing"); do
            case " $list " in
            *" $name "*) ;;
            *) list="$list $name" ;;
            esac
        done
    done
    say "${list# }"
}

install_line() {
    manager=$1
    shift
    names=$(packages "$manager" "$@")
    case $manager in
    apt) say "sudo apt-get install --no-install-recommends $names" ;;
    dnf) say "sudo dnf install $names" ;;
    pacman) say "sudo pacman -S --needed $names" ;;
    brew) say "brew install $names" ;;
    esac
}

# Print the line for the package manager that is here, or for all.
print_install_lines() {
    for pair in apt-get:apt dnf:dnf pacman:pacman brew:brew; do
        if have "${pair%%:*}"; then
            say "Install with:"
            say "  $(install_line "${pair#*:}" "$@")"
            return
        fi
    done
    say "Install with the line of your system:"
    say "  Debian, Ubuntu:  $(install_line apt "$@")"
    say "  Fedora:          $(install_line dnf "$@")"
    say "  Arch:            $(install_line pacman "$@")"
    say "  macOS:           $(install_line brew "$@")"
}

# ---- the commands

# Set $missing to the things of some groups that are not here.
find_missing() {
    missing=
    for group in "$@"; do
        if ! names=$(things "$group"); then
            say "setup.sh: there is no group '$group';" \
                "choose from: $all_groups" >&2
            exit 2
        fi
        for thing in $names; do
            found "$thing" || missing="$missing $thing"
        done
    done
}

doctor() {
    for group in $all_groups; do
        for thing in $(things "$group"); do
            describe "$group" "$thing"
        done
    done
    find_missing $all_groups
    if [ -z "$missing" ]; then
        say ""
        say "Nothing is missing."
        return 0
    fi
    say ""
    say "Missing:$missing"
    say "(build and run are enough for \`make run\`.)"
    print_install_lines $missing
    return 1
}

describe() {
    if found "$2"; then
        printf '%-8s found    %-17s %s\n' "$1" "$2" "$(purpose "$2")"
        text=$(version "$2")
        if [ -n "$text" ]; then
            printf '%-8s          %-17s   %s\n' "" "" "$text"
        fi
    else
        printf '%-8s MISSING  %-17s %s\n' "$1" "$2" "$(purpose "$2")"
    fi
}

# Run apt-get, saying which command failed if one does. $sudo is the prefix.
apt() {
    $sudo env DEBIAN_FRONTEND=noninteractive apt-get -q "$@" && return
    say "setup.sh: this command failed: ${sudo:+$sudo }apt-get $*" >&2
    return 1
}

# Does apt know all these packages, or does it need an update first?
apt_knows() {
    for name in "$@"; do
        apt-cache show "$name" >/dev/null 2>&1 || return 1
    done
}

ensure() {
    find_missing "$@"
    [ -n "$missing" ] || return 0
    sudo=
    if ! have apt-get || ! have id; then
        explain_and_stop
    elif [ "$(id -u)" -ne 0 ]; then
        have sudo || explain_and_stop
        sudo=sudo
    fi
    names=$(packages apt $missing)
    say "Ephemera needs$missing; installing with:" \
        "${sudo:+$sudo }apt-get install $names"
    if ! apt_knows $names; then
        apt update || exit 1
    fi
    if ! apt install -y --no-install-recommends $names; then
        say "The list of packages may be old; trying again after an update."
        apt update || exit 1
        apt install -y --no-install-recommends $names || exit 1
    fi
    find_missing "$@"
    if [ -n "$missing" ]; then
        say "setup.sh: apt-get succeeded, but still missing:$missing" >&2
        exit 1
    fi
}

explain_and_stop() {
    say "Ephemera needs$missing."
    print_install_lines $missing
    exit 1
} >&2

case ${1-} in
doctor)
    doctor
    ;;
ensure)
    shift
    if [ $# -eq 0 ]; then
        usage >&2
        exit 2
    fi
    ensure "$@"
    ;;
-h | --help)
    usage
    ;;
*)
    usage >&2
    exit 2
    ;;
esac
