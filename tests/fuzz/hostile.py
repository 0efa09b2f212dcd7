#!/usr/bin/env python3
"""Boot the machines of tests/fuzz/hostile.cfg and say how many came out right.

    tests/fuzz/hostile.py                  all
    tests/fuzz/hostile.py --rows 'mp-*'    some, as tests/run.py has it

First it makes the option ROMs that they name. Rows named phys-bits-* run in
qemu-system-x86_64: only there does QEMU let a processor's reach be chosen.
The exit status is 0 if each machine did what its row says, else 1.
"""

import argparse
import fnmatch
import os
import subprocess
import sys
import xml.etree.ElementTree as xml

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path[:0] = [os.path.dirname(HERE), os.path.join(ROOT, "scripts")]

import rows as table  # noqa: E402
from qemu import SetupError  # noqa: E402

CONFIG = os.path.join(HERE, "hostile.cfg")
ROMS = "build/fuzz/roms"
WIDE = "phys-bits-*"
WIDE_QEMU = "qemu-system-x86_64"


def run(names, options, out):
    """Run some rows. Return how many there were, and which failed."""
    if not names:
        return 0, []
    status = subprocess.run(
        [os.path.join(ROOT, "tests", "run.py"), "--config", CONFIG,
         "--rows", ",".join(names), "--out", out, *options],
        check=False).returncode
    if status not in (0, 1):
        sys.exit(status)
    suites = xml.parse(os.path.join(out, "junit.xml")).getroot()
    good = {suite.get("name") for suite in suites
            if suite.get("failures") == "0" and suite.get("tests") != "0"}
    return len(names), [name for name in names if name not in good]


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kernel", default="build/ephemera.elf",
                        metavar="FILE", help="(default: %(default)s)")
    parser.add_argument("--rows", default="*", metavar="GLOB[,GLOB]",
                        help="the machines of these names (default: all)")
    parser.add_argument("--jobs", metavar="N", help="host CPUs to keep busy")
    args = parser.parse_args()
    os.chdir(ROOT)
    try:
        names = [row.name for row in
                 table.select(table.load(CONFIG), args.rows, "all")]
    except SetupError as error:
        print(f"tests/fuzz/hostile.py: {error}", file=sys.stderr)
        return 2
    subprocess.run([os.path.join(HERE, "junk_tables.py"), ROMS], check=True)
    wide = fnmatch.filter(names, WIDE)
    options = ["--kernel", args.kernel]
    options += ["--jobs", args.jobs] if args.jobs else []
    count, failed = run([name for name in names if name not in wide], options,
                        "build/fuzz/hostile")
    more, also = run(wide, options + ["--qemu", WIDE_QEMU],
                     "build/fuzz/hostile-wide")
    count, failed = count + more, failed + also
    print(f"hostile boots: {count - len(failed)} of {count} machines boot, or "
          "say why not" + (f"; not {', '.join(failed)}" if failed else ""))
    return 0 if count and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
