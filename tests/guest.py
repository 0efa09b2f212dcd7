"""One row from start to verdict: run QEMU, keep its console, judge it."""

import dataclasses
import os
import re
import select
import shlex
import signal
import subprocess
import threading
import time

import ktap
import qemu
import rows as table

MONITOR_PROMPT = b"ephemera> "

# A kernel that prints without end must not fill the disk.
MAX_LOG_BYTES = 64 * qemu.MEBIBYTE

TAIL_LINES = 25
TAIL_BYTES = 64 * 1024

# The kernel's own sentence about its end, for the exit codes that have one.
IGNORED_OPTION = re.compile(r"^option: (.*): ignored$", re.MULTILINE)
LAST_WORDS = re.compile(
    r"^(?:panic: |watchdog: |Ephemera cannot run here: )\S.*", re.MULTILINE)

# The QEMUs of this program: their sessions are their own, no signal ends them.
_running = set()
_starting = threading.Lock()


def kill_all():
    """End every guest of this program, which starts no other: it ends, too."""
    # Never released. With a limit, for this may be a signal during a start.
    _starting.acquire(timeout=1)
    for process in list(_running):
        process.kill()


def end_with_guests():
    """Have Ctrl-C and SIGTERM end every guest, then this program, with 130."""
    def end(_number, _frame):
        kill_all()
        print("interrupted", flush=True)
        os._exit(130)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)


@dataclasses.dataclass
class Run:
    """What one QEMU process did."""

    exit_code: int = None       # None if it had to be stopped
    seconds: float = 0.0
    stopped: str = ""           # why it had to be stopped
    prompt_seconds: float = None


@dataclasses.dataclass
class Outcome:
    """The verdict on a row. A row without problems and failures is ok."""

    row: table.Row
    cases: list
    problems: list
    seconds: float
    log: str
    extra_log: str = ""
    note: str = ""

    @property
    def failed_cases(self):
        return [case for case in self.cases if case.status == ktap.FAILED]

    @property
    def passed(self):
        if not self.row.counts_tests:
            return 0 if self.problems else 1
        return sum(case.status == ktap.PASSED for case in self.cases)

    @property
    def skipped(self):
        return sum(case.status == ktap.SKIPPED for case in self.cases)

    @property
    def failed(self):
        """Failed tests; a row that fails with none of its own counts one."""
        if self.row.counts_tests and self.failed_cases:
            return len(self.failed_cases)
        return 1 if self.problems else 0

    @property
    def ok(self):
        return self.failed == 0

    @property
    def reason(self):
        """Why it failed, in one sentence."""
        if self.problems:
            return self.problems[0]
        names = [case.name for case in self.failed_cases]
        shown = ", ".join(names[:5]) + (", ..." if len(names) > 5 else "")
        return f"{len(names)} failed: {shown}" if names else ""


class Guest:
    """A QEMU process whose console is kept in a log and read line by line.

    run() blocks in the caller's thread; stop() may come from any other.
    """

    def __init__(self, command, directory, log_name, report):
        self.command = command
        self.directory = directory
        self.log = os.path.join(directory, log_name)
        self.report = report
        self._process = None
        self._stop_reason = ""
        self._rest = b""

    def stop(self, reason):
        """Kill QEMU; the first reason given is the one reported."""
        self._stop_reason = self._stop_reason or reason
        if self._process:
            self._process.kill()

    def run(self, timeout, answer_prompt=False, watched_file=None):
        """Run to the end or for `timeout` seconds and return a Run."""
        run = Run()
        start = time.monotonic()
        with open(self.log, "wb", buffering=0) as log, \
                open(self._path("qemu.stderr"), "ab") as errors:
            # A session of its own: Ctrl-C is for the runner to handle.
            with _starting:
                self._process = subprocess.Popen(
                    self.command, stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE, stderr=errors, bufsize=0,
                    start_new_session=True)
                _running.add(self._process)
            try:
                self._relay(log, run, start, timeout, answer_prompt,
                            watched_file)
                self._await_exit()
            finally:
                self._process.kill()
                self._process.wait()
                _running.discard(self._process)
                self._process.stdin.close()
                self._process.stdout.close()
        run.seconds = time.monotonic() - start
        run.stopped = self._stop_reason
        run.exit_code = None if run.stopped else self._process.returncode
        if self._rest:
            self._feed(b"\n")
        return run

    def _path(self, name):
        return os.path.join(self.directory, name)

    def _relay(self, log, run, start, timeout, answer_prompt, watched_file):
        """Copy the console to the log until it ends or a limit is passed."""
        output = self._process.stdout.fileno()
        logged = 0
        while not self._stop_reason:
            elapsed = time.monotonic() - start
            if elapsed > timeout:
                self.stop(f"timed out after {timeout} s")
            elif logged > MAX_LOG_BYTES or _size(watched_file) > \
                    4 * MAX_LOG_BYTES:
                self.stop("printed without end and was stopped")
            if not select.select([output], [], [], 0.2)[0]:
                continue
            chunk = os.read(output, 65536)
            if not chunk:
                return
            log.write(chunk)
            logged += len(chunk)
            self._feed(chunk)
            if answer_prompt and self._rest.endswith(MONITOR_PROMPT):
                answer_prompt = False
                run.prompt_seconds = time.monotonic() - start
                self._type(b"exit\r")

    def _type(self, text):
        try:
            self._process.stdin.write(text)
        except BrokenPipeError:
            pass  # it has just ended; its exit code tells the rest

    def _await_exit(self):
        if self._stop_reason:
            return
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self.stop("closed its console but did not exit")

    def _feed(self, chunk):
        """Cut the console into lines for the report."""
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        self._rest = self._rest[-65536:]
        for line in lines:
            self.report.feed(line.decode("utf-8", "replace").rstrip("\r"))


def _size(path):
    try:
        return os.path.getsize(path) if path else 0
    except OSError:
        return 0


def tail(path, lines=TAIL_LINES):
    """Return the last lines of a log as text."""
    try:
        with open(path, "rb") as file:
            file.seek(max(0, os.path.getsize(path) - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
    except OSError:
        return []
    return [line.rstrip("\r") for line in text.split("\n")][-lines - 1:]


class RowRunner:
    """Runs one row in its directory; `report` shows how far it has come."""

    def __init__(self, row, kernel, qemu_path, out):
        self.row = row
        self.kernel = kernel
        self.qemu_path = qemu_path
        self.directory = os.path.join(out, row.name)
        self.report = ktap.Report()
        self.outcome = None
        self.started = time.monotonic()
        self._guest = None
        self._cancelled = False

    def cancel(self):
        """End the row early, from another thread."""
        self._cancelled = True
        if self._guest:
            self._guest.stop("interrupted")

    def run(self):
        """Run the row and set `outcome`."""
        log = os.path.join(self.directory, "console.log")
        try:
            self._prepare_directory()
            outcome = self._run_and_judge(log)
        except (OSError, qemu.SetupError,
                subprocess.CalledProcessError) as error:
            outcome = Outcome(self.row, self.report.cases,
                              [f"could not be run: {error}"], 0.0, log)
        outcome.seconds = time.monotonic() - self.started
        self.outcome = outcome

    def _prepare_directory(self):
        os.makedirs(self.directory, exist_ok=True)
        for name in os.listdir(self.directory):
            path = os.path.join(self.directory, name)
            if os.path.isfile(path):
                os.unlink(path)

    def _command(self):
        """Return the QEMU command, kept in command.txt for the reader."""
        boot_image = table.image(self.row, self.kernel)
        if self.row.boot == "iso" and boot_image == self.kernel:
            boot_image = self._make_iso()
        command = [self.qemu_path] + table.boot_args(self.row, boot_image)
        with open(os.path.join(self.directory, "command.txt"), "w",
                  encoding="utf-8") as file:
            file.write(" ".join(map(shlex.quote, command)) + "\n")
        return command

    def _make_iso(self):
        """An ISO has its command line inside; make one with this row's."""
        path = os.path.join(self.directory, "row.iso")
        subprocess.run(
            ["sh", os.path.join(table.ROOT, "scripts", "mkiso.sh"),
             self.kernel, path, self.row.command_line],
            check=True, stdin=subprocess.DEVNULL)
        return path

    def _start(self, command, log_name, report, **options):
        self._guest = Guest(command, self.directory, log_name, report)
        if self._cancelled:
            self._guest.stop("interrupted")
        return self._guest.run(self.row.timeout, **options)

    def _run_and_judge(self, log):
        command = self._command()
        run = self._start(command, "console.log", self.report,
                          answer_prompt=self.row.prompt)
        running = self.report.running
        self.report.finish()
        problems = judge(self.row, run, self.report, running,
                         self.directory)
        cases = self.report.cases if self.row.counts_tests else []
        outcome = Outcome(self.row, cases, problems, 0.0, log)
        if run.exit_code == qemu.EXIT_RESET and self.row.exit != 0:
            outcome.extra_log = self._log_reset(command)
        if run.prompt_seconds is not None:
            outcome.note = f"prompt after {run.prompt_seconds:.1f} s"
        if self.row.twice and not problems:
            problems += self._compare_second_run(command, log)
        return outcome

    def _log_reset(self, command):
        """Repeat a silent death with QEMU's log of interrupts and resets."""
        path = os.path.join(self.directory, "cpu.log")
        self._start(command + ["-d", "cpu_reset,int", "-D", path],
                    "console-again.log", ktap.Report(), watched_file=path)
        return path

    def _compare_second_run(self, command, log):
        """Return a problem if a second run prints anything else."""
        self._start(command, "console-2.log", ktap.Report())
        with open(log, "rb") as first, \
                open(os.path.join(self.directory, "console-2.log"),
                     "rb") as second:
            ours, theirs = first.read(), second.read()
        if ours == theirs:
            return []
        pairs = enumerate(zip(ours.split(b"\n"), theirs.split(b"\n")), 1)
        line = next((number for number, (a, b) in pairs if a != b),
                    "the last")
        return ["two runs of the same seed differ, first at line "
                f"{line}: compare console.log and console-2.log"]


def judge(row, run, report, running, directory):
    """Return the problems of a run as sentences, the gravest first."""
    with open(os.path.join(directory, "console.log"), "rb") as file:
        console = file.read().decode("utf-8", "replace").replace("\r", "")
    problems = _judge_exit(row, run, running, console, directory)
    problems += [f"the kernel did not understand: {line}"
                 for line in IGNORED_OPTION.findall(
                     console.partition("KTAP version")[0])]
    for pattern in row.expect:
        if not re.search(pattern, console, re.MULTILINE):
            problems.append(f"the console does not contain /{pattern}/")
    if row.prompt and run.prompt_seconds is None:
        problems.append("the monitor's prompt never came")
    if row.counts_tests:
        problems += _judge_report(run, report)
    return problems


def _judge_exit(row, run, running, console, directory):
    """Return a problem if the machine ended in another way than it should.

    Exit code 35 is no problem in a row that counts tests: those that failed
    are the failures, and the report is checked against the code.
    """
    while_ran = f" while {running} ran" if running else ""
    if run.stopped:
        return [run.stopped + while_ran]
    if run.exit_code == row.exit or (row.counts_tests and run.exit_code
                                     == qemu.EXIT_FAILED):
        return []
    if run.exit_code == qemu.EXIT_NOTHING_RAN:
        return [f"nothing ran: no test matches '{row.test}'"]
    sentence = qemu.describe_exit(run.exit_code)
    words = _last_words(run, console, directory)
    return [f"{sentence}{while_ran} (exit code {run.exit_code}, "
            f"expected {row.exit})" + (f": {words}" if words else "")]


def _last_words(run, console, directory):
    """Return what the kernel, or QEMU, said about its end."""
    if run.exit_code == 1:
        return " / ".join(tail(os.path.join(directory, "qemu.stderr"),
                               3)).strip(" /")
    match = LAST_WORDS.search(console)
    return match[0] if match else ""


def _judge_report(run, report):
    """Check that the report is complete and agrees with the exit code."""
    problems = list(report.errors)
    failed = report.count(ktap.FAILED)
    if run.exit_code == qemu.EXIT_PASSED and failed:
        problems.append(f"the exit code says that all passed, "
                        f"but {failed} failed")
    if run.exit_code == qemu.EXIT_FAILED and not failed:
        problems.append("the exit code says that a test failed, "
                        "but none is reported")
    return problems
