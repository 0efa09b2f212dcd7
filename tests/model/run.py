#!/usr/bin/env python3
"""Check the Promela models of this folder with Spin, and that Spin sees.

    tests/model/run.py                 all models, and all their seeded errors
    tests/model/run.py --model sleep   one model
    tests/model/run.py --list          name them

Each model says in its head how it is run: a line '@run NAME FLAGS' is one
search, which must be complete and find no error; a line '@bug NAME FLAGS' is
a search with -DNAME, an error on purpose that must be found. A line of a
model that no search reaches, and that is not marked 'unreached: why', is a
failure, too: then the model is about less than it seems. How many run
at a time is --jobs. What Spin made and printed is in --out. The last line
says what came out; the exit status is 0 if all is as it must be, 1 if not,
2 if nothing could be run.
"""

import argparse
import collections
import concurrent.futures
import fnmatch
import os
import re
import shlex
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))

DEPTH = 3_000_000
MEGABYTES = 4000
SECONDS = 600
CFLAGS = ["-w", "-DSAFETY", f"-DMEMLIM={MEGABYTES}"]
# An error is found soon: there the compiler is what takes the time.
OPTIMISE = {"run": "-O1", "bug": "-O0"}
TRAIL_LINES = 60

DIRECTIVE = re.compile(r" \* @(run|bug) (\S+)(.*)")
ERRORS = re.compile(r"State-vector .* depth reached (\d+), errors: (\d+)")
STATES = re.compile(r"([\d.e+]+) states, stored")
ERROR = re.compile(r"pan:\d+: (.*?) \(at depth")
TRUNCATED = re.compile(r"max search depth too small|reached -DMEMLIM|"
                       r"out of memory|Search not completed")
PROCTYPE = re.compile(r"(?:unreached in )?(?:proctype|init|claim) *(\S*)")
# Both in the state machine that `pan -d` prints and in what it did not reach.
STATE = re.compile(r"\tstate +(\d+) -.*\[[^\]]*\] \S+?:(\d+) =>")
UNREACHED = re.compile(r"\t\S+:(\d+), state (\d+), ")

Search = collections.namedtuple("Search", "model kind name flags")


class Failure(Exception):
    """Something that makes a search say nothing."""


def load(model):
    """Return the searches that a model's head names."""
    with open(path_of(model), encoding="utf-8") as file:
        found = [DIRECTIVE.match(line) for line in file]
    return [Search(model, m[1], m[2], shlex.split(m[3])) for m in found if m]


def path_of(model):
    return os.path.join(HERE, model + ".pml")


def command(args, cwd):
    """Run a command and return what it printed."""
    done = subprocess.run(args, cwd=cwd, capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    if done.returncode != 0:
        raise Failure(f"{shlex.join(args)}: {done.stdout}{done.stderr}")
    return done.stdout


def states_by_line(text, pattern, line_group, state_group):
    """Return {(proctype, state): line} of a listing by proctypes."""
    found = {}
    proctype = ""
    for line in text.split("\n"):
        match = PROCTYPE.match(line)
        if match:
            proctype = match[1] or "init"
        match = pattern.match(line)
        if match:
            found[proctype, match[state_group]] = int(match[line_group])
    return found


class Result:
    """What one search came to."""

    def __init__(self, search):
        self.search = search
        self.states = self.depth = 0
        self.error = None       # what Spin found, in its words
        self.problem = None     # why the search does not count
        self.lines = set()      # lines of the model that can be executed
        self.reached = set()    # those of them that were
        self.seconds = 0.0
        self.trail = ""

    def good(self):
        if self.problem:
            return False
        return (self.error is not None) == (self.search.kind == "bug")


def run(search, out):
    """Generate, compile and run one verifier."""
    folder = os.path.join(out, f"{search.model}-{search.name}")
    os.makedirs(folder, exist_ok=True)
    trail = os.path.join(folder, search.model + ".pml.trail")
    if os.path.exists(trail):
        os.remove(trail)
    flags = list(search.flags)
    if search.kind == "bug":
        flags.append("-D" + search.name)
    result = Result(search)
    started = time.monotonic()
    try:
        command(["spin", *flags, "-a", path_of(search.model)], folder)
        command(["gcc", OPTIMISE[search.kind], *CFLAGS, "-o", "pan", "pan.c"],
                folder)
        text = command(["./pan", f"-m{DEPTH}"], folder)
        with open(os.path.join(folder, "out"), "w", encoding="utf-8") as file:
            file.write(text)
        judge(result, text, folder)
        if result.error:
            result.trail = repeat(search, flags, folder)
    except Failure as failure:
        result.problem = str(failure)
    except subprocess.TimeoutExpired:
        result.problem = f"not over after {SECONDS} s"
    result.seconds = time.monotonic() - started
    return result


def judge(result, text, folder):
    summary, states = ERRORS.search(text), STATES.search(text)
    if not summary or not states:
        raise Failure("Spin printed no summary: " + text[-500:])
    result.depth = int(summary[1])
    result.states = round(float(states[1]))
    error = ERROR.search(text)
    if error and int(summary[2]):
        result.error = error[1]
        return
    truncated = TRUNCATED.search(text)
    if truncated:
        raise Failure("the search is not complete: " + truncated[0])
    if result.search.kind == "run":
        machine = states_by_line(command(["./pan", "-d"], folder), STATE,
                                 2, 1)
        unreached = states_by_line(text, UNREACHED, 1, 2)
        result.lines = set(machine.values())
        result.reached = {line for state, line in machine.items()
                          if state not in unreached}


def repeat(search, flags, folder):
    """Return the end of the way to an error, and how to see all of it."""
    replay = ["spin", *flags, "-k", search.model + ".pml.trail", "-p", "-g",
              path_of(search.model)]
    done = subprocess.run(replay, cwd=folder, capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    end = "\n".join(done.stdout.split("\n")[-TRAIL_LINES:])
    return f"{end}\nall of it: cd {folder} && {shlex.join(replay)}"


def describe(result):
    search = result.search
    what = {"run": "model", "bug": "error"}[search.kind]
    if result.problem:
        said = result.problem
    elif search.kind == "bug" and result.error:
        said = "found: " + result.error
    elif search.kind == "bug":
        said = "NOT FOUND"
    elif result.error:
        said = "ERROR: " + result.error
    else:
        said = "no error"
    return (f"{what} {search.model:9} {search.name:24} "
            f"{result.states:>10,} states  depth {result.depth:>7} "
            f"{result.seconds:6.1f} s  {said}")


def vacuous_lines(results):
    """Yield the lines that none of a model's searches has reached."""
    by_model = collections.defaultdict(list)
    for result in results:
        if result.search.kind == "run" and result.good():
            by_model[result.search.model].append(result)
    for model, runs in sorted(by_model.items()):
        with open(path_of(model), encoding="utf-8") as file:
            source = file.read().split("\n")
        never = (set().union(*(r.lines for r in runs))
                 - set().union(*(r.reached for r in runs)))
        for line in sorted(never):
            text = source[line - 1].strip()
            if "unreached:" not in text and text != "}":
                yield f"{model}.pml:{line}: no search reaches: {text}"


def run_all(searches, out, jobs):
    """Run the searches, and print a line for each as it ends."""
    results = []
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        futures = [pool.submit(run, search, out) for search in searches]
        for future in concurrent.futures.as_completed(futures):
            result = future.result()
            results.append(result)
            print(describe(result), flush=True)
            if result.error and result.search.kind == "run":
                print(result.trail, flush=True)
    return results


def conclude(results):
    """Print what all searches came to; return the exit status."""
    failed = [r for r in results if not r.good()]
    vacuous = list(vacuous_lines(results))
    for line in vacuous:
        print(line)
    runs = [r for r in results if r.search.kind == "run"]
    bugs = [r for r in results if r.search.kind == "bug"]
    models = {r.search.model for r in results}
    wrong = [r for r in runs if not r.good()]
    states = sum(r.states for r in runs)
    said = f"{len(wrong)} of {len(runs)} searches failed" if wrong else \
        "no error"
    if vacuous:
        said += f", {len(vacuous)} lines never reached"
    print(f"model: {len(models)} models, {states:,} states, {said}; "
          f"{sum(r.good() for r in bugs)} of {len(bugs)} seeded errors found",
          flush=True)
    return 1 if failed or vacuous else 0


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", metavar="GLOB", default="*",
                        help="the models of these names")
    parser.add_argument("--search", metavar="GLOB", default="*",
                        help="of their searches those of these names")
    parser.add_argument("--jobs", metavar="N", type=int, default=2,
                        help="searches at a time (default: 2)")
    parser.add_argument("--list", action="store_true",
                        help="name models and searches and stop")
    parser.add_argument("--out", metavar="DIR",
                        default=os.path.join(ROOT, "build", "model"),
                        help="what Spin makes (default: build/model)")
    args = parser.parse_args(argv)
    models = [name[:-4] for name in sorted(os.listdir(HERE))
              if name.endswith(".pml") and
              fnmatch.fnmatch(name[:-4], args.model)]
    searches = [search for model in models for search in load(model)
                if fnmatch.fnmatch(search.name, args.search)]
    # The long ones first.
    searches.sort(key=lambda search: search.kind != "run")
    if not searches:
        print(f"tests/model/run.py: nothing is called '{args.model}' and "
              f"'{args.search}'", file=sys.stderr)
        return 2
    if args.list:
        for search in searches:
            print(search.model, search.kind, search.name, *search.flags)
        return 0
    try:
        return conclude(run_all(searches, os.path.abspath(args.out),
                                args.jobs))
    except OSError as error:
        print(f"tests/model/run.py: {error}", file=sys.stderr)
        return 2


if __name__ == "__main__":
    sys.exit(main())
