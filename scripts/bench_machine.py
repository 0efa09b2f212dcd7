"""The machines that benchmarks run on: one boot of QEMU is one pass."""

import bisect
import dataclasses
import fnmatch
import os
import re
import select
import subprocess

from bench_cases import (KNOWN, OURS, PLAN, WINDOW, BenchError, Case,
                         Counted, join_name, parse_line)
from bench_goals import SCALING_CASE
from qemu import (EXIT_NOTHING_RAN, EXIT_PASSED, console_args, describe_exit,
                  machine_args)

MEMORY = "2G"       # half of it above the direct map
SCALING_CPUS = 16

# Other windows than the usual: what is measured with them, of which engines,
# and on how many CPUs. The rounds are of CPUs that are interrupted.
LARGE_WINDOWS = {
    4096: (("sf_buf.shared_miss_busy",), "*", (2, 4, 8)),
    65536: (("sf_buf.shared_miss_scarce", "sf_buf.nowait_full"), OURS,
            (1, 8)),
}

# The engines of which it is asked how they scale.
SCALING_ENGINES = (OURS, "classic", "pkmap")

NO_NEWS_SECONDS = 120   # a machine that prints nothing for so long hangs


class NothingMatched(Exception):
    """No benchmark has such a name; the argument lists those there are."""


def cpu_words(cpus):
    return "1 CPU" if cpus == 1 else f"{cpus} CPUs"


# ---- passes

@dataclasses.dataclass(frozen=True)
class Pass:
    """One boot."""

    what: str           # cost, time or scaling
    cpus: int
    globs: str
    engines: str = "*"
    window: int = WINDOW

    @property
    def mode(self):
        return "icount" if self.what == "cost" else "mttcg"

    @property
    def words(self):
        """Return what it is, for a person."""
        about = "" if self.what == "cost" else f", {self.what}"
        window = "" if self.window == WINDOW else f", {self.window:,} buffers"
        return cpu_words(self.cpus) + about + window

    @property
    def log_name(self):
        parts = ["console", str(self.cpus)]
        parts += [] if self.window == WINDOW else [str(self.window)]
        parts += [] if self.what == "cost" else [self.what]
        return "-".join(parts) + ".log"

    @property
    def weight(self):
        """Return about how many seconds it takes, against the others."""
        if self.what == "scaling":
            return 50
        share = 1 if self.window == WINDOW else 0.1
        if self.mode == "icount":
            return 3 + share * (25 + 7 * self.cpus)
        return 1 + share * (20 + 10 * self.cpus)


def matching(names, globs, window=WINDOW):
    """Return the names that any glob matches, with the window or without."""
    def wanted(name):
        full = join_name(name, window)
        return any(fnmatch.fnmatchcase(full, glob)
                   or fnmatch.fnmatchcase(name, glob)
                   for glob in globs.split(","))

    return ",".join(filter(wanted, names))


def chosen(engines, allowed):
    """Return those of `allowed` that a glob of `engines` matches."""
    return [engine for engine in allowed
            if any(fnmatch.fnmatchcase(engine, glob)
                   for glob in engines.split(","))]


def plan(globs, counts, modes, engines="*"):
    """Return the passes; globs, engines: with commas between."""
    passes = []
    for what, mode in (("cost", "icount"), ("time", "mttcg")):
        if mode not in modes:
            continue
        passes += [Pass(what, cpus, globs, engines) for cpus in counts]
        for window, (names, allowed, on) in LARGE_WINDOWS.items():
            names = matching(names, globs, window)
            which = engines if allowed == "*" \
                else ",".join(chosen(engines, (allowed,)))
            passes += [Pass(what, cpus, names, which, window)
                       for cpus in counts if names and which and cpus in on]
    hits = matching((SCALING_CASE,), globs)
    which = ",".join(chosen(engines, SCALING_ENGINES))
    if hits and which and "mttcg" in modes:
        passes.append(Pass("scaling", SCALING_CPUS, hits, which))
    return passes


# ---- the plugin

MARKS = {"mark_begin": "bench_mark_begin", "mark_end": "bench_mark_end",
         "mark_keep": "bench_mark_keep", "mark_report": "bench_mark_report",
         "work_begin": "bench_work_begin", "work_end": "bench_work_end"}
LOCKS = ("spin_lock", "spin_trylock", "mtx_lock", "mtx_trylock")


class Symbols:
    """The image's names by address."""

    def __init__(self, text):
        entries = sorted(
            (int(match[1], 16), match[2])
            for match in re.finditer(r"^([0-9a-f]+) [A-Za-z] (\S+)$", text,
                                     re.MULTILINE))
        self._addresses = [address for address, _ in entries]
        self._names = [name for _, name in entries]
        self.by_name = dict(zip(self._names, self._addresses))

    @classmethod
    def of(cls, kernel):
        """Read an image; without nm, or names, there are none."""
        try:
            done = subprocess.run(["nm", kernel], capture_output=True,
                                  text=True, check=False)
        except OSError:
            return cls("")
        return cls(done.stdout)

    def name(self, address):
        """Return 'function+0x12', or the number if it is in none."""
        at = bisect.bisect_right(self._addresses, address) - 1
        if at < 0 or at == len(self._names) - 1:
            return f"{address:#x}, not in the image"
        offset = address - self._addresses[at]
        return self._names[at] + (f"+{offset:#x}" if offset else "")


def plugin_args(path, qemu, symbols):
    """Return QEMU's arguments for the plugin, and why there are none.

    One of the two is empty.
    """
    left_out = "; locked_ops, locks and shared_lines are left out"
    if not os.path.isfile(path):
        return [], f"{path} is missing (`make bench` builds it){left_out}"
    missing = [name for name in (*MARKS.values(), LOCKS[0])
               if name not in symbols.by_name]
    if missing:
        return [], f"nm finds no {missing[0]} in the kernel{left_out}"
    places = [f"{mark}={symbols.by_name[name]:x}"
              for mark, name in MARKS.items()]
    places += [f"lock={symbols.by_name[name]:x}" for name in LOCKS
               if name in symbols.by_name]
    # A comma in a path is written twice.
    plugin = ",".join([os.path.abspath(path).replace(",", ",,"), *places])
    error = _try_plugin(qemu, plugin)
    if error:
        return [], f"this QEMU does not load the plugin ({error}){left_out}"
    return ["-plugin", plugin], ""


def _try_plugin(qemu, plugin):
    """Return what QEMU says against it, or nothing."""
    try:
        done = subprocess.run(
            [qemu, "-accel", "tcg", "-machine", "none", "-nodefaults",
             "-display", "none", "-monitor", "stdio", "-plugin", plugin],
            input="quit\n", capture_output=True, text=True, timeout=30,
            check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return str(error)
    if done.returncode == 0 and "QEMU" in done.stdout:
        return ""
    return (done.stderr.strip().splitlines() or ["it says nothing"])[-1]


# ---- one boot

class Machine:
    """Boots one machine and collects its cases."""

    def __init__(self, args, which, on_case):
        self.which = which
        self.planned = None
        self.cases: list[Case] = []
        self._known = []
        self._counted = Counted()
        self._process = None
        self.log = os.path.join(args.out, which.log_name)
        self._command = self._make_command(args)
        self._on_case = on_case
        self._rest = b""

    def _make_command(self, args):
        which = self.which
        words = (f"bench={which.globs} bench.engine={which.engines} "
                 f"kern.ipc.nsfbufs={which.window}")
        if which.mode == "mttcg":
            words += f" bench.what={which.what}"
        extra = args.plugin_args if which.mode == "icount" else []
        return ([args.qemu_path]
                + machine_args(which.cpus, MEMORY, "max", which.mode)
                + console_args() + extra
                + ["-kernel", args.kernel, "-append", words])

    def run(self):
        """Run to the end; raise BenchError if anything is missing."""
        with open(self.log, "wb", buffering=0) as log:
            # A session of its own: Ctrl-C is for this script to handle.
            process = subprocess.Popen(
                self._command, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, bufsize=0,
                start_new_session=True)
            self._process = process
            try:
                self._relay(process.stdout, log)
                code = process.wait(timeout=10)
            except subprocess.TimeoutExpired as error:
                raise self._error("closed its console but did not end"
                                  ) from error
            finally:
                process.kill()
                process.wait()
                process.stdout.close()
        self._judge(code)

    def stop(self):
        """End it, from another thread; run() then fails."""
        if self._process is not None:
            self._process.kill()

    def _relay(self, output, log):
        while True:
            if not select.select([output], [], [], NO_NEWS_SECONDS)[0]:
                raise self._error("printed nothing for "
                                  f"{NO_NEWS_SECONDS} s and was stopped")
            chunk = os.read(output.fileno(), 65536)
            if not chunk:
                return
            log.write(chunk)
            *lines, self._rest = (self._rest + chunk).split(b"\n")
            for line in lines:
                self._read(line.decode("utf-8", "replace").rstrip("\r"))

    def _read(self, line):
        plan_line = PLAN.match(line)
        if plan_line:
            self.planned = int(plan_line[1])
        known = KNOWN.match(line)
        if known:
            self._known.append(known[1])
        self._counted.read(line)
        case = parse_line(line, self.which.window)
        if case is None:
            return
        if case.mode != self.which.mode:
            raise self._error("measured something else than it was asked to")
        if self.which.what != "scaling" and case.cpus != self.which.cpus:
            raise self._error(f"started only {case.cpus} of them")
        if case.mode == "icount":
            self._counted.add_to(case)
        self.cases.append(case)
        self._on_case(self)

    def _judge(self, code):
        if code == EXIT_NOTHING_RAN:
            raise NothingMatched(", ".join(dict.fromkeys(self._known)))
        if code != EXIT_PASSED:
            raise self._error(f"ended badly: {describe_exit(code)} "
                              f"(QEMU's exit code {code})")
        if len(self.cases) != self.planned:
            raise self._error(f"delivered {len(self.cases)} cases, but "
                              f"planned {self.planned}")

    def _error(self, what):
        return BenchError(f"the machine with {self.which.words} {what}; "
                          f"see {self.log}")
