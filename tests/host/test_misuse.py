#!/usr/bin/env python3
"""The matrix of bugs on purpose, and the guard of stacks, of the built kernel.

What the kernel lists must give a row each, and no report may do for two bugs.
The value of the stack's guard, read through the monitor, must differ from boot
to boot, but with a seed or with time that is a count of instructions.
"""
import contextlib
import dataclasses
import io
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from test_tour import KERNEL, ROOT, Session

sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "misuse"),
                str(ROOT / "scripts")]

import matrix  # noqa: E402
import misuse  # noqa: E402
import qemu  # noqa: E402
import rows  # noqa: E402

LIST = """\
noise
bug one |  | page * is not wired | \r
bug two | sfbuf.strict=on | page fault: write of 0x8* | overrun | by bug_two
"""


class Matrix(unittest.TestCase):
    def test_a_list_is_read(self):
        one, two = matrix.parse(LIST)
        self.assertEqual(one, matrix.Bug("one", "", "page * is not wired",
                                         ""))
        self.assertEqual(two.options, "sfbuf.strict=on")
        self.assertEqual(len(two.patterns), 3)
        self.assertTrue(one.explains("x\npanic: page 0x1 is not wired\ny"))
        self.assertFalse(one.explains("panic: page 0x1 is not wired, too"))
        self.assertFalse(two.explains("panic: page fault: write of 0x81\n"
                                      "overrun"))
        self.assertEqual(matrix.confusions([one, two]), [])

    def test_a_torn_list_is_refused(self):
        for line in ("bug one | | x\n", "bug One |  | x | \n", "bug \n"):
            with self.assertRaises(qemu.SetupError):
                matrix.parse(LIST + line)

    def test_two_bugs_with_one_sentence_are_found(self):
        one, two = matrix.parse(LIST)
        same = matrix.Bug("three", "smp", one.says, "")
        wider = matrix.Bug("four", "", "page *", "")
        self.assertEqual(len(matrix.confusions([one, two, same])), 2)
        self.assertEqual(len(matrix.confusions([one, two, wider])), 2)
        self.assertEqual(len(matrix.confusions([one, two, dataclasses.replace(one)])),
                         3)

    def test_a_report_that_fits_two_bugs_is_not_their_own(self):
        with tempfile.TemporaryDirectory() as out:
            for name in ("one", "two"):
                row = pathlib.Path(out) / f"bug-{name}"
                row.mkdir()
                (row / "console.log").write_text(
                    "panic: page 7 is not wired\r\nby bug_two\r\n")
            bugs = matrix.parse(LIST)
            names = ["one", "two", "gone"]
            with contextlib.redirect_stdout(io.StringIO()):
                self.assertEqual(misuse.judge(bugs, out, names), ["one"])
                bugs.append(matrix.Bug("four", "", "page *", ""))
                self.assertEqual(misuse.judge(bugs, out, names), [])


    def test_a_kernel_that_lists_nothing_gets_a_row_that_fails(self):
        with tempfile.TemporaryDirectory() as folder:
            kernel = pathlib.Path(folder) / "ephemera.elf"
            kernel.write_text("fake")
            fake = str(ROOT / "tests" / "host" / "fake_qemu.py")
            self.assertEqual(matrix.read(str(kernel), fake), [])
            table = rows.load(ROOT / "tests" / "tests.cfg", str(kernel), fake)
            with self.assertRaises(qemu.SetupError):
                matrix.read(str(kernel) + ".none", fake)
        self.assertEqual([row.append for name, row in table.items()
                          if name.startswith("bug-")], ["panic=list"])


class Kernel(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bugs = matrix.read(KERNEL, qemu.QEMU)

    def test_no_two_bugs_have_the_same_sentence(self):
        self.assertEqual(matrix.confusions(self.bugs), [])

    def test_each_bug_has_its_row(self):
        table = rows.load(ROOT / "tests" / "tests.cfg", KERNEL)
        self.assertGreater(len(self.bugs), 100)
        self.assertEqual({f"bug-{bug.name}" for bug in self.bugs},
                         {name for name in table if name.startswith("bug-")})
        for bug in self.bugs:
            row = table[f"bug-{bug.name}"]
            self.assertEqual(row.append.split(),
                             [f"panic={bug.name}", *bug.options.split()])
            self.assertEqual(row.exit, qemu.EXIT_PANIC)
            self.assertEqual(list(row.expect), bug.patterns)
            self.assertEqual(rows.reproduction(row, table),
                             f"make repro ROW=bug-{bug.name}")


class StackGuard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        symbols = subprocess.run(["nm", KERNEL], stdout=subprocess.PIPE,
                                 text=True, check=True).stdout
        cls.address = re.search(r"^(\w+) \w __stack_chk_guard$", symbols,
                                re.MULTILINE)[1]

    def guard(self, append=""):
        """One boot's value, as the monitor's peek shows its four bytes."""
        keys = f"peek 0x{self.address} 4\nexit\n"
        text = Session(keys=keys, options=[
            "--append", f"monitor {append}"]).text
        match = re.search(rf"^{self.address}  ((?:\w\w ){{4}})", text,
                          re.MULTILINE)
        self.assertIsNotNone(match, text)
        return match[1].split()

    def test_boots_differ(self):
        values = [self.guard() for _ in range(3)]
        self.assertEqual(len({tuple(value) for value in values}), 3, values)
        self.assertEqual({value[0] for value in values}, {"00"})

    def test_a_seed_gives_the_same_and_another_seed_another(self):
        first, again, other = map(self.guard, ("seed=7", "seed=7", "seed=8"))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_counted_time_gives_the_same(self):
        def boot():
            done = subprocess.run(
                [qemu.QEMU, *qemu.machine_args(1, "64M", mode="icount"),
                 *qemu.console_args(), "-kernel", KERNEL,
                 "-append", "monitor"],
                input=f"\rpeek 0x{self.address} 4\rexit\r".encode(),
                stdout=subprocess.PIPE, timeout=60, check=False)
            self.assertEqual(done.returncode, qemu.EXIT_PASSED, done.stdout)
            match = re.search(rb"\n" + self.address.encode() + rb"  (.{11})",
                              done.stdout)
            return match[1]
        self.assertEqual(boot(), boot())


if __name__ == "__main__":
    unittest.main()
