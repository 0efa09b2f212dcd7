#!/usr/bin/env python3
"""Boot each bug on purpose, and see that each report is of that bug alone.

    tests/misuse/misuse.py                       every bug of build/ephemera.elf
    tests/misuse/misuse.py --debug build/debug/ephemera.elf
                                    and those that only a debug build meets

tests/run.py boots the rows bug-*: the machine must panic, with the sentence
that the kernel's list (panic=list) has for that bug. Then each console is
held against the sentences of all the others: none of them may fit it, too.
The last line is 'misuse: N of N bugs met with their own sentence'; the exit
status is 0 if all were.
"""

import argparse
import os
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests"), os.path.join(ROOT, "scripts")]

import matrix  # noqa: E402
from qemu import QEMU, SetupError  # noqa: E402


def boot(kernel, out, names):
    """Boot the rows of some bugs; return whether all were as expected."""
    sys.stdout.flush()
    return subprocess.run(
        [os.path.join(ROOT, "tests", "run.py"), "--kernel", kernel,
         "--out", out, "--rows", ",".join(f"bug-{name}" for name in names)],
        check=False).returncode == 0


def judge(bugs, out, names):
    """Return the names of those whose report fits them and no other."""
    met = []
    for name in names:
        path = os.path.join(out, f"bug-{name}", "console.log")
        try:
            with open(path, "rb") as file:
                console = file.read().decode("utf-8", "replace")
        except OSError as error:
            print(f"{name}: no console: {error.strerror}")
            continue
        fits = [bug.name for bug in bugs
                if bug.explains(console.replace("\r", ""))]
        if fits == [name]:
            met.append(name)
        else:
            print(f"{name}: its report is that of "
                  + (", ".join(fits) or "none"))
    return met


def run(kernel, out, skip=()):
    """Return how many bugs there were, how many were met, and their names."""
    bugs = matrix.read(kernel, QEMU)
    if not bugs:
        raise SetupError(f"{kernel} does not list its bugs (panic=list)")
    names = [bug.name for bug in bugs if bug.name not in skip]
    for sentence in matrix.confusions(bugs):
        print(sentence)
    as_expected = boot(kernel, out, names)
    met = judge(bugs, out, names)
    if not as_expected and len(met) == len(names):
        met.pop()  # a row failed for another reason: its log says which
    return len(names), len(met), names


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default="build/ephemera.elf",
                        metavar="FILE", help="default: %(default)s")
    parser.add_argument("--debug", metavar="FILE",
                        help="a kernel made with DEBUG=1")
    parser.add_argument("--out", default="build/misuse", metavar="DIR",
                        help="where logs go (default: %(default)s)")
    args = parser.parse_args(argv)
    try:
        total, met, names = run(args.kernel, args.out)
        if args.debug:
            more, more_met, _ = run(args.debug, args.out + "-debug", names)
            total, met = total + more, met + more_met
    except SetupError as error:
        print(f"misuse: {error}")
        return 2
    print(f"misuse: {met} of {total} bugs met with their own sentence")
    return 0 if met == total else 1


if __name__ == "__main__":
    sys.exit(main())
