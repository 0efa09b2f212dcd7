#!/usr/bin/env python3
"""Self-tests of scripts/check_reading.py on small made-up source trees."""

import os
import subprocess
import sys
import tempfile
import unittest

CHECKER = os.path.join(os.path.dirname(os.path.abspath(__file__)),
                       os.pardir, os.pardir, "scripts", "check_reading.py")

TREE = {
    "kernel/types.h": "typedef unsigned pfn_t;\n",
    "kernel/x86.h": 'static inline void f(void) { __asm__("hlt"); }\n',
    "kernel/apic.h": "",
    "boot/start.S": '#include "kernel/types.h"\n#if 1\n#endif\n',
    "boot/multiboot.h": "",
    "boot/boot.c": '#include "boot/multiboot.h"\n',
    "sf_buf/sys/sf_buf.h": '#include "kernel/types.h"\n',
    "sf_buf/sf_buf.c": "#include <stddef.h>\n#include <sys/sf_buf.h>\n",
    "sf_buf/consumers/pipe.c": '#include "kernel/apic.h"\n',
    "kernel/monitor_vm.c": "#include <sys/sf_buf.h>\n",
    "tests/page.c": "/* asm(\n#if 0\nextern */ int x; // asm(\n",
    "tests/host/port.c": '#include <pthread.h>\n#if 1\n#endif\n',
}

NOT_LISTED = ("tests/host/port.c",)

HEADING = "# How to read\n\n## First\n\n"


class CheckReading(unittest.TestCase):

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.root = temporary.name
        for path, text in TREE.items():
            self.write(path, text)
        self.list_files(path for path in TREE if path not in NOT_LISTED)

    def write(self, path, text):
        full = os.path.join(self.root, path)
        os.makedirs(os.path.dirname(full), exist_ok=True)
        with open(full, "w", encoding="utf-8") as file:
            file.write(text)

    def list_files(self, paths):
        self.write("docs/READING", HEADING + "".join(
            f"{path}  - words about it\n" for path in paths))

    def check(self):
        """Return the checker's exit status and its lines."""
        done = subprocess.run(
            [sys.executable, CHECKER, "--root", self.root],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            check=False)
        return done.returncode, done.stdout.splitlines()

    def check_violation(self, *parts):
        """There must be just one violation, and it must say all parts."""
        status, lines = self.check()
        self.assertEqual(status, 1, lines)
        self.assertEqual(len(lines), 1, lines)
        for part in parts:
            self.assertIn(part, lines[0])

    def test_good_tree(self):
        self.assertEqual(self.check()[0], 0, self.check()[1])

    def test_unlisted_file(self):
        self.write("mm/new.c", "")
        self.check_violation("mm/new.c:1:", "not named")

    def test_listed_file_is_gone(self):
        os.unlink(os.path.join(self.root, "tests/page.c"))
        self.check_violation("docs/READING:15:",
                             "tests/page.c does not exist")

    def test_listed_twice(self):
        self.list_files([p for p in TREE if p not in NOT_LISTED]
                        + ["kernel/types.h"])
        self.check_violation("docs/READING:16:", "named twice")

    def test_damaged_line(self):
        with open(os.path.join(self.root, "docs/READING"), "a",
                  encoding="utf-8") as file:
            file.write("kernel/more.c\n")
        self.check_violation("docs/READING:16:", "is not 'path  - words'")

    def test_include_of_a_later_file(self):
        self.write("kernel/types.h", '\n#include "kernel/apic.h"\n')
        self.check_violation("kernel/types.h:2:", "kernel/apic.h",
                             "does not stand above")

    def test_include_by_another_path(self):
        self.write("boot/boot.c", '#include "multiboot.h"\n')
        self.check_violation("boot/boot.c:1:", "project's root")

    def test_host_header(self):
        self.write("tests/page.c", "#include <stdio.h>\n")
        self.check_violation("tests/page.c:1:", "'stdio.h'")

    def test_sf_buf_is_not_for_everyone(self):
        self.write("boot/boot.c", "")
        self.write("boot/z.c", '#include <sys/sf_buf.h>\n')
        self.list_files([p for p in TREE if p not in NOT_LISTED]
                        + ["boot/z.c"])
        self.check_violation("boot/z.c:1:", "not for this file")

    def test_multiboot_is_for_boot(self):
        self.write("tests/page.c", '#include "boot/multiboot.h"\n')
        self.check_violation("tests/page.c:1:", "not for this file")

    def test_sf_buf_needs_little(self):
        self.write("sf_buf/sf_buf.c", '#include "kernel/apic.h"\n')
        self.check_violation("sf_buf/sf_buf.c:1:", "SF_BUF_NEEDS")

    def test_inline_assembly(self):
        for text in ('__asm__("x");', "asm volatile (\"x\");",
                     "__asm__ __volatile__(\"\");"):
            self.write("tests/page.c", f"void f(void) {{ {text} }}\n")
            self.check_violation("tests/page.c:1:", "kernel/x86.h")

    def test_conditional(self):
        self.write("tests/page.c", "\n# ifdef DEBUG\n#endif\n")
        self.check_violation("tests/page.c:2:", "no #if")

    def test_extern(self):
        self.write("tests/page.c", "extern int x;\n")
        self.check_violation("tests/page.c:1:", "no extern")


if __name__ == "__main__":
    unittest.main()
