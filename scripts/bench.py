#!/usr/bin/env python3
"""Measure what sf_bufs cost, in instructions, on 1, 2, 4 and 8 CPUs.

    scripts/bench.py                        every case on every machine
    scripts/bench.py --bench '*miss*'       some cases
    scripts/bench.py --cpus 1,4             some machines

Each machine is booted in QEMU with time made a count of instructions, so
that every run gives the same figures. They go to results.json and
results.csv, and to a table beside the goals and what other systems need for
the same; docs/bench.md says how to read it.

Figures are reported, not judged: the exit status is 0 if every machine
delivered all of its cases, 1 if one did not, 2 if nothing could be run,
130 if interrupted.
"""

import argparse
import csv
import dataclasses
import fnmatch
import json
import os
import re
import select
import signal
import subprocess
import sys
import time

from qemu import (EXIT_NOTHING_RAN, EXIT_PASSED, MAX_CPUS, QEMU,
                  SetupError, console_args, describe_exit, find_qemu,
                  machine_args)

CPU_COUNTS = (1, 2, 4, 8)
MODE = "icount"
MEMORY = "2G"       # half of it above the direct map
WINDOW = 1024       # buffers: the peers' figures are for as many

# How long each machine takes, compared with one CPU: for the estimate.
def weight(cpus):
    return cpus + 1


# Field of the kernel's line, which is the name of the metric, and its unit.
METRICS = {
    "instructions": "instr/op",
    "rounds": "rounds/op",
    "ipis": "ipis/op",
    "invlpg": "invlpg/op",
    "cr3_reloads": "reloads/op",
    "pte_writes": "writes/op",
}
DECIMALS = 2

# Instructions for one operation that this project wants to stay within:
# (on one CPU, on more).
GOALS = {
    "sf_buf.shared_hit": (44, 44),
    "sf_buf.shared_hit_all": (44, 44),
    "sf_buf.private_hit": (50, 50),
    "sf_buf.private_miss": (82, 82),
    "sf_buf.shared_miss": (95, 98),
    "sf_buf.shared_miss_scarce": (350, 350),
    "sf_buf.nowait_full": (150, 150),
    "sf_buf.direct": (18, 18),
}

# What others need, all CPUs together; docs/bench.md says how that was
# measured. The row for 0 CPUs holds for any number of them.
PEER_NAMES = ("FreeBSD", "2005", "Linux", "naive")
PEERS = {
    ("sf_buf.shared_hit", 0): (126, 110, 313, None),
    ("sf_buf.shared_hit_all", 0): (126, 110, None, None),
    ("sf_buf.private_hit", 0): (122, 104, None, None),
    ("sf_buf.private_miss", 0): (237, 156, 256, None),
    ("sf_buf.shared_miss", 1): (241, 162, 660, 78),
    ("sf_buf.shared_miss", 2): (531, 448, 660, 365),
    ("sf_buf.shared_miss", 4): (861, 778, None, 695),
}

NO_NEWS_SECONDS = 120   # a machine that prints nothing for so long hangs


class BenchError(Exception):
    """A machine did not deliver; the text says what it did instead."""


@dataclasses.dataclass
class Case:
    """One line of the kernel's: totals of a run."""

    name: str
    engine: str
    cpus: int
    ops: int
    totals: dict            # by metric
    counted: int            # operations that did what the name says
    spoiled: int            # parts of it that a timer interrupt fell into

    def per_op(self, metric):
        return round(self.totals[metric] / self.ops, DECIMALS)

    @property
    def doubts(self):
        """Say why the figures are not what they should be, or nothing."""
        doubts = []
        if self.counted != self.ops:
            doubts.append(f"{self.counted} of {self.ops} operations were "
                          "what the name says")
        if self.spoiled:
            doubts.append(f"{self.spoiled} timer interrupts are in it")
        return "; ".join(doubts)


LINE = re.compile(r"BENCH (\S+\.\S+)((?: \w+=\w+)+)$")
KNOWN = re.compile(r"  (\w+\.\w+)$")   # said when none matches
PLAN = re.compile(r"BENCH plan cases=(\d+)$")


def parse_line(line):
    """Return the Case that a console line tells of, or None."""
    match = LINE.match(line)
    if match is None:
        return None
    fields = dict(word.split("=") for word in match[2].split())
    try:
        case = Case(match[1], fields["engine"], int(fields["cpus"]),
                    int(fields["ops"]),
                    {metric: int(fields[metric]) for metric in METRICS},
                    int(fields["counted"]), int(fields["spoiled"]))
    except (KeyError, ValueError) as error:
        raise BenchError("the kernel and this script do not agree on the "
                         f"line '{line}' ({error}); rebuild with `make`"
                         ) from error
    if case.ops == 0:
        raise BenchError(f"no operation was measured: '{line}'")
    return case


# ---- running

def cpu_words(cpus):
    return "1 CPU" if cpus == 1 else f"{cpus} CPUs"



def command(args, cpus):
    words = f"bench={args.bench} kern.ipc.nsfbufs={WINDOW}"
    return ([args.qemu_path] + machine_args(cpus, MEMORY, "max", MODE)
            + console_args()
            + ["-kernel", args.kernel, "-append", words])


class Machine:
    """Boots one machine and collects its cases."""

    def __init__(self, args, cpus, on_case):
        self.cpus = cpus
        self.planned = None
        self.cases = []
        self._known = []
        self.log = os.path.join(args.out, f"console-{cpus}.log")
        self._command = command(args, cpus)
        self._on_case = on_case
        self._rest = b""

    def run(self):
        """Run to the end; raise BenchError if anything is missing."""
        with open(self.log, "wb", buffering=0) as log:
            # A session of its own: Ctrl-C is for this script to handle.
            process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
                start_new_session=True)
            try:
                self._relay(process.stdout, log)
                code = process.wait(timeout=10)
            except subprocess.TimeoutExpired as error:
                raise self._error("closed its console but did not end"
                                  ) from error
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
        self._judge(code)

    def _relay(self, output, log):
        while True:
            if not select.select([output], [], [], NO_NEWS_SECONDS)[0]:
                raise self._error("printed nothing for "
                                  f"{NO_NEWS_SECONDS} s and was stopped")
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                return
            log.write(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._read(line.decode("utf-8", "replace").rstrip("\r"))

    def _read(self, line):
        plan = PLAN.match(line)
        if plan:
            self.planned = int(plan[1])
        known = KNOWN.match(line)
        if known:
            self._known.append(known[1])
        case = parse_line(line)
        if case is None:
            return
        if case.cpus != self.cpus:
            raise self._error(f"started only {case.cpus} of them")
        self.cases.append(case)
        self._on_case(self)

    def _judge(self, code):
        if code == EXIT_NOTHING_RAN:
            raise SetupError("no benchmark of that name; there are "
                             + ", ".join(self._known))
        if code != EXIT_PASSED:
            raise self._error(f"ended badly: {describe_exit(code)} "
                              f"(QEMU's exit code {code})")
        if len(self.cases) != self.planned:
            raise self._error(f"delivered {len(self.cases)} cases, but "
                              f"planned {self.planned}")

    def _error(self, what):
        return BenchError(f"the machine with {cpu_words(self.cpus)} {what}; "
                          f"see {self.log}")


class Progress:
    """How far the whole is: a live line on a terminal, else one a machine."""

    def __init__(self, counts):
        self.counts = counts
        self.start = time.monotonic()
        self.live = sys.stdout.isatty()

    def done(self, machine):
        """Return the part of the work that is done, 0 to 1."""
        before = self.counts[:self.counts.index(machine.cpus)]
        done = sum(map(weight, before))
        if machine.planned:
            done += (weight(machine.cpus) * len(machine.cases)
                     / machine.planned)
        return done / sum(map(weight, self.counts))

    def show(self, machine):
        if not self.live:
            return
        done = self.done(machine)
        elapsed = time.monotonic() - self.start
        left = elapsed * (1 - done) / done if done else 0
        print(f"\r\x1b[K{done:4.0%}  {cpu_words(machine.cpus)}: "
              f"{machine.cases[-1].name}, about {left:.0f} s left",
              end="", flush=True)

    def finished(self, machine):
        self.clear()
        print(f"{cpu_words(machine.cpus)}: {len(machine.cases)} cases, "
              f"{time.monotonic() - self.start:.0f} s since the start",
              flush=True)

    def clear(self):
        if self.live:
            print("\r\x1b[K", end="", flush=True)


# ---- results

def rows(cases):
    """Return the rows of results.json and results.csv."""
    return [{"bench": case.name, "engine": case.engine, "cpus": case.cpus,
             "mode": MODE, "metric": metric, "unit": unit,
             "value": case.per_op(metric)}
            for case in cases for metric, unit in METRICS.items()]


def write_results(directory, cases):
    """Write both files, each at once, so that no half of one is found."""
    table = rows(cases)

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


def goal(case):
    """Return the goal for a case, or None."""
    one, more = GOALS.get(case.name, (None, None))
    return one if case.cpus == 1 else more


def peers(case):
    for cpus in (case.cpus, 0):
        if (case.name, cpus) in PEERS:
            return PEERS[case.name, cpus]
    return (None,) * len(PEER_NAMES)


def misses_goal(case):
    return goal(case) is not None and case.per_op("instructions") > goal(case)


def number(value):
    """Return a figure as the table shows it: few digits, no false ones."""
    if value is None:
        return "-"
    if value == int(value):
        return f"{int(value):,}"
    return f"{value:,.2f}" if value < 10 else f"{value:,.1f}"


def by_case(cases):
    """Return the cases in the order of their names' first mention."""
    names = list(dict.fromkeys(case.name for case in cases))
    return sorted(cases, key=lambda c: (names.index(c.name), c.cpus))


def table_lines(cases):
    """Return the readable table."""
    width = max(len(case.name) for case in cases)
    lines = [f"{'':{width}}        instructions        "
             "instructions of others            rounds  invlpg",
             f"{'case':{width}}  CPUs   per op    goal "
             + "".join(f"{name:>8}" for name in PEER_NAMES)
             + "    per op  per op"]
    previous = None
    for case in by_case(cases):
        name = case.name if case.name != previous else ""
        previous = case.name
        mark = "!" if misses_goal(case) else " "
        lines.append(
            f"{name:{width}}  {case.cpus:4}"
            f"{number(case.per_op('instructions')):>9}"
            f"{number(goal(case)):>7}{mark}"
            + "".join(f"{number(value):>8}" for value in peers(case))
            + f"{number(case.per_op('rounds')):>10}"
            + f"{number(case.per_op('invlpg')):>8}"
            + (f"  ? {case.doubts}" if case.doubts else ""))
    return lines


def summary_lines(cases):
    judged = [case for case in cases if goal(case) is not None]
    missed = [case for case in judged if misses_goal(case)]
    lines = [f"{len(judged) - len(missed)} of {len(judged)} goals met"
             + ("; ! marks those that are not" if missed else "")]
    if any(case.doubts for case in cases):
        lines.append("? marks figures that do not hold")
    return lines


# ---- the whole

def cpu_list(text):
    try:
        counts = [int(word) for word in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1 or max(counts) > MAX_CPUS \
            or len(set(counts)) != len(counts):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a list of CPU counts, 1 to {MAX_CPUS}, "
            "such as 1,4")
    return counts


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default="build/ephemera.elf", metavar="FILE",
        help="the kernel to boot (default: %(default)s)")
    add("--bench", default="*", metavar="GLOB",
        help="which cases, such as '*miss*' (default: all)")
    add("--cpus", type=cpu_list, default=list(CPU_COUNTS), metavar="N[,N]",
        help="which machines (default: 1,2,4,8)")
    add("--out", default="build/bench", metavar="DIR",
        help="where results and logs go (default: %(default)s)")
    add("--qemu", default=QEMU, metavar="PROGRAM",
        help="the QEMU to run (default: %(default)s)")
    return parser.parse_args(argv)


def prepare(args):
    """Find out early what would go wrong on every machine."""
    args.qemu_path = find_qemu(args.qemu)
    if not os.path.isfile(args.kernel):
        raise SetupError(f"{args.kernel} is missing; run `make` first, "
                         "or name the kernel with --kernel")
    if not args.bench or re.search(r"\s", args.bench):
        raise SetupError(f"'{args.bench}' cannot match a name; write it "
                         "like '*miss*'")
    # A case may be named as the files name it, or without its engine.
    if not fnmatch.fnmatch(args.bench, "*[.*]*"):
        args.bench = "*." + args.bench
    try:
        os.makedirs(args.out, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot write to {args.out}: {error.strerror}; "
                         "choose another place with --out") from error


def run(args):
    """Run all machines; return the cases and the exit status."""
    progress = Progress(args.cpus)
    cases, status = [], 0
    for cpus in args.cpus:
        machine = Machine(args, cpus, progress.show)
        try:
            machine.run()
            progress.finished(machine)
        except BenchError as error:
            progress.clear()
            print(f"scripts/bench.py: {error}", file=sys.stderr)
            status = 1
        except KeyboardInterrupt:
            progress.clear()
            print("interrupted: QEMU was stopped; there are no new results")
            raise
        cases += machine.cases
    return cases, status


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main(argv=None):
    args = parse_arguments(argv)
    signal.signal(signal.SIGTERM, interrupt)
    try:
        prepare(args)
        cases, status = run(args)
        if not cases:
            print("no new results", file=sys.stderr)
            return 1
        write_results(args.out, cases)
    except SetupError as error:
        print(f"scripts/bench.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"scripts/bench.py: cannot write the results: {error}",
              file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    print("", *table_lines(cases), "", *summary_lines(cases),
          f"results: {args.out}/results.json and results.csv", sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
