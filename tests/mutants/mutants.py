#!/usr/bin/env python3
"""Build the kernel with deliberate bugs, one after the other, and test it.

    tests/mutants/mutants.py                     all
    tests/mutants/mutants.py --mutant 'tlb-*'    some
    tests/mutants/mutants.py --list              name them

A mutant is a patch in tests/mutants. Its first lines say what it breaks; the
line 'Rows:' names what to try it on, in order: rows of machines.cfg or
tests.cfg, and commands of commands.cfg; 'Survives:' explains a bug that none of
them can see. A mutant is killed when a test fails, the kernel panics or hangs,
or it does not end as it should. Each is built in a copy of the project, one for
each host CPU.

build/mutants/matrix.csv has a line for each test that killed a mutant. What is
known of a patch is not run again until the project or the patch changes. The
exit status is 0 if at least 95 percent were killed and each survivor is
explained, 1 if not, 2 if nothing could be run, 130 if interrupted.
"""

import argparse
import collections
import csv
import fnmatch
import json
import os
import queue
import re
import shutil
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "scripts")]

import prove  # noqa: E402
import trial  # noqa: E402
from qemu import QEMU, SetupError, find_qemu  # noqa: E402

ENOUGH_PERCENT = 95
NEWS_SECONDS = 30
SHOWN_TESTS = 3

class Mutant:
    """A patch, and what its head says."""

    def __init__(self, path):
        self.name = os.path.splitext(os.path.basename(path))[0]
        self.path = path
        with open(path, encoding="utf-8") as file:
            self.text = file.read()
        head = self.text.partition("\ndiff ")[0]
        self.what = " ".join(head.partition("\nRows:")[0].split())
        self.rows = _field(head, "Rows").split()
        self.excuse = " ".join(_field(head, "Survives").split())

    def files(self):
        return re.findall(r"^\+\+\+ b/(\S+)", self.text, re.MULTILINE)


class Unchanged:
    """The kernel without a bug on one machine, which must pass."""

    what = "no bug"
    text = ""
    path = None

    def __init__(self, row):
        self.name = f"unchanged-{row}"
        self.rows = [row]

    @staticmethod
    def files():
        return []


def _field(head, name):
    match = re.search(rf"^{name}:((?:.*\n?)(?:[ \t].*\n?)*)", head,
                      re.MULTILINE)
    return match[1] if match else ""


class Hunt:
    """Tries the mutants, a thread for each host CPU."""

    def __init__(self, mutants, machines, args):
        self.mutants = mutants
        self.machines = machines
        self.out = args.out
        self.every = args.matrix
        if args.fresh:
            for mutant in mutants:
                shutil.rmtree(os.path.join(self.out, mutant.name),
                              ignore_errors=True)
        self.project = prove.fingerprint(leave_out=("tests/mutants/*.patch",))
        self.results = {}
        self.waiting = queue.Queue()
        self.finished = queue.Queue()
        self.busy = {}
        self.started = time.monotonic()

    def record_path(self, mutant):
        return os.path.join(self.out, mutant.name, "result.json")

    def remembered(self, mutant):
        try:
            with open(self.record_path(mutant), encoding="utf-8") as file:
                record = json.load(file)
        except (OSError, ValueError):
            return None
        same = record.get("of") == [self.project, mutant.text, mutant.rows,
                                self.every]
        return record["kills"] if same else None

    def run(self, jobs):
        items = [Unchanged(row) for row in
                 sorted({row for m in self.mutants for row in m.rows})]
        items += self.mutants
        todo = 0
        for item in items:
            kills = self.remembered(item)
            if kills is None:
                self.waiting.put(item)
                todo += 1
            else:
                self.note(item, kills)
        if todo < len(items):
            print(f"{len(items) - todo} of {len(items)} are known from "
                  "before", flush=True)
        for job in range(min(jobs, todo)):
            threading.Thread(target=self.work, args=(job,),
                             daemon=True).start()
        for number in range(1, todo + 1):
            self.show(number, todo, self.await_one())

    def await_one(self):
        while True:
            try:
                result = self.finished.get(timeout=NEWS_SECONDS)
            except queue.Empty:
                at = ", ".join(f"{name} on {row}"
                               for name, row in sorted(self.busy.items()))
                print(f"  trying {at}", flush=True)
                continue
            if isinstance(result, Exception):
                raise result
            return result

    def note(self, mutant, kills):
        """Keep a result; raise SetupError if nothing is to be learnt here."""
        if isinstance(mutant, Unchanged) and any(kills.values()):
            os.unlink(self.record_path(mutant))
            row, tests = kills.popitem()
            raise SetupError(f"the kernel without a mutant fails on {row}: "
                             + ", ".join(tests[:SHOWN_TESTS]))
        self.results[mutant.name] = kills

    def show(self, number, todo, result):
        mutant, kills = result
        self.note(mutant, kills)
        left = (time.monotonic() - self.started) / number * (todo - number)
        print(f"[{number}/{todo}, {prove.duration(left)} left] "
              f"{verdict_line(mutant, kills)}", flush=True)

    def work(self, job):
        tree = trial.Tree(os.path.join(self.out, f"tree-{job}"))
        try:
            tree.prepare()
            while True:
                try:
                    mutant = self.waiting.get_nowait()
                except queue.Empty:
                    return
                kills = self.try_one(tree, mutant)
                self.finished.put((mutant, kills))
        except Exception as error:  # noqa: BLE001: shown by the main thread
            self.finished.put(error)

    def try_one(self, tree, mutant):
        """Return {machine: names of what failed there}, and remember it."""
        directory = os.path.join(self.out, mutant.name)
        shutil.rmtree(directory, ignore_errors=True)
        os.makedirs(directory)
        log_path = os.path.join(directory, "build.log")
        kills = {}
        with open(log_path, "w", encoding="utf-8") as log:
            self.busy[mutant.name] = "its build"
            try:
                if not tree.apply(mutant, log):
                    raise SetupError(f"{mutant.name} does not apply any more:"
                                     f" see {log_path}")
                if not tree.make(log):
                    raise SetupError(f"{mutant.name} does not build: "
                                     f"see {log_path}")
                for name in mutant.rows:
                    self.busy[mutant.name] = name
                    log_name = os.path.join(directory, f"{name}.log")
                    kills[name] = self.machines[name].kill(tree.path,
                                                           log_name)
                    if kills[name] and not self.every:
                        break
            finally:
                tree.restore(mutant)
                del self.busy[mutant.name]
        # What is ended from outside has failed no test.
        if not trial.ending.is_set():
            self.remember(mutant, kills)
        return kills

    def remember(self, mutant, kills):
        with open(self.record_path(mutant), "w", encoding="utf-8") as file:
            json.dump({"of": [self.project, mutant.text, mutant.rows,
                              self.every], "kills": kills}, file)


def verdict_line(mutant, kills):
    """Return a line of the kill matrix."""
    killers = {row: tests for row, tests in kills.items() if tests}
    if isinstance(mutant, Unchanged):
        return f"passes   {mutant.name}"
    if not killers:
        return f"SURVIVES {mutant.name}: passed {', '.join(kills)}"
    words = []
    for row, tests in killers.items():
        more = len(tests) - SHOWN_TESTS
        words.append(f"{row}: {', '.join(tests[:SHOWN_TESTS])}"
                     + (f" and {more} more" if more > 0 else ""))
    return f"killed   {mutant.name} by {'; '.join(words)}"


def write_matrix(path, mutants, results):
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("mutant", "machine", "killed by"))
        for mutant in mutants:
            for row, tests in results.get(mutant.name, {}).items():
                for test in tests or [""]:
                    writer.writerow((mutant.name, row, test))


def print_matrix(mutants, results):
    """Print what killed each, and which suite how many of which part."""
    print()
    for mutant in mutants:
        print(verdict_line(mutant, results.get(mutant.name, {})))
    killed = collections.defaultdict(collections.Counter)
    parts = []
    for mutant in mutants:
        part = mutant.name.partition("-")[0]
        if part not in parts:
            parts.append(part)
        suites = {re.match(r"[^.:]*", test)[0]
                  for tests in results.get(mutant.name, {}).values()
                  for test in tests}
        for suite in suites:
            killed[suite][part] += 1
    width = max([len(suite) for suite in killed] + [len("killed by")])
    print(f"\n{'killed by':{width}} "
          + " ".join(f"{part:>7}" for part in parts))
    for suite in sorted(killed, key=lambda s: -sum(killed[s].values())):
        print(f"{suite:{width}} " + " ".join(
            f"{killed[suite][part] or '':>7}" for part in parts))


def summarize(mutants, results):
    """Print the survivors and the last line; return the exit status."""
    survivors = [mutant for mutant in mutants
                 if not any(results.get(mutant.name, {}).values())]
    unexplained = [m.name for m in survivors if not m.excuse]
    if survivors:
        print("\nSurvivors:")
    for mutant in survivors:
        print(f"  {mutant.name}: {mutant.what}\n"
              f"    {mutant.excuse or 'NOT EXPLAINED'}")
    for mutant in mutants:
        if mutant.excuse and mutant not in survivors:
            print(f"\n{mutant.name} was killed, though its patch says why it "
                  "survives")
    killed = len(mutants) - len(survivors)
    percent = 100 * killed / len(mutants)
    print(f"\nmutants: {killed} of {len(mutants)} killed "
          f"({percent:.1f} percent), {len(survivors)} not, "
          f"{len(unexplained)} of these unexplained", flush=True)
    return 0 if percent >= ENOUGH_PERCENT and not unexplained else 1


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mutant", metavar="GLOB", default="*",
                        help="try the mutants of these names")
    parser.add_argument("--list", action="store_true",
                        help="name them and stop")
    parser.add_argument("--matrix", action="store_true",
                        help="try each on all its machines, also when killed")
    parser.add_argument("--fresh", action="store_true",
                        help="try also what is known from before")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1,
                        metavar="N", help="how many at a time")
    parser.add_argument("--out", metavar="DIR",
                        default=os.path.join(ROOT, "build", "mutants"),
                        help="trees, logs, matrix.csv (default: build/mutants)")
    return parser.parse_args(argv)


def load_mutants(glob):
    names = sorted(name for name in os.listdir(HERE)
                   if name.endswith(".patch"))
    mutants = [Mutant(os.path.join(HERE, name)) for name in names]
    chosen = [m for m in mutants if fnmatch.fnmatch(m.name, glob)]
    if not chosen:
        raise SetupError(f"no mutant is called '{glob}'; --list names them")
    return chosen


def check_rows(mutants, machines):
    for mutant in mutants:
        for name in mutant.rows:
            if name not in machines:
                raise SetupError(f"{mutant.path}: there is no row '{name}'")
        if not mutant.rows:
            raise SetupError(f"{mutant.path} has no line 'Rows:'")


def main(argv=None):
    args = parse_arguments(argv)
    prove.interrupt_on_signals()
    try:
        mutants = load_mutants(args.mutant)
        if args.list:
            for mutant in mutants:
                print(f"{mutant.name}: {mutant.what}")
            return 0
        machines = trial.load_machines(find_qemu(QEMU))
        check_rows(mutants, machines)
        hunt = Hunt(mutants, machines, args)
        hunt.run(max(1, args.jobs))
    except (SetupError, OSError, subprocess.CalledProcessError) as error:
        trial.end_all()
        print(f"mutants.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        trial.end_all()
        print("interrupted; `make mutants` goes on from here")
        return 130
    write_matrix(os.path.join(args.out, "matrix.csv"), mutants, hunt.results)
    print_matrix(mutants, hunt.results)
    return summarize(mutants, hunt.results)


if __name__ == "__main__":
    sys.exit(main())
