"""Ours against the others, all measured in the same run.

The bars of bench_goals.py are numbers of instructions; these are ratios, so
they hold whatever a compiler or an emulator adds to all alike.
"""

import dataclasses
import math
import textwrap

from bench_results import OURS, Results, cpu_words
from bench_tables import number
from bench_words import reason

RIVALS = ("classic", "pkmap")
MISS_IN_4096 = "sf_buf.shared_miss_busy_4096"
LARGE_WRITES = ("pipe.64k", "pipe.1m")

ROUNDS_MOST = 1 / 1000      # of the others', for a shared miss
HIT_MOST = 0.5              # of classic's instructions
SLOWER_FROM = 1.03          # times a rival's: from here on it is said


@dataclasses.dataclass(frozen=True)
class Ratio:
    """One bar and what was found."""

    what: str
    bar: str
    figure: str
    met: bool       # None if it was not measured


def one_in(value):
    """Return a small number so that it can be grasped: 1/1,024."""
    if 0 < value <= 0.1:
        return f"1/{1 / value:,.0f}"
    return number(value)


def times(ours, theirs):
    """Return how many times theirs ours is."""
    if theirs:
        return ours / theirs
    return math.inf if ours else 1.0


# ---- workloads on which ours is slower

@dataclasses.dataclass(frozen=True)
class Pair:
    """Instructions of one workload on one machine: ours and a rival's."""

    bench: str
    rival: str
    cpus: int
    ours: float
    theirs: float

    @property
    def slower(self):
        return self.ours > SLOWER_FROM * self.theirs

    @property
    def times(self):
        return times(self.ours, self.theirs)


@dataclasses.dataclass(frozen=True)
class Slower:
    """A workload on which ours is slower than a rival's, and why."""

    pairs: list         # by CPUs
    reason: str         # "" if none is known

    @property
    def worst(self):
        return max(self.pairs, key=lambda pair: pair.times)


def compared(results):
    """Return all Pairs that there are."""
    return [Pair(bench, rival, cpus, ours, theirs)
            for bench in results.benches for rival in RIVALS
            for cpus, ours in results.by_cpus(bench, OURS).items()
            if (theirs := results.value(bench, rival, cpus)) is not None]


def slower(results):
    """Return where ours is slower by more than 3%, the worst first."""
    groups = {}
    for pair in filter(lambda pair: pair.slower, compared(results)):
        why = reason(pair.bench, pair.cpus)
        groups.setdefault((pair.bench, pair.rival, why), []).append(pair)
    return sorted((Slower(pairs, why)
                   for (_, _, why), pairs in groups.items()),
                  key=lambda group: -group.worst.times)


# ---- the bars

def _worst_share(results, bench, rival, metric, least_cpus=1):
    """Return the largest ours/rival's, and on how many CPUs it was."""
    theirs = results.by_cpus(bench, rival, metric)
    shares = [(times(ours, theirs[cpus]), cpus) for cpus, ours
              in results.by_cpus(bench, OURS, metric).items()
              if cpus >= least_cpus and cpus in theirs]
    return max(shares, default=(None, None))


def _share(results, what, bench, rival, metric, most, least_cpus=1):
    share, cpus = _worst_share(results, bench, rival, metric, least_cpus)
    bar = f"at most {one_in(most)}"
    if share is None:
        return Ratio(what, bar, _not_measured(results, bench, rival), None)
    figure = "more than none" if share == math.inf else one_in(share)
    return Ratio(what, bar, f"{figure} on {cpu_words(cpus)}", share <= most)


def _not_measured(results, bench, *rivals):
    """Say what is missing of a workload."""
    engines = [engine for engine in (OURS, *rivals)
               if not results.by_cpus(bench, engine)]
    if not engines:
        return "not counted"
    return f"{bench} was not measured for {' and '.join(engines)}"


def _none(results, what, benches, metric):
    """Return the bar that there is none of something, on any machine."""
    found = {(bench, cpus): value for bench in benches
             for cpus, value in results.by_cpus(bench, OURS, metric).items()}
    missing = [bench for bench in benches
               if not results.by_cpus(bench, OURS, metric)]
    if missing:
        return Ratio(what, "0", _not_measured(results, missing[0]), None)
    (bench, cpus), worst = max(found.items(), key=lambda item: item[1])
    if worst:
        return Ratio(what, "0", f"{one_in(worst)} in {bench} on "
                     f"{cpu_words(cpus)}", False)
    return Ratio(what, "0", "0", True)


def _never_slower(results):
    what = "slower than classic or pkmap by more than 3%, in instructions"
    pairs = compared(results)
    if not pairs:
        return Ratio(what, "no workload", "neither was measured", None)
    benches = {pair.bench for pair in pairs if pair.slower}
    of = len({pair.bench for pair in pairs})
    return Ratio(what, "no workload", f"{len(benches)} of {of} workloads",
                 not benches)


def ratios(results):
    """Return the bars that compare engines, each with its verdict."""
    def rounds(rival):
        return _share(results, "rounds in a shared miss from 4,096 buffers, "
                      f"ours to {rival}'s", MISS_IN_4096, rival, "rounds",
                      ROUNDS_MOST, least_cpus=2)

    return [
        rounds("naive"),
        rounds("classic"),
        _share(results, "instructions in a hit, ours to classic's",
               "sf_buf.shared_hit", "classic", "instructions", HIT_MOST),
        _none(results, "rounds in a random read of a memory disk as large "
              "as the window", ("md.random_1",), "rounds"),
        _none(results, "interrupts in a write of 64 KiB or 1 MiB to a pipe",
              LARGE_WRITES, "ipis"),
        _never_slower(results),
    ]


# ---- for a terminal

NO_REASON = "No reason known."


def ratio_lines(rows):
    """Return the ratios and the workloads on which ours is slower."""
    results = Results(rows)
    every = ratios(results)
    found = [ratio for ratio in every if ratio.met is not None]
    if not found:
        return ["No other engine was measured, so ours is not compared."]
    width = max(len(ratio.what) for ratio in found)
    lines = ["Ours against the others, measured in this run; of several "
             "machines the worst"]
    lines += [f"{ratio.what:{width}}  {'met   ' if ratio.met else 'MISSED'}  "
              f"{ratio.figure}; the bar: {ratio.bar}" for ratio in found]
    if len(found) < len(every):
        lines.append(f"{len(every) - len(found)} more need workloads or "
                     "engines that were not measured")
    groups = slower(results)
    if groups:
        lines += ["", "Ours is slower than classic or pkmap by more than 3%, "
                  "in instructions:"]
    for group in groups:
        lines += textwrap.wrap(
            f"{slower_words(group)}. {group.reason or NO_REASON}", 79,
            subsequent_indent="    ")
    return lines


def slower_words(group):
    worst = group.worst
    counts = ", ".join(str(pair.cpus) for pair in group.pairs)
    more = "" if math.isinf(worst.times) else f", {worst.times:.2f} times"
    return (f"{worst.bench} on {counts} CPU{'s' * (counts != '1')}: "
            f"{number(worst.ours)} against {number(worst.theirs)} in "
            f"{worst.rival}{more}"
            + (f" (on {worst.cpus})" if len(group.pairs) > 1 else ""))
