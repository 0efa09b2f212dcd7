#!/usr/bin/env python3
"""Tests of scripts/bench_compare.py and of make bench-compare."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

from bench_rows import row

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "scripts" / "bench_compare.py"
sys.path.insert(0, str(TOOL.parent))

import bench_compare  # noqa: E402


class Comparing(unittest.TestCase):
    def compare(self, old, new, globs="*"):
        return bench_compare.compare(old, new, globs)

    def flagged(self, old, new, **fields):
        """Is the change of one figure flagged?"""
        found = self.compare([row(value=old, **fields)],
                             [row(value=new, **fields)])
        self.assertEqual(found.status, len(found.flagged))
        return bool(found.flagged)

    def test_more_than_five_per_cent_is_flagged(self):
        for new, flagged in ((100, False), (90, False), (105, False),
                             (105.1, True), (200, True)):
            self.assertEqual(self.flagged(100, new), flagged, new)

    def test_five_per_cent_pass_however_they_are_rounded(self):
        for old in (0.1, 0.2, 0.6, 1 / 3, 31.0273, 1e-6, 7e9):
            self.assertFalse(self.flagged(old, old * 1.05), old)

    def test_fewer_hits_are_worse_and_more_are_not(self):
        self.assertTrue(self.flagged(1.0, 0.9, metric="hits"))
        self.assertTrue(self.flagged(1.0, 0, metric="hits"))
        self.assertFalse(self.flagged(0.9, 1.0, metric="hits"))
        self.assertFalse(self.flagged(0, 1.0, metric="hits"))

    def test_something_where_there_was_nothing_is_worse(self):
        self.assertTrue(self.flagged(0, 0.001, metric="ipis"))
        self.assertFalse(self.flagged(0, 0, metric="ipis"))
        self.assertFalse(self.flagged(0.001, 0, metric="ipis"))

    def test_times_are_never_flagged(self):
        for metric, new in (("ns", 900), ("throughput", 1)):
            self.assertFalse(self.flagged(100, new, metric=metric,
                                          mode="mttcg"))

    def test_one_metric_in_both_modes_is_two_figures(self):
        both = [row(metric="contended", value=1, mode=mode)
                for mode in ("icount", "mttcg")]
        self.assertEqual(len(self.compare(both, both).changes), 2)

    def test_the_worst_stands_first(self):
        def run(*values):
            return [row(bench=f"x.{name}", value=value)
                    for name, value in zip("abcd", values)]
        found = self.compare(run(100, 100, 0, 0), run(120, 300, 1, 5))
        self.assertEqual([change.key[0] for change in found.flagged],
                         ["x.d", "x.c", "x.b", "x.a"])

    def test_a_count_that_disappeared_is_flagged_and_a_new_one_is_not(self):
        one, two = row(), row(cpus=2)
        gone = self.compare([one, two], [one])
        self.assertEqual((gone.status, gone.gone[0][2]), (1, 2))
        fresh = self.compare([one], [one, two])
        self.assertEqual((fresh.status, fresh.fresh[0][2]), (0, 2))

    def test_a_time_that_disappeared_is_no_matter(self):
        found = self.compare([row(), row(metric="ns", mode="mttcg")], [row()])
        self.assertEqual((len(found.gone), found.status), (1, 0))

    def test_only_workloads_that_match_are_looked_at(self):
        old = [row("md.x", value=1), row("pipe.x", value=1)]
        new = [row("md.x", value=2), row("pipe.x", value=1)]
        self.assertEqual(self.compare(old, new).status, 1)
        self.assertEqual(self.compare(old, new, "pipe.*").status, 0)
        for globs in ("a.*,md.*", "*x", "x"):
            self.assertEqual(self.compare(old, new, globs).status, 1)


class Printing(unittest.TestCase):
    def text(self, old, new, everything=False):
        return "\n".join(bench_compare.lines(
            bench_compare.compare(old, new), everything))

    def test_each_change_has_its_ratio_and_both_figures(self):
        self.assertRegex(self.text([row(value=100)], [row(value=110)]),
                         r"Worse by more than 5%:\n +1\.100 +100 -> 110 "
                         r"+instructions, sf_buf\.shared_hit, sf_buf, 1 CPU")

    def test_what_was_nothing_has_no_ratio(self):
        self.assertRegex(self.text([row(value=0)], [row(value=0.001)]),
                         r"was 0 +0 -> 0\.001000 ")

    def test_what_is_the_same_is_shown_only_when_asked_for(self):
        same = [row(), row(metric="ipis", value=0)]
        self.assertNotIn("shared_hit", self.text(same, same))
        shown = self.text(same, same, True)
        self.assertEqual(shown.count("shared_hit"), 2)

    def test_every_kind_of_change_has_its_section(self):
        def run(**values):
            return [row(f"x.{name}", value=value)
                    for name, value in values.items()]
        old = run(worse=100, better=100, bit=100, gone=1)
        new = run(worse=200, better=50, bit=101, fresh=1)
        time = {"metric": "ns", "mode": "mttcg"}
        text = self.text(old + [row(value=1, **time)],
                         new + [row(value=9, **time)])
        for title, name in (("Worse by more than 5%", "x.worse"),
                            ("Disappeared", "x.gone"),
                            ("Better by more than 5%", "x.better"),
                            ("Changed by no more than 5%", "x.bit"),
                            ("Times, which are not judged", "ns"),
                            ("New", "x.fresh")):
            section = text.split(f"{title}:\n")[1].split("\n\n")[0]
            self.assertIn(name, section)
            self.assertEqual(len(section.splitlines()), 1, title)
        self.assertTrue(text.endswith(
            "3 counts compared: 1 worse by more than 5%, 1 better; "
            "disappeared: 1 figures, new: 1"))

    def test_what_disappeared_from_one_machine_is_one_line(self):
        gone = [row("x.y", metric=metric) for metric in ("ipis", "rounds")]
        self.assertIn("    x.y, sf_buf, 1 CPU, icount: ipis, rounds\n",
                      self.text([row(), *gone], [row()]))


class Endings(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def file(self, name, content):
        path = self.folder / name
        path.write_text(content if isinstance(content, str)
                        else json.dumps(content), encoding="utf-8")
        return str(path)

    def check(self, status, phrase, *arguments, command=None):
        done = subprocess.run(
            command or [sys.executable, str(TOOL), *arguments],
            cwd=self.folder, capture_output=True, text=True, timeout=60,
            check=False)
        text = done.stdout + done.stderr
        self.assertEqual(done.returncode, status, text)
        self.assertIn(phrase, text)
        self.assertNotIn("Traceback", text)
        return text

    def test_nothing_worse_ends_well(self):
        same = self.file("a.json", [row()])
        self.check(0, "1 counts compared: 0 worse", same, same)

    def test_something_worse_is_status_1(self):
        self.check(1, "1 worse", self.file("a.json", [row(value=1)]),
                   self.file("b.json", [row(value=2)]))

    def test_what_cannot_be_used_is_status_2_and_a_sentence(self):
        good = self.file("good.json", [row()])
        for phrase, bad in (
                ("cannot read nowhere.json: No such file", "nowhere.json"),
                ("is not JSON", self.file("text.json", "no")),
                ("it is no array of rows", self.file("object.json", {})),
                ("row 1 has no 'engine'",
                 self.file("short.json", [{"bench": "x"}])),
                ("no figure in common", self.file("empty.json", []))):
            self.check(2, phrase, bad, good)
            self.check(2, phrase, good, bad)

    def test_without_old_results_it_says_what_to_do(self):
        self.check(2, "make bench-compare OLD=results.json")

    def test_a_name_that_matches_nothing_is_said(self):
        same = self.file("a.json", [row()])
        self.check(2, "that matches 'zz'", "--bench", "zz", same, same)

    def test_help_says_what_is_flagged(self):
        self.check(0, "more than 5%", "--help")

    def test_make_passes_names_on_as_they_are(self):
        same = self.file("it's mine.json", [row()])
        make = ["make", "--no-print-directory", "-C", str(ROOT),
                "bench-compare"]
        self.check(0, "0 worse", command=[*make, f"OLD={same}",
                                          f"NEW={same}"])
        self.check(2, "compare with what?", command=[*make, "OLD="])


if __name__ == "__main__":
    unittest.main()
