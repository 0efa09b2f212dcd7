#!/usr/bin/env python3
"""Self-tests of tests/run.py: bad runs must fail, good ones must pass.

A fake QEMU plays a scene for each; what the runner prints and writes is then
checked as a user sees it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import unittest
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
RUNNER = os.path.join(HERE, os.pardir, "run.py")
FAKE = os.path.join(HERE, "fake_qemu.py")

CONFIG_HEAD = "[DEFAULT]\nsmp = 1\nmemory = 16M\ntimeout = 20\n[default]\n"


class Result:
    """What one call of the runner did."""

    def __init__(self, status, text):
        self.status = status
        self.text = text
        self.last_line = text.rstrip("\n").split("\n")[-1]


class RunnerCase(unittest.TestCase):
    """Gives each test a directory with a fake kernel in it."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.directory = temporary.name
        self.out = os.path.join(self.directory, "out")
        self.kernel = self.file("ephemera.elf", "fake")

    def file(self, name, content):
        path = os.path.join(self.directory, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(content)
        return path

    def command(self, config, *arguments):
        path = self.file("tests.cfg", CONFIG_HEAD + config)
        return [sys.executable, RUNNER, "--qemu", FAKE, "--config", path,
                "--kernel", self.kernel, "--out", self.out, *arguments]

    def run_rows(self, config, *arguments, environment=None):
        done = subprocess.run(
            self.command(config, *arguments), stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", timeout=60, check=False,
            env={**os.environ, "GITHUB_ACTIONS": "", **(environment or {})})
        return Result(done.returncode, done.stdout)

    def run_scene(self, scene, keys="", *arguments, **options):
        row = f"[row]\nappend = scene={scene}\n{keys}\n"
        return self.run_rows(row, "--rows", "row", *arguments, **options)


class Verdicts(RunnerCase):
    """Each scene, the last line it must give, and a word on the reason."""

    def check_fails(self, scene, last_line, *phrases, keys=""):
        result = self.run_scene(scene, keys)
        self.assertEqual(result.last_line, last_line, result.text)
        self.assertEqual(result.status, 1, result.text)
        self.assertIn("FAIL", result.text)
        for phrase in phrases:
            self.assertIn(phrase, result.text)

    def check_passes(self, scene, last_line, keys=""):
        result = self.run_scene(scene, keys)
        self.assertEqual(result.last_line, last_line, result.text)
        self.assertEqual(result.status, 0, result.text)
        self.assertNotIn("FAIL", result.text)
        return result

    def test_good_runs_pass(self):
        for scene in ("good", "good-crlf", "good-noise"):
            with self.subTest(scene):
                self.check_passes(scene, "3 passed, 0 failed, 1 skipped")

    def test_failed_test(self):
        self.check_fails("not-ok", "2 passed, 1 failed, 1 skipped",
                         "1 failed: page.two",
                         "make repro TEST=page.two APPEND=scene=not-ok")

    def test_panic(self):
        self.check_fails("crash", "1 passed, 1 failed, 0 skipped",
                         "panicked while page.two ran", "out of luck",
                         "page.two: no result; the machine stopped while")

    def test_watchdog(self):
        self.check_fails("watchdog", "1 passed, 1 failed, 0 skipped",
                         "watchdog", "exit code 39")

    def test_triple_fault_is_repeated_with_a_log(self):
        self.check_fails("triple-fault", "1 passed, 1 failed, 0 skipped",
                         "triple fault", "check_exception old: 0x8")

    def test_hang(self):
        self.check_fails("hang", "1 passed, 1 failed, 0 skipped",
                         "timed out after 1 s while page.two ran",
                         keys="timeout = 1")

    def test_qemu_does_not_start(self):
        self.check_fails("no-start", "0 passed, 1 failed, 0 skipped",
                         "qemu: no such CPU")

    def test_unfit_machine(self):
        self.check_fails("unfit", "0 passed, 1 failed, 0 skipped",
                         "lacks PAE")

    def test_unknown_filter_is_named(self):
        result = self.run_rows("", "--test", "nosuch.*",
                               "--append", "scene=nothing-ran")
        self.assertEqual(result.last_line, "0 passed, 1 failed, 0 skipped")
        self.assertEqual(result.status, 1)
        self.assertIn("no test matches 'nosuch.*'", result.text)

    def test_empty_plans(self):
        for scene in ("plan-zero", "suite-zero"):
            with self.subTest(scene):
                self.check_fails(scene, "0 passed, 1 failed, 0 skipped",
                                 "plan is zero")

    def test_no_report(self):
        self.check_fails("silence", "0 passed, 1 failed, 0 skipped",
                         "no 'KTAP version 1' line")

    def test_forged_lines_are_errors_and_do_not_count(self):
        for scene, phrase in (
                ("duplicate", "a result while no test ran"),
                ("unplanned", "page.more"),
                ("forged-early", "a result out of place"),
                ("forged-late", "a result out of place"),
                ("forged-deep", "a result at a wrong indent"),
                ("second-report", "a second 'KTAP version' line")):
            with self.subTest(scene):
                result = self.run_scene(scene)
                self.assertEqual(result.status, 1)
                self.assertRegex(result.last_line,
                                 "^3 passed, 1 failed, 1 skipped$")
                self.assertIn(phrase, result.text)

    def test_results_out_of_place(self):
        for scene in ("unindented", "out-of-order", "unannounced",
                      "same-name"):
            with self.subTest(scene):
                result = self.run_scene(scene)
                self.assertEqual(result.status, 1)
                self.assertNotIn("0 failed", result.last_line)

    def test_missing_results(self):
        for scene, last_line in (
                ("missing", "2 passed, 1 failed, 1 skipped"),
                ("garbage", "2 passed, 1 failed, 1 skipped"),
                ("torn", "2 passed, 1 failed, 1 skipped"),
                ("missing-last", "3 passed, 1 failed, 0 skipped"),
                ("missing-suite", "2 passed, 1 failed, 1 skipped")):
            with self.subTest(scene):
                self.check_fails(scene, last_line)

    def test_parent_must_agree_with_its_tests(self):
        for scene in ("parent-lies", "parent-sulks"):
            with self.subTest(scene):
                result = self.run_scene(scene)
                self.assertEqual(result.status, 1)
                self.assertIn("disagrees with the results", result.text)

    def test_exit_code_must_agree_with_the_report(self):
        self.check_fails("code-lies", "2 passed, 1 failed, 1 skipped",
                         "says that all passed, but 1 failed")
        self.check_fails("code-sulks", "3 passed, 1 failed, 1 skipped",
                         "none is reported")

    def test_all_skipped_is_not_a_pass(self):
        result = self.run_scene("all-skipped")
        self.assertEqual(result.last_line, "0 passed, 0 failed, 1 skipped")
        self.assertEqual(result.status, 1)

    def test_expected_exit(self):
        self.check_passes("unfit", "1 passed, 0 failed, 0 skipped",
                          "exit = 43\nexpect = PAE")

    def test_expected_exit_without_its_sentence(self):
        self.check_fails("unfit", "0 passed, 1 failed, 0 skipped",
                         "does not contain /APIC/",
                         keys="exit = 43\nexpect = PAE\n\tAPIC")

    def test_reset_is_never_what_was_expected(self):
        self.check_fails("triple-fault", "0 passed, 1 failed, 0 skipped",
                         "triple fault", keys="exit = 37")

    def test_prompt(self):
        result = self.check_passes(
            "monitor", "1 passed, 0 failed, 0 skipped", "prompt = yes")
        self.assertRegex(result.text, r"prompt after \d+\.\d s")

    def test_prompt_that_never_comes(self):
        self.check_fails("hang", "0 passed, 1 failed, 0 skipped",
                         "timed out", keys="prompt = yes\ntimeout = 1")

    def test_twice(self):
        self.check_passes("good", "3 passed, 0 failed, 1 skipped",
                          "mode = icount\ntwice = yes")
        self.check_fails("random", "3 passed, 1 failed, 1 skipped",
                         "differ, first at line 1",
                         keys="mode = icount\ntwice = yes")


class Behaviour(RunnerCase):
    """Options, files and errors around the verdicts."""

    ROWS = "".join(f"[{name}]\nappend = scene={scene}\n" for name, scene in (
        ("good-row", "good"), ("bad-row", "not-ok"), ("dead-row", "crash")))

    def test_counts_are_summed(self):
        result = self.run_rows(self.ROWS, "--rows", "*-row", "--jobs", "3")
        self.assertEqual(result.last_line, "6 passed, 2 failed, 2 skipped")
        self.assertEqual(result.status, 1)

    def test_junit_and_gradescope(self):
        grades = os.path.join(self.directory, "results.json")
        self.run_rows(self.ROWS, "--rows", "*-row", "--gradescope", grades)
        suites = xml.parse(os.path.join(self.out, "junit.xml")).getroot()
        self.assertEqual(
            [(s.get("name"), s.get("failures")) for s in sorted(
                suites, key=lambda suite: suite.get("name"))],
            [("bad-row", "1"), ("dead-row", "1"), ("good-row", "0")])
        with open(grades, encoding="utf-8") as file:
            content = json.load(file)
        self.assertEqual(content["score"], 6)
        self.assertEqual(sum(t["max_score"] for t in content["tests"]), 8)

    def test_github_annotations_only_there(self):
        plain = self.run_scene("not-ok")
        self.assertNotIn("::error", plain.text)
        github = self.run_scene("not-ok",
                                environment={"GITHUB_ACTIONS": "true"})
        self.assertIn("::error title=row row failed::row: 1 failed: page.two",
                      github.text)

    def test_logs_are_kept(self):
        self.run_scene("good-crlf")
        row = os.path.join(self.out, "row")
        with open(os.path.join(row, "console.log"), "rb") as file:
            self.assertIn(b"ok 1 page\r\n", file.read())
        with open(os.path.join(row, "command.txt"),
                  encoding="utf-8") as file:
            self.assertIn("-append 'test=* scene=good-crlf'", file.read())

    def test_options_make_a_row(self):
        result = self.run_rows("", "--test", "page.*", "--smp", "2",
                               "--append", "scene=not-ok")
        self.assertIn("make repro TEST=page.two SMP=2 APPEND=scene=not-ok",
                      result.text)

    def test_special_rows_are_repeated_by_name(self):
        result = self.run_scene("not-ok", "machine = max-ram-below-4g=256M")
        self.assertIn("make repro ROW=row TEST=page.two\n", result.text)

    def test_missing_qemu(self):
        result = self.run_scene("good", "", "--qemu", "no-such-qemu")
        self.assertEqual(result.status, 2)
        self.assertIn("no-such-qemu was not found", result.text)

    def test_missing_kernel(self):
        os.unlink(self.kernel)
        result = self.run_scene("good")
        self.assertEqual(result.status, 2)
        self.assertIn("run `make` first", result.text)

    def test_unusable_output_directory(self):
        self.file("out", "a file, not a directory")
        result = self.run_scene("good")
        self.assertEqual(result.status, 2)
        self.assertIn("cannot write to", result.text)
        self.assertNotIn("Traceback", result.text)

    def test_unknown_row_and_bad_configuration(self):
        for config, phrase in (
                ("", "no row is called 'row'"),
                ("[row]\nsmpp = 1\n", "there is no key 'smpp'"),
                ("[row]\nsmp = many\n", "'many' is no value for smp"),
                ("[row]\nmode = fast\n", "mode must be one of"),
                ("[row]\nexpect = (\n", "is not a regular expression"),
                ("[row]\n[row]\n", "already exists")):
            with self.subTest(phrase):
                result = self.run_rows(config, "--rows", "row")
                self.assertEqual(result.status, 2)
                self.assertIn(phrase, result.text)
                self.assertNotIn("Traceback", result.text)

    def test_interrupt_ends_qemu_and_reports(self):
        config = (self.ROWS + "[hang-row]\nappend = scene=hang\n"
                  "timeout = 50\n")
        runner = subprocess.Popen(
            self.command(config, "--rows", "good-row,hang-row"),
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
            encoding="utf-8")
        self.addCleanup(runner.stdout.close)
        self.addCleanup(runner.kill)
        log = os.path.join(self.out, "hang-row", "console.log")
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if os.path.getsize(log) and "good-row" in os.listdir(
                        self.out):
                    break
            time.sleep(0.05)
        time.sleep(0.5)
        runner.send_signal(signal.SIGINT)
        text, _ = runner.communicate(timeout=20)
        self.assertEqual(runner.returncode, 130, text)
        self.assertEqual(text.rstrip().split("\n")[-1],
                         "3 passed, 0 failed, 1 skipped")

    def test_the_real_table_is_valid(self):
        done = subprocess.run([sys.executable, RUNNER, "--list"],
                              stdout=subprocess.PIPE, text=True, check=True)
        self.assertIn("smp255", done.stdout)


if __name__ == "__main__":
    unittest.main()
