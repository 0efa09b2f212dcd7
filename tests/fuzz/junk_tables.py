#!/usr/bin/env python3
"""Make option ROMs that put made-up ACPI and MP tables where a kernel looks.

    tests/fuzz/junk_tables.py DIR     DIR/NAME.rom for each of TABLES

`-acpitable` corrects lengths and checksums, and its tables come after QEMU's
own. A ROM is free of that: when the firmware calls it, it copies its tables to
TABLES_AT, below 640 KiB, and an RSDP or an MP floating pointer to the first KiB
of the extended BIOS data area, which is searched before anything else.
"""

import argparse
import os
import struct
import sys

TABLES_AT = 0x90000
ROOT, ROOT64, MADT = TABLES_AT, TABLES_AT + 0x100, TABLES_AT + 0x200
NOWHERE = 0xFFFFF000
# In what the firmware does not use of the EBDA.
POINTER_AT = 0x60
LAPIC, IOAPIC = 0xFEE00000, 0xFEC00000


def summed(data, at, length=None):
    """Return data whose first bytes, or all, add up to 0 by the byte at."""
    data = bytearray(data)
    data[at] = 0
    data[at] = -sum(data[:length]) & 0xFF
    return bytes(data)


def table(signature, body, length=None, broken=False):
    size = 36 + len(body) if length is None else length
    data = summed(struct.pack("<4sIBB6s8sI4sI", signature, size, 1, 0,
                              b"MADEUP", b"TESTCASE", 1, b"TEST", 1) + body,
                  9, min(size, 36 + len(body)))
    return data[:9] + bytes([data[9] ^ broken]) + data[10:]


def rsdp(root=ROOT, root64=None, broken=False):
    data = struct.pack("<8sB6sBI", b"RSD PTR ", 0, b"MADEUP",
                       0 if root64 is None else 2, root)
    data = summed(data, 8)
    if root64 is not None:
        data = summed(data + struct.pack("<IQI", 36, root64, 0), 32)
    return data[:8] + bytes([data[8] ^ broken]) + data[9:]


def rsdt(*tables):
    return table(b"RSDT", struct.pack(f"<{len(tables)}I", *tables))


def madt(*entries, lapic=LAPIC, **how):
    return table(b"APIC", struct.pack("<II", lapic, 1) + b"".join(entries),
                 **how)


def cpu(number, enabled=1):
    return struct.pack("<BBBBI", 0, 8, number & 0xFF, number & 0xFF, enabled)


def x2apic(number):
    return struct.pack("<BBHIII", 9, 16, 0, number, 1, number)


def ioapic(address=IOAPIC, gsi=0):
    return struct.pack("<BBBBII", 1, 12, 0, 0, address, gsi)


def override(irq, gsi, flags):
    return struct.pack("<BBBBIH", 2, 10, 0, irq, gsi, flags)


def acpi(madt_table, root=None, root64=None, pointer=None):
    """Return the pointer and the tables, each at its place."""
    placed = {ROOT: root or rsdt(MADT), MADT: madt_table}
    if root64 is not None:
        placed[ROOT64] = root64
    return pointer or rsdp(), placed


def floating(config=0, broken=False):
    data = summed(struct.pack("<4sIBBBB4x", b"_MP_", ROOT, 1, 4, 0, config),
                  10)
    return data[:10] + bytes([data[10] ^ broken]) + data[11:]


def mp(*entries, count=None, length=None):
    body = b"".join(entries)
    data = struct.pack("<4sHBB20sIHHIHBB", b"PCMP",
                       44 + len(body) if length is None else length, 4, 0,
                       b"MADEUP  TEST MACHINE", 0, 0,
                       len(entries) if count is None else count, LAPIC,
                       0, 0, 0)
    return floating(), {ROOT: summed(data + body, 7)}


def mp_cpu(number):
    return struct.pack("<BBBB16x", 0, number, 0x14, 1)


def mp_ioapic(number, address=IOAPIC):
    return struct.pack("<BBBBI", 2, number, 0x11, 1, address)


CPUS = [cpu(number) for number in range(4)]
SOUND = madt(*CPUS, ioapic(), override(0, 2, 0))

TABLES = {
    "sound": acpi(SOUND),
    "sound-xsdt": acpi(SOUND, pointer=rsdp(NOWHERE, ROOT64),
                       root64=table(b"XSDT", struct.pack("<Q", MADT))),
    "entry-empty": acpi(madt(CPUS[0], CPUS[1], b"\0\0", CPUS[2], ioapic())),
    "entry-cut": acpi(madt(ioapic(), CPUS[0], CPUS[1], b"\0\xff")),
    "entry-short": acpi(madt(ioapic(), CPUS[0], b"\0\4\1\1", CPUS[1])),
    "cpus-twice": acpi(madt(*CPUS, *CPUS, *CPUS, x2apic(1), ioapic())),
    "cpus-beyond": acpi(madt(*CPUS, cpu(255), x2apic(255), x2apic(1 << 31),
                             ioapic())),
    "cpus-not-there": acpi(madt(*CPUS, cpu(100), cpu(254), ioapic())),
    "cpus-disabled": acpi(madt(*[cpu(n, 0) for n in range(4)], ioapic())),
    "cpus-without-us": acpi(madt(CPUS[1], CPUS[2], ioapic())),
    "madt-sum": acpi(madt(*CPUS, broken=True)),
    "madt-short": acpi(madt(*CPUS, length=40)),
    "madt-huge": acpi(madt(*CPUS, length=0xFFFFFFFF)),
    "madt-none": acpi(b"", root=rsdt()),
    "madt-second": acpi(madt(*CPUS, broken=True),
                        root=rsdt(NOWHERE, 0, ROOT, MADT, MADT + 0x400)),
    "rsdp-sum": acpi(SOUND, pointer=rsdp(broken=True)),
    "rsdt-nowhere": acpi(SOUND, pointer=rsdp(NOWHERE)),
    "xsdt-beyond": acpi(SOUND, pointer=rsdp(ROOT, (1 << 64) - 16)),
    "lapic-astray": acpi(madt(*CPUS, ioapic(), lapic=0x1000)),
    "ioapics-astray": acpi(madt(*CPUS, ioapic(0x1000), ioapic(0xFFFFFFF8),
                                ioapic(0xFE000000, 24), ioapic())),
    "com1-astray": acpi(madt(*CPUS, ioapic(), override(4, 0xFFFFFFFF, 15))),
    "mp-sound": mp(*[mp_cpu(n) for n in range(4)], mp_ioapic(8)),
    "mp-cut": mp(*[mp_cpu(n) for n in range(4)], count=65535),
    "mp-entry": mp(mp_cpu(0), mp_cpu(1), bytes([77]) * 8, mp_cpu(2)),
    "mp-long": mp(mp_cpu(0), length=65535),
    "mp-default": (floating(5), {}),
    "mp-no-default": (floating(200), {}),
}
TABLES["madt-second"][1][MADT + 0x400] = SOUND

# pusha; push %ds; push %es; cld; push %cs; pop %ds
ENTER = b"\x60\x1e\x06\xfc\x0e\x1f"
# mov $segment,%ax; mov %ax,%es
TO_SEGMENT = b"\xb8%s\x8e\xc0"
# xor %ax,%ax; mov %ax,%es; mov %es:0x40e,%ax; mov %ax,%es
TO_EBDA = b"\x31\xc0\x8e\xc0\x26\xa1\x0e\x04\x8e\xc0"
# mov $to,%di; mov $from,%si; mov $n,%cx; rep movsb
COPY = b"\xbf%s\xbe%s\xb9%s\xf3\xa4"
# pop %es; pop %ds; popa; lret
LEAVE = b"\x07\x1f\x61\xcb"


def word(value):
    return struct.pack("<H", value)


def rom(pointer, placed):
    """Return an option ROM: a header, the code, what it copies."""
    tables = bytearray()
    for at, data in placed.items():
        end = at - TABLES_AT + len(data)
        tables += bytes(max(0, end - len(tables)))
        tables[at - TABLES_AT:end] = data
    start = 0x80
    code = (ENTER + TO_SEGMENT % word(TABLES_AT >> 4)
            + COPY % (word(0), word(start + len(pointer)), word(len(tables)))
            + TO_EBDA
            + COPY % (word(POINTER_AT), word(start), word(len(pointer)))
            + LEAVE)
    image = b"\x55\xaa\0" + code
    image += bytes(start - len(image)) + pointer + tables
    image += bytes(-(len(image) + 1) % 512 + 1)
    image = image[:2] + bytes([len(image) // 512]) + image[3:]
    return summed(image, len(image) - 1)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dir", metavar="DIR", help="where they go")
    args = parser.parse_args()
    os.makedirs(args.dir, exist_ok=True)
    for name, (pointer, placed) in TABLES.items():
        path = os.path.join(args.dir, f"{name}.rom")
        with open(path, "wb") as file:
            file.write(rom(pointer, placed))


if __name__ == "__main__":
    sys.exit(main())
