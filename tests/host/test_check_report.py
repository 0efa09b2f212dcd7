#!/usr/bin/env python3
"""Tests of scripts/check_report.py, with a browser where there is one."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

from bench_rows import whole_run

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "scripts" / "check_report.py"
sys.path.insert(0, str(TOOL.parent))

import bench_report  # noqa: E402
import check_report  # noqa: E402

BROWSER = check_report.find_driver()

BAD = """<!DOCTYPE html><html lang="en"><title>x</title>
<style>body { background: #fff; color: #000 }</style>
<div style="width: 2000px">far too wide</div>
<p style="color: #ccc">hardly to be seen</p>
<img src="data:image/png;base64,AAAA" alt="">
<svg role="img" aria-label="an empty plot" viewBox="0 0 400 290"></svg>
<script>console.error("something is broken")</script></html>"""


class Browsing(unittest.TestCase):
    def setUp(self):
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = pathlib.Path(temporary.name)

    def run_tool(self, *arguments, **environment):
        return subprocess.run(
            [sys.executable, str(TOOL), *map(str, arguments)],
            env={**os.environ, **environment}, capture_output=True,
            text=True, timeout=300, check=False)

    def test_a_page_that_is_missing_is_said(self):
        done = self.run_tool(self.folder / "none.html")
        self.assertEqual(done.returncode, 2)
        self.assertIn("there is no", done.stderr)

    def test_without_a_browser_it_is_skipped_and_said(self):
        page = self.folder / "page.html"
        page.touch()
        done = self.run_tool(page, PATH=str(self.folder))
        self.assertEqual(done.returncode, 0)
        self.assertIn("skipped", done.stdout)

    @unittest.skipUnless(BROWSER, "chromedriver or a browser is not there")
    def test_the_report_reads_well_on_a_telephone_and_a_screen(self):
        bench_report.write_report(str(self.folder), whole_run())
        shots = self.folder / "shots"
        done = self.run_tool("--shots", shots, self.folder / "report.html")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(len(list(shots.iterdir())), 4)

    @unittest.skipUnless(BROWSER, "chromedriver or a browser is not there")
    def test_a_bad_page_is_found_out(self):
        page = self.folder / "bad.html"
        page.write_text(BAD, encoding="utf-8")
        done = self.run_tool(page)
        self.assertEqual(done.returncode, 1, done.stderr)
        for fault in ("scrolls sideways", "far too wide", "a contrast of 1.6",
                      "an image is not drawn", "an empty plot",
                      "something is broken"):
            self.assertIn(fault, done.stdout)
        self.assertIn("1280 points, dark: ", done.stdout)


if __name__ == "__main__":
    unittest.main()
