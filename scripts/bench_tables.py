"""What came out of benchmarks, as files for programs and tables for people."""

import csv
import json
import os

from bench_cases import OURS, UNITS
from bench_goals import (PEER_NAMES, SCALING, SCALING_CASE, SCALING_PEERS,
                         bars, peers)

# In results.json each case has the metrics of its mode; `throughput` is of
# the scaling only.
COSTS = ("instructions", "hits", "misses", "waits", "rounds", "ipis",
         "invlpg", "invlpg_local", "invlpg_remote", "cr3_reloads",
         "flushes_local", "flushes_remote", "pte_writes", "sweeps",
         "switches", "locked_ops", "locks", "contended", "shared_lines")
TIMES = ("contended", "ns")


# ---- files

def rows(cases, scaling=()):
    """Return the rows of results.json and results.csv."""
    def some(from_cases, metrics):
        return [{"bench": case.name, "engine": case.engine,
                 "cpus": case.cpus, "mode": case.mode, "metric": metric,
                 "unit": UNITS[metric], "value": case.figures[metric]}
                for case in from_cases for metric in metrics
                if metric in case.figures]

    return ([row for case in cases
             for row in some([case], COSTS if case.mode == "icount"
                             else TIMES)]
            + some(scaling, ("throughput",)))


def write_results(directory, table):
    """Write both files, each at once, so that no half of one is found."""
    def write(name, fill):
        path = os.path.join(directory, name)
        with open(path + ".new", "w", encoding="utf-8", newline="") as file:
            fill(file)
        os.replace(path + ".new", path)

    def fill_json(file):
        file.write("[\n  " + ",\n  ".join(map(json.dumps, table)) + "\n]\n")

    def fill_csv(file):
        writer = csv.DictWriter(file, table[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(table)

    write("results.json", fill_json)
    write("results.csv", fill_csv)


# ---- one figure

def number(value):
    """Return a figure as a table shows it: few digits, no false ones."""
    if value is None:
        return "-"
    if round(value, 2) == int(value) and (value == 0 or value >= 1):
        return f"{int(value):,}"
    if value >= 10:
        return f"{value:,.1f}"
    if value >= 0.01:
        return f"{value:.2f}"
    return f"{value:.6f}"


class Judge:
    """Compares figures with their bars, some of which are others' figures."""

    def __init__(self, cases):
        self._on_one = {case.name: case.figures for case in cases
                        if case.cpus == 1}

    def missed(self, case, metric):
        """True or False; None if there is no bar, or no figure."""
        bar = bars(case.name, case.cpus).get(metric)
        if bar is None or metric not in case.figures:
            return None
        on_one = self._on_one.get(case.name, {}).get(metric)
        return bar.missed(case.figures[metric], on_one)

    def mark(self, case, metric):
        return "!" if self.missed(case, metric) else " "

    def verdicts(self, cases):
        """Return True or False for each bar there is."""
        every = [self.missed(case, metric)
                 for case in cases for metric in COSTS]
        return [missed for missed in every if missed is not None]


# ---- tables

def by_case(cases):
    """Return the cases in the order of their names' first mention."""
    names = list(dict.fromkeys(case.name for case in cases))
    return sorted(cases, key=lambda c: (names.index(c.name), c.cpus))


def _named(cases, fill):
    """Return a line for each case; the name only on the first of several."""
    width = max(len(case.name) for case in cases)
    lines, previous = [], None
    for case in by_case(cases):
        name = case.name if case.name != previous else ""
        previous = case.name
        lines.append(f"{name:{width}}  {case.cpus:4}{fill(case)}".rstrip())
    return width, lines


def instruction_lines(cases):
    judge = Judge(cases)

    def fill(case):
        bar = bars(case.name, case.cpus).get("instructions")
        limit = number(bar.limit) + "=" * bar.same if bar else "-"
        return (f"{number(case.figures['instructions']):>10}"
                f"{limit:>7}{judge.mark(case, 'instructions')}"
                f"{number(bar.aim if bar else None):>6}"
                + "".join(f"{number(value):>9}"
                          for value in peers(case.name, case.cpus))
                + (f"  ? {case.doubts}" if case.doubts else ""))

    width, lines = _named(cases, fill)
    return ["Instructions for one operation, of all CPUs together",
            f"{'case':{width}}  CPUs      here    bar    aim"
            + "".join(f"{name:>9}" for name in PEER_NAMES), *lines]


# The order of the columns: ours, then from the cheapest.
ENGINES = (OURS, "direct", "local", "pkmap", "classic", "naive", "kernel")

# Where the table of all engines would be too long for a screen.
ENGINE_CPUS = (1, 4, 16)


def engine_lines(cases):
    """All workloads, a column for each engine."""
    by_place = {(case.name, case.cpus, case.engine): case for case in cases}
    names = list(dict.fromkeys(case.name for case in cases))
    counts = sorted({case.cpus for case in cases})
    shown = [cpus for cpus in counts if cpus in ENGINE_CPUS] or counts
    engines = [engine for engine in ENGINES
               if any(case.engine == engine for case in cases)]
    width = max(map(len, names))
    lines = ["Instructions for one operation, of all CPUs together, by engine",
             f"{'workload':{width}}  CPUs"
             + "".join(f"{engine:>10}" for engine in engines)]
    for name in names:
        label = name
        for cpus in shown:
            cells = [by_place.get((name, cpus, engine)) for engine in engines]
            if any(cells):
                lines.append(f"{label:{width}}  {cpus:4}" + "".join(
                    f"{number(c.figures['instructions'] if c else None):>10}"
                    for c in cells))
                label = ""
    return lines


EVENT_COLUMNS = {"locked_ops": "locked", "locks": "locks",
                 "rounds": "rounds", "ipis": "IPIs", "invlpg": "invlpg",
                 "cr3_reloads": "CR3", "pte_writes": "PTEs",
                 "sweeps": "sweeps", "shared_lines": "lines"}
CELL = {"rounds": 18, "ipis": 9, "cr3_reloads": 9, "sweeps": 9}


def event_lines(cases):
    judge = Judge(cases)

    def cell(case, metric):
        bar = bars(case.name, case.cpus).get(metric)
        figure = case.figures.get(metric)
        text = number(figure)
        if bar and figure is not None:
            text += f"/{number(bar.limit)}"
        return (f"{text:>{CELL.get(metric, 8)}}"
                f"{judge.mark(case, metric)}")

    width, lines = _named(
        cases, lambda case: "".join(cell(case, metric)
                                    for metric in EVENT_COLUMNS))
    return ["Events in one operation / bar",
            f"{'case':{width}}  CPUs"
            + "".join(f"{title:>{CELL.get(metric, 8)}} "
                      for metric, title in EVENT_COLUMNS.items()).rstrip(),
            *lines]


def shared_line_lines(cases, symbols):
    """Name the cache lines that several CPUs write in hits."""
    return [f"{case.name} on {case.cpus} CPUs: line {va & ~63:08x} "
            f"({symbols.name(va)}), written by {symbols.name(one)} and "
            f"{symbols.name(other)}"
            for case in cases
            if "shared_lines" in bars(case.name, case.cpus)
            for va, one, other in case.lines]


TIME_CELL = 26


def nanoseconds(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def time_lines(cases):
    counts = sorted({case.cpus for case in cases})
    by_place = {(case.name, case.cpus): case for case in cases}
    names = list(dict.fromkeys(case.name for case in by_case(cases)))
    width = max(map(len, names))

    def cell(name, cpus):
        case = by_place.get((name, cpus))
        if case is None:
            return f"{'-':>{TIME_CELL}}"
        middle, *spread = map(nanoseconds,
                              (case.figures["ns"], *case.spread))
        mark = "?" if case.doubts else " "
        return f"{middle}{mark} {'-'.join(spread):>15}".rjust(TIME_CELL)

    return ["Nanoseconds for one operation on this host, as each CPU that "
            "works sees it:", "the middle of several; the least and the most",
            f"{'case':{width}}"
            + "".join(f"{count} CPU{'s' * (count > 1)}".rjust(TIME_CELL)
                      for count in counts),
            *(f"{name:{width}}" + "".join(cell(name, cpus) for cpus in counts)
              for name in names)]


def scaling_verdicts(scaling):
    """Return for each bar: CPUs, the ratio, the bar, of how many CPUs."""
    best = {case.cpus: case.figures["throughput"] for case in scaling}
    return [(cpus, best[cpus] / best[base], bar, base)
            for cpus, (bar, base) in SCALING.items()
            if cpus in best and base in best]


def scaling_lines(scaling, host_cpus):
    verdicts = {cpus: rest for cpus, *rest in scaling_verdicts(scaling)}
    lines = [f"{SCALING_CASE} on disjoint pages: millions a second, of all "
             "CPUs together", "CPUs     best    worst   against    bar"]
    for case in sorted(scaling, key=lambda c: c.cpus):
        least, most = case.spread
        text = (f"{case.cpus:4}{case.figures['throughput']:9.2f}"
                f"{case.cpus * 1000 / most if most else 0:9.2f}")
        if case.cpus in verdicts:
            ratio, bar, base = verdicts[case.cpus]
            missed = "!" if ratio < bar and host_cpus >= 2 else ""
            text += (f"{ratio:6.2f} of {base}{bar:6.1f}{missed}")
        lines.append(text)
    lines.append(SCALING_PEERS)
    if host_cpus < 2:
        lines.append("This host gives the emulator one CPU, so nothing can "
                     "be said about scaling.")
    return lines


def summary_lines(cases, times=(), scaling=(), host_cpus=2):
    verdicts = Judge(cases).verdicts(cases)
    if host_cpus >= 2:
        verdicts += [ratio < bar
                     for _, ratio, bar, _ in scaling_verdicts(scaling)]
    missed = sum(verdicts)
    lines = [f"{len(verdicts) - missed} of {len(verdicts)} bars met"
             + ("; ! marks those that are not" if missed else "")]
    if any(bar.same for case in cases
           for bar in bars(case.name, case.cpus).values()):
        lines.append("= after a bar: and the same as on 1 CPU")
    if any(case.doubts for case in (*cases, *times)):
        lines.append("? marks figures that do not hold")
    return lines
