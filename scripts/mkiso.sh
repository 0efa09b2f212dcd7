#!/bin/sh
# Make a GRUB image that boots the kernel from a CD.
#
#   scripts/mkiso.sh KERNEL OUT.iso "COMMAND LINE" [MODULE]
#
# It only needs to start on a BIOS, and shows no menu. It is silent unless it
# fails, and OUT.iso appears only when it is complete.
set -u

modules_dir=/usr/lib/grub/i386-pc

usage() {
    echo "usage: scripts/mkiso.sh KERNEL OUT.iso 'COMMAND LINE' [MODULE]"
}

fail() {
    echo "mkiso.sh: $*" >&2
    exit 1
}

# Quote one word for GRUB's shell, which knows single quotes as sh does.
quote() {
    rest=$1
    quoted=
    while :; do
        case $rest in
        *\'*)
            quoted="$quoted${rest%%\'*}'\\''"
            rest=${rest#*\'}
            ;;
        *)
            printf "'%s'" "$quoted$rest"
            return
            ;;
        esac
    done
}

# Write grub.cfg. Each word is quoted alone: GRUB passes one argument with
# spaces in it to the kernel in quotation marks of its own.
configuration() {
    printf 'multiboot /boot/ephemera.elf'
    set -f
    for word in $1; do
        printf ' '
        quote "$word"
    done
    set +f
    printf '\n'
    if [ -n "$2" ]; then
        echo 'module /boot/file file'
    fi
    echo 'boot'
}

find_mkrescue() {
    for name in grub-mkrescue grub2-mkrescue i686-elf-grub-mkrescue; do
        if command -v "$name"; then
            return
        fi
    done
    fail "grub-mkrescue was not found;" \
        "\`scripts/setup.sh doctor\` says how to install it"
}

case ${1-} in
-h | --help)
    usage
    exit 0
    ;;
esac
if [ $# -lt 3 ] || [ $# -gt 4 ]; then
    usage >&2
    exit 2
fi
kernel=$1
out=$2
command_line=$3
module=${4-}
[ -r "$kernel" ] || fail "cannot read the kernel $kernel; run \`make\` first"
[ -z "$module" ] || [ -r "$module" ] || fail "cannot read the module $module"
mkrescue=$(find_mkrescue) || exit 1

work=$(mktemp -d "${TMPDIR:-/tmp}/ephemera-iso.XXXXXX") ||
    fail "cannot make a temporary directory in ${TMPDIR:-/tmp}"
trap 'rm -rf "$work" "$out.tmp"' EXIT
trap 'exit 130' HUP INT TERM

fill() {
    mkdir -p "$work/iso/boot/grub" || return
    cp -- "$kernel" "$work/iso/boot/ephemera.elf" || return
    if [ -n "$module" ]; then
        cp -- "$module" "$work/iso/boot/file" || return
    fi
    configuration "$command_line" "$module" >"$work/iso/boot/grub/grub.cfg"
}

fill || fail "cannot copy the files to $work; is the disk full?"

# Only what those few commands need: less than 1 MB instead of 9.
set -- --output="$out.tmp" --fonts= --locales= --themes= \
    --install-modules="biosdisk iso9660 normal multiboot"
if [ -d "$modules_dir" ]; then
    set -- --directory="$modules_dir" "$@"
fi
if ! "$mkrescue" "$@" "$work/iso" >"$work/log" 2>&1; then
    cat "$work/log" >&2
    fail "$mkrescue failed; are xorriso and mtools installed?" \
        "(\`scripts/setup.sh doctor\` tells)"
fi
mv -- "$out.tmp" "$out" || fail "cannot write $out"
