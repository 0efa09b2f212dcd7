#!/usr/bin/env python3
"""Run the fuzz targets of tests/fuzz, and see that they notice bugs.

    tests/fuzz/fuzz.py --runs 1000000                so often in all
    tests/fuzz/fuzz.py --runs 1000 --target acpi     one target
    tests/fuzz/fuzz.py --replay                      just the corpus
    tests/fuzz/fuzz.py --bugs 'madt*'                some bugs of bugs.cfg

A target is run from its corpus, tests/fuzz/corpus/TARGET, on bytes that
libFuzzer makes up; each panic, error of a sanitizer and hang is a failure, and
the input is kept. Every bug of bugs.cfg is put into a copy of its file, and has
to be found in as many runs. The last line says what came out; the exit status
is 0 if nothing was found in the targets and every planted bug was, else 1.
"""

import argparse
import configparser
import fnmatch
import os
import re
import shlex
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
NEWS_SECONDS = 15
HANG_SECONDS = 10
MAX_BYTES = 800
# The targets, and how many of 100 runs each gets: those that are slow, fewer.
SHARES = {"memmap": 4, "multiboot": 26, "option": 5, "acpi": 3,
          "mptable": 3, "tar_header": 30, "lineedit": 2, "printf": 27}
# Where the end of a long log says what was wrong.
REASON = re.compile(r"^panic: .*|^\S+: runtime error: .*|^==\d+== ?ERROR: .*|"
                    r"^SUMMARY: .*", re.MULTILINE)


def parse_arguments(argv):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--runs", type=int, metavar="N",
        help="run the targets so often, all together")
    add("--target", metavar="GLOB", default="*",
        help="the targets of these names (default: all)")
    add("--replay", action="store_true",
        help="run the targets on their corpus, as gcc compiled them")
    add("--bugs", metavar="GLOB", help="plant the bugs of these names")
    add("--dir", metavar="DIR", default="build/fuzz",
        help="where the targets are, and logs go (default: %(default)s)")
    add("--jobs", type=int, metavar="N", default=os.cpu_count() or 1,
        help="how many run at a time (default: %(default)s)")
    add("--seed", type=int, default=1, metavar="N",
        help="of what is made up (default: %(default)s)")
    add("--compile", metavar="COMMAND", help="compiles a file with a bug")
    add("--link", metavar="COMMAND", help="links a target")
    return parser.parse_args(argv)


def corpus(target):
    return os.path.join(HERE, "corpus", target)


def corpus_files(target):
    folder = corpus(target)
    return [os.path.join(folder, name) for name in sorted(os.listdir(folder))]


def reason(text):
    """Return what a failed run says of its end."""
    match = REASON.search(text)
    line = match[0] if match else (text.strip().split("\n") or [""])[-1]
    return line[:100]


def chosen(args):
    targets = fnmatch.filter(SHARES, args.target)
    if not targets:
        raise ValueError(f"no target is called '{args.target}'; there are: "
                         + ", ".join(SHARES))
    return targets


class Run:
    """One run of libFuzzer, from a target's corpus."""

    def __init__(self, name, program, target, runs, args):
        self.name = name
        self.log = os.path.join(args.dir, f"{name}.log")
        self.input = os.path.join(args.dir, f"{name}.crash")
        self.target = target
        self.command = [
            program, f"-runs={runs}", f"-seed={args.seed}",
            f"-max_len={MAX_BYTES}", f"-timeout={HANG_SECONDS}",
            "-print_final_stats=1", f"-exact_artifact_path={self.input}"]
        words = os.path.join(HERE, f"{target}.dict")
        if os.path.exists(words):
            self.command.append(f"-dict={words}")
        self.folder = corpus(target)
        self.seconds = 0.0

    def text(self):
        try:
            with open(self.log, encoding="utf-8", errors="replace") as file:
                return file.read()
        except OSError:
            return ""

    def figure(self, pattern):
        found = re.findall(pattern, self.text())
        return int(found[-1]) if found else 0

    @property
    def executed(self):
        return self.figure(r"stat::number_of_executed_units:\s*(\d+)")

    @property
    def under_way(self):
        return self.figure(r"\n#(\d+)\s")

    @property
    def edges(self):
        return self.figure(r"cov: (\d+)")

    def run(self):
        """Return True if nothing was found."""
        scratch = os.path.join(os.path.dirname(self.log),
                               f"{self.name}.corpus")
        os.makedirs(scratch, exist_ok=True)
        for old in os.listdir(scratch):
            os.remove(os.path.join(scratch, old))
        if os.path.exists(self.input):
            os.remove(self.input)
        started = time.monotonic()
        with open(self.log, "w", encoding="utf-8") as log:
            status = subprocess.run(
                self.command + [scratch, self.folder], stdout=log,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                check=False).returncode
        self.seconds = time.monotonic() - started
        return status == 0


def in_parallel(jobs, runs, report):
    """Run all; report each as it ends. Return what each returned."""
    results = {}
    with ThreadPoolExecutor(jobs) as pool:
        waiting = {pool.submit(run.run): run for run in runs}
        news = time.monotonic()
        while waiting:
            for future in [f for f in waiting if f.done()]:
                run = waiting.pop(future)
                results[run.name] = future.result()
                report(run, results[run.name])
                news = time.monotonic()
            if time.monotonic() - news > NEWS_SECONDS:
                for future, run in waiting.items():
                    if future.running():
                        print(f"  {run.name}: {run.under_way:,} runs",
                              flush=True)
                news = time.monotonic()
            time.sleep(0.1)
    return results


def fuzz(args):
    """Run the targets. Return a sentence and whether nothing was found."""
    targets = chosen(args)
    shares = sum(SHARES[target] for target in targets)
    runs = [Run(target, os.path.join(args.dir, f"{target}-clang"), target,
                args.runs * SHARES[target] // shares, args)
            for target in targets]

    def report(run, clean):
        if clean:
            print(f"clean  {run.name:10} {run.executed:9,} runs, "
                  f"{run.edges:4} edges, {run.seconds:.0f} s", flush=True)
        else:
            print(f"FOUND  {run.name:10} {reason(run.text())}\n"
                  f"  again: {run.command[0]} {run.input}\n"
                  f"  log: {run.log}", flush=True)

    results = in_parallel(args.jobs, runs, report)
    total = sum(run.executed for run in runs)
    bad = [name for name, clean in results.items() if not clean]
    what = f"{total:,} runs of {len(runs)} targets, "
    return what + (f"found: {', '.join(bad)}" if bad else "clean"), not bad


def replay(args):
    """Run the corpus. Return a sentence and whether nothing was found."""
    targets, bad, count = chosen(args), [], 0
    for target in targets:
        files = corpus_files(target)
        count += len(files)
        done = subprocess.run(
            [os.path.join(args.dir, f"{target}-gcc"), *files],
            capture_output=True, text=True, errors="replace", check=False)
        if done.returncode != 0:
            bad.append(target)
            print(f"FOUND  {target:10} {reason(done.stderr)}\n{done.stderr}",
                  flush=True)
    what = f"{count} files of {len(targets)} targets, "
    return what + (f"found: {', '.join(bad)}" if bad else "clean"), not bad


def build_with_bug(name, bug, args):
    """Build a target with a bug. Return the program."""
    with open(os.path.join(ROOT, bug["file"]), encoding="utf-8") as file:
        text = file.read()
    found = list(re.finditer(spaces_alike(bug["was"]), text))
    if len(found) != 1:
        raise ValueError(f"bug {name}: its text stands {len(found)} times in "
                         f"{bug['file']}, not once")
    start, end = found[0].span()
    folder = os.path.join(args.dir, "bugs")
    os.makedirs(folder, exist_ok=True)
    stem = os.path.join(folder, name)
    with open(stem + ".c", "w", encoding="utf-8") as file:
        file.write(text[:start] + bug["is"] + text[end:])
    subprocess.run(shlex.split(args.compile)
                   + ["-w", "-c", stem + ".c", "-o",
                      stem + ".o"], cwd=ROOT, check=True)
    with open(os.path.join(args.dir, f"{bug['target']}-clang.objects"),
              encoding="utf-8") as file:
        objects = file.read().split()
    replaced = f"clang/{os.path.splitext(bug['file'])[0]}.o"
    with_bug = [stem + ".o" if path.endswith(replaced) else path
                for path in objects]
    if with_bug == objects:
        raise ValueError(f"bug {name}: {bug['target']} has no {bug['file']}")
    subprocess.run(shlex.split(args.link) + ["-o", stem] + with_bug,
                   cwd=ROOT, check=True)
    return stem


def spaces_alike(text):
    """Return a pattern for a text in which any blanks match any."""
    return r"\s+".join(re.escape(word) for word in text.split())


def bugs(args):
    """Plant bugs. Return a sentence and whether each was found."""
    config = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    config.read(os.path.join(HERE, "bugs.cfg"))
    names = [name for name in config.sections()
             if fnmatch.fnmatch(name, args.bugs)]
    runs = []
    for name in names:
        bug = config[name]
        program = build_with_bug(name, bug, args)
        run = Run(f"bugs/{name}", program, bug["target"],
                  config.getint(name, "runs"), args)
        runs.append(run)

    def report(run, clean):
        if clean:
            print(f"MISSED {run.name}: {run.executed:,} runs; see {run.log}",
                  flush=True)
        else:
            print(f"found  {run.name} in run {run.executed:,}: "
                  f"{reason(run.text())}", flush=True)

    results = in_parallel(args.jobs, runs, report)
    found = sum(not clean for clean in results.values())
    return (f"{found} of {len(names)} planted bugs found",
            found == len(names) and found > 0)


def main(argv=None):
    args = parse_arguments(argv)
    os.makedirs(args.dir, exist_ok=True)
    done = []
    try:
        if args.replay:
            done.append(replay(args))
        if args.runs:
            done.append(fuzz(args))
        if args.bugs:
            done.append(bugs(args))
    except (OSError, ValueError, KeyError,
            subprocess.CalledProcessError) as error:
        print(f"fuzz: {error}", file=sys.stderr)
        return 2
    print("fuzz: " + "; ".join(sentence for sentence, _ in done))
    return 0 if done and all(good for _, good in done) else 1


if __name__ == "__main__":
    sys.exit(main())
