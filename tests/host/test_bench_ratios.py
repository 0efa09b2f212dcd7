#!/usr/bin/env python3
"""Tests of what is said about engines: read, compared, answered."""
import math
import pathlib
import sys
import unittest
import unittest.mock

from bench_rows import MISS, row, rows, whole_run, without

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_answer  # noqa: E402
import bench_ratios  # noqa: E402
import bench_results  # noqa: E402
import bench_words  # noqa: E402


def results(made_up):
    return bench_results.Results(made_up)


class Loading(unittest.TestCase):
    def refused(self, made_up, phrase):
        with self.assertRaisesRegex(bench_results.BadResults, phrase):
            bench_results.check(made_up)

    def test_rows_of_a_run_are_accepted(self):
        bench_results.check(whole_run())
        bench_results.check([])

    def test_what_is_no_row_is_named(self):
        self.refused({}, "no array")
        self.refused([row(), 3], "row 2 is no object")
        self.refused([{"bench": "x"}], "row 1 has no 'engine'")
        for field, value in (("cpus", "4"), ("cpus", 0), ("cpus", True),
                             ("value", None), ("value", math.nan),
                             ("value", math.inf), ("value", -1)):
            self.refused([{**row(), field: value}], f"'{field}'")

    def test_two_rows_for_one_figure_are_refused(self):
        self.refused([row(), row(value=32)], "row 2 is the second for "
                     "sf_buf.shared_hit, sf_buf, 1 CPU, instructions")

    def test_the_two_modes_do_not_meet(self):
        bench_results.check([row(metric="contended"),
                             row(metric="contended", mode="mttcg")])


class Ratios(unittest.TestCase):
    def verdict(self, words, made_up):
        found = [ratio for ratio in bench_ratios.ratios(results(made_up))
                 if words in ratio.what]
        self.assertEqual(len(found), 1)
        return found[0]

    def test_a_good_run_meets_all(self):
        self.assertEqual([ratio.met for ratio in bench_ratios.ratios(
            results(whole_run()))], [True] * 6)

    def test_one_round_for_a_thousand_of_theirs_is_enough(self):
        for ours, met in ((0.001, True), (0.0011, False)):
            found = self.verdict("naive", rows(
                MISS + "_4096", {"sf_buf": ours, "naive": 1.0}, cpus=2,
                metric="rounds"))
            self.assertEqual(found.met, met)

    def test_the_worst_machine_decides_and_is_named(self):
        made_up = (rows("sf_buf.shared_hit", {"sf_buf": 30, "classic": 100})
                   + rows("sf_buf.shared_hit", {"sf_buf": 60,
                                                "classic": 100}, cpus=8))
        found = self.verdict("instructions in a hit", made_up)
        self.assertFalse(found.met)
        self.assertEqual(found.figure, "0.60 on 8 CPUs")

    def test_one_cpu_has_no_rounds_to_compare(self):
        self.assertIsNone(self.verdict("naive", rows(
            MISS + "_4096", {"sf_buf": 0, "naive": 0},
            metric="rounds")).met)

    def test_some_where_the_other_needs_none_is_missed(self):
        found = self.verdict("buffers, ours to classic's", rows(
            MISS + "_4096", {"sf_buf": 0.1, "classic": 0}, cpus=2,
            metric="rounds"))
        self.assertFalse(found.met)
        self.assertIn("more than none", found.figure)

    def test_a_single_interrupt_in_large_writes_is_missed(self):
        made_up = [row("pipe.64k", value=0, metric="ipis"),
                   row("pipe.1m", value=0.01, metric="ipis", cpus=4)]
        found = self.verdict("64 KiB", made_up)
        self.assertFalse(found.met)
        self.assertEqual(found.figure, "1/100 in pipe.1m on 4 CPUs")

    def test_half_of_a_bar_measured_is_not_measured(self):
        found = self.verdict("64 KiB",
                             [row("pipe.64k", value=0, metric="ipis")])
        self.assertIsNone(found.met)
        self.assertIn("pipe.1m was not measured", found.figure)

    def test_what_is_missing_is_named(self):
        found = self.verdict("instructions in a hit", [row()])
        self.assertIsNone(found.met)
        self.assertEqual(found.figure,
                         "sf_buf.shared_hit was not measured for classic")
        for ratio in bench_ratios.ratios(results([])):
            self.assertIsNone(ratio.met)


class SlowerThanOthers(unittest.TestCase):
    def slower(self, made_up):
        return bench_ratios.slower(results(made_up))

    def test_three_per_cent_are_allowed_and_no_more(self):
        for ours, count in ((103, 0), (103.1, 1)):
            made_up = rows("x.y", {"sf_buf": ours, "pkmap": 100})
            self.assertEqual(len(self.slower(made_up)), count)

    def test_naive_and_the_floor_are_no_rivals(self):
        self.assertEqual(self.slower(rows("x.y", {
            "sf_buf": 9, "naive": 1, "direct": 1, "local": 1})), [])

    def test_other_metrics_are_not_looked_at(self):
        self.assertEqual(self.slower(rows(
            "x.y", {"sf_buf": 9, "classic": 1}, metric="pte_writes")), [])

    def test_machines_with_one_reason_are_one_entry(self):
        made_up = [r for cpus in (1, 4) for r in rows(
            "x.y", {"sf_buf": 100 * cpus, "classic": 50}, cpus=cpus)]
        group, = self.slower(made_up)
        self.assertEqual(group.worst.cpus, 4)
        self.assertEqual(bench_ratios.slower_words(group),
                         "x.y on 1, 4 CPUs: 400 against 50 in classic, "
                         "8.00 times (on 4)")

    def test_a_reason_holds_for_its_machines_only(self):
        made_up = (bench_words.Reason("x.y*", "few", most_cpus=2),)
        with unittest.mock.patch.object(bench_words, "REASONS", made_up):
            self.assertEqual([bench_words.reason("x.y", cpus)
                              for cpus in (1, 2, 4)], ["few", "few", ""])
            self.assertEqual(bench_words.reason("x.z", 1), "")

    def test_a_reason_is_found_by_the_name(self):
        self.assertIn("one idle buffer", bench_words.reason(
            "sf_buf.shared_miss_scarce_65536", 8))
        self.assertEqual(bench_words.reason("sf_buf.shared_hit", 1), "")

    def test_every_reason_is_of_a_workload_that_exists(self):
        known = [glob for glob, _ in bench_words.WORKLOADS]
        for reason in bench_words.REASONS:
            self.assertTrue(bench_words.workload(
                reason.glob.rstrip("*")) or reason.glob in known,
                reason.glob)

    def test_the_terminal_says_that_there_is_no_reason(self):
        text = "\n".join(bench_ratios.ratio_lines(
            rows("x.y", {"sf_buf": 9, "classic": 1})))
        self.assertIn("x.y on 1 CPU: 9 against 1 in classic, 9.00 times. "
                      "No reason known.", text)
        self.assertRegex(text, "MISSED +1 of 1 workloads")

    def test_the_terminal_says_when_nothing_is_compared(self):
        self.assertEqual(len(bench_ratios.ratio_lines([row()])), 1)


class Answer(unittest.TestCase):
    def text(self, made_up):
        return " ".join(bench_answer.sentences(results(made_up)))

    def test_it_is_said_with_the_figures_of_the_run(self):
        text = self.text(whole_run())
        self.assertIn("On 4 CPUs, all of them busy", text)
        self.assertIn("takes 100 instructions here, 1,000 in FreeBSD's way "
                      "(classic)", text)
        self.assertIn("serves 5,000 of these misses here, 1 in classic, "
                      "1,000 in pkmap and 1 in naive", text)
        self.assertIn("6 of 6 comparisons", text)
        self.assertIn("on no workload is ours slower", text)

    def test_engines_that_are_missing_are_named(self):
        text = self.text(without(whole_run(), engine="pkmap"))
        self.assertIn("Not measured in this run: pkmap.", text)
        self.assertNotIn("in pkmap", text)

    def test_a_workload_that_is_slower_is_counted(self):
        text = self.text(whole_run()
                         + rows("x.y", {"sf_buf": 9, "classic": 1}))
        self.assertIn("5 of 6 comparisons", text)
        self.assertIn("on 1 workload, listed below", text)

    def test_without_our_own_there_is_no_answer(self):
        self.assertIn("not measured for sf_buf",
                      self.text(rows(MISS, {"classic": 9})))
        self.assertIn("not measured", self.text([]))

    def test_no_round_at_all_is_said_so(self):
        made_up = (rows(MISS, {"sf_buf": 9}, cpus=2)
                   + rows(MISS, {"sf_buf": 0}, cpus=2, metric="rounds"))
        self.assertIn("No other CPU was ever interrupted", self.text(made_up))

    def test_the_table_has_ours_and_how_many_times_the_others_are(self):
        engines, found = bench_answer.table(results(whole_run()))
        self.assertEqual(engines, ["classic", "pkmap", "local", "naive",
                                   "direct"])
        self.assertEqual(len(found), len(bench_answer.ROWS))
        self.assertEqual(bench_answer.ratio_words(861, 94), "9.2 ×")
        self.assertEqual(bench_answer.ratio_words(1, 1 / 1028), "1,028 ×")
        self.assertEqual(bench_answer.ratio_words(103.4, 100), "1.03 ×")
        self.assertEqual(bench_answer.ratio_words(1, 0), "")
        self.assertEqual(bench_answer.ratio_words(None, 5), "")


if __name__ == "__main__":
    unittest.main()
