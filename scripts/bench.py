#!/usr/bin/env python3
"""Measure what sf_bufs cost, and other ways of mapping pages.

    scripts/bench.py                        every case on every machine
    scripts/bench.py --bench '*miss*'       some cases
    scripts/bench.py --engine sf_buf        only the kernel's own engine
    scripts/bench.py --cpus 1,4             some machines
    scripts/bench.py --mode icount          exact counts only, no times

Each machine is booted in QEMU with time made a count of instructions, so
that every run gives the same figures; a plugin counts locked operations and
cache lines. Then each is booted with a host thread for each CPU, and times
are taken. The figures go to results.json and results.csv, and to tables
beside the bars and what other systems need for the same; docs/bench.md says
how to read them.

Figures are reported, not judged: the exit status is 0 if every machine
delivered all of its cases, 1 if one did not, 2 if nothing could be run,
130 if interrupted.
"""

import argparse
import os
import re
import signal
import sys

from bench_machine import Symbols, plugin_args
from bench_ratios import ratio_lines
from bench_report import write_report
from bench_run import Run, usable_cpus
from bench_tables import (engine_lines, event_lines, instruction_lines,
                          rows, scaling_lines, shared_line_lines, summary_lines,
                          time_lines, write_results)
from qemu import MAX_CPUS, QEMU, SetupError, find_qemu

CPU_COUNTS = (1, 2, 4, 8, 16)
MODES = ("icount", "mttcg")


# ---- arguments

def cpu_list(text):
    try:
        counts = [int(word) for word in text.split(",")]
    except ValueError:
        counts = []
    if not counts or min(counts) < 1 or max(counts) > MAX_CPUS \
            or len(set(counts)) != len(counts):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a list of CPU counts, 1 to {MAX_CPUS}, "
            "such as 1,4")
    return counts


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--kernel", default="build/ephemera.elf", metavar="FILE",
        help="the kernel to boot (default: %(default)s)")
    add("--bench", default="*", metavar="GLOB[,GLOB]",
        help="which cases, such as '*miss*' (default: all)")
    add("--engine", default="*", metavar="GLOB[,GLOB]",
        help="which engines, such as sf_buf,classic (default: all)")
    add("--cpus", type=cpu_list, default=list(CPU_COUNTS), metavar="N[,N]",
        help="which machines (default: 1,2,4,8,16)")
    add("--mode", choices=MODES, action="append", dest="modes",
        help="counts of instructions and events (icount), or times (mttcg); "
        "default: both")
    add("--plugin", default="build/bench/plugin.so", metavar="FILE",
        help="QEMU's plugin that counts locked operations "
        "(default: %(default)s)")
    add("--out", default="build/bench", metavar="DIR",
        help="where results and logs go (default: %(default)s)")
    add("--qemu", default=QEMU, metavar="PROGRAM",
        help="the QEMU to run (default: %(default)s)")
    args = parser.parse_args(argv)
    args.modes = args.modes or list(MODES)
    return args


def full_name(glob):
    """A case may be named as the files name it, or without its engine."""
    return glob if "." in glob or glob.startswith("*") else "*." + glob


def prepare(args):
    """Find out early what would go wrong on every machine."""
    args.qemu_path = find_qemu(args.qemu)
    if not os.path.isfile(args.kernel):
        raise SetupError(f"{args.kernel} is missing; run `make` first, "
                         "or name the kernel with --kernel")
    for globs in (args.bench, args.engine):
        if not all(globs.split(",")) or re.search(r"\s", globs):
            raise SetupError(f"'{globs}' cannot match a name; write it "
                             "like '*miss*'")
    args.bench = ",".join(map(full_name, args.bench.split(",")))
    try:
        os.makedirs(args.out, exist_ok=True)
    except OSError as error:
        raise SetupError(f"cannot write to {args.out}: {error.strerror}; "
                         "choose another place with --out") from error
    args.symbols = Symbols.of(args.kernel)
    args.plugin_args, args.left_out = [], ""
    if "icount" in args.modes:
        args.plugin_args, args.left_out = plugin_args(
            args.plugin, args.qemu_path, args.symbols)


def report(args, results):
    """Print the tables."""
    host_cpus = usable_cpus()
    costs, times, scaling = (
        [case for case in cases if case.is_ours]
        for cases in (results.costs, results.times, results.scaling))
    if costs:
        print("", *instruction_lines(costs), "", *event_lines(costs),
              sep="\n")
        for line in shared_line_lines(costs, args.symbols):
            print(line)
        if args.left_out:
            print(args.left_out)
    if results.costs:
        print("", *engine_lines(results.costs), sep="\n")
    if times:
        print("", *time_lines(times), sep="\n")
    if scaling:
        print("", *scaling_lines(scaling, host_cpus), sep="\n")
    print("", *summary_lines(costs, times, scaling, host_cpus),
          f"results: {args.out}/results.json and results.csv", sep="\n")


def interrupt(_signal, _frame):
    raise KeyboardInterrupt


def main(argv=None):
    args = parse_arguments(argv)
    # SIGINT, too: whoever started this in the background had it ignored.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupt)
    try:
        prepare(args)
        results, status = Run(args).run()
        table = rows(results.costs + results.times, results.scaling)
        if not table:
            print("no new results", file=sys.stderr)
            return 1
        write_results(args.out, table)
        report_lines = write_report(args.out, table)
    except SetupError as error:
        print(f"scripts/bench.py: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"scripts/bench.py: cannot write the results: {error}",
              file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    report(args, results)
    print("", *ratio_lines(table), "", *report_lines, sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
