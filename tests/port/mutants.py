#!/usr/bin/env python3
"""Plant bugs in copies of the kernel's files, and see that the host build
notices each.

    tests/port/mutants.py --compile 'gcc -m64 ...' --out build/port/mutants \\
        SOURCE...

A mutant is a file of the kernel with one text replaced by another. It is
compiled with all the other sources as they are, and run over seeds and windows
of many sizes until a run fails. The exit status is 1 if a mutant survives; the
last line of the output is a sentence with the figures.
"""

import argparse
import concurrent.futures
import itertools
import os
import subprocess
import sys
import time

import run

# Name: where it is, what stands there, and what stands there instead.
MUTANTS = {
    "round-before-entry": (
        "sf_buf/sf_window.h",
        "	uint32_t low = pte_take(pte);\n\n"
        "	if (__predict_true((low & PG_A) == 0 && sf_window_is_over(sf)))",
        "	bool over = sf_window_is_over(sf);\n"
        "	uint32_t low = pte_take(pte);\n\n"
        "	if (__predict_true((low & PG_A) == 0 && over))"),
    "clear-before-stamp": (
        "sf_buf/sf_window.c",
        "			store_release(&sf->round, round);\n"
        "			pte_clear_accessed(pte);\n",
        "			pte_clear_accessed(pte);\n"
        "			store_release(&sf->round, round);\n"),
    "no-catch-up-after-busy": (
        "mm/tlb.c",
        "	atomic_fetch_add(&nbusy, 1);\n	catch_up(c);\n",
        "	atomic_fetch_add(&nbusy, 1);\n"),
    "no-catch-up-before-busy": (
        "mm/tlb.c",
        "	catch_up(c);\n	cpumask_add(", "	cpumask_add("),
    "low-half-first": (
        "mm/pmap.h",
        "	store_relaxed((volatile _Atomic uint8_t *)pte + sizeof(half),\n"
        "	    half.byte[0]);\n"
        "	half.byte[0] = low;\n"
        "	store_release(pte_low(pte), half.word);\n",
        "	uint8_t high = half.byte[0];\n"
        "	half.byte[0] = low;\n"
        "	store_release(pte_low(pte), half.word);\n"
        "	store_relaxed((volatile _Atomic uint8_t *)pte + sizeof(half),\n"
        "	    high);\n"),
    "round-not-awaited": (
        "sf_buf/sf_window.c",
        "	tlb_wait(cpu_online(), sweeps.gen);\n", ""),
    "hit-without-second-look": (
        "sf_buf/sys/sf_buf.h",
        "holders < 0 || load_folded(&m->sf) != sf", "holders < 0"),
    "run-robbed": (
        "sf_buf/sf_wait.c",
        "(sf = sf_idle_take_locked()) != NULL)\n"
        "			collect_unless_wanted(r, sf);\n",
        "(sf = sf_idle_take_locked()) != NULL)\n"
        "			collect(r, sf);\n"),
    "idle-set-left-late": (
        "mm/tlb.c",
        "	return (atomic_load(&nbusy) == 1 && gen % ASK_ALL != "
        "ASK_ALL_AT);", "	return (gen % ASK_ALL != ASK_ALL_AT);"),
}

# What shows so seldom that only the load that shows it most is worth its time.
RARE = {"clear-before-stamp": "cpus=6 slots=200 threads=6 ops=800",
        "round-before-entry": "cpus=4 slots=100 threads=4",
        "run-robbed": "cpus=6 slots=5 threads=5 several=1 ops=1000"}

# The same, for ThreadSanitizer to notice.
RACES = {
    "lock-released-relaxed": (
        "kernel/spinlock.c",
        "	c->spin_depth = 0;\n	store_release(&l->owner, NULL);",
        "	c->spin_depth = 0;\n	store_relaxed(&l->owner, NULL);"),
    "lock-taken-relaxed": (
        "kernel/spinlock.c",
        "	    memory_order_acquire, memory_order_relaxed));",
        "	    memory_order_relaxed, memory_order_relaxed));"),
    "free-pages-plain": (
        "mm/vm_buddy.c",
        "	return (load_relaxed(&zones[zone].free_pages));",
        "	return (*(uint32_t *)&zones[zone].free_pages);"),
    "stack-left-relaxed": (
        "kernel/sched.c",
        "	store_release(&prev->on_cpu, 0);",
        "	store_relaxed(&prev->on_cpu, 0);"),
}


def write_mutant(args, name):
    """The changed file; returns its folder, the file's own path, its new one."""
    path, old, new = MUTANTS.get(name) or RACES[name]
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if text.count(old) != 1:
        sys.exit(f"mutants.py: {name}: the text is not once in {path}")
    folder = os.path.join(args.out, name)
    changed = os.path.join(folder, path)
    os.makedirs(os.path.dirname(changed), exist_ok=True)
    with open(changed, "w", encoding="utf-8") as file:
        file.write(text.replace(old, new))
    return folder, path, changed


def plant_race(args, name):
    """Link a mutant with the objects that ThreadSanitizer knows."""
    folder, path, changed = write_mutant(args, name)
    program = os.path.join(folder, "stress")
    mine = os.path.join(folder, "changed.o")
    compiler = args.race_compile.split()
    subprocess.run(compiler + ["-c", changed, "-o", mine], check=True)
    objects = [mine if name.endswith("/" + path[:-1] + "o") else name
               for name in args.race_objects.split()]
    subprocess.run(compiler + ["-no-pie", "-o", program] + objects,
                   check=True)
    return program


def plant(args, name):
    """Compile a mutant; returns the program."""
    if name in RACES:
        return plant_race(args, name)
    folder, path, changed = write_mutant(args, name)
    sources = [changed if source == path else source
               for source in args.sources]
    program = os.path.join(folder, "stress")
    words = args.compile.split()
    # What is changed comes first, <sys/sf_buf.h> included.
    subprocess.run([words[0], f"-I{folder}", f"-I{folder}/sf_buf"] +
                   words[1:] + ["-no-pie", "-o", program] + sources,
                   check=True)
    return program


def hunt(args, pool, name):
    """Runs until one fails: their number and the last one; None: no one."""
    program = plant(args, name)
    start = time.monotonic()
    loads = [load for load in run.LOADS
             if name in RACES or load[0] in ("sf_buf", "tlb")]
    if name in RARE:
        loads = [("sf_buf", RARE[name])]
    source = ([program, kind, f"seed={seed}"] + words.split()
              for seed in itertools.count(1) for kind, words in loads)
    tried = 0
    while time.monotonic() - start < args.seconds:
        batch = [next(source) for _ in range(args.jobs)]
        results = pool.map(lambda command: run.run(command, 120), batch)
        for command, (status, output) in zip(batch, results):
            tried += 1
            if status != 0:
                said = next((line for line in output.splitlines()
                             if line.startswith(("FAIL", "PANIC", "HANG",
                                                 "SUMMARY"))),
                            run.STATUS.get(status, status))
                return tried, time.monotonic() - start, \
                    f"{' '.join(command[2:])}: {said}"
    print(f"  {name}: SURVIVES {tried} runs", flush=True)
    return None


def parse_args(argv):
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--compile", required=True, help="compiler and flags")
    parser.add_argument("--race-compile", required=True,
                        help="the same, for ThreadSanitizer")
    parser.add_argument("--race-objects", required=True,
                        help="all that makes a program for it")
    parser.add_argument("--out", required=True, help="folder for mutants")
    parser.add_argument("--seconds", type=float, default=90,
                        help="for each mutant, at most (90)")
    parser.add_argument("--jobs", type=int, default=os.cpu_count(),
                        help="runs at once (one for each host CPU)")
    parser.add_argument("--only", help="this mutant")
    parser.add_argument("sources", nargs="+")
    return parser.parse_args(argv)


def main(argv=None):
    """Plant and hunt; returns the exit status."""
    args = parse_args(argv)
    names = [args.only] if args.only else list(MUTANTS) + list(RACES)
    survivors = []
    with concurrent.futures.ThreadPoolExecutor(args.jobs) as pool:
        for name in names:
            found = hunt(args, pool, name)
            if found is None:
                survivors.append(name)
                continue
            tried, seconds, said = found
            print(f"  {name}: run {tried}, {seconds:.1f} s: {said}",
                  flush=True)
    print(f"host-mutants: {len(names) - len(survivors)} of {len(names)} "
          "mutants noticed" +
          (f"; survive: {', '.join(survivors)}" if survivors else ""))
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
