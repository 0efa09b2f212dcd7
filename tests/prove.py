#!/usr/bin/env python3
"""Run the parts of tests/prove.cfg, one after the other.

    tests/prove.py                 all parts
    tests/prove.py --part model    one part, or some: 'host*'
    tests/prove.py --list          name them

A part that has passed is not run again until a file of the project changes,
so a run that was interrupted goes on where it was: --fresh runs everything,
and --part always runs what it names. What a part prints is in
build/prove/NAME.log; its last line is its result. The last line of all is
'N passed, N failed, N skipped'; the exit status is 0 if none failed and some
passed, 1 if not, 2 if nothing could be run, 130 if interrupted.
"""

import argparse
import configparser
import fnmatch
import hashlib
import json
import os
import signal
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SKIPPED = 77
NEWS_SECONDS = 30
GRACE_SECONDS = 10
VERDICTS = {0: "passed", SKIPPED: "skipped"}
# What no part reads: a change there proves nothing anew.
NOT_PROVEN = ("docs/*", "README.md", "LICENSE")
# Of make's command line, which make hands on: they change what is built.
BUILD_OPTIONS = ("CC", "DEBUG", "WERROR")


class Part:
    """One section of the table."""

    def __init__(self, name, section):
        self.name = name
        self.claim = section["claim"]
        self.run = section["run"]
        self.seconds = 60 * section.getfloat("minutes")


def load(path):
    config = configparser.ConfigParser(interpolation=None)
    with open(path, encoding="utf-8") as file:
        config.read_file(file)
    return [Part(name, config[name]) for name in config.sections()]


def tracked_files():
    """Return the project's files, as git knows them or as they lie here."""
    listing = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT,
        capture_output=True, text=True, check=False)
    if listing.returncode == 0:
        return listing.stdout.split("\n")[:-1]
    return [os.path.relpath(os.path.join(folder, name), ROOT)
            for folder, _, names in os.walk(ROOT) for name in names
            if not os.path.relpath(folder, ROOT).startswith("build")]


def fingerprint(leave_out=()):
    """Return a hash of all that a part could depend on.

    leave_out: globs of further files that do not count.
    """
    digest = hashlib.sha256()
    for name in BUILD_OPTIONS:
        digest.update(f"{name}={os.environ.get(name, '')}\n".encode())
    for name in sorted(tracked_files()):
        path = os.path.join(ROOT, name)
        ignored = any(fnmatch.fnmatch(name, glob)
                      for glob in NOT_PROVEN + tuple(leave_out))
        if ignored or not os.path.isfile(path):
            continue
        with open(path, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
        digest.update(f"{name} {content}\n".encode())
    return digest.hexdigest()


def duration(seconds):
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


class Proof:
    """Runs parts and remembers their results."""

    def __init__(self, parts, out, tree, again):
        self.parts = parts
        self.out = out
        self.tree = tree
        self.again = again
        self.width = max(len(part.name) for part in parts)
        self.counts = {"passed": 0, "failed": 0, "skipped": 0}
        self.process = None

    def path(self, part, suffix):
        return os.path.join(self.out, part.name + suffix)

    def remembered(self, part):
        """Return the result that this tree has given before, or None."""
        if self.again:
            return None
        try:
            with open(self.path(part, ".json"), encoding="utf-8") as file:
                result = json.load(file)
        except (OSError, ValueError):
            return None
        same = result.get("tree") == self.tree
        return result if same and result.get("verdict") == "passed" else None

    def prove(self):
        for number, part in enumerate(self.parts, 1):
            result = self.remembered(part)
            if result is None:
                result = self.run(number, part)
                how = duration(result["seconds"])
            else:
                how = "before"
            self.counts[result["verdict"]] += 1
            print(f"{result['verdict']:7} {part.name:{self.width}} "
                  f"{result['figure']} ({how})", flush=True)
            if result["verdict"] == "failed":
                print(f"  see {self.path(part, '.log')}; again: "
                      f"make prove PART={part.name}", flush=True)

    def left(self, number):
        return sum(part.seconds for part in self.parts[number - 1:]
                   if self.remembered(part) is None)

    def run(self, number, part):
        print(f"[{number}/{len(self.parts)}] {part.name}: {part.claim} "
              f"(about {duration(part.seconds)}; "
              f"{duration(self.left(number))} for all that is left)",
              flush=True)
        started = time.monotonic()
        log_path = self.path(part, ".log")
        with open(log_path, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                part.run, shell=True, cwd=ROOT, stdout=log,
                stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                start_new_session=True)
            self.watch(log_path, started)
        status = self.process.returncode
        # What was edited meanwhile was proven in part, which is not at all.
        same = fingerprint() == self.tree
        result = {"tree": self.tree if same else None,
                  "verdict": VERDICTS.get(status, "failed"),
                  "figure": last_line(log_path) or f"exit status {status}",
                  "seconds": time.monotonic() - started}
        with open(self.path(part, ".json"), "w", encoding="utf-8") as file:
            json.dump(result, file)
        return result

    def watch(self, log_path, started):
        """Wait for the part; now and then say where it is."""
        while True:
            try:
                self.process.wait(timeout=NEWS_SECONDS)
                return
            except subprocess.TimeoutExpired:
                spent = duration(time.monotonic() - started)
                print(f"  {spent}: {last_line(log_path)[:100]}", flush=True)

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(timeout=GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def last_line(path):
    """Return the last line of a log that is not empty."""
    with open(path, "rb") as file:
        file.seek(0, os.SEEK_END)
        file.seek(max(0, file.tell() - 4096))
        text = file.read().decode(errors="replace").replace("\r", "\n")
    lines = [line.strip() for line in text.split("\n") if line.strip()]
    # make's own words about what failed say nothing.
    lines = [line for line in lines if not line.startswith("make")] or [""]
    return lines[-1]


def interrupt_on_signals():
    """Have SIGTERM raise KeyboardInterrupt, as SIGINT does: once."""
    def interrupt(_number, _frame):
        for number in signals:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    signals = (signal.SIGINT, signal.SIGTERM)
    for number in signals:
        signal.signal(number, interrupt)


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", metavar="GLOB", default="*",
                        help="run the parts of these names")
    parser.add_argument("--fresh", action="store_true",
                        help="run also what has passed before")
    parser.add_argument("--list", action="store_true",
                        help="name the parts and stop")
    parser.add_argument("--config", metavar="FILE",
                        default=os.path.join(ROOT, "tests", "prove.cfg"),
                        help="the table (default: tests/prove.cfg)")
    parser.add_argument("--out", metavar="DIR",
                        default=os.path.join(ROOT, "build", "prove"),
                        help="logs and results (default: build/prove)")
    args = parser.parse_args(argv)
    parts = load(args.config)
    chosen = [p for p in parts if fnmatch.fnmatch(p.name, args.part)]
    if not chosen:
        names = ", ".join(part.name for part in parts)
        print(f"tests/prove.py: no part is called '{args.part}'; there are: "
              f"{names}", file=sys.stderr)
        return 2
    if args.list:
        for part in chosen:
            print(f"{part.name}: {part.claim}")
        return 0
    try:
        os.makedirs(args.out, exist_ok=True)
    except OSError as error:
        print(f"tests/prove.py: cannot write to {args.out}: "
              f"{error.strerror}; choose another place with --out",
              file=sys.stderr)
        return 2
    interrupt_on_signals()
    proof = Proof(chosen, args.out, fingerprint(),
                  args.fresh or args.part != "*")
    status = 0
    try:
        proof.prove()
    except KeyboardInterrupt:
        proof.stop()
        print("interrupted; `make prove` goes on from here")
        status = 130
    counts = proof.counts
    print(f"{counts['passed']} passed, {counts['failed']} failed, "
          f"{counts['skipped']} skipped", flush=True)
    if status == 0 and (counts["failed"] or not counts["passed"]):
        status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
