#!/usr/bin/env python3
"""Run the soaks: very many operations, and a very long time.

    tests/soak/soak.py --kernel build/soak/ephemera.elf
    tests/soak/soak.py --rows many --operations 1000000

The rows are those of tests/soak/soak.cfg. Numbers that wrap are static in the
kernel; the symbols of the image say where, and the command line tells the
kernel. The last line has the figures; the exit status is 0 if all passed, 1
if not, 2 if nothing could be run.
"""

import argparse
import dataclasses
import os
import re
import subprocess
import sys
import threading
import time

TESTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir)
sys.path[:0] = [os.path.join(TESTS, os.pardir, "scripts"), TESTS]

import guest  # noqa: E402
import qemu  # noqa: E402
import rows as table  # noqa: E402

NEWS_SECONDS = 20

# A word of the command line, the static that it is about, and how many bytes
# after its start the number stands (struct harvest of sf_buf/sf_window.c).
NUMBERS = (("newest", "newest", 0), ("last_tid", "last_tid", 0),
           ("harvest", "harvest", 12))

NOTE = re.compile(r"# (soak: .*)")
MANY = re.compile(r"soak: (\d+) operations with tags checked on (\d+) CPUs "
                  r"in (\d+) s")
DAY = re.compile(r"soak: from (\d+) s to (\d+) s, (\d+) operations")
WRAPPED = re.compile(r"soak: (\d+) counters wrapped")


def addresses(kernel):
    """Return the words that say where the numbers stand."""
    listing = subprocess.run(["nm", kernel], check=True, text=True,
                             capture_output=True).stdout.split("\n")
    words = []
    for word, symbol, offset in NUMBERS:
        places = [line.split()[0] for line in listing
                  if line.split()[2:] == [symbol]]
        if len(places) != 1:
            raise qemu.SetupError(f"{kernel} has {len(places)} symbols that "
                                  f"are called {symbol}; one is needed")
        words.append(f"variant.{word}={int(places[0], 16) + offset:#x}")
    return " ".join(words)


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read().decode("utf-8", "replace").replace("\r", "")
    except OSError:
        return ""


def run_row(row, args, qemu_path):
    """Run one row, with a line about it now and then; return its outcome."""
    runner = guest.RowRunner(row, args.kernel, qemu_path, args.out)
    thread = threading.Thread(target=runner.run, daemon=True)
    log = os.path.join(runner.directory, "console.log")
    thread.start()
    while thread.is_alive():
        thread.join(NEWS_SECONDS)
        if thread.is_alive():
            notes = NOTE.findall(read(log))
            print(f"  {row.name}: {notes[-1] if notes else 'starts'}",
                  flush=True)
    return runner.outcome


def figure(pattern, text):
    match = pattern.search(text)
    return [int(group) for group in match.groups()] if match else None


def summarize(outcomes):
    """Return the last line."""
    text = "".join(read(outcome.log) for outcome in outcomes)
    parts = []
    day, wrapped = figure(DAY, text), figure(WRAPPED, text)
    for number, cpus, seconds in [
            [int(group) for group in match] for match in MANY.findall(
                "".join(read(o.log) for o in outcomes
                        if o.row.name == "many"))]:
        parts.append(f"{number:,} operations with tags checked on {cpus} "
                     f"CPUs in {seconds} s")
    if day and wrapped:
        parts.append(f"{(day[1] - day[0]) // 3600} h of virtual time, "
                     f"{day[2]:,} operations, {wrapped[0]} counters wrapped")
    bad = [outcome for outcome in outcomes if not outcome.ok]
    if bad:
        parts.append(f"{bad[0].row.name} failed: {bad[0].reason}")
    else:
        parts.append("no leak")
    return "soak: " + "; ".join(parts)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default="build/soak/ephemera.elf", metavar="FILE",
        help="the variant of the kernel (default: %(default)s)")
    add("--out", default="build/prove/soak-rows", metavar="DIR",
        help="where logs go (default: %(default)s)")
    add("--rows", metavar="GLOB[,GLOB]", help="only some rows")
    add("--operations", type=int, metavar="N",
        help="of the row [many]; usually 100,000,000")
    add("--seconds", type=int, metavar="N",
        help="of virtual time, in the row [day]; usually 86,400")
    args = parser.parse_args()
    guest.end_with_guests()
    try:
        qemu_path = qemu.find_qemu()
        if not os.path.isfile(args.kernel):
            raise qemu.SetupError(f"{args.kernel} is missing; "
                                  "run `make VARIANT=soak`")
        words = addresses(args.kernel)
        chosen = table.select(
            table.load(os.path.join(TESTS, "soak", "soak.cfg")), args.rows,
            "all")
    except (qemu.SetupError, OSError, subprocess.CalledProcessError) as error:
        print(f"tests/soak/soak.py: {error}", file=sys.stderr)
        return 2
    if args.seconds:
        words += f" variant.seconds={args.seconds}"
    outcomes = []
    for row in chosen:
        more = words
        if args.operations and row.name == "many":
            more += f" variant.operations={args.operations}"
        row = dataclasses.replace(row, append=f"{row.append} {more}")
        started = time.monotonic()
        outcome = run_row(row, args, qemu_path)
        outcomes.append(outcome)
        print(f"{row.name}: {'ok' if outcome.ok else 'FAIL'}, "
              f"{time.monotonic() - started:.0f} s"
              + ("" if outcome.ok else f": {outcome.reason}; see "
                 f"{outcome.log}"), flush=True)
    print(summarize(outcomes))
    return 0 if all(outcome.ok for outcome in outcomes) else 1


if __name__ == "__main__":
    sys.exit(main())
