#!/usr/bin/env python3
"""Check that a linked kernel is what boot loaders and page tables expect.

 - ELF32 for the i386, with a good multiboot header in the first 8 KiB;
 - one segment each to execute, to read, and to write; none is both writable
   and executable, and the stack is not executable;
 - no instruction that uses the FPU, MMX or SSE: nobody saves their registers.

Each fault is one line; the exit status is 1 if there is any, 2 if the checks
could not be made.
"""

import argparse
import collections
import re
import shutil
import struct
import subprocess
import sys

ELF_IDENT = b"\x7fELF\x01\x01"          # 32 bits, little endian
ELF_HEADER = struct.Struct("<16sHHIIIIIHHHHHH")
PROGRAM_HEADER = struct.Struct("<8I")
ET_EXEC, EM_386 = 2, 3
PT_LOAD, PT_GNU_STACK = 1, 0x6474E551
PF_X, PF_W, PF_R = 1, 2, 4

SEGMENTS_WANTED = {PF_R | PF_X: "RX", PF_R: "R", PF_R | PF_W: "RW"}

MULTIBOOT_MAGIC = 0x1BADB002
MULTIBOOT_SEARCH_BYTES = 8192
MULTIBOOT_HEADER = struct.Struct("<III")

FUNCTION = re.compile(r"[0-9a-f]+ <(.+)>:$")
INSTRUCTION = re.compile(r"\s*([0-9a-f]+):\t(.*)$")
FORBIDDEN_REGISTER = re.compile(r"%([xyz]?mm\d|st\b)")
# No other mnemonic begins with f; fs is a prefix.
FORBIDDEN_MNEMONIC = re.compile(
    r"(?:(?:rep\w*|lock|data16|addr16|[cdefgs]s)\s+)*"
    r"(f(?!s\b)[a-z0-9]+|emms|ldmxcsr|stmxcsr)\b")

Segment = collections.namedtuple(
    "Segment", "type offset vaddr paddr filesz memsz flags align")


class BadImage(Exception):
    """The file is not even an ELF file that could be looked into."""


def read_segments(image):
    """Return the program headers, or raise BadImage."""
    if len(image) < ELF_HEADER.size or not image.startswith(ELF_IDENT):
        raise BadImage("is not a 32-bit little-endian ELF file")
    (_, kind, machine, _, _, offset, _, _, _, size, count, _, _, _
     ) = ELF_HEADER.unpack_from(image)
    if (kind, machine) != (ET_EXEC, EM_386):
        raise BadImage("is not an i386 executable")
    if size != PROGRAM_HEADER.size or offset + size * count > len(image):
        raise BadImage("has damaged program headers")
    return [Segment(*PROGRAM_HEADER.unpack_from(image, offset + size * i))
            for i in range(count)]


def check_multiboot(image):
    """Yield what is wrong with the multiboot header."""
    end = min(len(image), MULTIBOOT_SEARCH_BYTES) - MULTIBOOT_HEADER.size
    wrong_sum = False
    for offset in range(0, end + 1, 4):
        magic, flags, checksum = MULTIBOOT_HEADER.unpack_from(image, offset)
        if magic == MULTIBOOT_MAGIC:
            if (magic + flags + checksum) & 0xFFFFFFFF == 0:
                return
            wrong_sum = True
    yield ("the multiboot header's checksum is wrong" if wrong_sum else
           "there is no multiboot header in the first 8 KiB")


def check_segments(segments, image_size):
    """Yield what is wrong with the segments."""
    loads = [segment for segment in segments if segment.type == PT_LOAD]
    for segment in loads:
        if segment.flags & PF_W and segment.flags & PF_X:
            yield (f"the segment at {segment.vaddr:#x} is writable "
                   "and executable")
        if (segment.filesz > segment.memsz
                or segment.offset + segment.filesz > image_size):
            yield f"the segment at {segment.vaddr:#x} is cut off"
    flags = collections.Counter(segment.flags for segment in loads)
    for wanted, name in SEGMENTS_WANTED.items():
        if flags[wanted] != 1:
            yield f"there must be one {name} segment, not {flags[wanted]}"
    if len(loads) > len(SEGMENTS_WANTED):
        yield f"there are {len(loads)} segments to load, not 3"
    if any(segment.type == PT_GNU_STACK and segment.flags & PF_X
           for segment in segments):
        yield "the stack is marked executable; a .S file lacks its note"


def check_instructions(lines, skip):
    """Yield each FPU, MMX or SSE instruction in objdump's output."""
    function = "?"
    for line in lines:
        match = FUNCTION.match(line)
        if match:
            function = match[1]
        match = INSTRUCTION.match(line)
        if match is None or function in skip:
            continue
        address, text = match.groups()
        if FORBIDDEN_REGISTER.search(text) or FORBIDDEN_MNEMONIC.match(text):
            text = " ".join(text.split())
            yield f"{address} <{function}>: '{text}' needs the FPU or SSE"


def disassemble(objdump, path):
    try:
        done = subprocess.run([objdump, "-d", "--no-show-raw-insn", path],
                              stdout=subprocess.PIPE, text=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BadImage(f"cannot be disassembled: {error}") from error
    return done.stdout.splitlines()


def check_grub(grub_file, path):
    """Yield a fault if GRUB's own judgement differs from ours."""
    done = subprocess.run([grub_file, "--is-x86-multiboot", path],
                          check=False)
    if done.returncode != 0:
        yield f"{grub_file} says that it is not a multiboot kernel"


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("elf", help="the linked kernel")
    parser.add_argument("--objdump", default="objdump", metavar="PROGRAM",
                        help="the disassembler (default: %(default)s)")
    parser.add_argument("--grub-file", default="grub-file",
                        metavar="PROGRAM", help="used if it exists "
                        "(default: %(default)s)")
    parser.add_argument("--skip", action="append", default=[],
                        metavar="SYMBOL", help="do not disassemble this "
                        "one: data, or 16-bit code (may be repeated)")
    args = parser.parse_args(argv)
    try:
        with open(args.elf, "rb") as file:
            image = file.read()
        segments = read_segments(image)
        code = disassemble(args.objdump, args.elf)
    except (OSError, BadImage) as error:
        print(f"check_image: {args.elf}: {error}", file=sys.stderr)
        return 2
    faults = [*check_multiboot(image),
              *check_segments(segments, len(image)),
              *check_instructions(code, set(args.skip))]
    grub_file = shutil.which(args.grub_file)
    if grub_file:
        faults += check_grub(grub_file, args.elf)
    for fault in faults:
        print(f"{args.elf}: {fault}")
    if faults:
        return 1
    total = sum(s.memsz for s in segments if s.type == PT_LOAD)
    print(f"{args.elf.removesuffix('.tmp')}: multiboot, {total // 1024} KiB in RX, R and RW "
          f"segments, no FPU or SSE in {len(code):,} instructions"
          + ("" if grub_file else " (grub-file not found, not asked)"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
