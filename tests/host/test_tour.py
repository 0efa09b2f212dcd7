#!/usr/bin/env python3
"""The tour and the monitor, as a person sees them: the built kernel in QEMU,
through scripts/run.py.

The kernel is build/ephemera.elf, or what KERNEL in the environment names.
Where KEEP_COM2 names a directory, what each boot sent on COM2 is kept there.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
KERNEL = os.environ.get("KERNEL", str(ROOT / "build" / "ephemera.elf"))
TIMEOUT_SECONDS = 120


def keep_com2(path):
    keep = os.environ.get("KEEP_COM2")
    if keep and path.exists():
        number = len(os.listdir(keep))
        shutil.move(path, pathlib.Path(keep) / f"{number}.bin")


class Session:
    """One boot: what it printed, and its exit status."""

    def __init__(self, keys="", contents=b"x" * 10000, memory="2G", smp=2,
                 options=()):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "a, 'file' \"näme\".bin"
            path.write_bytes(contents)
            done = subprocess.run(
                [sys.executable, str(ROOT / "scripts" / "run.py"),
                 "--kernel", KERNEL, "--file", str(path), "--smp", str(smp),
                 "--memory", memory, "--out", str(pathlib.Path(folder) / "o"),
                 *options],
                input=keys.encode(), stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, timeout=TIMEOUT_SECONDS,
                check=False)
            keep_com2(pathlib.Path(folder) / "o" / "com2.bin")
        self.text = done.stdout.decode(errors="replace")
        self.status = done.returncode


class Tour(unittest.TestCase):
    def check(self, session, *sentences, status=0):
        for sentence in sentences:
            self.assertIn(sentence, session.text)
        self.assertEqual(session.status, status, session.text)

    def test_a_file_arrives_whole(self):
        self.check(Session(contents=os.urandom(1000001)),
                   "The file has 1,000,001 bytes.",
                   "in 245 pages, all above the direct map",
                   "sendfile: 1000001 bytes sent on COM2",
                   "host: SHA-256 equal")

    def test_a_file_of_one_byte_arrives_through_grub(self):
        self.check(Session(contents=b"\0", options=["--iso"]),
                   "loader   GRUB", "in 1 page,", "host: SHA-256 equal")

    def test_a_small_machine_forces_the_window(self):
        self.check(Session(memory="128M"),
                   "All memory is in the direct map",
                   "host: SHA-256 equal")

    def test_a_small_window_is_enough(self):
        session = Session(contents=os.urandom(400000),
                          options=["--append", "kern.ipc.nsfbufs=3"])
        self.check(session, "sf_buf   3 buffers", "host: SHA-256 equal")

    def test_a_file_that_does_not_fit_is_refused_with_what_would_do(self):
        self.check(Session(contents=bytes(40 << 20), memory="64M"),
                   "too many for a machine of 64M; MEM=", status=2)

    def test_an_empty_file_is_refused(self):
        self.check(Session(contents=b""), "is empty", status=2)

    def test_without_a_tour_no_file_is_missed(self):
        session = Session(options=["--append", "monitor"])
        self.check(session)
        self.assertNotIn("The tour:", session.text)

    def test_a_machine_of_16_mib_is_large_enough(self):
        self.check(Session(memory="16M", smp=1), "host: SHA-256 equal")

    def test_machines_that_cannot_be_are_refused_with_the_limit(self):
        self.check(Session(smp=0), "SMP=0: a machine has 1 to 255 CPUs",
                   status=2)
        self.check(Session(memory="1M"), "MEM=1M: the kernel needs 11M",
                   status=2)

    def test_a_panic_is_not_a_good_end(self):
        self.check(Session(keys="panic stations\n"), "panic: stations",
                   "+0x", status=1)


class Monitor(unittest.TestCase):
    """Each command, and what it cannot do without."""

    COMMANDS = (
        ("help", "end the machine"),
        ("help ps", "threads"),
        ("ps x", "Usage: ps\n"),
        ("mem", "The direct map ends at"),
        ("cpus", "APIC"),
        ("ps", "idle"),
        ("pages", "in use"),
        ("pages 0x200", "reserved"),
        ("kva", "ranges in use"),
        ("pt 0xc0200000", "read-only, executable"),
        ("pt 0", "not mapped"),
        ("sfbufs", "nsfbufspeak"),
        ("counters", "tlb_rounds"),
        ("counters 1", "pte_writes"),
        ("counters 99", "There is no CPU 99"),
        ("peek 0xc0200000 16", "02 b0 ad 1b"),
        ("peek 0x10", "Nothing is mapped at 0x10"),
        ("peek zzz", "is no number"),
        ("unmap 5", "was not mapped by map"),
        ("test page.high*", "ok 1 page"),
        ("test nope.*", "no test matches \"nope.*\""),
        ("bt", "main_thread+0x"),
        ("sendfile", "sendfile: 10000 bytes sent on COM2"),
        ("mme", "There is no command 'mme'"),
    )

    @classmethod
    def setUpClass(cls):
        keys = "".join(command + "\n" for command, _ in cls.COMMANDS)
        cls.session = Session(keys=keys + "map\nexit\n")
        # What each command printed stands between its echo and the next.
        cls.answers = cls.session.text.split("ephemera> ")

    def answer(self, command):
        for answer in self.answers:
            if answer.startswith(command + "\n"):
                return answer
        self.fail(f"{command}: not answered in\n{self.session.text}")

    def test_every_command_answers(self):
        for command, needs in self.COMMANDS:
            with self.subTest(command=command):
                self.assertIn(needs, self.answer(command))

    def test_map_gives_an_address_in_the_window(self):
        self.assertRegex(self.answer("map"), r"Frame 0x\w+ is at 0x8\w{7}")

    def test_exit_is_a_good_end(self):
        self.assertEqual(self.session.status, 0, self.session.text)


if __name__ == "__main__":
    unittest.main()
