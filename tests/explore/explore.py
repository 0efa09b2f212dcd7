#!/usr/bin/env python3
"""Run short tests under yields that a seed chooses (tests/explore/engine.c).

    tests/explore/explore.py --seeds 1..200 --smp 2
    tests/explore/explore.py --seeds 17..17 --test 'explore_few.*'
    tests/explore/explore.py --prove      what `make prove` runs

Time counts instructions, so a seed that fails does so again, at the same
instruction. When one fails it is run again alone; if it does not fail alone,
then from the first seed of its batch on. That is run twice and must print the
same bytes. The last line says what came out, and how to run it again. The exit
status is 0 if none failed, 1 if one did, 2 if nothing could be run.
"""

import argparse
import concurrent.futures
import dataclasses
import fnmatch
import os
import re
import shlex
import sys
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "scripts")]

import guest  # noqa: E402
import ktap  # noqa: E402
import qemu  # noqa: E402

# A suite says by its name how many buffers its window has: kit.h.
BUFFERS = {"explore_few": 3, "explore_many": 65, "selftest": 0}
DEFAULT_TEST = "explore_*"
PLANTED = "selftest.an_unlocked_counter_loses_nothing"
PLANTED_SEEDS = 8

PROVE = ((2, 1, 2000), (4, 1, 300))

SEEDS_PER_BOOT = 100
# Pages of both zones, of few frames.
MEMORY, MACHINE = "512M", "max-ram-below-4g=256M"
# Milliseconds of guest time in which a seed's test must end.
HANGS_AFTER = 1000
BOOT_SECONDS = 600
NEWS_SECONDS = 15

RUN = re.compile(r"  # RUN (\S+)\r?$", re.MULTILINE)
SEED = re.compile(r"  # seed (\d+):.*?(: failed)?\r?$", re.MULTILINE)
# All CPUs may wait with interrupts disabled, where no watchdog can bark.
LATE = re.compile(r"CPU \d+ has not answered a TLB shootdown .*")
CAUSE = re.compile(
    r"^(?:  # \S+:\d+: .*|panic: .*|watchdog: .*|" + LATE.pattern + ")$",
    re.MULTILINE)
TEST_NAME = re.compile(r"^(\w+\.\w+)\r?$", re.MULTILINE)


@dataclasses.dataclass(frozen=True)
class Batch:
    """Seeds first to last of some tests, in one boot."""

    smp: int
    suite: str
    test: str
    first: int
    last: int

    @property
    def command_line(self):
        words = [f"test={self.test}", f"seed={self.first}",
                 f"repeat={self.last - self.first + 1}",
                 f"timeout={HANGS_AFTER}"]
        if BUFFERS[self.suite]:
            words.append(f"kern.ipc.nsfbufs={BUFFERS[self.suite]}")
        return " ".join(words)

    @property
    def make_line(self):
        return (f"make explore SEEDS={self.first}..{self.last} "
                f"SMP={self.smp} TEST={shlex.quote(self.test)}")


@dataclasses.dataclass
class Result:
    """What a boot did: `test` and `seed` are those that failed."""

    batch: Batch
    ok: bool
    console: bytes
    passed: int = 0
    test: str = ""
    seed: int = 0
    reason: str = ""


class Console(ktap.Report):
    """A report that stops its machine where a shootdown hangs."""

    guest = None

    def feed(self, line):
        super().feed(line)
        if LATE.match(line):
            self.guest.stop("a shootdown hangs")


class Explorer:
    """Boots the variant."""

    def __init__(self, kernel, out, jobs):
        self.kernel = kernel
        self.out = out
        self.jobs = jobs
        self.qemu = qemu.find_qemu()
        self.over = threading.Event()
        self.guests = set()
        os.makedirs(out, exist_ok=True)

    def boot(self, name, smp, command_line):
        """Run one machine; return guest.Run, the report and the console."""
        directory = os.path.join(self.out, name)
        os.makedirs(directory, exist_ok=True)
        command = ([self.qemu]
                   + qemu.machine_args(smp, MEMORY, "max", "icount", MACHINE)
                   + qemu.console_args()
                   + ["-kernel", self.kernel, "-append", command_line])
        report = Console()
        machine = guest.Guest(command, directory, "console.log", report)
        report.guest = machine
        self.guests.add(machine)
        try:
            run = machine.run(BOOT_SECONDS)
        finally:
            self.guests.discard(machine)
        with open(machine.log, "rb") as file:
            console = file.read()
        hangs = re.search(LATE.pattern.encode(), console)
        if hangs:  # how much more it printed is chance
            console = console[:hangs.end()]
        return run, report, console

    def stop(self):
        self.over.set()
        for machine in list(self.guests):
            machine.stop("another seed has failed")

    def tests(self, glob):
        """Return the names of the tests that match."""
        _, _, console = self.boot("list", 1, f"list test={glob}")
        return fnmatch.filter(
            TEST_NAME.findall(console.decode(errors="replace")), glob)

    def run(self, batch, name=None):
        """Run a batch; return its Result, or None if stopped."""
        if self.over.is_set() and name is None:
            return None
        name = name or f"{batch.suite}-{batch.smp}-{batch.first}"
        run, report, console = self.boot(name, batch.smp, batch.command_line)
        if run.stopped and self.over.is_set():
            return None
        report.finish()
        result = Result(batch, False, console)
        result.passed = report.count(ktap.PASSED)
        if run.exit_code == qemu.EXIT_PASSED and not report.errors:
            result.ok = True
            return result
        self._blame(result, run, report)
        return result

    @staticmethod
    def _blame(result, run, report):
        """Find the first test and seed that failed."""
        text = result.console.decode(errors="replace")
        starts = list(RUN.finditer(text))
        for index, start in enumerate(starts):
            last = index + 1 == len(starts)
            part = text[start.end():None if last else
                        starts[index + 1].start()]
            seeds = list(SEED.finditer(part))
            failed = [int(seed[1]) for seed in seeds if seed[2]]
            if not failed and not last:
                continue
            result.test = start[1]
            # A machine that stopped has not told the seed that it was at.
            result.seed = failed[0] if failed else \
                int(seeds[-1][1]) + 1 if seeds else result.batch.first
            result.seed = min(result.seed, result.batch.last)
            cause = CAUSE.search(part)
            if cause:
                result.reason = cause[0].strip(" #\r")
            break
        if not result.reason:
            result.reason = run.stopped or \
                qemu.describe_exit(run.exit_code) + \
                "".join(f"; {error}" for error in report.errors[:1])


def plan(tests, glob, smp, first, last):
    """Return the batches for the tests that were chosen."""
    batches = []
    for suite in BUFFERS:
        if not any(test.startswith(suite + ".") for test in tests):
            continue
        test = f"{suite}.*" if glob == DEFAULT_TEST else glob
        batches += [Batch(smp, suite, test, seed,
                          min(seed + SEEDS_PER_BOOT - 1, last))
                    for seed in range(first, last + 1, SEEDS_PER_BOOT)]
    return sorted(batches, key=lambda batch: batch.first)


def say(text):
    print(text, flush=True)


def explore(explorer, tests, glob, smp, first, last):
    """Run all batches. Return the first failed Result, or None."""
    batches = plan(tests, glob, smp, first, last)
    seeds = sum(batch.last - batch.first + 1 for batch in batches)
    started, news, done, failed = time.monotonic(), 0, 0, []
    say(f"seeds {first} to {last} on {smp} CPUs: {len(tests)} tests, "
        f"{len(batches)} boots")
    with concurrent.futures.ThreadPoolExecutor(explorer.jobs) as pool:
        futures = [pool.submit(explorer.run, batch) for batch in batches]
        for future in concurrent.futures.as_completed(futures):
            result = future.result()
            if result is None:
                continue
            if not result.ok:
                failed.append(result)
                explorer.stop()
                continue
            done += result.batch.last - result.batch.first + 1
            spent = time.monotonic() - started
            if spent - news >= NEWS_SECONDS:
                news = spent
                left = spent * (seeds - done) / done
                say(f"  {100 * done // seeds} percent in {spent:.0f} s, "
                    f"{left:.0f} s left")
    return min(failed, key=lambda result: result.seed, default=None)


def reproduce(explorer, result):
    """Run what failed again, twice. Return the sentence that says how."""
    batch = result.batch
    say(f"seed {result.seed} on {batch.smp} CPUs fails {result.test}: "
        f"{result.reason}")
    again = dataclasses.replace(batch, test=result.test, first=result.seed,
                                last=result.seed)
    once = explorer.run(again, "failed-1")
    if once.ok:
        say("  not alone; with the seeds before it:")
        again = dataclasses.replace(batch, last=result.seed)
        once = explorer.run(again, "failed-1")
    twice = explorer.run(again, "failed-2")
    same = "the same twice, byte for byte" \
        if once.console == twice.console else "NOT the same twice"
    if once.ok:
        same = "NOT again"
    say(f"  consoles: {explorer.out}/failed-*/console.log")
    return (f"seed {result.seed} on {batch.smp} CPUs fails {result.test} "
            f"({result.reason}), {same}: {again.make_line}")


def planted(explorer, smp):
    """The race on purpose has to be found. Return how it was."""
    batch = Batch(smp, "selftest", PLANTED, 1, PLANTED_SEEDS)
    result = explorer.run(batch)
    if result.ok or result.test != PLANTED or "unlocked" not in result.reason:
        return None
    return f"the planted race found by seed {result.seed}"


def parse_seeds(text):
    match = re.fullmatch(r"(\d+)(?:\.\.(\d+))?", text)
    if not match or int(match[2] or match[1]) < int(match[1]):
        raise argparse.ArgumentTypeError(
            f"'{text}' are no seeds; write them like 1..200")
    return int(match[1]), int(match[2] or match[1])


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--seeds", type=parse_seeds, default=(1, 200), metavar="A..B",
        help="which seeds (default: 1..200)")
    add("--smp", type=int, default=2, metavar="N",
        help="how many CPUs (default: %(default)s)")
    add("--test", default=DEFAULT_TEST, metavar="GLOB",
        help="which tests (default: %(default)s)")
    add("--prove", action="store_true",
        help="all that `make prove` wants: on 2 CPUs and on 4")
    add("--kernel", metavar="FILE",
        default=os.path.join(ROOT, "build", "explore", "ephemera.elf"),
        help="the variant's image (default: build/explore/ephemera.elf)")
    add("--out", metavar="DIR",
        default=os.path.join(ROOT, "build", "explore", "runs"),
        help="where consoles go (default: build/explore/runs)")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="machines at the same time (default: %(default)s)")
    return parser.parse_args(argv)


def counted(n, noun):
    return f"{n:,} {noun}" + ("" if n == 1 else "s")


def run(args):
    explorer = Explorer(args.kernel, args.out, args.jobs)
    tests = [test for test in explorer.tests(args.test)
             if test.split(".")[0] in BUFFERS]
    if not tests:
        say(f"explore: no exploration is called '{args.test}'")
        return 2
    runs = PROVE if args.prove else ((args.smp, *args.seeds),)
    words = []
    for smp, first, last in runs:
        if args.prove:
            found = planted(explorer, smp)
            if found is None:
                say(f"explore: the planted race was not found on {smp} CPUs")
                return 1
            say(found)
        result = explore(explorer, tests, args.test, smp, first, last)
        if result is not None:
            say("explore: " + reproduce(explorer, result))
            return 1
        words.append(f"{counted(last - first + 1, 'seed')} on {smp} CPUs")
    say(f"explore: {', '.join(words)}, {counted(len(tests), 'test')} each, "
        "none failed" + ("; the planted race was found" if args.prove else ""))
    return 0


def main(argv=None):
    args = parse_arguments(argv)
    guest.end_with_guests()
    try:
        return run(args)
    except (qemu.SetupError, OSError) as error:
        say(f"explore: {error}")
        return 2


if __name__ == "__main__":
    sys.exit(main())
