"""The bugs that the kernel lists (tests/panics.h), one row of tests each."""

import dataclasses
import os
import re
import subprocess

import qemu

LINE = re.compile(r"bug ([a-z0-9-]+) \| (.*?) \| (.+?) \| (.*)")
SECONDS = 60


@dataclasses.dataclass(frozen=True)
class Bug:
    """A bug, and what the report of a kernel that meets it says."""

    name: str
    options: str
    says: str   # the first line, whole, but for "panic: "; * is any text
    also: str   # parts of other lines, with | between them; or nothing

    @property
    def patterns(self):
        """The regular expressions that must match in the console."""
        return ["^panic: " + _pattern(self.says) + "$"] + [
            _pattern(part) for part in self.also.split(" | ") if part]

    def explains(self, console):
        """Is this what happened, going by the report?"""
        return all(re.search(pattern, console, re.MULTILINE)
                   for pattern in self.patterns)

    @property
    def example(self):
        """A report that its patterns fit, with no more than they ask for."""
        return "\n".join([f"panic: {self.says}", *self.also.split(" | "),
                          ""]).replace("*", "0")


def _pattern(text):
    return ".*".join(re.escape(part) for part in text.split("*"))


def parse(console):
    """Return the bugs that a console lists, in its order."""
    bugs = []
    for line in console.replace("\r", "").splitlines():
        if line.startswith("bug "):
            match = LINE.fullmatch(line)
            if match is None:
                raise qemu.SetupError(f"not understood: '{line}'")
            bugs.append(Bug(*match.groups()))
    return bugs


def read(kernel, qemu_path):
    """Boot the kernel for its list; return none if it does not give one."""
    if kernel is None or not os.path.isfile(kernel):
        raise qemu.SetupError(f"{kernel} is missing; run `make` first, "
                              "or name the kernel with --kernel")
    command = ([qemu.find_qemu(qemu_path)]
               + qemu.machine_args(1, "64M", mode="single")
               + qemu.console_args()
               + ["-kernel", kernel, "-append", "panic=list"])
    try:
        done = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, timeout=SECONDS, check=False)
    except subprocess.TimeoutExpired:
        return []
    if done.returncode != qemu.EXIT_PASSED:
        return []
    return parse(done.stdout.decode("utf-8", "replace"))


def confusions(bugs):
    """Return a sentence for each two bugs that a report cannot tell apart."""
    found = []
    names = set()
    for bug in bugs:
        if bug.name in names:
            found.append(f"two bugs are called {bug.name}")
        names.add(bug.name)
        found += [f"the report of {bug.name} would do for {other.name}"
                  for other in bugs
                  if other is not bug and other.explains(bug.example)]
    return found
