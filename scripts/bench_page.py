"""A page of HTML: pieces, style, and plots that follow its colours."""

import html
import re

from bench_plots import FAINT, GROUND, INK, TITLE_BAND
from bench_words import ENGINES, OTHER

# No file, font or script from elsewhere, so that the page can be sent alone.
STYLE = """
:root {
  color-scheme: light dark;
  --ground: #ffffff; --ink: #222222; --soft: #5a5f66;
  --faint: #d8d8d8; --good: #006b4f; --bad: #a83c00; %(light)s
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #16181b; --ink: #e6e6e6; --soft: #a9afb7;
    --faint: #3c4147; --good: #4fd1a5; --bad: #ff9d5c; %(dark)s
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%%; }
body {
  margin: 0 auto; padding: 1rem; max-width: 68rem;
  background: var(--ground); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: break-word;
}
h1 { font-size: 1.5rem; line-height: 1.2; margin: .5rem 0 1rem; }
h2 { font-size: 1.2rem; line-height: 1.3; margin: 2.5rem 0 .5rem; }
h3 { font-size: 1rem; line-height: 1.3; margin: 0; }
p, ul, dl { max-width: 44rem; }
p.small { margin: 1rem 0 .25rem; }
ul { padding-left: 1.2rem; }
.answer { font-size: 1.1rem; }
.answer p:first-child { font-size: 1.25rem; line-height: 1.4; }
.plots {
  display: grid; gap: 2rem;
  grid-template-columns: repeat(auto-fill, minmax(min(100%%, 25rem), 1fr));
}
figure { margin: 0; break-inside: avoid; }
figure svg { display: block; width: 100%%; height: auto; max-width: 36rem; }
figcaption { color: var(--soft); font-size: .9rem; }
.box { overflow-x: auto; max-width: 100%%; }
table { border-collapse: collapse; font-size: .9rem; }
th, td {
  padding: .3rem .6rem; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--faint);
}
thead th { vertical-align: bottom; }
th { background: var(--ground); }
tbody th {
  font-weight: normal; min-width: 8rem; max-width: 14rem;
  position: sticky; left: 0;
}
.words { min-width: 11rem; }
.number {
  text-align: right; white-space: nowrap;
  font-variant-numeric: tabular-nums;
}
.small { color: var(--soft); font-size: .85em; font-weight: normal; }
.ours { font-weight: bold; color: var(--sf_buf); }
.met { color: var(--good); } .missed { color: var(--bad); font-weight: bold; }
dt { font-weight: bold; } dd { margin: 0 0 .5rem 1rem; }
details { border-bottom: 1px solid var(--faint); padding: .3rem 0; }
summary { cursor: pointer; padding: .2rem 0; }
code { font-size: .95em; }
@media (min-width: 40rem) {
  tbody th { min-width: 12rem; max-width: none; }
}
@media print {
  body { max-width: none; font-size: 10pt; }
  .box { overflow: visible; }
  .plots { grid-template-columns: 1fr 1fr; }
  tbody th { position: static; }
  h2, h3 { break-after: avoid; }
}
"""


def _variables(shade):
    engines = {**ENGINES, "other": OTHER}
    return " ".join(f"--{name}: {getattr(engine, shade)};"
                    for name, engine in engines.items())


def style():
    return STYLE % {"light": _variables("light"), "dark": _variables("dark")}


def escape(text):
    return html.escape(str(text), quote=True)


def tag(name, *inside, **attributes):
    """Return an element; inside is HTML already, attributes are text."""
    words = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(value)}"'
                    for key, value in attributes.items())
    return f"<{name}{words}>{''.join(inside)}</{name}>"


def text(name, words, **attributes):
    """Return an element that has nothing but text in it."""
    return tag(name, escape(words), **attributes)


def paragraphs(lines, **attributes):
    return tag("div", *(text("p", line) for line in lines), **attributes)


def table(head, rows, about, shown=True):
    """Return a table in a box of its own, which scrolls if it is too wide.

    head and rows: cells of HTML; the first of a row is its heading. about:
    what it shows; it stands above the box, so that it does not scroll.
    """
    # Who has no mouse must be able to scroll it, too.
    box = tag("div", tag("table", tag("thead", tag("tr", *head)),
                         tag("tbody", *(tag("tr", *row) for row in rows))),
              class_="box", tabindex="0", role="region", aria_label=about)
    return (text("p", about, class_="small") if shown else "") + box


def heading_cell(words, small="", number=True):
    more = tag("span", "<br>", escape(small), class_="small") if small else ""
    extra = {"class_": "number"} if number else {}
    return tag("th", escape(words), more, scope="col", **extra)


def row_cell(words):
    return text("th", words, scope="row")


def number_cell(words, small="", ours=False):
    more = tag("span", " ", escape(small), class_="small") if small else ""
    return tag("td", escape(words), more,
               class_="number ours" if ours else "number")


def document(title, *inside):
    """Return the whole page."""
    return "".join((
        "<!DOCTYPE html>\n",
        tag("html",
            tag("head", '<meta charset="utf-8">',
                '<meta name="viewport" '
                'content="width=device-width, initial-scale=1">',
                # No icon, so that no browser looks for one.
                '<link rel="icon" href="data:,">',
                text("title", title), f"<style>{style()}</style>"),
            "\n", tag("body", tag("main", *(part + "\n" for part in inside))),
            lang="en"), "\n"))


# ---- plots

def _rgb(colour):
    return tuple(int(colour[at:at + 2], 16) for at in (1, 3, 5))


# What a plot leaves free at its left is not needed in the page.
CROP = 6

VARIABLES = {_rgb(INK): "ink", _rgb(FAINT): "faint", _rgb(GROUND): "ground",
             _rgb(OTHER.light): "other",
             **{_rgb(engine.light): name for name, engine in ENGINES.items()}}
RGB = re.compile(r"rgb\(\s*(\d+),\s*(\d+),\s*(\d+)\)")
HEX = re.compile(r"(?<=[\"'])#[0-9a-fA-F]{6}(?=[\"'])")


def inline(svg, name, label):
    """Return gnuplot's SVG for the inside of a page.

    Its colours become the page's, its ids its own, and its title is left to
    the page. name: what the ids begin with; label: what it shows, in words.
    """
    match = re.search(r"<svg\b([^>]*)>(.*)</svg>", svg, re.DOTALL)
    if match is None:
        raise ValueError(f"the plot {name} is no SVG")
    size = re.search(r'viewBox="0 0 (\d+) (\d+)"', match[1])
    width, height = int(size[1]), int(size[2])
    body = re.sub(r"<(title|desc)>.*?</\1>", "", match[2], flags=re.DOTALL)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r"\bid=(['\"])", rf"id=\1{name}-", body)
    body = re.sub(r"href=(['\"])#", rf"href=\1#{name}-", body)
    body = RGB.sub(lambda m: _variable(tuple(map(int, m.groups())), m[0]),
                   body)
    body = HEX.sub(lambda m: _variable(_rgb(m[0]), m[0]), body)
    body = re.sub(r"(['\"])black\1", r"\1var(--ink)\1", body)
    return tag("svg", re.sub(r"\n\s*", "\n", body), role="img",
               aria_label=label,
               viewBox=f"{CROP} {TITLE_BAND} {width - CROP} "
               f"{height - TITLE_BAND}")


def _variable(rgb, otherwise):
    name = VARIABLES.get(rgb)
    return f"var(--{name})" if name else otherwise
