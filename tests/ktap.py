"""A strict reader of the kernel's test report: KTAP version 1, two levels.

The report stands among boot messages. A line that is part of KTAP must be in
its place and everything else is noise, so that neither a lost line nor a
stray one can turn a failed run into a passed one:

    KTAP version 1
    1..2
      # Subtest: page
      1..1
      # RUN page.frames_are_distinct
      ok 1 page.frames_are_distinct
    ok 1 page
    ...

A result counts only if its test was announced by `# RUN`, has the next
number, and fits in the plan. All else that looks like a result is an error.
"""

import re
import time

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

NO_RESULT = "no result; the machine stopped while it ran"

VERSION = re.compile(r"KTAP version (\d+)$")
PLAN = re.compile(r"( *)1\.\.(\d+)(?: # SKIP.*)?$")
SUBTEST = re.compile(r"  # Subtest: (\S+)$")
RUN = re.compile(r"  # RUN (\S+)$")
DIAGNOSTIC = re.compile(r" {0,4}# (.*)$")
LOOKS_LIKE_RESULT = re.compile(r"\s*(?:not )?ok(?:\s|$)")
RESULT = re.compile(
    r"( *)(ok|not ok) (\d+) ([\w.]+)(?: # (SKIP)(?: (.*))?)?$", re.ASCII)
CASE_NAME = re.compile(r"\w+\.\w+$", re.ASCII)

MAX_ERRORS = 20
MAX_DIAGNOSTICS = 50


class Case:
    """One test: its full name, how it ended, and what it said."""

    def __init__(self, name):
        self.name = name
        self.status = FAILED
        self.reason = ""
        self.diagnostics = []
        self.seconds = 0.0
        self._started = time.monotonic()

    def end(self, status, reason=""):
        self.status = status
        self.reason = reason
        self.seconds = time.monotonic() - self._started

    def __repr__(self):
        return f"<{self.name}: {self.status}>"


class _Level:
    """A plan and how many of its results have come: the suites, or a suite.

    `first_case` is the index of the suite's first case in Report.cases.
    `last_number` counts lost results too: the next one has its own number.
    """

    def __init__(self, name, first_case=0):
        self.name = name
        self.first_case = first_case
        self.planned = None
        self.results = 0
        self.last_number = 0

    def take(self):
        """Count a result."""
        self.results += 1
        self.last_number += 1

    def shortfall(self):
        """Return a sentence if results are missing or none were planned."""
        if self.planned is None:
            return f"{self.name}: the plan is missing"
        if self.planned == 0:
            return f"{self.name}: the plan is zero, so nothing ran"
        if self.results < self.planned:
            return (f"{self.name}: {self.planned} planned, "
                    f"{self.results} reported")
        return None


class Report:
    """Reads console lines with feed(); finish() once the machine stopped.

    cases: every announced test in order. errors: what broke the rules.
    """

    def __init__(self):
        self.cases = []
        self.errors = []
        self._names = set()
        self._top = None
        self._suite = None
        self._running = None

    @property
    def running(self):
        """The name of the test that has begun and not ended, or None."""
        return self._running.name if self._running else None

    @property
    def started(self):
        return self._top is not None

    def count(self, status):
        return sum(case.status == status for case in self.cases)

    def feed(self, line):
        """Take one console line, without its line end."""
        handlers = ((VERSION, self._version), (PLAN, self._plan),
                    (SUBTEST, self._subtest), (RUN, self._run),
                    (LOOKS_LIKE_RESULT, self._result),
                    (DIAGNOSTIC, self._diagnostic))
        for pattern, handle in handlers:
            match = pattern.match(line)
            if match:
                handle(match, line)
                return

    def finish(self):
        """Name everything that was still due when the machine stopped."""
        if not self.started:
            self._error("the console has no 'KTAP version 1' line")
            return
        self._abandon_running(NO_RESULT)
        for level in (self._suite, self._top):
            if level and level.shortfall():
                self._error(level.shortfall())

    def _error(self, sentence):
        if len(self.errors) < MAX_ERRORS:
            self.errors.append(sentence)

    def _version(self, match, line):
        if self.started:
            self._error("a second 'KTAP version' line")
        elif match[1] != "1":
            self._error(f"'{line}': only version 1 is known")
        else:
            self._top = _Level("all suites")

    def _plan(self, match, line):
        level = {"": self._top, "  ": self._suite}.get(match[1])
        if level is None or level.planned is not None or level.results:
            self._error(f"a plan out of place: '{line}'")
        else:
            level.planned = int(match[2])

    def _subtest(self, match, line):
        if not self.started or self._top.planned is None:
            self._error(f"a suite before the plan: '{line}'")
        elif self._suite is not None:
            self._error(f"{match[1]} begins, but {self._suite.name} "
                        "has no result yet")
        elif match[1] in self._names:
            self._error(f"the suite {match[1]} is reported twice")
        else:
            self._names.add(match[1])
            self._suite = _Level(match[1], len(self.cases))

    def _run(self, match, line):
        name = match[1]
        if self._suite is None or self._suite.planned is None:
            self._error(f"a test outside of a planned suite: '{line}'")
            return
        if not CASE_NAME.match(name):
            self._error(f"'{name}' is not of the form suite.test")
        elif not name.startswith(self._suite.name + "."):
            self._error(f"{name} ran within the suite {self._suite.name}")
        elif name in self._names:
            self._error(f"{name} is announced twice")
        else:
            self._abandon_running()
            self._names.add(name)
            self._running = Case(name)
            self.cases.append(self._running)

    def _abandon_running(self, reason="no result"):
        """The test that runs will never report: it stays failed."""
        if self._running:
            self._error(f"{self._running.name}: {reason}")
            self._running.end(FAILED, reason)
            self._suite.last_number += 1
            self._running = None

    def _diagnostic(self, match, _line):
        if self._running:
            self._running.diagnostics.append(match[1])
            del self._running.diagnostics[:-MAX_DIAGNOSTICS]

    def _result(self, _match, line):
        match = RESULT.match(line)
        if match is None:
            self._error(f"a damaged result line: '{line}'")
        elif match[1] == "  ":
            self._leaf_result(match, line)
        elif match[1] == "":
            self._suite_result(match, line)
        else:
            self._error(f"a result at a wrong indent: '{line}'")

    def _leaf_result(self, match, line):
        _, verdict, number, name, skip, reason = match.groups()
        suite = self._suite
        if self._running is None:
            self._error(f"a result while no test ran: '{line}'")
        elif name != self._running.name:
            self._error(f"a result of {name} while {self.running} ran")
        elif not self._in_sequence(suite, int(number), name):
            pass
        elif skip and verdict != "ok":
            self._error(f"'not ok' and SKIP at once: '{line}'")
        else:
            suite.take()
            self._running.end(_status(verdict, skip), reason or "")
            self._running = None

    def _in_sequence(self, level, number, name):
        """Check that `number` comes next at this level and was planned."""
        if number != level.last_number + 1:
            self._error(f"{name} has the number {number}, "
                        f"but {level.last_number + 1} comes next")
            return False
        if level.planned is None or number > level.planned:
            self._error(f"{name} is not in the plan")
            return False
        return True

    def _suite_result(self, match, line):
        _, verdict, number, name, _skip, _reason = match.groups()
        if self._suite is None or name != self._suite.name:
            self._error(f"a result out of place: '{line}'")
            return
        self._abandon_running()
        if self._suite.shortfall():
            self._error(self._suite.shortfall())
        children = self.cases[self._suite.first_case:]
        children_ok = all(case.status != FAILED for case in children)
        if children_ok != (verdict == "ok"):
            self._error(f"'{verdict} {number} {name}' disagrees with "
                        "the results of its tests")
        if self._in_sequence(self._top, int(number), name):
            self._top.take()
        self._suite = None


def _status(verdict, skip):
    if skip:
        return SKIPPED
    return PASSED if verdict == "ok" else FAILED
