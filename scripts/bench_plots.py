"""Draws charts with gnuplot: SVG for the report, PNG for slides.

A chart becomes NAME.gp, which gnuplot can also show alone (`gnuplot -p`), and
from it NAME.svg and NAME.png. They are made to be read on a telephone: 400
points wide, with an engine's name at the end of its line.
"""

import html
import math
import os
import re
import shutil
import subprocess

from bench_charts import Bars, figure, has_data
from bench_results import OURS
from bench_words import engine as engine_of
from bench_words import in_order

WIDTH = 400
LINES_HEIGHT = 290
TITLE_BAND = 30         # the report crops it: there it is a heading
FONT = 14
# Margins of lines, in points; at the right are the names of engines, at the
# left numbers, of so much for each letter.
RIGHT, TOP, BOTTOM = 66, 62, 46
LEFT, LEFT_LETTER = 20, 8
LABEL_GAP = 16          # between the names of two engines
# Bars: a name each at the left, a value at the end.
BAR, BAR_GAP, GROUP_GAP, BARS_LEFT, BARS_RIGHT = 14, 5, 26, 62, 50

INK, FAINT, GROUND = "#222222", "#d8d8d8", "#ffffff"

TERMINALS = {
    "svg": ("svg",
            f'font "sans-serif,{FONT}" background rgb "{GROUND}"', 1),
    # Here fonts are measured in points, of which 3 are 4 pixels. gd has no
    # smooth lines, but some gnuplots have no other.
    "png": ("pngcairo",
            f'font "sans,{FONT * 0.75}" background rgb "{GROUND}"', 2),
    "png by gd": ("png", f'truecolor font "sans,{FONT * 0.75}"', 2),
}
SECONDS = 60


class PlotError(Exception):
    """gnuplot did not draw; the text says why."""


def quote(text):
    """Return a string of gnuplot's, whatever is in it."""
    return "'" + " ".join(text.split()).replace("'", "''") + "'"


def label(text, x, y, colour=INK, more=""):
    """Return a line that writes; x and y in points from the upper left."""
    return (f"set label {quote(text)} at {x}, {y} textcolor rgb '{colour}' "
            f"noenhanced {more}")


class Canvas:
    """Turns points, from the upper left, into what gnuplot takes."""

    def __init__(self, height, left=LEFT):
        self.height = height
        self.left = left        # where lines begin

    def at(self, x, y):
        return (f"screen {x / WIDTH:.4f}",
                f"screen {1 - y / self.height:.4f}")

    def head(self, chart):
        title = re.sub(r"([\\_^@&~{}])", r"\\\1", chart.question)
        x, y = self.at(8, 16)
        return [f"# {chart.question}  ({chart.unit})",
                "set encoding utf8",
                f"set label {quote('{/:Bold ' + title + '}')} "
                f"at {x}, {y} textcolor rgb '{INK}' enhanced",
                label(chart.unit, *self.at(8, TITLE_BAND + 10)),
                "unset key"]


# ---- axes

class Scale:
    """A vertical axis: its ends, and numbers along it.

    It is logarithmic where the largest value is many times the least; then 0
    has a place of its own, below all others.
    """

    LOG_FROM = 8
    MOST_TICS = 7

    def __init__(self, values, headroom=1.1, linear=False):
        positive = [value for value in values if value > 0] or [1]
        least, self.high = min(positive), max(positive) * headroom
        self.log = not linear and self.high / least > self.LOG_FROM
        self.low, self.zero = 0, 0
        if not self.log:
            tics = self._linear_tics()
            self.high = max(self.high, tics[-1])
            self.tics = [(tic, f"{tic:,g}" if tic < 1e5 else
                          self._words(tic)) for tic in tics]
            return
        self.low = least / 1.25
        self.tics = [(tic, self._words(tic)) for tic in self._log_tics()]
        if min(values) == 0:
            self.zero, self.low = self.low / 4, self.low / 6
            self.tics.append((self.zero, "0"))

    def share(self, value):
        """Return where a value is: 0 at the low end, 1 at the high one."""
        if not self.log:
            return value / self.high
        return (math.log((value or self.zero) / self.low)
                / math.log(self.high / self.low))

    def _linear_tics(self):
        power = 10.0 ** math.floor(math.log10(self.high))
        step = next(step for step in (power / 5, power / 2, power, power * 2)
                    if self.high / step < self.MOST_TICS - 1)
        return [step * i for i in range(math.ceil(self.high / step) + 1)]

    def _log_tics(self):
        powers = range(math.floor(math.log10(self.low)),
                       math.ceil(math.log10(self.high)) + 1)
        for steps, every in (((1, 2, 5), 1), ((1,), 1), ((1,), 2), ((1,), 3)):
            tics = [step * 10.0 ** power for power in powers
                    if power % every == 0 for step in steps
                    if self.low <= step * 10.0 ** power <= self.high]
            if len(tics) <= self.MOST_TICS:
                break
        return tics

    @staticmethod
    def _words(value):
        if value >= 1e6:
            return f"{value / 1e6:g}M"
        return f"{value / 1e3:g}k" if value >= 1e5 else figure(value)


def apart(places, gap, low, high):
    """Move places as little as needed to be `gap` apart, between two ends."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    out, floor = list(places), low
    for i in order:
        out[i] = max(out[i], floor)
        floor = out[i] + gap
    ceiling = high
    for i in reversed(order):
        out[i] = min(out[i], ceiling)
        ceiling = out[i] - gap
    return out


# ---- lines

def lines_script(chart):
    """Return the lines of NAME.gp for a chart of lines."""
    scale = Scale([y for line in chart.series.values() for _, y in line],
                  headroom=1.6 if chart.mark else 1.1, linear=chart.linear)
    canvas = Canvas(LINES_HEIGHT, LEFT + LEFT_LETTER * max(
        len(words) for _, words in scale.tics))
    xs = [x for line in chart.series.values() for x, _ in line]
    first, last = min(xs), max(xs)
    script = canvas.head(chart) + [
        f"set lmargin at {canvas.at(canvas.left, 0)[0]}",
        f"set rmargin at {canvas.at(WIDTH - RIGHT, 0)[0]}",
        f"set tmargin at {canvas.at(0, TOP)[1]}",
        f"set bmargin at {canvas.at(0, LINES_HEIGHT - BOTTOM)[1]}",
        f"set yrange [{scale.low:g}:{scale.high:g}]",
        # A bit more than the last, or its number may be left out; and one
        # point alone is at the left.
        f"set xrange [{first:g}:{max(last * 1.001, first * 2):.8g}]",
        "set logscale x 2" + ("; set logscale y" if scale.log else ""),
        f"set border 1 linecolor rgb '{INK}'",
        f"set tics nomirror textcolor rgb '{INK}'",
        f"set grid ytics linetype 1 linewidth 1 linecolor rgb '{FAINT}'",
        "set ytics scale 0 (" + ", ".join(
            f"{quote(words)} {tic:.8g}" for tic, words in scale.tics) + ")",
        "set xtics scale 0.5,0 (" + ", ".join(
            f"{quote(words)} {x:g}" for x, words in chart.x_tics
            if first <= x <= last) + ")",
        label(chart.x_words, *canvas.at((canvas.left + WIDTH - RIGHT) / 2,
                                        LINES_HEIGHT - 9), more="center"),
    ]
    if chart.mark and first <= chart.mark[0] <= last:
        x, words = chart.mark
        script += [f"set arrow from {x:g}, graph 0 to {x:g}, graph 1 nohead "
                   f"linewidth 1 dashtype 2 linecolor rgb '{INK}'",
                   label(words, f"{x:g}", "graph 0.97",
                         more="right offset -0.5,0")]
    return script + _names(chart, canvas, scale) + _series(chart, scale)


def _names(chart, canvas, scale):
    """Return labels: each engine beside the end of its line."""
    bottom = LINES_HEIGHT - BOTTOM
    xs = [x for line in chart.series.values() for x, _ in line]
    width = math.log(max(xs) / min(xs)) or 1
    names = in_order(chart.series)
    ends = [chart.series[name][-1] for name in names]
    places = apart([bottom - (bottom - TOP) * scale.share(y)
                    for _, y in ends], LABEL_GAP, TOP, bottom - 2)
    return [label(name, *canvas.at(
        canvas.left + 9
        + (WIDTH - canvas.left - RIGHT) * math.log(x / min(xs)) / width,
        place), colour=engine_of(name).light)
            for name, (x, _), place in zip(names, ends, places)]


def _series(chart, scale):
    """Return the data and the plot; what is drawn last is on top: ours."""
    blocks, plots = [], []
    for number, name in enumerate(reversed(in_order(chart.series))):
        style = engine_of(name)
        blocks += [f"$s{number} << END",
                   *(f"{x:g} {y or scale.zero:.8g}"
                     for x, y in chart.series[name]), "END"]
        plots.append(f"$s{number} using 1:2 with linespoints "
                     f"linecolor rgb '{style.light}' "
                     f"linewidth {3 if name == OURS else 2} "
                     f"dashtype {style.dash} pointtype {style.point} "
                     "pointsize 0.7")
    return [*blocks, "plot " + ", \\\n     ".join(plots)]


# ---- bars

def bars_height(chart):
    bars = sum(map(len, chart.groups.values()))
    return (TITLE_BAND + 22 + len(chart.groups) * GROUP_GAP
            + bars * (BAR + BAR_GAP) + 8)


def bars_script(chart):
    """Return the lines of NAME.gp for bars, each with its value."""
    canvas = Canvas(bars_height(chart))
    largest = max(value for group in chart.groups.values()
                  for value in group.values()) or 1
    script, y = canvas.head(chart), TITLE_BAND + 22
    for words, group in chart.groups.items():
        script.append(label(words[0].upper() + words[1:],
                            *canvas.at(8, y + GROUP_GAP / 2)))
        y += GROUP_GAP
        for name in in_order(group):
            script += _bar(canvas, y, name, group[name], largest)
            y += BAR + BAR_GAP
    return script + ["unset border; unset tics",
                     "set lmargin 0; set rmargin 0; set tmargin 0; "
                     "set bmargin 0",
                     "set xrange [0:1]; set yrange [0:1]",
                     "plot NaN notitle"]


def _bar(canvas, y, name, value, largest):
    colour = engine_of(name).light
    end = BARS_LEFT + (WIDTH - BARS_LEFT - BARS_RIGHT) * value / largest
    left, top = canvas.at(BARS_LEFT, y)
    right, bottom = canvas.at(max(end, BARS_LEFT + 1), y + BAR)
    return [f"set object rectangle from {left}, {bottom} to {right}, {top} "
            f"fillstyle solid noborder fillcolor rgb '{colour}'",
            label(name, *canvas.at(BARS_LEFT - 5, y + BAR / 2), colour,
                  "right"),
            label(figure(value), *canvas.at(end + 5, y + BAR / 2))]


# ---- files

def size_of(chart):
    return (WIDTH, bars_height(chart) if isinstance(chart, Bars)
            else LINES_HEIGHT)


def script_of(chart):
    lines = bars_script if isinstance(chart, Bars) else lines_script
    return "\n".join(lines(chart)) + "\n"


def _draw(gnuplot, folder, chart, kind):
    """Make one picture; raise PlotError."""
    terminal, options, scale = TERMINALS[kind]
    width, height = size_of(chart)
    path = f"{chart.name}.{kind.split()[0]}"
    if scale != 1:
        options += (f" fontscale {scale} linewidth {scale} "
                    f"pointscale {scale}")
    try:
        done = subprocess.run(
            [gnuplot, "-e",
             f"set terminal {terminal} size {width * scale},{height * scale} "
             f"{options}; set output '{path}'", f"{chart.name}.gp"],
            cwd=folder, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, timeout=SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise PlotError(f"gnuplot did not run: {error}") from error
    if done.returncode or not os.path.isfile(os.path.join(folder, path)):
        said = done.stderr.strip().splitlines() or ["it said nothing"]
        raise PlotError(f"gnuplot did not draw {path}: {said[-1].strip()}")


def draw(charts, folder, gnuplot="gnuplot"):
    """Draw what has data; return {name: SVG} and what went wrong, or "".

    Pictures of former runs are removed, so that none is taken for new.
    """
    os.makedirs(folder, exist_ok=True)
    for name in os.listdir(folder):
        if name.endswith((".gp", ".svg", ".png")):
            os.remove(os.path.join(folder, name))
    charts = [chart for chart in charts if has_data(chart)]
    for chart in charts:
        with open(os.path.join(folder, chart.name + ".gp"), "w",
                  encoding="utf-8") as file:
            file.write(script_of(chart))
    program = shutil.which(gnuplot)
    if program is None:
        return {}, (f"no plots: {gnuplot} was not found; `make doctor` says "
                    "how to install it, then `scripts/bench_report.py` "
                    "draws them")
    try:
        svgs = {chart.name: _svg(program, folder, chart) for chart in charts}
    except PlotError as error:
        return {}, f"no plots: {error}"
    try:
        for chart in charts:
            _png(program, folder, chart)
    except PlotError as error:
        return svgs, f"no PNG pictures: {error}"
    return svgs, ""


def _svg(gnuplot, folder, chart):
    _draw(gnuplot, folder, chart, "svg")
    path = os.path.join(folder, chart.name + ".svg")
    with open(path, encoding="utf-8") as file:
        svg = polish(file.read(), chart.question)
    with open(path, "w", encoding="utf-8") as file:
        file.write(svg)
    return svg


def _png(gnuplot, folder, chart):
    try:
        _draw(gnuplot, folder, chart, "png")
    except PlotError:
        _draw(gnuplot, folder, chart, "png by gd")


def polish(svg, title):
    """Return gnuplot's SVG with the title that a reader wants to hear."""
    svg = re.sub(r"<title>gnuplot_plot_\d+</title>", "", svg)
    return svg.replace("<title>Gnuplot</title>",
                       f"<title>{html.escape(title)}</title>")
