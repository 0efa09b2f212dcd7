#!/usr/bin/env python3
"""Compare the results of two runs of `make bench`.

    scripts/bench_compare.py old.json                   with the last run
    scripts/bench_compare.py old.json new.json
    scripts/bench_compare.py --bench 'pipe.*' old.json

Counts (of mode icount) that are worse by more than 5% are flagged, and so are
counts that have disappeared. Times differ from run to run: they are shown, and
never flagged. What did not change is only counted, unless --all is given.

The exit status is 0 if nothing is flagged, 1 if something is, 2 if the
results cannot be used.
"""

import argparse
import dataclasses
import fnmatch
import sys

from bench_ratios import times
from bench_results import BadResults, cpu_words, key, load
from bench_tables import number

# Times the old figure. The last digit lets 5% itself pass, however it is
# rounded.
WORSE_FROM = 1.05 + 1e-9
BAR = f"{WORSE_FROM - 1:.0%}"

# Of all others, more is worse.
MORE_IS_BETTER = ("hits", "throughput")


@dataclasses.dataclass(frozen=True)
class Change:
    """One figure in both runs."""

    key: tuple      # bench, engine, CPUs, mode, metric
    old: float
    new: float

    @property
    def counted(self):
        return self.key[3] == "icount"

    @property
    def worse(self):
        """Return how many times worse the new one is; below 1, better."""
        pair = self.new, self.old
        return times(*(reversed(pair) if self.key[4] in MORE_IS_BETTER
                       else pair))

    @property
    def flagged(self):
        return self.counted and self.worse > WORSE_FROM

    @property
    def better(self):
        return self.counted and times(1, self.worse) > WORSE_FROM

    def sort_key(self):
        """Return what puts the worst first."""
        return -self.worse, -abs(self.new - self.old), self.key

    def words(self):
        if self.old == 0:
            ratio = "was 0" if self.new else "="
        else:
            ratio = f"{self.new / self.old:.3f}"
        bench, engine, cpus, _, metric = self.key
        return (f"{ratio:>9}  {number(self.old):>12} -> "
                f"{number(self.new):<12} {metric}, {bench}, {engine}, "
                f"{cpu_words(cpus)}")


@dataclasses.dataclass(frozen=True)
class Comparison:
    """All that can be said about two runs."""

    changes: list       # the worst first
    gone: list          # keys, in order
    fresh: list

    @property
    def flagged(self):
        return [change for change in self.changes if change.flagged]

    @property
    def gone_counts(self):
        return [gone for gone in self.gone if gone[3] == "icount"]

    @property
    def status(self):
        return 1 if self.flagged or self.gone_counts else 0


def compare(old_rows, new_rows, globs="*"):
    """Return the Comparison of the workloads that match.

    A workload may be named without what stands before its dot, as for
    bench.py.
    """
    def matches(name):
        return any(fnmatch.fnmatchcase(name, glob)
                   or fnmatch.fnmatchcase(name, "*." + glob)
                   for glob in globs.split(","))

    def table(rows):
        return {key(row): row["value"] for row in rows
                if matches(row["bench"])}

    old, new = table(old_rows), table(new_rows)
    return Comparison(
        sorted((Change(k, old[k], new[k]) for k in old if k in new),
               key=Change.sort_key),
        sorted(k for k in old if k not in new),
        sorted(k for k in new if k not in old))


# ---- for a person

def lines(comparison, everything=False):
    """Return the sections, and a line that sums up."""
    changed = [change for change in comparison.changes
               if everything or change.old != change.new]
    counts = [change for change in changed if change.counted]
    out = []

    def section(title, content):
        if content:
            out.extend([f"{title}:", *content, ""])

    def words(changes):
        return [change.words() for change in changes]

    out.append("new / old, the figures, and what they are of")
    out.append("")
    section(f"Worse by more than {BAR}", words(comparison.flagged))
    section("Disappeared", _places(comparison.gone))
    section(f"Better by more than {BAR}", words(
        sorted((change for change in counts if change.better),
               key=lambda change: (change.worse, change.key))))
    section(f"Changed by no more than {BAR}" if not everything else
            f"The same, or changed by no more than {BAR}", words(
        [change for change in counts
         if not change.flagged and not change.better]))
    section("Times, which are not judged", words(
        [change for change in changed if not change.counted]))
    section("New", _places(comparison.fresh))
    return [*out, _summary(comparison)]


def _places(keys):
    """Return where figures are of, those of one machine together."""
    places = {}
    for bench, engine, cpus, mode, metric in keys:
        places.setdefault((bench, engine, cpus, mode), []).append(metric)
    return [f"    {bench}, {engine}, {cpu_words(cpus)}, {mode}: "
            f"{', '.join(metrics)}"
            for (bench, engine, cpus, mode), metrics in places.items()]


def _summary(comparison):
    counts = [change for change in comparison.changes if change.counted]
    better = sum(change.better for change in counts)
    worse = len(comparison.flagged)
    return (f"{len(counts)} counts compared: {worse} worse by more than "
            f"{BAR}, {better} better; disappeared: {len(comparison.gone)} "
            f"figures, new: {len(comparison.fresh)}")


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", nargs="?", help="results.json of the run to "
                        "compare with")
    parser.add_argument("new", nargs="?", default="build/bench/results.json",
                        help="that of the other (default: %(default)s)")
    parser.add_argument("--bench", default="*", metavar="GLOB[,GLOB]",
                        help="which workloads (default: all)")
    parser.add_argument("--all", action="store_true",
                        help="show what did not change, too")
    args = parser.parse_args(argv)
    try:
        if not args.old:
            raise BadResults("compare with what? Keep a results.json of "
                             "`make bench`, and name it: make bench-compare "
                             "OLD=results.json")
        comparison = compare(load(args.old), load(args.new), args.bench)
        if not comparison.changes:
            raise BadResults(f"{args.old} and {args.new} have no figure in "
                             "common" + (f" that matches '{args.bench}'"
                                         if args.bench != "*" else ""))
    except BadResults as error:
        print(f"bench-compare: {error}", file=sys.stderr)
        return 2
    print(*lines(comparison, args.all), sep="\n")
    return comparison.status


if __name__ == "__main__":
    sys.exit(main())
