#!/usr/bin/env python3
"""Look at a report in a browser, as a person with a telephone would.

    scripts/check_report.py build/bench/report.html
    scripts/check_report.py --shots DIR build/bench/report.html

At 375 and 1280 points, light and dark: nothing is wider than the window but
what scrolls in a box of its own, every plot is drawn, all text stands out from
its ground, and the browser complains of nothing and fetches nothing. Each
fault is a line.

The exit status is 0 if all is well, or if there is no Chromium with its
chromedriver, which is said; 1 if there is a fault; 2 if the check could not be
made.
"""

import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

WIDTHS = (375, 1280)
SCHEMES = ("light", "dark")
SECONDS = 60

# Returns what is wrong with the page as it is shown now. A box is what
# scrolls by itself. Contrast: WCAG 2.2, success criterion 1.4.3.
SCRIPT = r"""
const faults = [], width = document.documentElement.clientWidth;
const boxed = e => { for (; e; e = e.parentElement)
  if (getComputedStyle(e).overflowX == 'auto') return true; return false; };
const words = e => e.tagName.toLowerCase() + ' "' +
  (e.textContent || '').trim().slice(0, 40) + '"';
document.querySelectorAll('details').forEach(d => d.open = true);
if (document.documentElement.scrollWidth > width)
  faults.push('the page scrolls sideways: ' +
              document.documentElement.scrollWidth + ' points');
document.querySelectorAll('body *').forEach(e => {
  const r = e.getBoundingClientRect();
  if (r.right > width + 1 && !boxed(e)) faults.push(words(e) + ' ends at ' +
                                                    r.right.toFixed(0));
});
const light = c => { const l = c.map(v => (v /= 255) <= 0.03928 ? v / 12.92 :
    ((v + 0.055) / 1.055) ** 2.4);
  return 0.2126 * l[0] + 0.7152 * l[1] + 0.0722 * l[2]; };
const rgb = s => (s.match(/[\d.]+/g) || [0, 0, 0]).slice(0, 3).map(Number);
const ground = light(rgb(getComputedStyle(document.body).backgroundColor));
document.querySelectorAll('body *').forEach(e => {
  if (![...e.childNodes].some(n => n.nodeType == 3 && n.data.trim())) return;
  const style = getComputedStyle(e);
  const l = light(rgb(e.closest('svg') ? style.fill : style.color));
  const ratio = (Math.max(l, ground) + 0.05) / (Math.min(l, ground) + 0.05);
  if (ratio < 4.5) faults.push(words(e) + ' has a contrast of ' +
                               ratio.toFixed(1));
});
document.querySelectorAll('img').forEach(i => {
  if (!i.naturalWidth) faults.push('an image is not drawn'); });
document.querySelectorAll('svg').forEach(s => {
  const r = s.getBoundingClientRect(), b = s.getBBox(), v = s.viewBox.baseVal;
  if (r.width < 200 || r.height < 50 || b.width < v.width / 2)
    faults.push('a plot is not drawn: ' + s.getAttribute('aria-label'));
  s.querySelectorAll('text').forEach(t => {
    const at = t.getBoundingClientRect();
    if (at.left < r.left - 1 || at.right > r.right + 1)
      faults.push('a plot cuts off ' + words(t)); });
});
performance.getEntriesByType('resource').forEach(e => {
  if (!e.name.startsWith('data:')) faults.push('fetches ' + e.name); });
return [...new Set(faults)];
"""


class BrowserError(Exception):
    """The browser did not do as it was told."""


class Browser:
    """A browser without a window, through chromedriver."""

    def __init__(self, driver):
        self.profile = tempfile.TemporaryDirectory()
        self.process = subprocess.Popen(
            [driver, "--port=0"], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.url = ""

    def __enter__(self):
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self):
        # It says which port the system gave it: the first line has the 0
        # that it was given.
        for line in self.process.stdout:
            match = re.search(r"on port ([1-9]\d*)", line)
            if match:
                break
        else:
            raise BrowserError("chromedriver did not start")
        url = f"http://127.0.0.1:{match[1]}/session"
        # The sandbox does not work for root, nor in most containers, and
        # the page is our own.
        options = {"args": ["--headless=new", "--no-sandbox", "--disable-gpu",
                            "--hide-scrollbars",
                            f"--user-data-dir={self.profile.name}"]}
        session = self._ask("POST", url, {"capabilities": {"alwaysMatch": {
            "goog:chromeOptions": options,
            "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.url = f"{url}/{session['sessionId']}"

    def __exit__(self, *_):
        try:
            if self.url:
                self.ask("DELETE", "")
        except BrowserError:
            pass        # it is about to be gone
        self.process.terminate()
        self.process.wait()
        self.process.stdout.close()
        self.profile.cleanup()

    def ask(self, method, path, body=None):
        return self._ask(method, self.url + path, body)

    @staticmethod
    def _ask(method, url, body):
        request = urllib.request.Request(
            url, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        # No proxy stands between this and itself.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=SECONDS) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            said = json.load(error)["value"]["message"]
            raise BrowserError(said.splitlines()[0]) from error
        except OSError as error:
            raise BrowserError(str(error)) from error

    def devtools(self, command, **params):
        return self.ask("POST", "/goog/cdp/execute",
                        {"cmd": command, "params": params})

    def show(self, url, width, scheme):
        self.devtools("Emulation.setDeviceMetricsOverride", width=width,
                      height=800, deviceScaleFactor=1, mobile=width < 800)
        self.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": scheme}])
        self.ask("POST", "/url", {"url": url})

    def faults(self):
        found = self.ask("POST", "/execute/sync",
                         {"script": SCRIPT, "args": []})
        return found + [entry["message"] for entry in
                        self.ask("POST", "/se/log", {"type": "browser"})]

    def shot(self, path):
        """Save the whole page as a picture."""
        data = self.devtools("Page.captureScreenshot",
                             captureBeyondViewport=True)["data"]
        pathlib.Path(path).write_bytes(base64.b64decode(data))


def find_driver():
    """Return the way to chromedriver, if there is a browser for it, too."""
    return shutil.which("chromedriver") if any(map(shutil.which, (
        "chromium", "chromium-browser", "google-chrome"))) else None


def look(browser, page, shots):
    """Yield the faults, in words."""
    for width in WIDTHS:
        for scheme in SCHEMES:
            browser.show(page.resolve().as_uri(), width, scheme)
            if shots:
                browser.shot(os.path.join(shots, f"{width}-{scheme}.png"))
            for fault in browser.faults():
                yield f"{width} points, {scheme}: {fault}"


def main(argv=None):
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=pathlib.Path, help="the report")
    parser.add_argument("--shots", metavar="DIR",
                        help="save a picture of each view there")
    args = parser.parse_args(argv)
    if not args.page.is_file():
        print(f"check_report: there is no {args.page}", file=sys.stderr)
        return 2
    driver = find_driver()
    if driver is None:
        print("check_report: skipped, there is no Chromium with chromedriver")
        return 0
    try:
        if args.shots:
            os.makedirs(args.shots, exist_ok=True)
        with Browser(driver) as browser:
            faults = list(look(browser, args.page, args.shots))
    except (BrowserError, OSError) as error:
        print(f"check_report: {error}", file=sys.stderr)
        return 2
    print(*faults, sep="\n", end="\n" * bool(faults))
    if not faults:
        print(f"{args.page}: well at {' and '.join(map(str, WIDTHS))} "
              "points, light and dark")
    return bool(faults)


if __name__ == "__main__":
    sys.exit(main())
