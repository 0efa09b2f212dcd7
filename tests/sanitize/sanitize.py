#!/usr/bin/env python3
"""Run the rows of tests/sanitize/rows.cfg for one sanitizer's kernel.

    tests/sanitize/sanitize.py ubsan

The row NAME runs every test, with no report; each row NAME-BUG meets a bug
that was planted for it. Arguments after the name go to tests/run.py. The
last line says what came out; the exit status is 0 if all is as it should be.
"""

import argparse
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
ROWS = os.path.join(ROOT, "tests", "sanitize", "rows.cfg")


def results(path):
    """Return the numbers (passed, failed, skipped) of each row by name."""
    numbers = {}
    for suite in xml.parse(path).getroot():
        failed, skipped = (int(suite.get(key))
                           for key in ("failures", "skipped"))
        numbers[suite.get("name")] = (
            int(suite.get("tests")) - failed - skipped, failed, skipped)
    return numbers


def sentence(name, numbers):
    """Return the last line, given the rows' numbers."""
    passed, failed, skipped = numbers.get(name, (0, 0, 0))
    planted = [row for row in numbers if row.startswith(name + "-")]
    caught = sum(numbers[row][0] == 1 for row in planted)
    suite = (f"{passed} tests passed on 4 CPUs, {skipped} skipped, no report"
             if passed and not failed else
             f"{passed} tests passed, {failed} failed")
    return f"{name}: {suite}; {caught} of {len(planted)} planted bugs caught"


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", help="a variant: ubsan, kasan or kcsan")
    args, more = parser.parse_known_args(argv)
    out = os.path.join(ROOT, "build", args.name, "test")
    report = os.path.join(out, "junit.xml")
    if os.path.exists(report):
        os.unlink(report)
    status = subprocess.run(
        [os.path.join(ROOT, "tests", "run.py"), "--config", ROWS,
         "--rows", f"{args.name},{args.name}-*", "--out", out, "--kernel",
         os.path.join(ROOT, "build", args.name, "ephemera.elf"), *more],
        cwd=ROOT, check=False).returncode
    if not os.path.exists(report):
        print(f"{args.name}: nothing was run")
        return status or 1
    print(sentence(args.name, results(report)))
    return status


if __name__ == "__main__":
    sys.exit(main())
