"""What the kernel says about benchmarks: its lines, and figures from them.

A line has totals of a case; a figure is for one operation. The words of the
lines are explained in docs/bench.md.
"""

import dataclasses
import re

# The cases' names are those of a window of so many buffers; with another
# number they end in it.
WINDOW = 1024

# What is measured for each case, and its unit.
UNITS = {
    "instructions": "instr/op",
    "hits": "hits/op",
    "misses": "misses/op",
    "waits": "waits/op",
    "rounds": "rounds/op",
    "ipis": "ipis/op",
    "invlpg": "invlpg/op",
    "invlpg_local": "invlpg/op",
    "invlpg_remote": "invlpg/op",
    "cr3_reloads": "reloads/op",
    "flushes_local": "flushes/op",
    "flushes_remote": "flushes/op",
    "pte_writes": "writes/op",
    "sweeps": "sweeps/op",
    "switches": "switches/op",
    "locked_ops": "locked/op",
    "locks": "locks/op",
    "contended": "contended/op",
    "shared_lines": "lines",
    "ns": "ns/op",
    "throughput": "Mop/s",
}
TOTALS = ("instructions", "hits", "misses", "waits", "rounds", "ipis",
          "invlpg", "invlpg_remote", "cr3_reloads", "reloads_remote",
          "pte_writes", "sweeps", "switches", "engine_locks", "contended")

# The kernel's own engine; the others stand beside it.
OURS = "sf_buf"

# Figures keep so many digits: as many as the measuring is good for, and
# enough for what happens once in many operations.
DIGITS = 6


class BenchError(Exception):
    """A machine did not deliver; the text says what it did instead."""


@dataclasses.dataclass
class Case:
    """What one line tells: figures for one operation, by metric."""

    name: str
    engine: str
    cpus: int
    mode: str               # icount or mttcg
    figures: dict
    doubts: str = ""        # why the figures are not what they should be
    # Of times: the shortest and the longest repetition.
    spread: tuple = ()
    # Cache lines that several CPUs wrote: address, and two writers' places.
    lines: list = dataclasses.field(default_factory=list)

    @property
    def base(self):
        """Return the name without the number of buffers."""
        return split_name(self.name)[0]

    @property
    def suite(self):
        return self.name.split(".")[0]

    @property
    def is_ours(self):
        """Is it one of the cases that have bars?"""
        return self.suite == OURS and self.engine == OURS

    @property
    def all_work(self):
        """Do several CPUs make its operations?  Only then can they meet."""
        return self.base.endswith("_all") and self.cpus > 1


def split_name(name):
    """Return a case's name without its number of buffers, and the number."""
    match = re.fullmatch(r"(.+)_(\d+)", name)
    return (match[1], int(match[2])) if match else (name, WINDOW)


def join_name(base, window):
    return base if window == WINDOW else f"{base}_{window}"


def digits(value):
    """Round to the digits that are kept."""
    return float(f"{value:.{DIGITS}g}")


LINE = re.compile(r"BENCH (\S+\.\S+)((?: \w+=\w+)+)$")
KNOWN = re.compile(r"  (\w+\.\w+) \w+$")   # said when none matches
PLAN = re.compile(r"BENCH plan cases=(\d+)$")

# The plugin's: a line of memory, and the sums of one loop.
SHARED = re.compile(r"PLUGIN line va=([0-9a-f]+) "
                    r"writers=([0-9a-f]+),([0-9a-f]+)$")
SUMS = re.compile(r"PLUGIN sums locked=(\d+) locks=(\d+) lines=(\d+) "
                  r"overflow=([01])$")


def parse_line(line, window=WINDOW):
    """Return the Case that a console line tells of, or None."""
    match = LINE.match(line)
    if match is None:
        return None
    fields = dict(word.split("=") for word in match[2].split())
    try:
        if int(fields["ops"]) == 0:
            raise BenchError(f"no operation was measured: '{line}'")
        return _case(join_name(match[1], window), fields)
    except (KeyError, ValueError) as error:
        raise BenchError("the kernel and this script do not agree on the "
                         f"line '{line}' ({error}); rebuild with `make`"
                         ) from error


def _case(name, fields):
    cpus, ops = int(fields["cpus"]), int(fields["ops"])
    doubts = []
    if int(fields["counted"]) != ops:
        doubts.append(f"{fields['counted']} of {ops} operations were "
                      "what the name says")
    if "ps" in fields:
        # Under the clock, a few operations of many are no matter: pages do
        # stay mapped when a CPU does not run for a while.
        return Case(name, fields["engine"], cpus, "mttcg",
                    *_times(fields, cpus))
    if int(fields["spoiled"]):
        doubts.append(f"{fields['spoiled']} timer interrupts are in it")
    totals = {metric: int(fields[metric]) for metric in TOTALS}
    reloads_remote = totals.pop("reloads_remote")
    engine_locks = totals.pop("engine_locks")
    # Another CPU may flush while counters are read: one can be ahead.
    totals["invlpg_local"] = max(
        totals["invlpg"] - totals["invlpg_remote"], 0)
    totals["flushes_local"] = max(totals["cr3_reloads"] - reloads_remote, 0)
    totals["flushes_remote"] = reloads_remote
    figures = {metric: digits(total / ops)
               for metric, total in totals.items()}
    return Case(name, fields["engine"], cpus, "icount",
                {**figures, "ops": ops, "engine_locks": engine_locks},
                "; ".join(doubts))


def _times(fields, cpus):
    """Return figures, doubts and spread of a line with picoseconds."""
    middle, least, most, empty = (
        int(fields[name]) for name in ("ps", "least_ps", "most_ps",
                                       "empty_ps"))
    doubts = ""
    if not 0 < least <= middle <= most:
        raise ValueError("times out of order")
    if int(fields["counted"]) < 0.9 * int(fields["ops"]):
        doubts = (f"{fields['counted']} of {fields['ops']} operations were "
                  "what the name says")
    figures = {"ns": digits(max(middle - empty, 0) / 1000),
               "contended": digits(int(fields["contended"])
                                   / int(fields["ops"])),
               # In millions a second, of all CPUs, the best repetition.
               "throughput": digits(cpus * 1e6 / least)}
    return figures, doubts, (max(least - empty, 0) / 1000,
                             max(most - empty, 0) / 1000)


class Counted:
    """Collects what the plugin says before the kernel's line for a case."""

    def __init__(self):
        self.sums = []
        self.lines = []

    def read(self, line):
        match = SHARED.match(line)
        if match and not self.sums:
            self.lines.append(tuple(int(word, 16)
                                    for word in match.groups()))
        match = SUMS.match(line)
        if match:
            self.sums.append([int(word) for word in match.groups()])

    def add_to(self, case):
        """Give a case its figures: those of the loop less the empty one's."""
        sums, lines = self.sums, self.lines
        self.sums, self.lines = [], []
        if len(sums) != 2:
            if sums:
                raise BenchError("the plugin and the kernel do not agree on "
                                 f"{case.name}: {len(sums)} sums, not 2")
            return
        (locked, locks, shared, overflow), (less, fewer, _, _) = sums
        ops = case.figures["ops"]
        case.figures["locked_ops"] = digits(max(locked - less, 0) / ops)
        # Those of engines are taken inline, where the plugin sees no call.
        case.figures["locks"] = digits(
            (max(locks - fewer, 0) + case.figures["engine_locks"]) / ops)
        if case.all_work:
            case.figures["shared_lines"] = float(shared)
            case.lines = lines
            if overflow:
                case.doubts = "more cache lines were written than fit"
