#!/usr/bin/env python3
"""Tests of the plots of `make bench`, with gnuplot where there is one."""
import pathlib
import shutil
import stat
import sys
import tempfile
import unittest

from bench_rows import CHARTS, MISS, rows, whole_run
from html_page import Page

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_charts  # noqa: E402
import bench_page  # noqa: E402
import bench_plots  # noqa: E402
import bench_results  # noqa: E402
import bench_words  # noqa: E402


def results(made_up):
    return bench_results.Results(made_up)


class Charts(unittest.TestCase):
    def charts(self, made_up):
        return {chart.name: chart for chart
                in bench_charts.charts(results(made_up))}

    def test_a_whole_run_has_all_of_them(self):
        found = self.charts(whole_run())
        self.assertEqual(tuple(found), CHARTS)
        for chart in found.values():
            self.assertTrue(bench_charts.has_data(chart), chart.name)
            self.assertRegex(chart.finding, r"^[A-Z].*sf_buf.*\.$")

    def test_an_empty_run_has_none_and_does_not_fail(self):
        for chart in self.charts([]).values():
            self.assertFalse(bench_charts.has_data(chart))

    def test_one_cpu_interrupts_nobody_and_is_not_shown(self):
        self.assertNotIn(1, dict(self.charts(whole_run())["rounds"]
                                 .series["sf_buf"]))

    def test_what_the_direct_map_needs_is_taken_off(self):
        found = self.charts(whole_run())
        self.assertEqual(dict(found["md_seq"].series["sf_buf"])[4], 50.0)
        self.assertEqual(found["sendfile"].groups["the data are read"],
                         {"sf_buf": 50, "classic": 950, "pkmap": 950,
                          "local": 950, "naive": 950})
        # 950 instructions for 4 KiB.
        self.assertEqual(dict(found["pipe"].series["naive"])[4096], 237.5)

    def test_without_the_direct_map_nothing_is_said_of_mapping_alone(self):
        found = self.charts([r for r in whole_run()
                             if r["engine"] != "direct"])
        self.assertEqual([name for name, chart in found.items()
                          if not bench_charts.has_data(chart)],
                         ["sendfile", "pipe", "md_random", "md_seq"])

    def test_one_that_needs_less_than_the_direct_map_adds_nothing(self):
        made_up = rows("md.seq_1", {"sf_buf": 9, "direct": 9.5, "naive": 20})
        self.assertEqual(self.charts(made_up)["md_seq"].series,
                         {"sf_buf": [(1, 0)], "naive": [(1, 10.5)]})

    def test_a_finding_without_ours_says_so(self):
        chart = self.charts(rows(MISS, {"classic": 9}))["miss"]
        self.assertIn("sf_buf was not measured", chart.finding)

    def test_four_cpus_are_shown_or_else_the_most(self):
        self.assertEqual(bench_results.some_cpus((1, 2, 4, 8)), 4)
        self.assertEqual(bench_results.some_cpus((1, 2)), 2)
        self.assertIsNone(bench_results.some_cpus(()))


class Axes(unittest.TestCase):
    def test_a_wide_range_is_logarithmic_and_a_narrow_one_starts_at_0(self):
        wide, narrow = (bench_plots.Scale(v) for v in ([1, 5000], [100, 300]))
        self.assertTrue(wide.log)
        self.assertFalse(narrow.log)
        self.assertEqual(narrow.tics[0], (0, "0"))

    def test_a_chart_may_ask_for_a_linear_one(self):
        self.assertFalse(bench_plots.Scale([1, 5000], linear=True).log)

    def test_values_and_numbers_are_within_it(self):
        for values in ([1, 5000], [100, 300], [0, 0.001, 1], [0], [7],
                       [1 / 5000, 1 / 4000], [12, 9e6], [0.8, 2.5]):
            scale = bench_plots.Scale(values)
            for value in [*values, *(tic for tic, _ in scale.tics)]:
                self.assertTrue(-1e-9 <= scale.share(value) <= 1 + 1e-9,
                                (values, value))
            words = [text for _, text in scale.tics]
            self.assertEqual(len(words), len(set(words)), words)
            self.assertLessEqual(len(words), 8)

    def test_zero_has_a_place_below_all_others(self):
        scale = bench_plots.Scale([0, 0.001, 1])
        self.assertIn("0", [words for _, words in scale.tics])
        self.assertLess(scale.share(0), scale.share(0.0009))

    def test_names_do_not_lie_upon_each_other(self):
        for places in ([10, 10, 10], [95, 96, 97, 98], [0, 100], [50],
                       [30, 10, 20]):
            moved = bench_plots.apart(places, 15, 0, 100)
            order = sorted(moved)
            self.assertTrue(all(b - a >= 15 - 1e-9 for a, b
                                in zip(order, order[1:])), moved)
            self.assertTrue(0 <= order[0] and order[-1] <= 100, moved)


class Palette(unittest.TestCase):
    @staticmethod
    def light(colour):
        def linear(value):
            value /= 255
            return (value / 12.92 if value <= 0.03928
                    else ((value + 0.055) / 1.055) ** 2.4)
        red, green, blue = (linear(int(colour[i:i + 2], 16))
                            for i in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    def test_every_name_can_be_read_on_its_ground(self):
        for ground, shade in (("#ffffff", "light"), ("#16181b", "dark")):
            for name, engine in bench_words.ENGINES.items():
                one, two = sorted((self.light(ground),
                                   self.light(getattr(engine, shade))))
                self.assertGreaterEqual((two + 0.05) / (one + 0.05), 4.5,
                                        (name, shade))

    def test_no_two_engines_look_alike(self):
        engines = bench_words.ENGINES.values()
        for field in ("light", "dark", "point"):
            self.assertEqual(len({getattr(e, field) for e in engines}),
                             len(engines), field)


class Drawing(unittest.TestCase):
    """With gnuplot itself, and with programs that play it."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)
        self.plots = self.folder / "plots"
        self.charts = bench_charts.charts(results(whole_run()))

    def fake(self, script):
        path = self.folder / "gnuplot"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return str(path)

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not there")
    def test_every_chart_becomes_pictures(self):
        svgs, note = bench_plots.draw(self.charts, self.plots)
        self.assertEqual((tuple(svgs), note), (CHARTS, ""))
        for chart in self.charts:
            path = self.plots / chart.name
            self.assertEqual(path.with_suffix(".png").read_bytes()[:4],
                             b"\x89PNG")
            svg = path.with_suffix(".svg").read_text(encoding="utf-8")
            self.assertEqual(svg, svgs[chart.name])
            self.assertIn(f"<title>{chart.question}</title>", svg)
            for engine in ("sf_buf", "classic"):
                self.assertIn(f">{engine}</text>", svg.replace(" ", ""))
            Page(bench_page.inline(svg, chart.name, "words"))

    @unittest.skipUnless(shutil.which("gnuplot"), "gnuplot is not there")
    def test_zeros_and_odd_names_can_be_drawn(self):
        odd = "o'd\"d$x`id`\n_{^"
        made_up = (rows(MISS, {"sf_buf": 0, odd: 5, "naive": 5000}, cpus=2)
                   + rows(MISS, {"sf_buf": 0, odd: 0}, cpus=2,
                          metric="rounds")
                   + rows("sf_buf.shared_hit", {"sf_buf": 0, odd: 0}))
        svgs, note = bench_plots.draw(
            bench_charts.charts(results(made_up)), self.plots)
        self.assertEqual(note, "")
        self.assertEqual(set(svgs), {"miss", "rounds", "hits"})
        self.assertIn("`id`", svgs["miss"])

    def test_without_gnuplot_it_is_said_how_to_get_it(self):
        self.plots.mkdir()
        (self.plots / "old.svg").touch()
        svgs, note = bench_plots.draw(self.charts, self.plots, "no-gnuplot")
        self.assertEqual(svgs, {})
        self.assertIn("no-gnuplot was not found; `make doctor`", note)
        self.assertFalse((self.plots / "old.svg").exists())
        self.assertTrue((self.plots / "miss.gp").exists())

    def test_what_gnuplot_complains_of_is_said(self):
        svgs, note = bench_plots.draw(
            self.charts, self.plots, self.fake("echo bad term >&2; exit 1"))
        self.assertEqual(svgs, {})
        self.assertEqual(note, "no plots: gnuplot did not draw miss.svg: "
                         "bad term")

    def test_one_that_draws_no_png_is_good_for_the_page(self):
        svgs, note = bench_plots.draw(self.charts, self.plots, self.fake(
            "case \"$2\" in *'terminal svg'*) for a; do :; done; "
            "echo '<svg></svg>' >\"${a%.gp}.svg\";; "
            "*) echo no png >&2; exit 1;; esac"))
        self.assertEqual(tuple(svgs), CHARTS)
        self.assertIn("no PNG pictures: gnuplot did not draw miss.png", note)


if __name__ == "__main__":
    unittest.main()
