#!/usr/bin/env python3
"""Tests of the page that `make bench` makes, and of what README shows."""
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

from bench_rows import CHARTS, MISS, row, rows, whole_run, without
from html_page import Page

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_charts  # noqa: E402
import bench_docs  # noqa: E402
import bench_page  # noqa: E402
import bench_report  # noqa: E402
import bench_results  # noqa: E402
import bench_words  # noqa: E402


def results(made_up):
    return bench_results.Results(made_up)


SVG = """<?xml version="1.0"?>
<svg width="400" height="290" viewBox="0 0 400 290"
 xmlns="http://www.w3.org/2000/svg">
<title>Gnuplot</title><desc>by gnuplot</desc>
<rect fill="#ffffff"/><defs><circle id='gpPt6' r='1'/></defs>
<use xlink:href='#gpPt6' color='rgb(  0, 114, 178)'/>
<g fill="black"><text fill="rgb(34,34,34)">a</text></g>
</svg>"""


class Html(unittest.TestCase):
    def page(self, made_up, svgs=None, note="", info=None):
        return Page(bench_report.report_html(
            made_up, info or {"Machine": "a test"},
            {name: SVG for name in CHARTS} if svgs is None else svgs, note))

    def test_it_is_a_page_of_its_own(self):
        page = self.page(whole_run())
        self.assertEqual(page.open, [])
        self.assertEqual(page.all("html")[0]["lang"], "en")
        self.assertEqual(len(page.all("title")), 1)
        self.assertEqual(len(page.all("h1")), 1)
        self.assertIn("width=device-width", str(page.all("meta")))
        self.assertEqual(page.all("script"), [])
        for link in page.links:
            self.assertRegex(link, "^(#|data:)")
        text = bench_report.report_html(whole_run(), {}, {})
        self.assertNotRegex(text, r"https?:|//\w|url\(|@import")

    def test_each_plot_is_there_with_its_words(self):
        page = self.page(whole_run())
        plots = page.all("svg")
        self.assertEqual(len(plots), len(CHARTS))
        for chart, plot in zip(bench_charts.charts(results(whole_run())),
                               plots):
            self.assertEqual(plot["role"], "img")
            self.assertIn(chart.question, plot["aria-label"])
            self.assertIn(chart.finding, plot["aria-label"])
            self.assertIn(chart.finding, page.words)

    def test_ids_of_several_plots_differ_and_are_found(self):
        page = self.page(whole_run())
        self.assertEqual(len(set(page.ids)), len(page.ids))
        for link in page.links:
            if link.startswith("#"):
                self.assertIn(link[1:], page.ids)

    def test_colours_of_plots_are_those_of_the_page(self):
        text = bench_page.inline(SVG, "x", "words")
        self.assertNotRegex(text, r"rgb\(|#ffffff|black|<title>|<desc>")
        for name in ("sf_buf", "ink", "ground"):
            self.assertIn(f"var(--{name})", text)
        for name in bench_words.ENGINES:
            self.assertEqual(bench_page.style().count(f"--{name}:"), 2)

    def test_figures_bars_and_verdicts_are_there(self):
        words = self.page(whole_run()).words
        self.assertIn("6 of 6 comparisons", words)
        self.assertIn("1/5,000", words)
        self.assertIn("None of those that were measured.", words)
        self.assertIn("are met", words)
        self.assertIn("at most 98", words)      # shared_miss: 100
        self.assertIn("100 on 4 CPUs", words)

    def test_scaling_is_judged_by_the_clock(self):
        words = self.page([row("sf_buf.shared_hit_all", value=value,
                               cpus=cpus, metric="throughput", mode="mttcg")
                           for cpus, value in ((1, 10), (2, 19), (16, 10))]
                          ).words
        self.assertIn("met: 2 CPUs do 1.90 times as many hits a second as 1; "
                      "the bar is 1.8", words)
        self.assertIn("missed: 16 CPUs do 0.53 times", words)

    def test_what_is_slower_is_listed_reason_or_not(self):
        words = self.page(
            rows("x.y", {"sf_buf": 9, "classic": 1})
            + rows("sf_buf.shared_miss_scarce", {"sf_buf": 345,
                                                 "classic": 241})).words
        self.assertIn("x.y on 1 CPU: 9 against 1 in classic, 9.00 times. "
                      "No reason known.", words)
        self.assertRegex(words, "345 against 241 in classic, 1.43 times. "
                         "With one idle")

    def test_every_workload_has_all_its_figures(self):
        page = self.page([row("x.y", value=123.456, metric="odd_metric"),
                          row("x.y", "kernel", 7.25)])
        self.assertIn("odd_metric", page.words)
        self.assertIn("123.5", page.words)
        self.assertIn("7.25", page.words)
        self.assertEqual([d for d in page.all("details")], [{}])

    def test_missing_engines_workloads_and_plots_break_nothing(self):
        made_up = whole_run()
        for less in (without(made_up, engine="classic"),
                     without(made_up, engine="sf_buf"),
                     without(made_up, metric="instructions"),
                     without(made_up, bench=MISS),
                     [row(engine="unheard_of")], [row(value=0)]):
            self.assertEqual(self.page(less, svgs={}).open, [])
        words = self.page(without(made_up, bench=MISS)).words
        self.assertIn("What does a shared miss cost on more CPUs?", words)
        self.assertIn("not measured", words)

    def test_no_results_at_all_are_said(self):
        self.assertIn("nothing was measured", self.page([]).words)

    def test_what_went_wrong_with_plots_is_said(self):
        page = self.page(whole_run(), {}, "no plots: gnuplot was not found")
        self.assertIn("gnuplot was not found", page.words)
        self.assertEqual(page.all("svg"), [])

    def test_nothing_that_is_measured_becomes_markup(self):
        evil = "<script>alert(1)</script>\"'&"
        page = self.page([row(evil, evil, metric=evil),
                          *rows(evil, {"sf_buf": 9, "classic": 1}),
                          *rows(MISS, {"sf_buf": 1, evil: 2})],
                         note=evil, info={evil: evil})
        self.assertEqual(page.all("script"), [])
        self.assertGreater(page.words.count(evil), 4)


class Tool(unittest.TestCase):
    """A folder with results, and the tools that read it."""

    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.out = pathlib.Path(temporary.name)

    def save(self, made_up):
        (self.out / "results.json").write_text(json.dumps(made_up),
                                               encoding="utf-8")

    def run_tool(self, name, *arguments):
        return subprocess.run(
            [sys.executable, str(SCRIPTS / name), "--out", str(self.out),
             *arguments], capture_output=True, text=True, timeout=120,
            check=False)


class Files(Tool):
    def test_where_and_when_is_kept_for_the_next_report(self):
        made_up = [row()]
        lines = bench_report.write_report(str(self.out), made_up)
        self.assertIn("report.html", lines[-1])
        page = (self.out / "report.html").read_text(encoding="utf-8")
        self.assertIn("<dt>Machine</dt>", page)
        self.assertNotIn(os.uname().nodename, re.sub(
            r"<dt>(Emulator|Machine).*?</dd>", "", page))
        self.save(made_up)
        self.assertEqual(self.run_tool("bench_report.py").returncode, 0)
        self.assertEqual(
            (self.out / "report.html").read_text(encoding="utf-8"), page)

    def test_results_from_elsewhere_have_the_date_of_their_file(self):
        self.save([row()])
        self.assertEqual(self.run_tool("bench_report.py").returncode, 0)
        self.assertIn("by the file&#x27;s date", (
            self.out / "report.html").read_text(encoding="utf-8"))

    def test_without_results_there_is_a_sentence(self):
        done = self.run_tool("bench_report.py")
        self.assertEqual(done.returncode, 2)
        self.assertIn("cannot read", done.stderr)
        self.assertNotIn("Traceback", done.stderr)


class Readme(Tool):
    TEXT = f"before\n{bench_docs.BEGIN}\nold\n{bench_docs.END}\nafter\n"

    def setUp(self):
        super().setUp()
        self.root = self.out / "root"
        self.root.mkdir()
        self.readme = self.root / "README.md"
        self.readme.write_text(self.TEXT, encoding="utf-8")
        self.save(whole_run())
        (self.out / "plots").mkdir()
        for name in bench_docs.PLOTS:
            (self.out / "plots" / f"{name}.svg").write_text(
                name, encoding="utf-8")

    def refresh(self):
        return self.run_tool("bench_docs.py", "--root", str(self.root))

    def test_the_table_and_the_plots_are_those_of_the_run(self):
        self.assertEqual(self.refresh().returncode, 0)
        text = self.readme.read_text(encoding="utf-8")
        self.assertTrue(text.startswith("before\n"))
        self.assertTrue(text.endswith(f"{bench_docs.END}\nafter\n"))
        self.assertNotIn("old", text)
        self.assertIn("| found mapped | 100 | 1,000 ", text)
        self.assertIn("| rounds of interrupts for that | 1/5,000 | 1 |",
                      text)
        for name in bench_docs.PLOTS:
            self.assertIn(f"(docs/plots/{name}.svg)", text)
            self.assertEqual((self.root / "docs/plots" / f"{name}.svg")
                             .read_text(encoding="utf-8"), name)

    def test_twice_is_the_same_as_once(self):
        self.refresh()
        once = self.readme.read_text(encoding="utf-8")
        self.refresh()
        self.assertEqual(self.readme.read_text(encoding="utf-8"), once)

    def refused(self, phrase):
        done = self.refresh()
        self.assertEqual(done.returncode, 2)
        self.assertIn(phrase, done.stderr)
        self.assertNotIn("Traceback", done.stderr)
        self.assertEqual(self.readme.read_text(encoding="utf-8"), self.TEXT)
        self.assertFalse((self.root / "docs").exists())

    def test_a_plot_that_is_missing_changes_nothing(self):
        (self.out / "plots" / "set.svg").unlink()
        self.refused("set.svg")

    def test_results_of_one_engine_change_nothing(self):
        self.save([row()])
        self.refused("one engine alone")

    def test_results_without_a_plots_figures_change_nothing(self):
        self.save([r for r in whole_run()
                   if not r["bench"].startswith("set.")])
        self.refused("no figures for 'set'")

    def test_a_readme_without_marks_is_left_alone(self):
        self.TEXT = "nothing\n"
        self.readme.write_text(self.TEXT, encoding="utf-8")
        self.refused("has no line")

    def test_the_projects_own_readme_has_the_marks(self):
        text = (SCRIPTS.parent / "README.md").read_text(encoding="utf-8")
        self.assertIn("new", bench_docs.replace(text, ["new"]))


if __name__ == "__main__":
    unittest.main()
