#!/usr/bin/env python3
"""What the tests reach of the kernel: lines and branches, by gcc's counters.

    tests/coverage/coverage.py                  every row of coverage.cfg
    tests/coverage/coverage.py --rows default   some rows of tests.cfg only

The kernel that counts (tests/variants/coverage.mk) sends its counters on COM2
when it ends, whichever way: passed, panicked, or unable to run. The counts of
all boots are added up, gcovr reads them, and the bars of coverage.cfg are
held against what came out. Counters are not locked, so two CPUs can lose a
count between them: whether a line was reached is what is asked, not how often.

What is not counted stands in tests/coverage/exclusions, with the reasons. Each
line that was not reached is printed. The exit status is 0 if all rows passed
and no figure is below its bar, 1 if not, 2 if nothing could be run.
"""

import argparse
import configparser
import dataclasses
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "scripts")]

import counters  # noqa: E402
import guest  # noqa: E402
import rows as table  # noqa: E402
import run  # noqa: E402
from qemu import SetupError, find_qemu  # noqa: E402

SOURCES = ("boot", "kernel", "mm", "sf_buf")
HOST_TEST_SECONDS = 600
# To count takes time.
MIN_ROW_SECONDS = 240


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default="build/coverage/ephemera.elf", metavar="FILE",
        help="the kernel that counts (default: %(default)s)")
    add("--notes", default="build/coverage/gcc", metavar="DIR",
        help="where the compiler's notes are (default: %(default)s)")
    add("--out", default="build/coverage/run", metavar="DIR",
        help="where logs, counts and the report go (default: %(default)s)")
    add("--rows", metavar="GLOB[,GLOB]",
        help="boot only these rows, not the tour; no bar is held then")
    add("--again", action="store_true",
        help="boot nothing: judge the counts of the last run")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="host CPUs to keep busy (default: all, %(default)s)")
    add("-v", "--verbose", action="store_true",
        help="name also lines of which a branch was not taken")
    args = parser.parse_args(argv)
    args.config = os.path.join(ROOT, "tests", "tests.cfg")
    args.gradescope = None
    return args


def read_config(name):
    config = configparser.ConfigParser(interpolation=None,
                                       delimiters=("=",))
    with open(os.path.join(HERE, name), encoding="utf-8") as file:
        config.read_file(file)
    return config


# ---- booting

class CountingRunner(guest.RowRunner):
    """A row whose COM2 is kept."""

    def _command(self):
        command = super()._command()
        command[command.index("null")] = \
            "file:" + os.path.join(self.directory, "com2.bin")
        return command


class CountingSession(run.Session):
    runner_class = CountingRunner

    def _record(self, runner):
        super()._record(runner)
        self.com2.append(os.path.join(runner.directory, "com2.bin"))

    com2 = ()


def choose_rows(all_rows, args, section):
    """Return the rows to boot.

    Those that run suites do so by icount, so that the figures are the same each
    time. What a report says of functions is not expected: which are inlined
    differs. The exit code is.
    """
    def select(globs):
        return table.select(all_rows, ",".join(globs.split()), "fast")

    chosen = [dataclasses.replace(row, mode="icount") if row.counts_tests
              else row for row in select(args.rows or section["rows"])]
    if not args.rows:
        chosen += [dataclasses.replace(row, test=section["start test"])
                   for row in select(section["starts"])]
    return [dataclasses.replace(row, expect=(),
                                timeout=max(row.timeout, MIN_ROW_SECONDS))
            for row in chosen]


def boot_rows(args, section):
    """Boot the rows; return their files of COM2, and which rows failed."""
    all_rows = table.load(args.config, args.kernel)
    own = table.load(os.path.join(HERE, "rows.cfg"), base=None)
    all_rows.update(own)
    chosen = choose_rows(all_rows, args, section)
    run.check_setup(args, chosen)
    session = CountingSession(args, chosen, all_rows, find_qemu())
    session.com2 = []
    session.run()
    return session.com2, [outcome.row.name for outcome in session.outcomes
                          if not outcome.ok]


def run_host_tests(args, suites):
    """Run the suites that boot the kernel; return as boot_rows() does."""
    keep = os.path.abspath(os.path.join(args.out, "host"))
    shutil.rmtree(keep, ignore_errors=True)
    os.makedirs(keep)
    failed = []
    for suite in suites:
        print(f"tests/host/{suite}.py", flush=True)
        done = subprocess.run(
            [sys.executable, "-m", "unittest", "-q", suite],
            cwd=os.path.join(ROOT, "tests", "host"), check=False,
            timeout=HOST_TEST_SECONDS, stdin=subprocess.DEVNULL,
            env={**os.environ, "KERNEL": os.path.abspath(args.kernel),
                 "KEEP_COM2": keep})
        if done.returncode != 0:
            failed.append(suite)
    return [os.path.join(keep, name) for name in os.listdir(keep)], failed


def count(args, config):
    """Boot everything, add up; return what failed, as sentences."""
    os.makedirs(args.out, exist_ok=True)
    com2, failed = boot_rows(args, config["run"])
    if not args.rows:
        more, suites = run_host_tests(args, config["run"]["host"].split())
        com2 += more
        failed += suites
    problems = [f"{name} failed" for name in failed]
    total = counters.Sum(os.path.join(args.out, "counts"), ROOT)
    for path in com2:
        try:
            total.add(path)
        except (OSError, counters.Incomplete) as error:
            problems.append(f"{os.path.relpath(path)}: {error}")
    print(f"{total.boots} boots counted", flush=True)
    return problems


# ---- judging

class Exclusion:
    def __init__(self, name, section):
        self.name = name
        self.files = section["files"].split("\n")
        self.kinds = {kind: re.compile(section[kind])
                      for kind in ("lines", "branches") if kind in section}
        self.after = re.compile(section.get("after", ""))
        self.used = 0

    def covers(self, kind, path, text, before=""):
        """Is a line excluded?  `before` is the text of the one before it."""
        pattern = self.kinds.get(kind)
        hit = (pattern is not None and matches(path, self.files)
               and pattern.search(text) is not None
               and self.after.search(before) is not None)
        self.used += hit
        return hit


def matches(path, globs):
    """Does a path match any glob?  One without a slash is for names."""
    return any(pathlib.PurePath(path).match(glob.strip()) for glob in globs)


class Figures:
    """Lines and branches, how many there are and how many were reached."""

    def __init__(self):
        self.lines = self.reached = self.branches = self.taken = 0

    def add(self, other):
        self.lines += other.lines
        self.reached += other.reached
        self.branches += other.branches
        self.taken += other.taken

    def percent(self, kind):
        whole, part = {"lines": (self.lines, self.reached),
                       "branches": (self.branches, self.taken)}[kind]
        return 100 * part / whole if whole else 0.0


def read_counts(args):
    """Return gcovr's reading of all counts: its JSON."""
    counts = os.path.join(args.out, "counts")
    for path in pathlib.Path(args.notes).rglob("*.gcno"):
        beside = os.path.join(counts, os.path.relpath(path, ROOT))
        if os.path.isdir(os.path.dirname(beside)):
            shutil.copy(path, beside)
    # gcov subtracts counts, so those that were lost can make one negative.
    command = ["gcovr", "-r", ROOT, "--gcov-ignore-parse-errors",
               "--json", "-", counts]
    for folder in SOURCES:
        command += ["--filter", f"{folder}/"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True)
    return json.loads(done.stdout)["files"]


def judge_file(entry, exclusions):
    """Return a file's figures, and its lines: those not reached, those of which
    a branch was not taken, and those reached though they are not counted."""
    path = entry["file"]
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        text = file.read().split("\n")
    figures = Figures()
    missed, untaken, reached = [], [], []

    def excluded(kind, number):
        return any([e.covers(kind, path, text[number - 1], text[number - 2])
                    for e in exclusions])

    for line in entry["lines"]:
        number = line["line_number"]
        if line["gcovr/noncode"]:
            continue
        if excluded("lines", number):
            if line["count"] > 0:
                reached.append(number)
            continue
        figures.lines += 1
        if line["count"] > 0:
            figures.reached += 1
        else:
            missed.append(number)
        branches = line["branches"]
        if not branches or excluded("branches", number):
            continue
        taken = sum(branch["count"] > 0 for branch in branches)
        figures.branches += len(branches)
        figures.taken += taken
        if line["count"] > 0 and taken < len(branches):
            untaken.append(number)
    return figures, missed, untaken, reached


def show(path, verb, numbers, source):
    for number in numbers:
        print(f"  {path}:{number}: {verb}: {source[number - 1].strip()}")


def judge(args, config):
    """Print what was not reached; return the figures of each group."""
    exclusions = [Exclusion(name, section) for name, section
                  in read_config("exclusions").items() if name != "DEFAULT"]
    groups = {name.removeprefix("group "): section
              for name, section in config.items()
              if name.startswith("group ")}
    sums = {name: Figures() for name in groups}
    for entry in read_counts(args):
        path = entry["file"]
        figures, missed, untaken, reached = judge_file(entry, exclusions)
        with open(os.path.join(ROOT, path), encoding="utf-8") as file:
            source = file.read().split("\n")
        show(path, "not reached", missed, source)
        show(path, "reached, though it is left out", reached, source)
        if args.verbose:
            show(path, "a branch not taken", untaken, source)
        for name, section in groups.items():
            if matches(path, section["files"].split("\n")):
                sums[name].add(figures)
    for exclusion in exclusions:
        if exclusion.used == 0 and not args.rows:
            print(f"  exclusions: [{exclusion.name}] matches nothing")
    return [(name, groups[name], sums[name]) for name in groups]


def summarize(judged, problems, hold):
    """Return the last line, and whether it is a good one."""
    words, below = [], []
    for name, section, figures in judged:
        parts = []
        for kind in ("lines", "branches"):
            if kind not in section:
                continue
            percent = figures.percent(kind)
            # Rounded down: 99.96 percent are not all.
            parts.append(f"{int(percent * 10) / 10:g}% of {kind}")
            if hold and percent < section.getfloat(kind):
                below.append(f"{name} is below {section[kind]}% of {kind}")
        words.append(f"{name} {', '.join(parts)}")
    return ("coverage: " + "; ".join(words + below + problems),
            not below and not problems)


def main(argv=None):
    args = parse_arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, run.interrupt)
    try:
        config = read_config("coverage.cfg")
        problems = [] if args.again else count(args, config)
        line, good = summarize(judge(args, config), problems, not args.rows)
    except (OSError, SetupError, subprocess.CalledProcessError) as error:
        print(f"coverage: could not be run: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    print(line)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
