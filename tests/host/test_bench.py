#!/usr/bin/env python3
"""Tests of scripts/bench.py: what it reads, what it makes of it, how it ends.

A fake QEMU, a few lines of shell, prints what a kernel would.
"""
import csv
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "scripts" / "bench.py"
sys.path.insert(0, str(TOOL.parent))

import bench  # noqa: E402

FIELDS = {"engine": "sf_buf", "cpus": 1, "ops": 4096, "instructions": 413696,
          "rounds": 4, "ipis": 12, "invlpg": 4096, "cr3_reloads": 16,
          "pte_writes": 4096, "counted": 4096, "spoiled": 0}


def line(name="sf_buf.shared_miss", **changes):
    fields = {**FIELDS, **changes}
    return f"BENCH {name} " + " ".join(f"{k}={v}" for k, v in fields.items())


def case(name="sf_buf.shared_miss", **changes):
    return bench.parse_line(line(name, **changes))


class Lines(unittest.TestCase):
    def test_totals_become_figures_for_one_operation(self):
        parsed = case()
        self.assertEqual((parsed.name, parsed.engine, parsed.cpus),
                         ("sf_buf.shared_miss", "sf_buf", 1))
        self.assertEqual(parsed.per_op("instructions"), 101.0)
        self.assertEqual(parsed.per_op("invlpg"), 1.0)
        self.assertEqual(parsed.doubts, "")

    def test_other_lines_are_passed_over(self):
        for other in ("", "CPUs     4 of 4", "BENCH plan cases=9",
                      " " + line(), "x" + line(), "BENCH", "BENCH sf_buf.x"):
            self.assertIsNone(bench.parse_line(other), other)

    def test_a_line_without_a_field_is_an_error(self):
        short = line().replace(" rounds=4", "")
        with self.assertRaisesRegex(bench.BenchError, "rounds"):
            bench.parse_line(short)

    def test_a_line_with_a_broken_number_is_an_error(self):
        with self.assertRaisesRegex(bench.BenchError, "rebuild"):
            case(instructions="many")

    def test_no_operation_is_an_error(self):
        with self.assertRaisesRegex(bench.BenchError, "no operation"):
            case(ops=0)

    def test_figures_that_do_not_hold_are_doubted(self):
        self.assertIn("4000 of 4096", case(counted=4000).doubts)
        self.assertIn("timer", case(spoiled=1).doubts)


class Results(unittest.TestCase):
    def test_a_row_names_all_that_is_needed_to_compare_it(self):
        self.assertEqual(
            bench.rows([case(cpus=4)])[0],
            {"bench": "sf_buf.shared_miss", "engine": "sf_buf", "cpus": 4,
             "mode": "icount", "metric": "instructions", "unit": "instr/op",
             "value": 101.0})

    def test_every_metric_has_a_row(self):
        self.assertEqual([row["metric"] for row in bench.rows([case()])],
                         ["instructions", "rounds", "ipis", "invlpg",
                          "cr3_reloads", "pte_writes"])

    def test_both_files_have_the_same_rows(self):
        cases = [case(), case("sf_buf.direct", cpus=8)]
        with tempfile.TemporaryDirectory() as folder:
            bench.write_results(folder, cases)
            self.assertEqual(sorted(os.listdir(folder)),
                             ["results.csv", "results.json"])
            with open(f"{folder}/results.json", encoding="utf-8") as file:
                from_json = json.load(file)
            with open(f"{folder}/results.csv", encoding="utf-8") as file:
                from_csv = list(csv.DictReader(file))
        self.assertEqual(from_json, bench.rows(cases))
        self.assertEqual(from_csv, [{k: str(v) for k, v in row.items()}
                                    for row in from_json])


class Table(unittest.TestCase):
    def text(self, *cases):
        return "\n".join(bench.table_lines(cases)
                         + bench.summary_lines(cases))

    def test_a_goal_that_is_not_met_is_marked(self):
        self.assertIn("95!", self.text(case()))
        self.assertIn("0 of 1 goals met", self.text(case()))

    def test_a_goal_that_is_met_is_not(self):
        text = self.text(case(instructions=95 * 4096))
        self.assertNotIn("!", text)
        self.assertIn("1 of 1 goals met", text)

    def test_on_more_cpus_the_goal_is_another(self):
        self.assertEqual(bench.goal(case(cpus=8)), 98)

    def test_others_stand_beside_it(self):
        self.assertRegex(self.text(case(cpus=2)), r"531 +448 +660 +365")

    def test_a_case_without_goal_or_others_is_shown(self):
        self.assertRegex(self.text(case("sf_buf.first_use")),
                         r"first_use +1 +101 +- +- +- +- +- ")

    def test_cpu_counts_of_a_case_stand_together(self):
        lines = bench.table_lines([case("a.x", cpus=1), case("a.y", cpus=1),
                                   case("a.x", cpus=2), case("a.y", cpus=2)])
        self.assertEqual([text[:3] for text in lines[2:]],
                         ["a.x", "   ", "a.y", "   "])

    def test_a_doubt_is_said(self):
        self.assertIn("? 9 of 4096", self.text(case(counted=9)))


class Endings(unittest.TestCase):
    """The whole tool, with a fake QEMU that plays a scene."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.out = self.folder / "out"

    def run_tool(self, script, *arguments):
        qemu = self.folder / "qemu"
        qemu.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        qemu.chmod(0o755)
        kernel = self.folder / "kernel"
        kernel.touch()
        return subprocess.run(
            [sys.executable, str(TOOL), "--qemu", str(qemu), "--kernel",
             str(kernel), "--out", str(self.out), "--cpus", "1", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            timeout=60, check=False)

    def check(self, script, status, *phrases, arguments=()):
        done = self.run_tool(script, *arguments)
        self.assertEqual(done.returncode, status, done.stdout)
        self.assertNotIn("Traceback", done.stdout)
        for phrase in phrases:
            self.assertIn(phrase, done.stdout)

    GOOD = f"echo BENCH plan cases=1; echo '{line()}'; exit 33"

    def test_a_good_run_ends_well_goals_met_or_not(self):
        self.check(self.GOOD, 0, "sf_buf.shared_miss", "95!", "results.json")
        self.assertTrue((self.out / "results.json").is_file())

    def test_a_panic_fails(self):
        self.check("exit 37", 1, "1 CPU ended badly: the kernel panicked")

    def test_a_reset_fails(self):
        self.check(self.GOOD.replace("33", "0"), 1, "triple fault")

    def test_a_missing_case_fails(self):
        self.check(self.GOOD.replace("cases=1", "cases=2"), 1,
                   "delivered 1 cases, but planned 2")

    def test_a_machine_of_another_size_fails(self):
        self.check(self.GOOD.replace("cpus=1", "cpus=2"), 1,
                   "started only 2")

    def test_a_name_that_does_not_exist_fails(self):
        self.check("echo '  sf_buf.direct'; exit 41", 2,
                   "no benchmark of that name; there are sf_buf.direct")

    def test_a_kernel_that_is_missing_is_named(self):
        self.check(self.GOOD, 2, "run `make` first",
                   arguments=("--kernel", "/nowhere/ephemera.elf"))

    def test_a_qemu_that_is_missing_is_named(self):
        self.check(self.GOOD, 2, "no-such-qemu was not found",
                   arguments=("--qemu", "no-such-qemu"))

    def test_a_bad_list_of_cpus_is_explained(self):
        self.check(self.GOOD, 2, "'0,x' is not a list of CPU counts",
                   arguments=("--cpus", "0,x"))

    def test_a_case_may_be_named_without_its_engine(self):
        self.check(f'echo "$@"; {self.GOOD}', 0,
                   arguments=("--bench", "shared_miss"))
        log = (self.out / "console-1.log").read_text(encoding="utf-8")
        self.assertIn("bench=*.shared_miss ", log)


if __name__ == "__main__":
    unittest.main()
