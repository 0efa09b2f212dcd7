#!/usr/bin/env python3
"""Self-tests of scripts/run.py: the file, the console and the exit status.

A fake QEMU plays the guest; it never hears of a real kernel.
"""

import hashlib
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, os.pardir, os.pardir, "scripts", "run.py")
FAKE = os.path.join(HERE, "fake_qemu.py")

CONTENT = bytes(range(256)) * 100


class Boot(unittest.TestCase):

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = temporary.name
        self.kernel = self.file("ephemera.elf", b"fake")
        self.data = self.file("data", CONTENT)

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "wb") as file:
            file.write(content)
        return path

    def command(self, scene, path, *arguments):
        return [sys.executable, TOOL, "--qemu", FAKE,
                "--kernel", self.kernel, "--file", path,
                "--out", os.path.join(self.directory, "run"),
                "--append", f"scene={scene}", *arguments]

    def boot(self, scene="tour", path=None, keys=b"", arguments=()):
        done = subprocess.run(
            self.command(scene, path or self.data, *arguments), input=keys,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60,
            check=False)
        return done.returncode, done.stdout.decode("utf-8", "replace")

    def check_refused(self, path, phrase, *arguments):
        status, text = self.boot(path=path, arguments=arguments)
        self.assertEqual(status, 2, text)
        self.assertIn(phrase, text)
        self.assertNotIn("Traceback", text)

    def check_fails(self, phrase, scene, **options):
        status, text = self.boot(scene, **options)
        self.assertEqual(status, 1, text)
        self.assertIn(phrase, text)

    def test_file_comes_back(self):
        status, text = self.boot()
        self.assertEqual(status, 0, text)
        digest = hashlib.sha256(CONTENT).hexdigest()
        self.assertIn(f"sent on COM2\nhost: SHA-256 equal: {digest} "
                      "(25,600 bytes)\n", text)

    def test_any_name_will_do(self):
        for name in ("-n", "a,b", "a b", "it's \"x\"", "\u00e9\u4e2d", "$x*"):
            with self.subTest(name):
                status, text = self.boot(path=self.file(name, CONTENT))
                self.assertEqual(status, 0, text)

    def test_lines_are_typed_one_at_each_prompt(self):
        status, text = self.boot(keys=b"one\nsend\nlast")
        self.assertEqual(status, 0, text)
        self.assertEqual(text.count("SHA-256 equal"), 2)
        places = [text.index(f"typed {line}") for line in (
            rb"b'one\r'".decode(), rb"b'send\r'".decode(),
            rb"b'last\r'".decode(), rb"b'\x04'".decode())]
        self.assertEqual(places, sorted(places))

    def test_damaged_file(self):
        self.check_fails("SHA-256 DIFFERS", "tour-damaged")

    def test_file_cut_short(self):
        self.check_fails("25,600 bytes were announced, 25,599 arrived",
                         "tour-short")

    def test_file_never_sent(self):
        self.check_fails("never sent back", "tour-none")

    def test_bad_ends_are_decoded(self):
        self.check_fails("the kernel panicked", "tour", keys=b"panic\n")
        self.check_fails("triple fault", "triple-fault")
        self.check_fails("QEMU itself stopped with an error", "no-start")

    def test_silence_ends(self):
        self.check_fails("silent for 1 s", "tour-silent",
                         arguments=("--timeout", "1"))

    def test_unusable_files(self):
        self.check_refused(os.path.join(self.directory, "gone"),
                           "there is no file")
        self.check_refused(self.directory, "is a directory")
        self.check_refused(os.devnull, "is not a regular file")
        self.check_refused(self.file("empty", b""), "is empty")

    def test_file_too_large_for_the_machine(self):
        large = self.file("large", b"")
        os.truncate(large, 300 << 20)
        self.check_refused(large, "MEM=624M would do", "--memory", "512M")

    def test_bad_arguments(self):
        self.check_refused(self.data, "is not an amount of memory",
                           "--memory", "much")
        self.check_refused(self.data, "was not found", "--qemu", "no-qemu")
        self.check_refused(self.data, "run `make` first", "--kernel", "none")

    def test_a_signal_ends_the_guest(self):
        tool = subprocess.Popen(self.command("tour-silent", self.data),
                                stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE)
        self.addCleanup(tool.stdin.close)
        self.addCleanup(tool.stdout.close)
        self.assertIn(b"tour", tool.stdout.readline())
        time.sleep(0.2)
        tool.send_signal(signal.SIGTERM)
        self.assertEqual(tool.wait(timeout=20), 128 + signal.SIGTERM)


if __name__ == "__main__":
    unittest.main()
