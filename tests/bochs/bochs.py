#!/usr/bin/env python3
"""Run the suites on a second kind of machine: Bochs, with several CPUs.

    tests/bochs/bochs.py                        all suites
    tests/bochs/bochs.py --test 'sf_*'          some of them
    tests/bochs/bochs.py --seeded-kernel FILE   and a kernel that must fail

Bochs is another reading of the manuals than QEMU. It keeps global pages over a
load of CR3, faults on reserved bits of directory pointers, and takes a byte on
a serial line only when that has room.

The kernel boots from a GRUB image. Its console is a file, which is followed
and read as KTAP (see tests/ktap.py): every planned test must have a result.
With --seeded-kernel, the suite 'oracle' must then find that kernel's bug,
which QEMU does not show (tests/variants/global.mk).

The last line says how many passed; the exit status is 0 if all did, 1 if not,
2 if nothing could be run.
"""

import argparse
import contextlib
import os
import pty
import re
import signal
import subprocess
import sys
import time
import tty

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "scripts")]

import guest  # noqa: E402
import ktap  # noqa: E402

NEWS_SECONDS = 15
BIOS = "/usr/share/bochs/"

# A CPU runs that many instructions in a second of the machine's time. Bochs
# does some 50 million in a second of ours; with so few in a second of its own,
# what takes a while would exceed the tests' budgets.
IPS = 300_000_000

# So many that a harvest is a sweep of the whole window, which some tests want.
BUFFERS = 1000
SEEDED_TESTS = "oracle.*"

BOCHSRC = """\
display_library: term
romimage: file={bios}BIOS-bochs-latest, options=fastboot
vgaromimage: file={bios}VGABIOS-lgpl-latest
cpu: model=corei7_sandy_bridge_2600k, count={cpus}, ips={ips}
clock: sync=none, time0=946681200
memory: guest={memory}, host={host_memory}
ata0-master: type=cdrom, path={iso}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=console.log
log: bochs.log
panic: action=fatal
"""
SCREEN = re.compile(rb'connected to screen "(/dev/[^"]+)"')

# As much of the machine's memory as is in use at a time; the rest is on disk.
MAX_HOST_MEMORY = 512


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default="build/ephemera.elf", metavar="FILE",
        help="the kernel to boot (default: %(default)s)")
    add("--seeded-kernel", metavar="FILE",
        help="a kernel with a bug that the oracle must find")
    add("--out", default="build/bochs", metavar="DIR",
        help="where logs go (default: %(default)s)")
    add("--test", default="*", metavar="GLOB",
        help="the tests to run (default: all)")
    add("--append", default=f"kern.ipc.nsfbufs={BUFFERS}", metavar="WORDS",
        help="more kernel command line (default: %(default)s)")
    add("--cpus", type=int, default=2, metavar="N",
        help="number of CPUs (default: %(default)s)")
    add("--memory", type=int, default=1280, metavar="MIB",
        help="memory of the machine (default: %(default)s)")
    add("--timeout", type=int, default=1200, metavar="SECONDS",
        help="stop a machine after this long (default: %(default)s)")
    return parser.parse_args(argv)


class Machine:
    """One boot: its directory, its process, and what its console says."""

    def __init__(self, args, kernel, name, test):
        self.directory = os.path.join(os.path.abspath(args.out), name)
        self.console = os.path.join(self.directory, "console.log")
        self.report = ktap.Report()
        self.name = name
        self.problems = []
        self._args = args
        self._command_line = f"test={test} {args.append}".strip()
        self._kernel = kernel
        self._terminals = []
        self._read = 0
        self._rest = b""

    def run(self):
        """Boot it and follow its console until it ends."""
        self._prepare()
        # Bochs talks on one terminal, and draws on another that it makes.
        talk, terminal = pty.openpty()
        process = subprocess.Popen(
            ["bochs", "-q", "-f", "bochsrc", "-rc", "commands"],
            cwd=self.directory, env={**os.environ, "TERM": "xterm"},
            stdin=terminal, stdout=terminal, stderr=terminal,
            start_new_session=True)
        self._terminals = [talk]
        try:
            self._follow(process)
        finally:
            stop(process)
            for number in [terminal, *self._terminals]:
                os.close(number)
        self.report.finish()
        self.problems += self.report.errors
        if not self.report.started:
            self.problems.append(
                f"the console says nothing; see {self.directory}/bochs.log")

    def _prepare(self):
        os.makedirs(self.directory, exist_ok=True)
        iso = os.path.join(self.directory, "test.iso")
        for name in ("console.log", "screen.log"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(os.path.join(self.directory, name))
        subprocess.run(
            ["sh", os.path.join(ROOT, "scripts", "mkiso.sh"), self._kernel,
             iso, self._command_line], check=True, stdin=subprocess.DEVNULL)
        self._write("bochsrc", BOCHSRC.format(
            bios=BIOS, iso="test.iso", ips=IPS, cpus=self._args.cpus,
            memory=self._args.memory,
            host_memory=min(self._args.memory, MAX_HOST_MEMORY)))
        self._write("commands", "c\n")  # of the debugger: continue

    def _write(self, name, text):
        with open(os.path.join(self.directory, name), "w",
                  encoding="utf-8") as file:
            file.write(text)

    def _follow(self, process):
        start = news = time.monotonic()
        while process.poll() is None:
            time.sleep(0.5)
            self._drain()
            self._feed()
            now = time.monotonic()
            if now - start > self._args.timeout:
                self.problems.append(
                    f"timed out after {self._args.timeout} s"
                    + (f" while {self.report.running} ran"
                       if self.report.running else ""))
                return
            if now - news >= NEWS_SECONDS:
                news = now
                print(f"  {self.name}: {now - start:.0f} s, "
                      f"{len(self.report.cases)} tests, at "
                      f"{self.where()}", flush=True)
        self._feed()
        if self._rest:
            self.report.feed(self._rest.decode("utf-8", "replace"))

    def where(self):
        cases = self.report.cases
        return (self.report.running or
                (f"the end of {cases[-1].name}" if cases else "its start"))

    def _drain(self):
        """Read both terminals: one that is full would stop Bochs."""
        with open(os.path.join(self.directory, "screen.log"), "ab") as log:
            for number in self._terminals:
                os.set_blocking(number, False)
                # Nothing, or an error, when Bochs has ended.
                with contextlib.suppress(OSError):
                    while chunk := os.read(number, 65536):
                        log.write(chunk)
        if len(self._terminals) == 1:
            self._open_screen()

    def _open_screen(self):
        with open(os.path.join(self.directory, "screen.log"), "rb") as log:
            match = SCREEN.search(log.read())
        if match:
            screen = os.open(match[1], os.O_RDONLY | os.O_NOCTTY)
            tty.setraw(screen)
            self._terminals.append(screen)

    def _feed(self):
        """Read what the console's file has got since."""
        if not os.path.exists(self.console):
            return
        with open(self.console, "rb") as file:
            file.seek(self._read)
            chunk = file.read()
        self._read += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        for line in lines:
            self.report.feed(line.decode("utf-8", "replace").rstrip("\r"))

    def print_end(self):
        for line in guest.tail(self.console):
            print("  | " + line)

    @property
    def failed(self):
        return [case for case in self.report.cases
                if case.status == ktap.FAILED]


def stop(process):
    """End Bochs and what it started."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def run_suites(args):
    """Run the kernel; return the last line, and whether it is a good one."""
    machine = Machine(args, args.kernel, "suites", args.test)
    machine.run()
    count = machine.report.count
    for case in machine.report.cases:
        if case.status == ktap.SKIPPED:
            print(f"  skipped: {case.name}: {case.reason}")
    for case in machine.failed:
        print(f"  failed: {case.name}: "
              f"{'; '.join(case.diagnostics) or case.reason}")
    figures = (f"bochs: {count(ktap.PASSED)} tests passed, "
               f"{count(ktap.SKIPPED)} skipped on {args.cpus} CPUs")
    if machine.failed or machine.problems:
        machine.print_end()
        return (f"{figures}, {len(machine.failed)} failed"
                + "".join(f"; {problem}" for problem in machine.problems[:3]),
                False)
    return figures, count(ktap.PASSED) > 0


def run_seeded(args):
    """Run the kernel that has a bug; return what to add to the last line."""
    machine = Machine(args, args.seeded_kernel, "seeded", SEEDED_TESTS)
    machine.run()
    if not machine.failed:
        machine.print_end()
        return "; a seeded bug was NOT found", False
    case = machine.failed[0]
    print(f"  found: {case.name}: {'; '.join(case.diagnostics)}")
    return "; a bug seeded with global pages was found", True


def main(argv=None):
    args = parse_arguments(argv)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for kernel in filter(None, (args.kernel, args.seeded_kernel)):
        if not os.path.isfile(kernel):
            print(f"bochs.py: {kernel} is missing; run `make bochs`",
                  file=sys.stderr)
            return 2
    try:
        line, good = run_suites(args)
        if good and args.seeded_kernel:
            more, good = run_seeded(args)
            line += more
    except (OSError, subprocess.CalledProcessError) as error:
        print(f"bochs: could not be run: {error}")
        return 2
    except KeyboardInterrupt:
        return 130
    print(line)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
