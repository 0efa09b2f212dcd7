"""The answer: in a few sentences, and in a table."""

from bench_charts import FLOOR, MISS, figure, times_words
from bench_ratios import ratios, slower, times
from bench_results import OURS, cpu_words, some_cpus
from bench_words import engine, in_order

BASELINES = ("classic", "pkmap", "local", "naive")

# Rows of the table: in words, the workload, on how many CPUs, the metric.
ROWS = (
    ("found mapped", "sf_buf.shared_hit", 4, "instructions"),
    ("found mapped, private to a CPU", "sf_buf.private_hit", 4,
     "instructions"),
    ("newly mapped, private to a CPU", "sf_buf.private_miss", 4,
     "instructions"),
    ("newly mapped, 1 CPU", "sf_buf.shared_miss", 1, "instructions"),
    ("newly mapped, 4 CPUs, the others busy", MISS, 4, "instructions"),
    ("rounds of interrupts for that", MISS, 4, "rounds"),
    ("the same on 16 CPUs", MISS, 16, "instructions"),
    ("all buffers but one held, 4 CPUs", "sf_buf.shared_miss_scarce", 4,
     "instructions"),
    ("64 KiB written to a pipe, 4 CPUs", "pipe.64k", 4, "instructions"),
    ("4 KiB of a memory disk, as large as the window", "md.random_1", 4,
     "instructions"),
    ("the same, four times as large", "md.random_4", 4, "instructions"),
    ("a request of sendfile, some pages popular", "sendfile.zipf", 4,
     "instructions"),
)


# ---- in sentences

def sentences(results):
    """Return what came out, the most important first."""
    missing = [name for name in BASELINES if name not in results.engines]
    return [*_miss(results), _verdict(results),
            *([f"Not measured in this run: {_listed(missing)}."]
              if missing else [])]


def _miss(results):
    counts = results.by_cpus(MISS, OURS)
    if not counts:
        return [f"{MISS} was not measured for {OURS}, so there is no "
                "answer to what a shared mapping costs."]
    # The more CPUs, the dearer the others' way: 4 is a usual machine.
    cpus = some_cpus(counts)
    found = [f"{figure(counts[cpus])} instructions here"]
    found += [f"{figure(value)} in {engine(name).whose} ({name})"
              for name in BASELINES
              if (value := results.value(MISS, name, cpus)) is not None]
    busy = ", all of them busy" if cpus > 1 else ""
    first = (f"On {cpu_words(cpus)}{busy}, mapping a page for every CPU, "
             f"reading a word of it and unmapping it takes {_listed(found)}.")
    return [first, *_rounds(results, cpus)]


def _rounds(results, cpus):
    ours = results.value(MISS, OURS, cpus, "rounds")
    if ours is None or cpus == 1:
        return []
    others = [f"{_misses(value)} in {name}" for name in BASELINES
              if (value := results.value(MISS, name, cpus, "rounds"))]
    if ours == 0:
        return ["No other CPU was ever interrupted for it."]
    return [f"One round of interrupts serves {_misses(ours)} of these misses "
            "here" + (", " + _listed(others) if others else "") + "."]


def _misses(rounds):
    """Return how many misses a round serves."""
    return f"{1 / rounds:,.0f}" if rounds < 0.1 else figure(1 / rounds)


def _listed(parts):
    return " and ".join(filter(None, [", ".join(parts[:-1]), parts[-1]]))


def _verdict(results):
    """Say how many of the bars among engines are met, and where not."""
    found = [ratio for ratio in ratios(results) if ratio.met is not None]
    if not found:
        return "There is nothing to compare it with."
    met = sum(ratio.met for ratio in found)
    benches = {group.worst.bench for group in slower(results)}
    return (f"{met} of {len(found)} comparisons come out as they should; "
            + (f"ours is slower than FreeBSD's or Linux kmap's way on "
               f"{len(benches)} workload{'s' * (len(benches) != 1)}, listed "
               "below." if benches else
               "on no workload is ours slower than FreeBSD's or Linux "
               "kmap's way by more than 3%."))


# ---- in a table

def table(results, rows=ROWS):
    """Return engines and rows: words, our value, {engine: value}."""
    engines = [name for name in in_order(results.engines)
               if name in (*BASELINES, FLOOR)]
    found = []
    for words, bench, cpus, metric in rows:
        ours = results.value(bench, OURS, cpus, metric)
        if ours is not None:
            found.append((words, ours, {
                name: value for name in engines
                if (value := results.value(bench, name, cpus, metric))
                is not None}))
    return engines, found


def ratio_words(theirs, ours):
    """Return how many times ours a figure is, or nothing where none is."""
    if not ours or not theirs:
        return ""
    return f"{times_words(times(theirs, ours))} ×"


def cell(value):
    return "-" if value is None else figure(value)


def markdown(results, rows=ROWS[:7]):
    """Return the table as a README shows it; raise ValueError if empty."""
    engines, found = table(results, rows)
    engines = [name for name in engines if name != FLOOR]
    if not found or not engines:
        raise ValueError("these results have no figures to show, or those "
                         "of one engine alone")
    lines = ["| | Ephemera | "
             + " | ".join(f"{engine(name).whose} (`{name}`)"
                          for name in engines) + " |",
             "|---" + "|--:" * (len(engines) + 1) + "|"]
    for words, ours, others in found:
        lines.append(f"| {words} | {cell(ours)} | " + " | ".join(
            cell(others.get(name)) for name in engines) + " |")
    return lines
