"""Running all passes of a benchmark, and saying how far they are.

Counts are the same however busy the host is, so as many machines are counted
at once as the host has CPUs. Times are taken one machine after the other.
"""

import concurrent.futures
import os
import sys
import threading
import time

from bench_cases import BenchError
from bench_machine import Machine, NothingMatched, plan
from qemu import SetupError


def usable_cpus():
    """Return how many CPUs of the host this program may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:      # not on every system
        return os.cpu_count() or 1


class Results:
    """All that the machines delivered."""

    def __init__(self):
        self.costs, self.times, self.scaling = [], [], []
        self.ran = False

    def add(self, machine):
        what = machine.which.what
        self.ran = self.ran or bool(machine.cases)
        if what == "cost":
            self.costs += machine.cases
        elif what == "time":
            self.times += machine.cases
        else:
            self.scaling += machine.cases


class Progress:
    """How far the whole is: a live line on a terminal, else one a machine."""

    def __init__(self, passes, at_once=1):
        self.passes = passes
        self.at_once = at_once      # machines that are counted
        self.start = time.monotonic()
        self.live = sys.stdout.isatty()
        self._over = set()
        self._running = {}          # of each pass, the part that is done
        self._lock = threading.Lock()

    def _weight(self, which):
        return which.weight / (self.at_once if which.what == "cost" else 1)

    def done(self):
        """Return the part of the work that is done, 0 to 1."""
        done = (sum(map(self._weight, self._over))
                + sum(self._weight(which) * part
                      for which, part in self._running.items()))
        return done / sum(map(self._weight, self.passes))

    def left(self):
        """Return the seconds that are left, as far as one can tell."""
        done = self.done()
        elapsed = time.monotonic() - self.start
        return elapsed * (1 - done) / done if done else 0

    def show(self, machine):
        """A machine has delivered one more case."""
        with self._lock:
            if machine.planned:
                self._running[machine.which] = (len(machine.cases)
                                                / machine.planned)
            if self.live:
                print(f"\r\x1b[K{self.done():4.0%}  "
                      f"{machine.which.words}: {machine.cases[-1].name}, "
                      f"about {self.left():.0f} s left", end="", flush=True)

    def over(self, machine, error=""):
        """A machine has ended, well or with an error."""
        with self._lock:
            self._running.pop(machine.which, None)
            self._over.add(machine.which)
            self.clear()
            if error:
                print(f"scripts/bench.py: {error}", file=sys.stderr)
            elif machine.cases:
                print(f"{machine.which.words}: {len(machine.cases)} cases, "
                      f"{time.monotonic() - self.start:.0f} s since the "
                      f"start, about {self.left():.0f} s left", flush=True)

    def clear(self):
        if self.live:
            print("\r\x1b[K", end="", flush=True)


class Run:
    """All machines: first those that count, then those that take times."""

    def __init__(self, args):
        self.args = args
        self.passes = plan(args.bench, args.cpus, args.modes, args.engine)
        self.progress = Progress(self.passes, usable_cpus())
        self.status = 0
        self._known = ""            # names, once none matched
        self._machines = []
        self._stopped = False

    def run(self):
        """Return the results and the exit status."""
        counting = [which for which in self.passes if which.what == "cost"]
        timing = [which for which in self.passes if which.what != "cost"]
        try:
            machines = self._at_once(counting) + [self._one(which)
                                                  for which in timing]
        except KeyboardInterrupt:
            self._stop()
            self.progress.clear()
            print("interrupted: QEMU was stopped; there are no new results")
            raise
        results = Results()
        for machine in sorted(machines, key=lambda machine:
                              self.passes.index(machine.which)):
            results.add(machine)
        if self._known and not results.ran:
            raise SetupError("no benchmark of that name; there are "
                             + self._known)
        return results, self.status

    def _at_once(self, passes):
        """Run passes side by side; those that take longest come first."""
        with concurrent.futures.ThreadPoolExecutor(usable_cpus()) as pool:
            try:
                return list(pool.map(self._one, sorted(
                    passes, key=lambda which: -which.weight)))
            except KeyboardInterrupt:
                self._stop()
                raise

    def _one(self, which):
        """Run one pass; what goes wrong is said, and is in the status."""
        machine = Machine(self.args, which, self.progress.show)
        self._machines.append(machine)
        # A name with a number of buffers is none of a usual machine's.
        if self._stopped or self._known and which.globs == self.args.bench:
            return machine
        error = ""
        try:
            machine.run()
        except NothingMatched as names:
            self._known = str(names)
        except BenchError as problem:
            error = "" if self._stopped else str(problem)
            self.status = 1
        self.progress.over(machine, error)
        return machine

    def _stop(self):
        self._stopped = True
        for machine in self._machines:
            machine.stop()
