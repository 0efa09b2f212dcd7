#!/usr/bin/env python3
"""Have Frama-C's EVA look at what reads firmware's tables, for any memory.

EVA follows all paths at once with sets of values; what it raises no alarm about
cannot happen: no access beyond an object or of what was never written, no
division by 0, no overflow of signed numbers, no panic. Where a set is too
coarse it raises an alarm that is none: eva.cfg lists these, each with the
reason. The exit status is 0 if there is no other, and none of these is gone.
"""

import argparse
import configparser
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
ENTRY = "eva_firmware"
SOURCES = ["kernel/acpi.c", "kernel/mptable.c", "kernel/firmware.c",
           "kernel/topology.c", "kernel/string.c", "tests/fuzz/eva_port.c",
           "tests/fuzz/eva_firmware.c"]
OPTIONS = ["-machdep", "gcc_x86_32", "-c11", "-eva", "-main", ENTRY,
           "-eva-precision", "1",
           "-eva-no-show-progress", "-eva-msg-key=-initial-state,-final-states",
           "-cpp-extra-args=-I. -Isf_buf -include tests/fuzz/eva.h"]
ALARM = re.compile(r"\[eva:alarm\] (\S+?):(\d+): Warning:\s+(.*(?:\n  .*)*)")
STATEMENTS = re.compile(r"(\d+) statements reached \(out of (\d+)\)")


def alarms(text):
    """Return the alarms as {(file, words): line}."""
    return {(match[1], " ".join(match[3].split())): match[2]
            for match in ALARM.finditer(text)}


def explained():
    config = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    config.read(os.path.join(HERE, "eva.cfg"))
    return {(config[name]["file"], config[name]["alarm"]): name
            for name in config.sections()}


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", default="build/fuzz/frama-c.log",
                        metavar="FILE", help="(default: %(default)s)")
    args = parser.parse_args()
    os.chdir(ROOT)
    os.makedirs(os.path.dirname(args.log) or ".", exist_ok=True)
    print(f"frama-c: {len(SOURCES)} files, about a minute", flush=True)
    with open(args.log, "w", encoding="utf-8") as log:
        status = subprocess.run(["frama-c", *OPTIONS, *SOURCES], stdout=log,
                                stderr=subprocess.STDOUT,
                                check=False).returncode
    with open(args.log, encoding="utf-8", errors="replace") as log:
        text = log.read()
    reached = STATEMENTS.search(text)
    if status != 0 or reached is None:
        print(f"frama-c: it did not finish (exit status {status}); see "
              f"{args.log}")
        return 1
    found, reasons = alarms(text), explained()
    new = {alarm for alarm in found if alarm not in reasons}
    gone = {alarm for alarm in reasons if alarm not in found}
    for path, words in sorted(new):
        print(f"new: {path}:{found[path, words]}: {words}")
    for alarm in sorted(gone):
        print(f"no longer raised: {reasons[alarm]}, {alarm[0]}: {alarm[1]}")
    print(f"frama-c: {reached[1]} of {reached[2]} statements of what reads "
          f"firmware's tables reached; {len(found)} alarms, "
          + (f"{len(new)} unexplained" if new else "each explained"))
    return 1 if new or gone else 0


if __name__ == "__main__":
    sys.exit(main())
