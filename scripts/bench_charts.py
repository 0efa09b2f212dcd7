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
FLOOR = "direct"
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
    linear: bool = False    # y starts at 0, however far the values reach

    @property
    def finding(self):
        """Return what came out for the largest x, in a sentence."""
        values = {engine: dict(line)
                  for engine, line in self.series.items()}
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


def times_words(share):
    """Return how many times, with the digits that say something."""
    if share >= 99.5:
        return f"{share:,.0f}"
    return f"{share:.3g}" if share < 2 else f"{share:.2g}"


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
            words[-1] += f" ({times_words(share)} times)"
    return f"{where}: {', '.join(words)}."


# ---- from results to series

def _by_cpus(results, bench, metric="instructions", mode="icount"):
    return _some({engine: sorted(results.by_cpus(bench, engine, metric,
                                                 mode).items())
                  for engine in in_order(results.engines)})


def _by_size(results, sizes, value_of):
    """Return series over benches of several sizes, and on how many CPUs.

    sizes: of (x, bench); value_of(bench, engine, cpus): a figure, or None.
    """
    cpus = some_cpus(cpus for _, bench in sizes
                     for cpus in results.by_cpus(bench, OURS))
    return cpus, _some({
        engine: [(x, value) for x, bench in sizes
                 if (value := value_of(bench, engine, cpus)) is not None]
        for engine in in_order(results.engines)})


def _mapping(results):
    """Return a function: what mapping adds to a workload, in instructions.

    That is what the same workload takes over the direct map, taken off: where
    pages are copied, the copying hides what is asked for.
    """
    def value_of(bench, engine, cpus):
        value = results.value(bench, engine, cpus)
        floor = results.value(bench, FLOOR, cpus)
        if value is None or floor is None or engine == FLOOR:
            return None
        return max(value - floor, 0)

    return value_of


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
    cpus, series = _by_size(results, [(size, f"set.{size}")
                                      for size in SET_SIZES], results.value)
    return Lines(
        "set", "What if more pages are in use than fit?",
        "instructions for one mapping" + _on(cpus),
        "Pages are mapped in turn, round and round, from one page to 16 "
        f"times as many as the {WINDOW:,} buffers.",
        "pages in use (1k = 1,024)", list(SET_TICS), "With {} pages in use",
        series, mark=(WINDOW, "the window"))


WRITES = (("1k", 1 << 10), ("4k", 1 << 12), ("16k", 1 << 14),
          ("64k", 1 << 16), ("1m", 1 << 20))
WRITE_TICS = ((1 << 10, "1 Ki"), (1 << 12, "4 Ki"), (1 << 14, "16 Ki"),
              (1 << 16, "64 Ki"), (1 << 20, "1 Mi"))


def pipe(results):
    cpus, series = _by_size(results, [(size, f"pipe.{name}")
                                      for name, size in WRITES],
                            _mapping(results))
    kib = {engine: [(x, y / (x / 1024)) for x, y in line]
           for engine, line in series.items()}
    return Lines(
        "pipe", "What does mapping add to a pipe?",
        "instructions for each KiB" + _on(cpus),
        "One thread writes to a pipe and another reads; small writes are "
        "copied twice, and nothing is mapped. What the direct map needs is "
        "taken off.", "bytes in one write", list(WRITE_TICS),
        "Writing {} bytes at a time", kib, linear=True)


MD_SIZES = (("quarter", 0.25, "1/4"), ("half", 0.5, "1/2"), ("1", 1, "1"),
            ("2", 2, "2"), ("4", 4, "4"))


def _memory_disk(results, order, how):
    cpus, series = _by_size(results, [(size, f"md.{order}_{name}")
                                      for name, size, _ in MD_SIZES],
                            _mapping(results))
    return Lines(
        f"md_{order}", f"What does it add to a disk, read {how}?",
        "instructions for 4 KiB" + _on(cpus),
        "Every CPU reads a memory disk, 4 KiB at a time. What the direct map "
        "needs is taken off.", "size of the disk, in windows",
        [(size, words) for _, size, words in MD_SIZES],
        "When it has the size of {} windows", series)


def md_random(results):
    return _memory_disk(results, "random", "at random")


def md_sequential(results):
    return _memory_disk(results, "seq", "in order")


def sendfile(results):
    cpus, found = _groups(results, {
        "nobody looks at the data": "sendfile.zipf_untouched",
        "the data are read": "sendfile.zipf",
        "the data are read, mapped for one CPU": "sendfile.zipf_private"},
        _mapping(results))
    return Bars(
        "sendfile", "What does mapping add to sendfile?",
        "instructions for one request" + _on(cpus),
        "Some files are asked for far more often than others, by Zipf's "
        "law. What the direct map needs is taken off.", found)


def hits(results):
    cpus, found = _groups(results, {
        "found mapped": "sf_buf.shared_hit",
        "found mapped, for one CPU": "sf_buf.private_hit",
        "newly mapped, for one CPU": "sf_buf.private_miss",
        "visible in the direct map": "sf_buf.direct"}, results.value)
    return Bars(
        "hits", "What do the ways without interrupts cost?",
        "instructions for one mapping" + _on(cpus),
        "A page is mapped, one word of it is read, and it is unmapped.",
        found)


def _groups(results, benches, value_of):
    """Return bars by words, and on how many CPUs; as _by_size() does."""
    cpus = some_cpus(cpus for bench in benches.values()
                     for cpus in results.by_cpus(bench, OURS))
    found = {words: {engine: value for engine in in_order(results.engines)
                     if (value := value_of(bench, engine, cpus)) is not None}
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


CHARTS = (miss_instructions, miss_rounds, working_set, scaling, hits,
          sendfile, pipe, md_random, md_sequential)


def charts(results):
    """Return all charts, empty ones too."""
    return [make(results) for make in CHARTS]


def has_data(chart):
    return bool(chart.groups if isinstance(chart, Bars) else chart.series)
