#!/usr/bin/env python3
"""Run the tests with faults on purpose, and boots in which memory is short.

    tests/faults/faults.py --kernel build/faults/ephemera.elf

First the rows of tests/faults/faults.cfg. Then a boot for each n in which the
n-th allocation fails. It must end with a machine that runs, or with the
sentence that it cannot (exit code 43). The last line has the figures; the exit
status is 0 if all passed, 1 if not, 2 if nothing could be run.
"""

import argparse
import os
import re
import sys
import time
from concurrent.futures import ThreadPoolExecutor

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
sys.path[:0] = [os.path.join(TESTS, os.pardir, "scripts"), TESTS]

import guest  # noqa: E402
import ktap  # noqa: E402
import qemu  # noqa: E402
import rows as table  # noqa: E402

BOOT_SECONDS = 120
FAILED_ALLOCATIONS = re.compile(r"fault: (\d+) allocations failed")
BOOT_ALLOCATIONS = re.compile(r"fault: (\d+) allocations until here")
UNABLE = re.compile(r"^Ephemera cannot run here: \S", re.MULTILINE)
LEAK = re.compile(r"leaks \d+ pages|keeps what it had taken")
HANGS = ("timed out", "closed its console", "watchdog")

# Small, so that a boot allocates little: a window of few buffers.
BOOT = table.Row(name="boot", smp=4, memory="64M", test="fault_boot.*",
                 timeout=BOOT_SECONDS)
BOOT_WORDS = "kern.ipc.nsfbufs=256 variant.boot={}"


def read(path):
    with open(path, "rb") as file:
        return file.read().decode("utf-8", "replace").replace("\r", "")


class Boot:
    """A boot in which allocation n fails; n = 0: none."""

    def __init__(self, args, qemu_path, n):
        self.n = n
        self.problem = ""
        directory = os.path.join(args.out, f"boot-{n}")
        os.makedirs(directory, exist_ok=True)
        report = ktap.Report()
        row = BOOT
        command = [qemu_path] + qemu.machine_args(
            row.smp, row.memory, row.cpu, row.mode) + qemu.console_args() + [
            "-kernel", args.kernel, "-append",
            f"test={row.test} {BOOT_WORDS.format(n)}"]
        process = guest.Guest(command, directory, "console.log", report)
        run = process.run(row.timeout)
        report.finish()
        self.console = read(process.log)
        self.unable = run.exit_code == qemu.EXIT_UNFIT_MACHINE
        self.judge(run, report)

    def judge(self, run, report):
        """Set `problem` unless the machine runs or says that it cannot."""
        if run.stopped:
            self.problem = run.stopped
        elif self.unable:
            if not UNABLE.search(self.console):
                self.problem = "it ends without a sentence"
            elif self.n == 0:
                self.problem = "it cannot run though nothing failed"
        elif run.exit_code != qemu.EXIT_PASSED:
            self.problem = qemu.describe_exit(run.exit_code)
        elif report.errors or report.count(ktap.PASSED) != 1:
            self.problem = "its report is not complete"
        elif self.n == 0 and self.allocations() == 0:
            self.problem = "it does not say how many allocations it made"

    def allocations(self):
        match = BOOT_ALLOCATIONS.search(self.console)
        return int(match[1]) if match else 0


class Rows:
    """The rows of faults.cfg, one after the other, and what they show."""

    def __init__(self, args, qemu_path):
        rows = table.load(os.path.join(TESTS, "faults", "faults.cfg"))
        self.rows = table.select(rows, args.rows, "all")
        self.args = args
        self.qemu_path = qemu_path
        self.outcomes = []
        self.consoles = ""

    def run(self):
        for number, row in enumerate(self.rows, 1):
            runner = guest.RowRunner(row, self.args.kernel, self.qemu_path,
                                     self.args.out)
            runner.run()
            outcome = runner.outcome
            self.outcomes.append(outcome)
            self.consoles += read(outcome.log)
            print(f"[{number}/{len(self.rows)}] {row.name}: "
                  f"{'ok' if outcome.ok else 'FAIL'}, {outcome.passed} "
                  f"passed, {outcome.skipped} skipped, "
                  f"{outcome.seconds:.0f} s", flush=True)
            if not outcome.ok:
                print(f"  {outcome.reason}; see {outcome.log}", flush=True)

    def tests(self):
        """Return how many tests have passed on some row, each once."""
        return len({case.name for outcome in self.outcomes
                    for case in outcome.cases if case.status == ktap.PASSED}
                   | {outcome.row.test for outcome in self.outcomes
                      if not outcome.row.counts_tests and outcome.ok})


def run_boots(args, qemu_path):
    """Boot with each allocation failing in turn; return the boots."""
    boots = [Boot(args, qemu_path, 0)]
    if boots[0].problem:
        return boots
    last = boots[0].allocations()
    with ThreadPoolExecutor(args.jobs) as pool:
        for boot in pool.map(lambda n: Boot(args, qemu_path, n),
                             range(1, last + 1)):
            boots.append(boot)
            if boot.problem:
                print(f"  boot {boot.n}: {boot.problem}", flush=True)
            elif len(boots) % 10 == 0:
                print(f"{len(boots)} of {last + 1} boots, "
                      f"{sum(b.unable for b in boots)} of them with a "
                      "sentence that they cannot run", flush=True)
    return boots


def count(number, noun):
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def summarize(rows, boots):
    """Return the last line, and whether all is well."""
    problems = [o.reason for o in rows.outcomes if not o.ok]
    problems += [b.problem for b in boots if b.problem]
    words = rows.consoles + "".join(b.console for b in boots)
    failed = sum(map(int, FAILED_ALLOCATIONS.findall(words)))
    failed += sum(1 for b in boots if b.n)
    hangs = sum(p.startswith(HANGS[:2]) or HANGS[2] in p for p in problems)
    line = (f"faults: {count(rows.tests(), 'test')} on 4 CPUs, "
            f"{count(failed, 'allocation failure')}, "
            f"{count(len(boots), 'boot')}, {count(hangs, 'hang')}, "
            f"{count(len(LEAK.findall(words)), 'leak')}")
    if problems:
        line += f"; {count(len(problems), 'failure')}: {problems[0]}"
    return line, not problems


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default="build/faults/ephemera.elf", metavar="FILE",
        help="the variant of the kernel (default: %(default)s)")
    add("--out", default="build/prove/faults-rows", metavar="DIR",
        help="where logs go (default: %(default)s)")
    add("--rows", metavar="GLOB[,GLOB]", help="only some rows, and no boots")
    add("--boots-only", action="store_true", help="only the boots")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="boots side by side (default: %(default)s)")
    args = parser.parse_args()
    guest.end_with_guests()
    started = time.monotonic()
    try:
        qemu_path = qemu.find_qemu()
        if not os.path.isfile(args.kernel):
            raise qemu.SetupError(f"{args.kernel} is missing; "
                                  "run `make VARIANT=faults`")
        rows = Rows(args, qemu_path)
    except qemu.SetupError as error:
        print(f"tests/faults/faults.py: {error}", file=sys.stderr)
        return 2
    if not args.boots_only:
        rows.run()
    boots = [] if args.rows else run_boots(args, qemu_path)
    line, good = summarize(rows, boots)
    print(f"{time.monotonic() - started:.0f} s")
    print(line)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
