#!/usr/bin/env python3
"""Put the figures of a run of `make bench` into README and docs/plots.

    scripts/bench_docs.py                   from build/bench
    scripts/bench_docs.py --out DIR         from DIR

What stands between two marks in README.md becomes the table and the pictures
of that run. The exit status is 0, or 2 if anything is missing; then nothing
was changed.
"""

import argparse
import os
import pathlib
import sys

from bench_answer import markdown
from bench_charts import charts, has_data
from bench_results import BadResults, Results, load

ROOT = pathlib.Path(__file__).resolve().parent.parent
BEGIN = "<!-- figures, by `make bench-docs` -->"
END = "<!-- end of figures -->"
PLOTS = ("miss", "set")
FOLDER = "docs/plots"


def block(results):
    """Return what stands between the marks, as lines."""
    lines = markdown(results)
    by_name = {chart.name: chart for chart in charts(results)}
    for name in PLOTS:
        chart = by_name[name]
        if not has_data(chart):
            raise BadResults(f"these results have no figures for '{name}'")
        lines += ["", f"![{chart.question} {chart.finding}]"
                  f"({FOLDER}/{name}.svg)"]
    # Without a line between, a mark and a table are one block to some.
    return ["", *lines, ""]


def replace(text, lines):
    """Return a text with other lines between the marks."""
    before, begin, rest = text.partition(BEGIN + "\n")
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BadResults(f"README.md has no line '{BEGIN}' with an '{END}' "
                         "after it")
    return before + begin + "\n".join(lines) + "\n" + end + after


def refresh(out, root):
    """Write README.md and the pictures; return which files."""
    results = Results(load(os.path.join(out, "results.json")))
    readme = root / "README.md"
    text = replace(readme.read_text(encoding="utf-8"), block(results))
    # All is read before anything is written.
    pictures = {root / FOLDER / f"{name}.svg": pathlib.Path(
        out, "plots", f"{name}.svg").read_bytes() for name in PLOTS}
    (root / FOLDER).mkdir(parents=True, exist_ok=True)
    for path, content in pictures.items():
        path.write_bytes(content)
    readme.write_text(text, encoding="utf-8")
    return [*pictures, readme]


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", default="build/bench", metavar="DIR",
                        help="where the results and their plots are "
                        "(default: %(default)s)")
    parser.add_argument("--root", default=ROOT, type=pathlib.Path,
                        metavar="DIR", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    try:
        written = refresh(args.out, args.root)
    except (BadResults, ValueError, OSError) as error:
        print(f"scripts/bench_docs.py: {error}", file=sys.stderr)
        print("A whole `make bench`, with gnuplot, makes what is needed.",
              file=sys.stderr)
        return 2
    for path in written:
        print(f"wrote {path.relative_to(args.root)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
