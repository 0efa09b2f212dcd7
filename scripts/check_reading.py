#!/usr/bin/env python3
"""Check the layering of the source against docs/READING.

docs/READING names every source file once, in the order in which a newcomer
should read them: lines of `path  - words`, under headings `## ...`; lines
that begin with `#` and empty ones say nothing to this tool. A file may
include only what stands above it. On top of that order there are a few rules
on who may use what; they stand at the top of this script.

Each violation is one line, `path:line: sentence`. The exit status is 1 if
there is any.
"""

import argparse
import fnmatch
import os
import re
import sys

READING = "docs/READING"

FOLDERS = ("boot", "kernel", "mm", "sf_buf", "tests")
NOT_OURS = ("tests/host/*",)
EXTENSIONS = (".c", ".h", ".S", ".ld")

# Where the compiler looks for a header, in this order.
INCLUDE_FOLDERS = ("", "sf_buf/", "tests/bench/engines/sf_buf/")

# Headers that the compiler itself brings along.
FREESTANDING = ("stdarg.h", "stdbool.h", "stddef.h", "stdint.h", "limits.h",
                "stdalign.h", "stdnoreturn.h", "stdatomic.h")

# Files of the host build that are compiled for the host, with its headers.
HOSTED = ("tests/port/host.c", "tests/port/parallel.c",
          "tests/port/fiber_*.c", "tests/port/helgrind_hb.c")

# Who may include what: a header's pattern, and the files that may use it.
USERS = {
    "sf_buf/*": ("sf_buf/*", "tests/*", "kernel/monitor*.c", "kernel/main.c",
                 "kernel/tour.c", "kernel/banner.c"),
    "boot/multiboot.h": ("boot/*", "tests/fuzz/*"),
}

# All that the sf_buf layer needs of a kernel: the list of a port.
SF_BUF_NEEDS = (
    "kernel/atomic.h", "kernel/backtrace.h", "kernel/console.h",
    "kernel/counter.h", "kernel/cpu.h", "kernel/errno.h", "kernel/panic.h",
    "kernel/sleepq.h", "kernel/spinlock.h", "kernel/thread.h",
    "kernel/types.h",
    "mm/kva.h", "mm/layout.h", "mm/pmap.h", "mm/tlb.h", "mm/vm_page.h",
    "sf_buf/*",
)
SF_BUF_CONSUMERS = "sf_buf/consumers/*"

ASSEMBLY_HOME = "kernel/x86.h"

ENTRY = re.compile(r"(\S+)\s+- \S")
INCLUDE = re.compile(r'\s*#\s*include\s*(["<])([^">]+)[">]')
CONDITIONAL = re.compile(r"\s*#\s*(if|ifdef|ifndef|elif)\b")
ASSEMBLY = re.compile(r"\b(__asm__|__asm|asm)\b\s*(volatile|goto|__|\()")
EXTERN = re.compile(r"extern\b")

# A comment, or a literal that might look like one.
COMMENT_OR_LITERAL = re.compile(
    r"""//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'""",
    re.DOTALL)


class Checker:
    """Collects the violations of one source tree."""

    def __init__(self, root):
        self.root = root
        self.violations = []
        self.order = {}

    def check(self):
        """Run every check and return the violations, sorted by place."""
        files = source_files(self.root)
        self._read_order()
        for path in files:
            if path not in self.order:
                self._report(path, 1, f"is not named in {READING}")
        for path, (_, line) in self.order.items():
            if path not in files:
                self._report(READING, line, f"{path} does not exist")
        for path in files:
            self._check_file(path)
        return [f"{path}:{line}: {sentence}"
                for path, line, sentence in sorted(self.violations)]

    def _report(self, path, line, sentence):
        self.violations.append((path, line, sentence))

    def _read_order(self):
        """Fill `order` with each file's place in the list, and its line."""
        try:
            text = read(self.root, READING)
        except OSError as error:
            self._report(READING, 1, f"cannot be read: {error.strerror}")
            return
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            match = ENTRY.match(line)
            if match is None:
                self._report(READING, number, "is not 'path  - words'")
            elif match[1] in self.order:
                self._report(READING, number, f"{match[1]} is named twice, "
                             f"first in line {self.order[match[1]][1]}")
            else:
                self.order[match[1]] = (len(self.order), number)

    def _check_file(self, path):
        text = read(self.root, path)
        code = without_comments(text)
        # An include's path looks like a string; read it from the original,
        # but only where a comment did not swallow the line.
        for number, (line, bare) in enumerate(
                zip(text.split("\n"), code.split("\n")), 1):
            match = INCLUDE.match(line) if "include" in bare else None
            if match:
                self._check_include(path, number, match[1], match[2])
            self._check_style(path, number, bare)

    def _check_style(self, path, number, line):
        if path.endswith(".S") or path.endswith(".ld"):
            return
        if ASSEMBLY.search(line) and path != ASSEMBLY_HOME:
            self._report(path, number, "inline assembly belongs in "
                         + ASSEMBLY_HOME)
        if not path.endswith(".c"):
            return
        if CONDITIONAL.match(line):
            self._report(path, number, "a .c file has no #if: vary by "
                         "linking, a table or a boot option")
        if EXTERN.match(line):
            self._report(path, number, "a .c file has no extern: declare "
                         "it once, in a header")

    def _check_include(self, path, number, bracket, name):
        header = self._resolve(name)
        if header is None:
            if bracket == "<" and (name in FREESTANDING
                                   or matches(path, HOSTED)):
                return
            self._report(path, number, f"no header '{name}' can be found "
                         "from the project's root")
            return
        for sentence in self._objections(path, header):
            self._report(path, number, sentence)

    def _resolve(self, name):
        """Return the path of a header of ours, or None."""
        for folder in INCLUDE_FOLDERS:
            if os.path.isfile(os.path.join(self.root, folder + name)):
                return os.path.normpath(folder + name)
        return None

    def _objections(self, path, header):
        """Yield why `path` may not include `header`."""
        ours, theirs = self.order.get(path), self.order.get(header)
        if ours and theirs and theirs >= ours:
            yield f"{header} does not stand above it in {READING}"
        for pattern, users in USERS.items():
            if fnmatch.fnmatch(header, pattern) and not matches(path, users):
                yield f"{header} is not for this file to include"
        if (path.startswith("sf_buf/")
                and not fnmatch.fnmatch(path, SF_BUF_CONSUMERS)
                and not matches(header, SF_BUF_NEEDS)):
            yield (f"{header} is not among the headers that sf_buf may need "
                   "(SF_BUF_NEEDS in scripts/check_reading.py)")


def matches(path, patterns):
    return any(fnmatch.fnmatch(path, pattern) for pattern in patterns)


def read(root, path):
    with open(os.path.join(root, path), encoding="utf-8",
              errors="replace") as file:
        return file.read()


def source_files(root):
    """Return the paths of all source files that READING must name."""
    found = [name for name in os.listdir(root) if name.endswith(EXTENSIONS)]
    for top in FOLDERS:
        for folder, _, names in os.walk(os.path.join(root, top)):
            for name in names:
                path = os.path.relpath(os.path.join(folder, name), root)
                if (path.endswith(EXTENSIONS)
                        and not matches(path, NOT_OURS)):
                    found.append(path)
    return sorted(found)


def without_comments(text):
    """Return C text with comments and literals emptied, lines kept."""
    def blank(match):
        token = match[0]
        if token[0] in "\"'":
            return token[0] + token[-1]
        return "\n" * token.count("\n") or " "

    return COMMENT_OR_LITERAL.sub(blank, text)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", metavar="DIR", help="the source tree",
                        default=os.path.dirname(os.path.dirname(
                            os.path.abspath(__file__))))
    args = parser.parse_args(argv)
    violations = Checker(args.root).check()
    for violation in violations:
        print(violation)
    if violations:
        print(f"check_reading: {len(violations)} violations",
              file=sys.stderr)
        return 1
    print(f"check_reading: {len(source_files(args.root))} files follow "
          f"{READING}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
