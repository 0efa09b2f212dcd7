#!/usr/bin/env python3
"""Run the host build over many seeds, in windows of many sizes.

    tests/port/run.py --program build/port/tsan/stress --seconds 60
    tests/port/run.py --program build/port/plain/stress --bugs

Each run is a process of its own, and its seed decides all of it: what fails is
printed with the line that repeats it. With --bugs each run has a bug planted in
the machine, and what counts is that each is noticed. The last line of the output
is a sentence with the figures.
"""

import argparse
import concurrent.futures
import fnmatch
import itertools
import os
import re
import subprocess
import sys
import time

# What each load is given in turn: CPUs, buffers, and the rest.
SF_BUF = [f"cpus={cpus} slots={slots} {rest}" for slots, cpus, rest in (
    (1, 2, ""), (2, 4, ""), (3, 8, ""), (7, 4, ""), (7, 8, "threads=20"),
    (1, 4, "strict=1"), (5, 3, "strict=1"), (40, 4, "strict=1"),
    (64, 8, "threads=12"), (70, 3, ""), (90, 2, "threads=4"),
    (100, 4, "threads=4"), (128, 4, "dmap=1"), (300, 8, "threads=8"),
    (300, 2, ""), (200, 6, "threads=6"), (1024, 4, "threads=6 ops=400"), (2, 3, "dmap=1"),
    (5, 6, "threads=5 several=1 ops=1000"), (4, 4, "several=1"),
    (4, 4, "far=1"), (100, 4, "far=1 threads=6"))]
# Some of everything comes first, for what is too slow to come far.
OTHERS = [("sleepq", "cpus=4 ops=150"), ("tlb", "cpus=4 ops=100"),
          ("page", "cpus=2 ops=300"), ("kva", "cpus=3 ops=300"),
          ("sleepq", "cpus=2 ops=150"), ("tlb", "cpus=8 ops=100"),
          ("page", "cpus=8 ops=300"), ("kva", "cpus=8 ops=300"),
          ("sleepq", "cpus=8 ops=150"), ("tlb", "cpus=2 ops=100")]
LOADS = (OTHERS[:4] + [("sf_buf", words) for words in SF_BUF] + OTHERS[4:])

# What is planted, and where it has to show at the latest.
BUGS = {
    "skip-cpu": "a CPU answers shootdowns without a flush",
    "drop-invlpg": "invlpg does nothing",
    "drop-cr3": "loading CR3 flushes nothing",
    "late-accessed": "the accessed bit is set after the TLB is filled",
    "lost-ipi": "every 8th interrupt between CPUs is lost",
}
BUG_SEEDS = 300

HELGRIND = ["valgrind", "-q", "--tool=helgrind", "--error-exitcode=66"]

STATUS = {0: "passed", 1: "failed", 2: "panicked", 3: "hung",
          66: "has a data race", 99: "hit a sanitizer"}

FIGURE = re.compile(r"(\w+)=(\d+)")


class Total:
    """What the runs did, added up."""

    def __init__(self):
        self.runs = 0
        self.figures = {}
        self.failures = []

    def add(self, command, status, output):
        """Count one run."""
        self.runs += 1
        if status != 0:
            self.failures.append((command, status, output))
            return
        last = output.strip().rsplit("\n", 1)[-1]
        for name, value in FIGURE.findall(last):
            self.figures[name] = self.figures.get(name, 0) + int(value)

    def sentence(self):
        """The figures in words."""
        get = self.figures.get
        return (f"{self.runs:,} runs, {get('steps', 0):,} steps, "
                f"{get('mapped', 0):,} buffers mapped, "
                f"{get('shootdowns', 0):,} shootdowns, "
                f"{get('waited', 0):,} waits, "
                f"{get('allocs', 0):,} pages and ranges, "
                f"{get('woken', 0):,} wakeups")


def run(command, timeout):
    """One process; its exit status and its output."""
    environment = dict(
        os.environ, TSAN_OPTIONS="exitcode=66:halt_on_error=1",
        ASAN_OPTIONS="exitcode=99:detect_leaks=0",
        UBSAN_OPTIONS="print_stacktrace=1:exitcode=99")
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True,
                              errors="replace", env=environment,
                              timeout=timeout, check=False)
    except subprocess.TimeoutExpired as late:
        return "timeout", (late.stdout or b"").decode(errors="replace")
    return done.returncode, done.stdout


def commands(args):
    """All runs there are: each load with each seed, endlessly."""
    loads = [(kind, words) for kind, words in LOADS
             if fnmatch.fnmatch(f"{kind} {words}", args.load)]
    for seed in itertools.count(args.seed):
        for kind, words in loads:
            command = [args.program, kind, f"seed={seed}"] + words.split()
            if args.helgrind:
                command = HELGRIND + command + ["ops=10"]
            yield command


def report(command, status, output):
    """What a failed run printed."""
    print(f"FAILED ({STATUS.get(status, status)}): {' '.join(command)}")
    for line in output.splitlines()[:60]:
        print(f"    {line}")


def stress(args, total, pool):
    """Runs until the time or their number is used up, or one fails."""
    start = shown = time.monotonic()
    source = commands(args)
    waiting = {}
    while not total.failures:
        spent = time.monotonic() - start
        more = spent < args.seconds and (
            args.runs is None or total.runs + len(waiting) < args.runs)
        while more and len(waiting) < args.jobs:
            command = next(source)
            waiting[pool.submit(run, command, args.timeout)] = command
            more = args.runs is None or total.runs + len(waiting) < args.runs
        if not waiting:
            break
        done, _ = concurrent.futures.wait(
            waiting, timeout=5,
            return_when=concurrent.futures.FIRST_COMPLETED)
        for one in done:
            total.add(waiting.pop(one), *one.result())
        if time.monotonic() - shown > 20:
            shown = time.monotonic()
            print(f"  {total.sentence()}", flush=True)
    for one, command in waiting.items():
        total.add(command, *one.result())


def find_bug(args, pool, name):
    """The number of runs until a planted bug is noticed; None: it is not."""
    source = (command + [f"bug={name}"] for command in commands(args))
    tried = 0
    while tried < BUG_SEEDS:
        batch = [next(source) for _ in range(args.jobs)]
        for status, _ in pool.map(lambda c: run(c, args.timeout), batch):
            tried += 1
            if status != 0:
                return tried
    return None


def find_bugs(args, pool):
    """Plant each bug in turn."""
    missed = []
    tries = {}
    args.load = "sf_buf *"
    for name, text in BUGS.items():
        tries[name] = find_bug(args, pool, name)
        if tries[name] is None:
            missed.append(name)
            print(f"  {name}: NOT NOTICED in {BUG_SEEDS} runs: {text}",
                  flush=True)
        else:
            print(f"  {name}: noticed in run {tries[name]}: {text}",
                  flush=True)
    print(f"{args.name}: {len(BUGS) - len(missed)} of {len(BUGS)} planted "
          f"bugs noticed" + (f"; missed: {', '.join(missed)}" if missed
                             else ""))
    return 1 if missed else 0


def parse_args(argv):
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--program", required=True, help="the host build")
    parser.add_argument("--name", default="host", help="for the last line")
    parser.add_argument("--seconds", type=float, default=30,
                        help="begin no run after this (30)")
    parser.add_argument("--runs", type=int, help="at most so many")
    parser.add_argument("--seed", type=int, default=1, help="the first (1)")
    parser.add_argument("--load", metavar="GLOB", default="*",
                        help="only these, such as 'tlb *' or '* strict=1'")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="runs at once (one for each host CPU)")
    parser.add_argument("--timeout", type=float, default=300,
                        help="seconds that one run may take (300)")
    parser.add_argument("--helgrind", action="store_true",
                        help="have helgrind run it, with less to do")
    parser.add_argument("--bugs", action="store_true",
                        help="plant bugs: each must be noticed")
    return parser.parse_args(argv)


def main(argv=None):
    """Run; returns the exit status."""
    args = parse_args(argv)
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        if args.bugs:
            return find_bugs(args, pool)
        total = Total()
        stress(args, total, pool)
    for failure in total.failures[:3]:
        report(*failure)
    if total.failures:
        command, status, _ = total.failures[0]
        print(f"{args.name}: {STATUS.get(status, status)}: "
              f"{' '.join(command)}")
        return 1
    print(f"{args.name}: {total.sentence()}; no failure")
    return 0


if __name__ == "__main__":
    sys.exit(main())
