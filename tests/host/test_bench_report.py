#!/usr/bin/env python3
"""Tests of the report of `make bench`: verdicts, plots, and the page."""
import html.parser
import json
import math
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile
import unittest

from bench_rows import MISS, row, rows, whole_run

SCRIPTS = pathlib.Path(__file__).resolve().parents[2] / "scripts"
sys.path.insert(0, str(SCRIPTS))

import bench_answer  # noqa: E402
import bench_charts  # noqa: E402
import bench_docs  # noqa: E402
import bench_page  # noqa: E402
import bench_plots  # noqa: E402
import bench_ratios  # noqa: E402
import bench_report  # noqa: E402
import bench_results  # noqa: E402
import bench_words  # noqa: E402

CHARTS = ("miss", "rounds", "hits", "set", "scaling", "pipe", "md_random",
          "md_seq", "sendfile")


def results(made_up):
    return bench_results.Results(made_up)


def without(made_up, **fields):
    """Rows but for those whose fields have all these values."""
    return [r for r in made_up
            if any(r[name] != value for name, value in fields.items())]


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
        name = "sf_buf.shared_miss_scarce"
        self.assertIn("one idle buffer", bench_words.reason(name, 1))
        self.assertEqual(bench_words.reason(name, 2), "")
        self.assertEqual(bench_words.reason("x.y", 1), "")

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
        self.assertEqual(engines, ["classic", "pkmap", "local", "naive"])
        self.assertEqual(len(found), len(bench_answer.ROWS))
        self.assertEqual(bench_answer.ratio_words(861, 94), "9.2 ×")
        self.assertEqual(bench_answer.ratio_words(1, 1 / 1028), "1,028 ×")
        self.assertEqual(bench_answer.ratio_words(1, 0), "")
        self.assertEqual(bench_answer.ratio_words(None, 5), "")


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

    def test_the_pipe_is_shown_against_ours(self):
        pipe = self.charts(whole_run())["pipe"]
        self.assertEqual(dict(pipe.series["sf_buf"])[4096], 1.0)
        self.assertEqual(dict(pipe.series["naive"])[4096], 10.0)
        # 1,000 instructions for 1,024 KiB.
        self.assertIn("naive 0.977 (10 times)", pipe.finding)

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


class Page(html.parser.HTMLParser):
    """What a page consists of, and whether its elements are closed."""

    VOID = ("meta", "link", "br")

    def __init__(self, text):
        super().__init__()
        self.found, self.open, self.links, self.ids = [], [], [], []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        for name, value in attrs:
            if name in ("src", "href", "xlink:href", "data", "action"):
                self.links.append(value)
            if name == "id":
                self.ids.append(value)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag):
        if tag in self.VOID:
            return
        assert self.open and self.open[-1] == tag, (tag, self.open)
        self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.words += data

    def all(self, tag):
        return [attrs for name, attrs in self.found if name == tag]


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
