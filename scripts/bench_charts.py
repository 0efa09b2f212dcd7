"""What the plots show: a question each, and the figures that answer it.

Nothing is drawn here; bench_plots.py does that.
"""

import dataclasses
import math

from bench_ratios import one_in, times
from bench_results import OURS, cpu_words, some_cpus
from bench_words import in_order

MISS = "sf_buf.shared_miss_busy"
HITS = "sf_buf.shared_hit_all"
WINDOW = 1024


@dataclasses.dataclass(frozen=True)
class Lines:
    """Engines as lines: series[engine] = [(x, y), ...] by x."""

    name: str           # of its files
    question: str       # its title
    unit: str           # of y, and under what conditions
    about: str          # what is shown, a sentence
    x_words: str
    x_tics: list        # of (x, words)
    where: str          # "On {} CPUs"; for tics[-1]
    series: dict
    mark: tuple = ()    # (x, words): a line across
    values: dict = None     # what to speak of, if not of the series

    @property
    def finding(self):
        """Return what came out for the largest x, in a sentence."""
        values = {engine: dict(line) for engine, line
                  in (self.values or self.series).items()}
        shown = [(x, words) for x, words in self.x_tics
                 if any(x in line for line in values.values())]
        if not shown:
            return ""
        last, words = shown[-1]
        return against(self.where.format(words),
                       {engine: line[last] for engine, line in values.items()
                        if last in line})


@dataclasses.dataclass(frozen=True)
class Bars:
    """Engines as bars: groups[words] = {engine: value}."""

    name: str
    question: str
    unit: str
    about: str
    groups: dict

    @property
    def finding(self):
        """Return what came out for the first group, in a sentence."""
        words, values = next(iter(self.groups.items()))
        return against(words[0].upper() + words[1:], values)


def figure(value):
    """Return a figure for prose: three digits, or 1/1,024."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.3g}" if value > 0.1 else one_in(value)


def against(where, values):
    """Return our value and the others', with how many times ours they are."""
    if OURS not in values:
        return f"{where}: {OURS} was not measured."
    ours = values[OURS]
    words = [f"{OURS} {figure(ours)}"]
    for engine in in_order(values):
        if engine == OURS:
            continue
        share = times(values[engine], ours)
        words.append(f"{engine} {figure(values[engine])}")
        if 0 < share < math.inf:
            words[-1] += f" ({share:.2g} times)" if share < 99.5 \
                else f" ({share:,.0f} times)"
    return f"{where}: {', '.join(words)}."


# ---- from results to series

def _by_cpus(results, bench, metric="instructions", mode="icount"):
    return _some({engine: sorted(results.by_cpus(bench, engine, metric,
                                                 mode).items())
                  for engine in in_order(results.engines)})


def _by_size(results, sizes, metric="instructions"):
    """Return series over benches of several sizes, and on how many CPUs.

    sizes: of (x, bench, what to divide by).
    """
    cpus = some_cpus(cpus for _, bench, _ in sizes
                     for cpus in results.by_cpus(bench, OURS, metric))
    return cpus, _some({
        engine: [(x, value / per) for x, bench, per in sizes
                 if (value := results.value(bench, engine, cpus, metric))
                 is not None]
        for engine in in_order(results.engines)})


def _some(series):
    return {engine: line for engine, line in series.items() if line}


def _cpu_tics(series):
    return [(x, str(x)) for x in sorted({x for line in series.values()
                                         for x, _ in line})]


# ---- the charts

def miss_instructions(results):
    series = _by_cpus(results, MISS)
    return Lines(
        "miss", "What does a shared miss cost on more CPUs?",
        "instructions for one miss, of all CPUs together",
        "A page is mapped for every CPU, read and unmapped, while all other "
        "CPUs are busy.", "CPUs", _cpu_tics(series), "On {} CPUs", series)


def miss_rounds(results):
    series = _some({engine: [(x, y) for x, y in line if x > 1]
                    for engine, line
                    in _by_cpus(results, MISS, "rounds").items()})
    return Lines(
        "rounds", "How often must other CPUs be interrupted?",
        "rounds of interrupts for one shared miss",
        "In one round every other CPU is interrupted and flushes its TLB; "
        f"the window has {WINDOW:,} buffers.", "CPUs",
        _cpu_tics(series), "On {} CPUs", series)


SET_SIZES = (1, 64, 512, 1024, 1536, 2048, 4096, 16384)
SET_TICS = ((1, "1"), (64, "64"), (1024, "1k"), (4096, "4k"), (16384, "16k"))


def working_set(results):
    cpus, series = _by_size(results, [(size, f"set.{size}", 1)
                                      for size in SET_SIZES])
    return Lines(
        "set", "What if more pages are in use than fit?",
        "instructions for one mapping" + _on(cpus),
        "Pages are mapped in turn, round and round, from one page to 16 "
        f"times as many as the {WINDOW:,} buffers.",
        "pages in use (1k = 1,024)", list(SET_TICS), "With {} pages in use",
        series, mark=(WINDOW, "the window"))


WRITES = (("1", 1), ("64", 64), ("1k", 1 << 10), ("4k", 1 << 12),
          ("16k", 1 << 14), ("64k", 1 << 16), ("1m", 1 << 20))
WRITE_TICS = ((1, "1"), (64, "64"), (1 << 10, "1 Ki"), (1 << 14, "16 Ki"),
              (1 << 20, "1 Mi"))


def pipe(results):
    cpus, values = _by_size(results, [(size, f"pipe.{name}", size / 1024)
                                      for name, size in WRITES])
    # A write of a byte costs a thousand times as much for a KiB as a large
    # one, so only the engines are compared.
    ours = dict(values.get(OURS, ()))
    series = {engine: [(x, y / ours[x]) for x, y in line if ours.get(x)]
              for engine, line in values.items()}
    return Lines(
        "pipe", "Which pipe is cheaper, by the size of writes?",
        f"instructions for each KiB{_on(cpus)}; {OURS} is 1",
        "One thread writes to a pipe and another reads; copying the data "
        "is part of the cost.", "bytes in one write", list(WRITE_TICS),
        "Instructions for each KiB, writing {} bytes at a time",
        _some(series), values=values)


MD_SIZES = (("quarter", 0.25, "1/4"), ("half", 0.5, "1/2"), ("1", 1, "1"),
            ("2", 2, "2"), ("4", 4, "4"))


def _memory_disk(results, order, question, how):
    cpus, series = _by_size(results, [(size, f"md.{order}_{name}", 1)
                                      for name, size, _ in MD_SIZES])
    return Lines(
        f"md_{order}", question, "instructions for 4 KiB" + _on(cpus),
        f"A memory disk is read {how}, 4 KiB at a time; it is a quarter of "
        "the window to four times as large.", "size of the disk, in windows",
        [(size, words) for _, size, words in MD_SIZES],
        "When it has the size of {} windows", series)


def md_random(results):
    return _memory_disk(results, "random",
                        "A memory disk, read at random", "at random")


def md_sequential(results):
    return _memory_disk(results, "seq",
                        "A memory disk, read from end to end", "in order")


def sendfile(results):
    groups = {"the data is read": "sendfile.zipf",
              "nobody looks at the data": "sendfile.zipf_untouched"}
    cpus, found = _groups(results, groups)
    return Bars(
        "sendfile", "What does a request of sendfile cost?",
        "instructions for one request" + _on(cpus),
        "Some pages are asked for far more often than others, by Zipf's law.",
        found)


def hits(results):
    groups = {"found mapped": "sf_buf.shared_hit",
              "found mapped, for one CPU": "sf_buf.private_hit",
              "newly mapped, for one CPU": "sf_buf.private_miss",
              "visible in the direct map": "sf_buf.direct"}
    cpus, found = _groups(results, groups)
    return Bars(
        "hits", "What do the ways without interrupts cost?",
        "instructions for one mapping" + _on(cpus),
        "A page is mapped, one word of it is read, and it is unmapped.",
        found)


def _groups(results, benches):
    cpus = some_cpus(cpus for bench in benches.values()
                     for cpus in results.by_cpus(bench, OURS))
    found = {words: {engine: value for engine in in_order(results.engines)
                     if (value := results.value(bench, engine, cpus))
                     is not None}
             for words, bench in benches.items()}
    return cpus, _some(found)


def scaling(results):
    series = _by_cpus(results, HITS, "throughput", "mttcg")
    return Lines(
        "scaling", "Do hits scale?",
        "millions of hits a second, of all CPUs together",
        "Every CPU maps pages of its own that are found mapped, by the "
        "clock; no more CPUs run at once than the host has.", "CPUs",
        _cpu_tics(series), "On {} CPUs", series)


def _on(cpus):
    return f", {cpu_words(cpus)}" if cpus else ""


CHARTS = (miss_instructions, miss_rounds, hits, working_set, scaling, pipe,
          md_random, md_sequential, sendfile)


def charts(results):
    """Return all charts, empty ones too."""
    return [make(results) for make in CHARTS]


def has_data(chart):
    return bool(chart.groups if isinstance(chart, Bars) else chart.series)
