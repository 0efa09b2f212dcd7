"""The rows of results.json: read, checked, and found by name."""

import json
import math

from bench_cases import OURS, Case

# In rows: which field has which type. docs/bench.md says what they mean.
FIELDS = {"bench": str, "engine": str, "cpus": int, "mode": str,
          "metric": str, "unit": str, "value": (int, float)}


class BadResults(Exception):
    """A file is not one of results; the text says why, in a sentence."""


# ---- from a file

def load(path):
    """Return the rows of a file; raise BadResults if they cannot be used."""
    try:
        with open(path, encoding="utf-8") as file:
            rows = json.load(file)
    except OSError as error:
        raise BadResults(f"cannot read {path}: {error.strerror}") from error
    except ValueError as error:
        raise BadResults(f"{path} is not JSON: {error}") from error
    try:
        check(rows)
    except BadResults as error:
        raise BadResults(f"{path} does not look like results of "
                         f"`make bench`: {error}") from error
    return rows


def check(rows):
    """Raise BadResults unless these are rows, no two for the same figure."""
    if not isinstance(rows, list):
        raise BadResults("it is no array of rows")
    seen = set()
    for number, row in enumerate(rows, 1):
        wrong = _wrong(row)
        if wrong:
            raise BadResults(f"row {number} {wrong}")
        if key(row) in seen:
            raise BadResults(f"row {number} is the second for "
                             + words(key(row)))
        seen.add(key(row))


def _wrong(row):
    """Return what is wrong with a row, or nothing."""
    if not isinstance(row, dict):
        return "is no object"
    for field, kind in FIELDS.items():
        if field not in row:
            return f"has no '{field}'"
        if not isinstance(row[field], kind) or isinstance(row[field], bool):
            return f"has a '{field}' that cannot be: {row[field]!r}"
    if row["cpus"] < 1:
        return f"has a 'cpus' that cannot be: {row['cpus']}"
    if not math.isfinite(row["value"]) or row["value"] < 0:
        return f"has a 'value' that cannot be: {row['value']}"
    return ""


def key(row):
    """Return what tells a row from all others."""
    return (row["bench"], row["engine"], row["cpus"], row["mode"],
            row["metric"])


def words(row_key):
    bench, engine, cpus, _, metric = row_key
    return f"{bench}, {engine}, {cpu_words(cpus)}, {metric}"


def cpu_words(cpus):
    return "1 CPU" if cpus == 1 else f"{cpus} CPUs"


# ---- by name

class Results:
    """Rows that can be asked for."""

    def __init__(self, rows):
        self.rows = list(rows)
        self.units = {row["metric"]: row["unit"] for row in self.rows}
        self.benches = list(dict.fromkeys(r["bench"] for r in self.rows))
        self.engines = list(dict.fromkeys(r["engine"] for r in self.rows))
        self._by_cpus = {}
        for row in sorted(self.rows, key=lambda r: r["cpus"]):
            self._by_cpus.setdefault(
                (row["bench"], row["engine"], row["metric"], row["mode"]),
                {})[row["cpus"]] = row["value"]

    def by_cpus(self, bench, engine, metric="instructions", mode="icount"):
        """Return the figures of one engine: {cpus: value}, fewest first."""
        return self._by_cpus.get((bench, engine, metric, mode), {})

    def value(self, bench, engine, cpus, metric="instructions",
              mode="icount"):
        """Return a figure, or None."""
        return self.by_cpus(bench, engine, metric, mode).get(cpus)

    def cases(self, mode="icount"):
        """Return our own cases as the bars know them."""
        cases = {}
        for row in self.rows:
            if (row["engine"], row["mode"]) == (OURS, mode):
                place = row["bench"], row["cpus"]
                case = cases.setdefault(place, Case(
                    row["bench"], OURS, row["cpus"], mode, {}))
                case.figures[row["metric"]] = row["value"]
        return list(cases.values())


def some_cpus(counts, wanted=4):
    """Return the number of CPUs to speak of: `wanted`, or the most."""
    counts = set(counts)
    return wanted if wanted in counts else max(counts, default=None)
