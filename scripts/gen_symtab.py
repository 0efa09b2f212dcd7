#!/usr/bin/env python3
"""Write the kernel's symbol table as assembly, from the output of nm.

The image is linked twice: once with an empty table, to learn the addresses,
and once with the real one.  The table comes last in the read-only segment, so
its size moves no function.

    nm -n kernel.elf | gen_symtab.py > symtab.S
    gen_symtab.py < /dev/null > empty.S
"""
import sys


def functions(nm_lines):
    """Yield (address, name) of each function, one name an address."""
    seen = set()
    for line in nm_lines:
        fields = line.split()
        if len(fields) != 3 or fields[1] not in "tT":
            continue
        address, name = int(fields[0], 16), fields[2]
        if address in seen or name.startswith((".", "entry_")):
            continue
        seen.add(address)
        yield address, name


def main():
    if len(sys.argv) > 1:
        print(__doc__)
        return
    table = sorted(functions(sys.stdin))
    print("/* Made by scripts/gen_symtab.py. */")
    print('\t.section .symtab_text, "a"')
    print("\t.globl symtab_count, symtab, symtab_names\n\t.align 4")
    print(f"symtab_count:\n\t.long {len(table)}\nsymtab:")
    offset = 0
    for address, name in table:
        print(f"\t.long {address:#x}, {offset}")
        offset += len(name) + 1
    print("symtab_names:")
    for _, name in table:
        print(f'\t.asciz "{name}"')
    print('\t.section .note.GNU-stack, "", @progbits')


if __name__ == "__main__":
    main()
