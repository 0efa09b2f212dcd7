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
import configparser
import csv
import fnmatch
import json
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "scripts")]

import guest  # noqa: E402
import prove  # noqa: E402
import rows as table  # noqa: E402
from qemu import QEMU, SetupError, find_qemu  # noqa: E402

MACHINES = os.path.join(HERE, "machines.cfg")
COMMANDS = os.path.join(HERE, "commands.cfg")
ROWS = os.path.join(ROOT, "tests", "tests.cfg")
KERNEL = os.path.join(ROOT, "build", "ephemera.elf")
ENOUGH_PERCENT = 95
NEWS_SECONDS = 30
COMMAND_SECONDS = 900
SHOWN_TESTS = 3

# The commands that run.
_commands = set()


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


class Command:
    """A command of commands.cfg."""

    def __init__(self, name, section):
        self.name = name
        self.build = section["build"]
        self.run = section["run"].replace("\n", " ")
        self.killer = re.compile(section["killer"], re.MULTILINE)

    def kill(self, tree, log):
        """Return the names of what failed; empty if nothing did."""
        with open(log, "w+", encoding="utf-8", errors="replace") as file:
            if subprocess.run(self.build, shell=True, cwd=tree, stdout=file,
                              stderr=subprocess.STDOUT, check=False,
                              stdin=subprocess.DEVNULL).returncode != 0:
                raise SetupError(f"{self.name} does not build: see {log}")
            process = subprocess.Popen(
                self.run, shell=True, cwd=tree, stdout=file,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True)
            _commands.add(process)
            try:
                process.wait(timeout=COMMAND_SECONDS)
            except subprocess.TimeoutExpired:
                return [f"{self.name}.hangs"]
            finally:
                _end_group(process, signal.SIGKILL)
                _commands.discard(process)
            if process.returncode == 0:
                return []
            file.seek(0)
            names = self.killer.findall(file.read()) or ["fails"]
            return [name if "." in name else f"{self.name}.{name}"
                    for name in sorted(set(names))]


def _end_group(process, number):
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass
    process.wait()


def end_all():
    """End what is being tried: commands end their own guests."""
    for process in list(_commands):
        _end_group(process, signal.SIGTERM)
    guest.kill_all()


class Machine:
    """A row of tests.cfg or machines.cfg."""

    def __init__(self, row, qemu_path):
        self.name = row.name
        self.row = row
        self.qemu_path = qemu_path

    def kill(self, tree, log):
        """Return the names of what failed; empty if nothing did."""
        runner = guest.RowRunner(
            self.row, os.path.join(tree, "build", "ephemera.elf"),
            self.qemu_path, os.path.dirname(log))
        runner.run()
        outcome = runner.outcome
        if outcome.ok:
            return []
        names = [case.name for case in outcome.failed_cases]
        if runner.report.running and runner.report.running not in names:
            names.append(runner.report.running)
        return names or ["the end: " + _short(outcome.reason)]


def _short(reason):
    return re.sub(r"\s+", " ", reason)[:70]


def load_machines(qemu_path):
    """Return machines and commands by name."""
    rows = table.load(ROWS, KERNEL, qemu_path) | table.load(MACHINES)
    config = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    with open(COMMANDS, encoding="utf-8") as file:
        config.read_file(file)
    machines = {name: Machine(row, qemu_path) for name, row in rows.items()}
    return machines | {name: Command(name, config[name])
                       for name in config.sections()}


class Tree:
    """A copy of the project, into which one patch at a time is put."""

    def __init__(self, path):
        self.path = path

    def prepare(self):
        """Copy the project's files that differ from those there."""
        wanted = set(prove.tracked_files())
        for name in wanted:
            _copy_if_other(os.path.join(ROOT, name),
                           os.path.join(self.path, name))
        for folder, _, names in os.walk(self.path):
            inside = os.path.relpath(folder, self.path)
            if inside.split(os.sep)[0] in ("build", ".git"):
                continue
            for name in names:
                if os.path.normpath(os.path.join(inside, name)) not in wanted:
                    os.unlink(os.path.join(folder, name))
        # No repository of its own: the patches must not see the project's.
        subprocess.run(["git", "init", "-q", self.path], check=True)

    def make(self, log):
        return subprocess.run(
            ["make", "-s", "build/ephemera.elf"], cwd=self.path, stdout=log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            check=False).returncode == 0

    def apply(self, mutant, log):
        return mutant.path is None or subprocess.run(
            ["git", "apply", "--whitespace=nowarn", mutant.path],
            cwd=self.path, stdout=log, stderr=subprocess.STDOUT,
            check=False).returncode == 0

    def restore(self, mutant):
        for name in mutant.files():
            shutil.copyfile(os.path.join(ROOT, name),
                            os.path.join(self.path, name))


def _copy_if_other(source, target):
    if not os.path.isfile(source):
        return
    try:
        with open(source, "rb") as a, open(target, "rb") as b:
            if a.read() == b.read():
                return
    except FileNotFoundError:
        os.makedirs(os.path.dirname(target), exist_ok=True)
    shutil.copy2(source, target)
    os.utime(target)


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
        same = record["of"] == [self.project, mutant.text, mutant.rows,
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
        tree = Tree(os.path.join(self.out, f"tree-{job}"))
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
                    raise SetupError(f"{mutant.path} does not apply any more:"
                                     f" see {log_path}")
                if not tree.make(log):
                    raise SetupError(f"{mutant.path} does not build: "
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
        suites = {re.match(r"[\w -]+", test)[0]
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


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main(argv=None):
    args = parse_arguments(argv)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        mutants = load_mutants(args.mutant)
        if args.list:
            for mutant in mutants:
                print(f"{mutant.name}: {mutant.what}")
            return 0
        machines = load_machines(find_qemu(QEMU))
        check_rows(mutants, machines)
        hunt = Hunt(mutants, machines, args)
        hunt.run(max(1, args.jobs))
    except (SetupError, OSError, subprocess.CalledProcessError) as error:
        end_all()
        print(f"mutants.py: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        end_all()
        print("interrupted; `make mutants` goes on from here")
        return 130
    write_matrix(os.path.join(args.out, "matrix.csv"), mutants, hunt.results)
    print_matrix(mutants, hunt.results)
    return summarize(mutants, hunt.results)


if __name__ == "__main__":
    sys.exit(main())
