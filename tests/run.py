#!/usr/bin/env python3
"""Boot the rows of tests.cfg in QEMU and say which tests passed.

    tests/run.py                        every row of the fast set
    tests/run.py --set all              every row
    tests/run.py --rows 'smp*'          some rows
    tests/run.py --test 'page.*' --smp 2    one machine made of options

A row is one machine. Its console is read as KTAP (see ktap.py) and must
agree with QEMU's exit code. The last line is 'N passed, N failed,
N skipped'; the exit status is 0 if none failed and some passed, 1 if not,
2 if nothing could be run, 130 if interrupted.
"""

import argparse
import contextlib
import dataclasses
import os
import queue
import shutil
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                os.pardir, "scripts"))

import guest  # noqa: E402
import report  # noqa: E402
import rows as table  # noqa: E402
from qemu import (MEBIBYTE, MODES, QEMU, SetupError,  # noqa: E402
                  check_machine, find_qemu)

STILL_RUNNING_SECONDS = 30
MIN_FREE_BYTES = 64 * MEBIBYTE

# The options that change a machine; alone, they make one of their own.
OVERRIDES = ("test", "smp", "memory", "seed", "append", "mode", "cpu")


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default="build/ephemera.elf", metavar="FILE",
        help="the kernel to boot (default: %(default)s)")
    add("--qemu", default=QEMU, metavar="PROGRAM",
        help="the QEMU to run (default: %(default)s)")
    add("--config", metavar="FILE",
        default=os.path.join(table.ROOT, "tests", "tests.cfg"),
        help="the table of rows (default: tests/tests.cfg)")
    add("--out", default="build/test", metavar="DIR",
        help="where logs and junit.xml go (default: %(default)s)")
    add("--set", default="fast", choices=table.SETS,
        help="which rows, if none are named (default: %(default)s)")
    add("--rows", metavar="GLOB[,GLOB]", help="run the rows of these names")
    add("--list", action="store_true", help="list the rows and stop")
    add("--jobs", type=int, default=os.cpu_count() or 1, metavar="N",
        help="host CPUs to keep busy (default: all, %(default)s)")
    add("--gradescope", metavar="FILE",
        help="also write the results for Gradescope")
    add("-v", "--verbose", action="store_true",
        help="show the end of every row's console, not just of failed ones")
    machine = parser.add_argument_group(
        "machine", "these change the rows; without --rows they change the "
        f"row [{table.BASE_ROW}], and only that is run")
    add = machine.add_argument
    add("--test", metavar="GLOB", help="run the tests of these names")
    add("--smp", metavar="N", help="number of CPUs, 1 to 255")
    add("--memory", metavar="SIZE", help="such as 64M or 2G")
    add("--seed", metavar="N", help="seed of the random schedules")
    add("--append", metavar="WORDS", help="more kernel command line")
    add("--mode", choices=MODES, help="how QEMU runs the CPUs")
    add("--cpu", metavar="MODEL", help="CPU model, such as max or pentium3")
    return parser.parse_args(argv)


def choose_rows(args, rows):
    """Return the rows to run, changed as the options say."""
    changes = {name: getattr(args, name) for name in OVERRIDES
               if getattr(args, name) not in (None, "")}
    globs = args.rows
    if changes and not globs:
        globs = table.BASE_ROW
        base = dataclasses.replace(rows[globs], **changes)
        check_machine(base.smp, base.memory)
    return [dataclasses.replace(row, **changes)
            for row in table.select(rows, globs, args.set)]


def list_rows(rows):
    width = max(len(name) for name in rows)
    print(f"{'row':{width}} set   CPUs memory  mode   CPU model      options")
    for row in rows.values():
        print(f"{row.name:{width}} {row.set:5} {row.smp:4} {row.memory:>6}  "
              f"{row.mode:6} {row.cpu:14} {row.command_line}")


def check_setup(args, chosen):
    """Raise SetupError for what would make every row fail the same way."""
    for path in sorted({table.image(row, args.kernel) for row in chosen}):
        if not os.path.isfile(path):
            raise SetupError(f"{path} is missing; run `make` first, "
                             "or name the kernel with --kernel")
    try:
        os.makedirs(args.out, exist_ok=True)
        probe = os.path.join(args.out, ".writable")
        with open(probe, "w", encoding="utf-8"):
            pass
        os.unlink(probe)
        free = shutil.disk_usage(args.out).free
    except OSError as error:
        raise SetupError(f"cannot write to {args.out}: {error.strerror}; "
                         "choose another place with --out") from error
    if free < MIN_FREE_BYTES:
        raise SetupError(
            f"only {free // MEBIBYTE} MiB are free for {args.out}; the logs "
            f"may need {MIN_FREE_BYTES // MEBIBYTE}: make room, "
            "or choose another place with --out")


class Progress:
    """Tells the reader what goes on: a live line on a terminal, else text.

    Elsewhere than on a terminal only whole lines are printed: one for each
    finished row, and the names of the running ones now and then.
    """

    def __init__(self, total, width):
        self.total = total
        self.width = width
        self.finished = 0
        self.live = sys.stdout.isatty()
        self._shown = False
        self._last_news = time.monotonic()

    def say(self, *lines):
        """Print lines that stay."""
        self._clear()
        print(*lines, sep="\n", flush=True)
        self._last_news = time.monotonic()

    def tick(self, running):
        """Show the running rows and the tests that they are at."""
        now = time.monotonic()
        status = ", ".join(self._describe(row, now) for row in running)
        if self.live:
            self._clear()
            columns = shutil.get_terminal_size().columns
            line = f"[{self.finished}/{self.total}] running: {status}"
            print(line[:columns - 1], end="", flush=True)
            self._shown = True
        elif now - self._last_news > STILL_RUNNING_SECONDS:
            self.say(f"still running: {status}")

    @staticmethod
    def _describe(runner, now):
        test = runner.report.running
        return (f"{runner.row.name} {now - runner.started:.0f} s"
                + (f" ({test})" if test else ""))

    def _clear(self):
        if self._shown:
            print("\r\x1b[K", end="")
            self._shown = False


class Session:
    """Runs rows side by side, as many as keep `jobs` host CPUs busy."""

    runner_class = guest.RowRunner

    def __init__(self, args, chosen, rows, qemu_path):
        self.args = args
        self.rows = rows
        self.waiting = list(chosen)
        self.running = []
        self.outcomes = []
        self.qemu_path = qemu_path
        self.jobs = max(1, args.jobs)
        self.progress = Progress(len(chosen),
                                 max(len(row.name) for row in chosen))
        self._finished = queue.Queue()

    def run(self):
        """Run all rows; on an interrupt stop QEMU and raise it again."""
        try:
            while self.waiting or self.running:
                self._start_what_fits()
                self._await_one()
        except KeyboardInterrupt:
            self._cancel()
            raise

    def _start_what_fits(self):
        busy = sum(runner.row.weight(self.jobs) for runner in self.running)
        for row in list(self.waiting):
            if busy + row.weight(self.jobs) <= self.jobs:
                busy += row.weight(self.jobs)
                self.waiting.remove(row)
                self._start(row)

    def _start(self, row):
        runner = self.runner_class(row, self.args.kernel, self.qemu_path,
                                   self.args.out)
        self.running.append(runner)

        def work():
            try:
                runner.run()
            finally:
                self._finished.put(runner)

        threading.Thread(target=work, daemon=True).start()

    def _await_one(self):
        try:
            runner = self._finished.get(timeout=0.3)
        except queue.Empty:
            self.progress.tick(self.running)
            return
        self.running.remove(runner)
        self._record(runner)

    def _record(self, runner):
        outcome = runner.outcome
        if outcome is None:
            raise SystemExit("the runner itself failed; see above")
        self.outcomes.append(outcome)
        progress = self.progress
        progress.finished += 1
        progress.say(report.finished_line(outcome, progress.finished,
                                          progress.total, progress.width))
        if not outcome.ok:
            progress.say(*report.failure_lines(
                outcome, self.reproduction(outcome)))
        elif self.args.verbose:
            progress.say(*("  | " + line for line in guest.tail(outcome.log)))

    def _cancel(self):
        """Stop all that runs; the rows that had finished stay counted."""
        self.waiting.clear()
        self.progress.say("interrupted: stopping QEMU")
        for runner in self.running:
            runner.cancel()
        deadline = time.monotonic() + 5
        while self.running and time.monotonic() < deadline:
            try:
                self.running.remove(self._finished.get(timeout=0.3))
            except queue.Empty:
                pass

    def reproduction(self, outcome):
        failed = outcome.failed_cases
        test = failed[0].name if len(failed) == 1 else None
        return table.reproduction(outcome.row, self.rows, test)

    def summarize(self):
        """Print the table and the failures, and write the files."""
        outcomes = self.outcomes
        print()
        if outcomes:
            print(*report.table_lines(outcomes), sep="\n")
        for outcome in outcomes:
            if not outcome.ok:
                repeat = self.reproduction(outcome)
                print(f"\n{outcome.row.name}: {outcome.reason}\n"
                      f"  repeat: {repeat}\n  log: {outcome.log}")
                if os.environ.get("GITHUB_ACTIONS") == "true":
                    print(report.github_line(outcome, repeat))
        self._write_files()
        print(f"\n{report.counts(outcomes)}", flush=True)

    def _write_files(self):
        try:
            report.write_junit(os.path.join(self.args.out, "junit.xml"),
                               self.outcomes)
            if self.args.gradescope:
                report.write_gradescope(self.args.gradescope, self.outcomes)
        except OSError as error:
            print(f"cannot write the results: {error}", file=sys.stderr)


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main(argv=None):
    args = parse_arguments(argv)
    # SIGINT, too: whoever started this in the background had it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        rows = table.load(args.config, args.kernel, args.qemu)
        if args.list:
            with contextlib.suppress(BrokenPipeError):
                list_rows(rows)
                sys.stdout.flush()
            return 0
        chosen = choose_rows(args, rows)
        qemu_path = find_qemu(args.qemu)
        check_setup(args, chosen)
    except SetupError as error:
        print(f"tests/run.py: {error}", file=sys.stderr)
        return 2
    session = Session(args, chosen, rows, qemu_path)
    status = 0
    try:
        session.run()
    except KeyboardInterrupt:
        status = 130
    session.summarize()
    if status:
        return status
    passed = sum(outcome.passed for outcome in session.outcomes)
    failed = sum(outcome.failed for outcome in session.outcomes)
    return 0 if passed > 0 and failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
