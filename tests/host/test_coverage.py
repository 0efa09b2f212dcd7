#!/usr/bin/env python3
"""What the coverage build sends is taken whole or not at all, and a figure below
its bar fails."""
import configparser
import pathlib
import struct
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "coverage"), str(ROOT / "tests"),
                str(ROOT / "scripts")]

import counters  # noqa: E402
import coverage  # noqa: E402


def record(data):
    return struct.pack("<I", len(data)) + data


SENT = (b"a file of the tour" + counters.BEGIN
        + record(b"") + record(b"/x/one.gcda") + record(b"12") + record(b"3")
        + record(b"") + record(b"/x/two.gcda") + record(b"4")
        + record(b"") + record(b""))


class Records(unittest.TestCase):
    def test_files_are_joined_from_their_pieces(self):
        self.assertEqual(counters.split(SENT),
                         {"/x/one.gcda": b"123", "/x/two.gcda": b"4"})

    def test_counters_that_break_off_are_refused(self):
        for cut in range(len(SENT)):
            with self.subTest(cut), self.assertRaises(counters.Incomplete):
                counters.split(SENT[:cut])

    def test_what_is_no_counter_is_refused(self):
        for data in (b"", b"panic", counters.BEGIN):
            with self.assertRaises(counters.Incomplete):
                counters.split(data)


class Bars(unittest.TestCase):
    def summary(self, reached, bar):
        config = configparser.ConfigParser()
        config["group"] = {"lines": bar}
        figures = coverage.Figures()
        figures.lines, figures.reached = 1000, reached
        return coverage.summarize([("mm", config["group"], figures)], [], True)

    def test_a_figure_below_its_bar_fails(self):
        line, good = self.summary(899, "90")
        self.assertFalse(good)
        self.assertIn("mm is below 90% of lines", line)

    def test_a_figure_at_its_bar_passes(self):
        line, good = self.summary(900, "90")
        self.assertTrue(good)
        self.assertEqual(line, "coverage: mm 90% of lines")

    def test_all_but_one_is_not_all(self):
        self.assertFalse(self.summary(999, "100")[1])

    def test_only_what_is_excluded_does_not_count(self):
        config = configparser.ConfigParser(interpolation=None)
        config["x"] = {"files": "mm/*.c", "branches": r"\bASSERT\("}
        exclusion = coverage.Exclusion("x", config["x"])
        self.assertTrue(exclusion.covers("branches", "mm/a.c", "ASSERT(1)"))
        self.assertFalse(exclusion.covers("lines", "mm/a.c", "ASSERT(1)"))
        self.assertFalse(exclusion.covers("branches", "mm/a.h", "ASSERT(1)"))
        self.assertFalse(exclusion.covers("branches", "mm/a.c", "if (x)"))


if __name__ == "__main__":
    unittest.main()
