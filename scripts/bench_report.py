#!/usr/bin/env python3
"""Make the report of a run of `make bench`: plots, and a page with them.

    scripts/bench_report.py                         from build/bench
    scripts/bench_report.py --out DIR               from DIR/results.json

DIR/report.html needs no other file; DIR/plots has the plots as SVG and PNG,
and what gnuplot was told. `make bench` does the same at its end.
"""

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys

import bench_answer
import bench_page as page
from bench_charts import charts, has_data
from bench_goals import SCALING_CASE, bars
from bench_plots import draw
from bench_ratios import (NO_REASON, SLOWER_FROM, compared, ratios, slower,
                          slower_words)
from bench_results import OURS, BadResults, Results, cpu_words, load
from bench_tables import Judge, number, scaling_verdicts
from bench_words import engine, in_order, workload

TITLE = "What a temporary mapping costs"


# ---- the answer

def _headline_table(results):
    engines, found = bench_answer.table(results)
    if not found:
        return page.text("p", f"{OURS} was measured on none of the "
                         "workloads of the table.")
    head = [page.heading_cell("", number=False),
            page.heading_cell(OURS, engine(OURS).whose)]
    head += [page.heading_cell(name, engine(name).whose) for name in engines]
    rows = [[page.row_cell(words),
             page.number_cell(bench_answer.cell(ours), ours=True)]
            + [page.number_cell(
                bench_answer.cell(others.get(name)),
                bench_answer.ratio_words(others.get(name), ours))
               for name in engines] for words, ours, others in found]
    return page.table(head, rows, "Instructions, of all CPUs together, and "
                      f"how many times (×) those of {OURS} they are:")


def _engines(results):
    known = [name for name in in_order(results.engines) if name != "kernel"]
    return page.tag("dl", *(
        page.text("dt", f"{name}: {engine(name).whose}")
        + page.text("dd", engine(name).words) for name in known))


# ---- plots

def _plots(every, svgs, note):
    parts = [page.text("p", note)] if note else []
    figures = [_figure(chart, svgs.get(chart.name)) for chart in every
               if has_data(chart)]
    parts += [page.tag("div", *figures, class_="plots")] if figures else []
    missing = [chart.question for chart in every if not has_data(chart)]
    if missing:
        parts.append(page.text("p", "What this run did not measure:"))
        parts.append(page.tag("ul", *(page.text("li", question)
                                      for question in missing)))
    return "".join(parts)


def _figure(chart, svg):
    said = f"{chart.about} {chart.finding}"
    picture = page.inline(svg, chart.name, f"{chart.question} {said}") \
        if svg else ""
    return page.tag("figure", page.text("h3", chart.question), picture,
                    page.text("figcaption", said))


# ---- bars

VERDICTS = {True: ("met", "met"), False: ("missed", "missed"),
            None: ("not measured", "small")}


def _ratios(results):
    head = [page.heading_cell(words, number=False)
            for words in ("", "what", "found", "bar")]
    rows = [[page.text("td", VERDICTS[ratio.met][0],
                       class_=VERDICTS[ratio.met][1]),
             page.row_cell(ratio.what),
             page.text("td", ratio.figure, class_="words"),
             page.text("td", ratio.bar)] for ratio in ratios(results)]
    return page.table(head, rows, "Ours against the others, measured in this "
                      "run; of several machines the worst.")


def _goals(results):
    """Return the bars in numbers: those that are missed, then those met."""
    cases = results.cases()
    judge = Judge(cases)
    found = {True: {}, False: {}}
    for case in sorted(cases, key=lambda case: case.cpus):
        for metric, bar in bars(case.name, case.cpus).items():
            missed = judge.missed(case, metric)
            if missed is not None:
                found[missed].setdefault(
                    (case.name, metric, _bar_words(bar)), []).append(case)
    missed, met = (sum(map(len, found[which].values()))
                   for which in (True, False))
    parts = [page.text("p", f"{met} of {met + missed} are met.")]
    if missed:
        parts.append(_goal_table(found[True], "Missed:"))
    if met:
        parts.append(page.tag("details", page.text("summary", "Met"),
                              _goal_table(found[False], "Met:")))
    return "".join([*parts, _scaling(results)])


def _scaling(results):
    cases = [case for case in results.cases("mttcg")
             if case.name == SCALING_CASE and "throughput" in case.figures]
    verdicts = scaling_verdicts(cases)
    if not verdicts:
        return ""
    return page.text("p", "By the clock, on a host with at least two CPUs "
                     "that do nothing else:") + page.tag("ul", *(
        page.tag("li", page.text("span", "met" if ratio >= bar else "missed",
                                 class_="met" if ratio >= bar else "missed"),
                 page.escape(f": {cpu_words(cpus)} do {ratio:.2f} times as "
                             f"many hits a second as {base}; the bar is "
                             f"{bar:g}"))
        for cpus, ratio, bar, base in verdicts))


def _goal_table(found, about):
    head = [page.heading_cell(words, number=False)
            for words in ("workload", "figure", "bar", "found")]
    return page.table(head, [
        [page.row_cell(name), page.text("td", metric),
         page.text("td", bar, class_="words"),
         page.text("td", "; ".join(
             f"{number(case.figures[metric])} on {cpu_words(case.cpus)}"
             for case in cases), class_="words")]
        for (name, metric, bar), cases in found.items()], about)


def _bar_words(bar):
    return (f"{'exactly' if bar.exact else 'at most'} {number(bar.limit)}"
            + (", and the same as on 1 CPU" if bar.same else ""))


def _slower(results):
    groups = slower(results)
    if not compared(results):
        return page.text("p", "Neither of them was measured.")
    if not groups:
        return page.text("p", "None of those that were measured.")
    return page.tag("ul", *(
        page.tag("li", page.escape(f"{slower_words(group)}. "),
                 page.escape(group.reason) if group.reason
                 else page.text("strong", NO_REASON, class_="missed"))
        for group in groups))


# ---- every figure

def _workload(results, bench):
    """Return all figures of one workload, to be unfolded."""
    rows = [row for row in results.rows if row["bench"] == bench]
    metrics = list(dict.fromkeys((row["mode"], row["metric"])
                                 for row in rows))
    places = sorted({(row["engine"], row["cpus"]) for row in rows},
                    key=lambda p: (in_order(results.engines).index(p[0]),
                                   p[1]))
    head = [page.heading_cell("engine", number=False),
            page.heading_cell("CPUs")]
    head += [page.heading_cell(metric, results.units[metric])
             for _, metric in metrics]
    body = []
    for name, cpus in places:
        values = [results.value(bench, name, cpus, metric, mode)
                  for mode, metric in metrics]
        body.append([page.row_cell(name), page.number_cell(cpus)]
                    + [page.number_cell(number(value)) for value in values])
    return page.tag(
        "details", page.tag("summary", page.text("code", bench), " ",
                            page.text("span", workload(bench),
                                      class_="small")),
        page.table(head, body, f"All figures of {bench}", shown=False))


HOW = (
    "Instructions are counted, not timed: the emulator's clock is the number "
    "of instructions that all CPUs have executed, so two runs of one kernel "
    "give the same figures on any host.",
    "A figure is for one operation, of all CPUs together: interrupt "
    "handlers on the others are in it, the loop around it is taken off, and "
    "so are CPUs that merely spin.",
    "All engines run the same workloads in the same kernel, with the same "
    "locks and the same shootdown.",
    "What is measured by the clock (ns, throughput) has a host thread for "
    "each CPU. It says what this emulator on this host takes, not a "
    "processor, and is different in each run.",
    "Instructions are no time: an invlpg or a locked operation counts one, "
    "and is many times dearer on a processor. So is an interrupt.",
)


def report_html(rows, info, svgs, note=""):
    """Return the page, from rows of results.json alone.

    info: {label: what}, where and when they were measured; svgs: plots by
    name of chart; note: what went wrong with them.
    """
    results = Results(rows)
    if not rows:
        parts = [page.text("p", "There are no results: nothing was "
                           "measured.")]
    else:
        parts = [
            page.paragraphs(bench_answer.sentences(results),
                            class_="answer"),
            _headline_table(results),
            page.text("h2", "The engines"), _engines(results),
            page.text("h2", "In pictures"),
            _plots(charts(results), svgs, note),
            page.text("h2", "The ratios"), _ratios(results),
            page.text("h2", "The bars in numbers"), _goals(results),
            page.text("h2", "Where ours is slower"),
            page.text("p", "Every workload on which ours takes more than "
                      f"{SLOWER_FROM:g} times the instructions of classic "
                      "or pkmap, the worst first; of several machines the "
                      "figures are the worst."),
            _slower(results),
            page.text("h2", "Every figure"),
            *(_workload(results, bench) for bench in results.benches)]
    parts += [page.text("h2", "How it was measured"),
              page.tag("ul", *(page.text("li", words) for words in HOW)),
              page.text("h2", "Where and when"),
              page.tag("dl", *(page.text("dt", label) + page.text("dd", what)
                               for label, what in info.items()))]
    return page.document(TITLE, page.text("h1", TITLE), *parts)


# ---- where and when

WHERE = "where.json"


def gather_info():
    """Return where and when this runs; no name of a host is in it."""
    info = {"Measured": _date(datetime.datetime.now()),
            "Machine": f"{platform.system()} {platform.release()}, "
            f"{platform.machine()}, {cpu_words(_usable_cpus())}",
            "Python": platform.python_version()}
    for label, command in (
            ("Kernel's commit", ["git", "-C", os.path.dirname(
                os.path.abspath(__file__)), "describe", "--always",
                "--dirty"]),
            ("Emulator", ["qemu-system-i386", "--version"])):
        said = _first_line(command)
        if said:
            info[label] = said
    return info


def _date(when):
    return when.astimezone().strftime("%Y-%m-%d %H:%M %z")


def _usable_cpus():
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:      # not on every system
        return os.cpu_count() or 1


def _first_line(command):
    """Return the first line that a program prints, or nothing."""
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=10,
                              check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.split("\n")[0].strip() if done.returncode == 0 else ""


def saved_info(out_dir):
    """Return where and when results were measured, as far as it is known."""
    try:
        with open(os.path.join(out_dir, WHERE), encoding="utf-8") as file:
            info = json.load(file)
        if isinstance(info, dict):
            return info
    except (OSError, ValueError):
        pass        # the results came without it
    changed = os.path.getmtime(os.path.join(out_dir, "results.json"))
    return {"Measured": _date(datetime.datetime.fromtimestamp(changed))
            + ", by the file's date"}


# ---- files

def _write(path, content):
    """Write a file at once, so that no half of one is found."""
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(content)
    os.replace(path + ".new", path)


def write_report(out_dir, rows, info=None):
    """Draw the plots and write the page; return lines for a person.

    info: as for report_html(); if it is None, the rows have just been
    measured here. Raises OSError if something cannot be written.
    """
    if info is None:
        info = gather_info()
        _write(os.path.join(out_dir, WHERE), json.dumps(info, indent=2))
    plots = os.path.join(out_dir, "plots")
    svgs, note = draw(charts(Results(rows)), plots)
    path = os.path.join(out_dir, "report.html")
    _write(path, report_html(rows, info, svgs, note))
    return [note] * bool(note) + [
        f"report: {path}" + (f"; plots: {plots}" if svgs else "")]


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build/bench", metavar="DIR",
                        help="where results.json is and the report goes "
                        "(default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        rows = load(os.path.join(args.out, "results.json"))
        print(*write_report(args.out, rows, saved_info(args.out)), sep="\n")
    except (BadResults, OSError) as error:
        print(f"scripts/bench_report.py: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
