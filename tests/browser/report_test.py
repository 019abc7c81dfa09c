"""The page that `spate load --html` writes, in a real browser."""

import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import webdriver

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
import tap  # noqa: E402

KINDS = ("open", "closed", "udp", "tcp", "long")
PLOTS = {"open": ["percentiles", "rate", "latency", "cpu", "errors"],
         "closed": ["percentiles", "rate", "latency", "cpu"],
         "udp": ["rate", "throughput", "cpu", "errors"],
         "tcp": ["throughput", "cpu"],
         "long": ["percentiles", "rate", "latency", "cpu", "errors"]}

# The least contrast to the page of any line of a chart (WCAG 2.2, 1.4.11 wants 3) and of any
# text in it (1.4.3 wants 4.5).
CONTRASTS = """
    const channel = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const luminance = (text) => {
      const [r, g, b] = text.match(/[\\d.]+/g).map((value) => channel(value / 255));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const paper = luminance(getComputedStyle(document.body).backgroundColor);
    const least = (selector, property) => Math.min(
      ...[...document.querySelectorAll(selector)].map((element) => {
        const ink = luminance(getComputedStyle(element)[property]);
        return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
      }));
    return [least('.chart path', 'stroke'), least('.chart text', 'fill')];
"""


class ReportPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if missing := webdriver.why_missing():
            raise unittest.SkipTest(missing)
        cls.folder = Path(cls.enterClassContext(tempfile.TemporaryDirectory()))
        for kind in KINDS:
            page = subprocess.run([os.environ["PRINT_REPORT"], kind], check=True,
                                  stdout=subprocess.PIPE).stdout
            (cls.folder / f"{kind}.html").write_bytes(page)
        cls.browser = cls.enterClassContext(webdriver.Browser())

    def setUp(self):
        self.browser.open("about:blank")  # The browser's own first page asks for things, too.
        self.browser.console()
        self.browser.requested()

    def tearDown(self):
        """Whatever a test did: nothing was held against the page, and it asked for nothing."""
        self.assertEqual(self.browser.console(), [])
        for url in self.browser.requested():
            self.assertTrue(url.startswith((self.folder.as_uri(), "data:")), url)

    def open(self, kind, dark=False, width=1280):
        self.browser.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.browser.devtools("Emulation.setDeviceMetricsOverride", width=width, height=900,
                              deviceScaleFactor=1, mobile=width < 600)
        self.browser.open((self.folder / f"{kind}.html").as_uri())
        self.screenshot(f"report-{kind}-{width}{'-dark' if dark else ''}")

    def screenshot(self, name):
        """Kept where $SPATE_SCREENSHOTS says, for people to look at."""
        if folder := os.environ.get("SPATE_SCREENSHOTS"):
            self.browser.screenshot(Path(folder) / f"{name}.png")

    def points(self, plot):
        """How many points each line of a plot has."""
        return self.browser.script(
            "return [...document.querySelectorAll(`#${arguments[0]} .chart path`)]"
            ".map((path) => path.getAttribute('d').match(/[ML]/g).length)", plot)

    def test_each_kind_of_run_has_its_plots(self):
        for kind in KINDS:
            self.open(kind)
            found = self.browser.script(
                "return [...document.querySelectorAll('figure')].map((figure) => figure.id)")
            self.assertEqual(found, PLOTS[kind], kind)

    def test_a_line_has_a_point_for_each_interval(self):
        self.open("open")
        self.assertEqual(self.points("rate"), [10, 10, 10])
        self.assertEqual(self.points("latency"), [10, 10, 10])
        self.assertEqual(self.points("cpu"), [10, 10])
        self.assertEqual(self.points("errors"), [10])
        self.assertEqual(self.points("percentiles"), [121, 121, 121, 121])
        self.open("long")
        self.assertEqual(self.points("rate"), [90, 90, 90])

    def test_the_numbers_of_a_plot_unfold(self):
        self.open("open")
        rows = "return document.querySelectorAll('#rate tbody tr').length"
        self.assertEqual(self.browser.script(rows), 10)
        visible = "return document.querySelector('#rate table').checkVisibility()"
        self.assertFalse(self.browser.script(visible))
        self.browser.click("#rate summary")
        self.assertTrue(self.browser.script(visible))

    def test_nothing_is_wider_than_the_window(self):
        for kind in KINDS:
            for width in (375, 768, 1280):
                self.open(kind, width=width)
                wide = self.browser.script("return document.documentElement.scrollWidth")
                self.assertLessEqual(wide, width, kind)

    def test_light_and_dark_can_both_be_read(self):
        papers = []
        for dark in (False, True):
            self.open("open", dark=dark)
            line, text = self.browser.script(CONTRASTS)
            self.assertGreaterEqual(line, 3)
            self.assertGreaterEqual(text, 4.5)
            papers.append(self.browser.script(
                "return getComputedStyle(document.body).backgroundColor"))
        self.assertNotEqual(papers[0], papers[1])

    def test_lines_differ_by_more_than_colour(self):
        self.open("open")
        dashes = self.browser.script(
            "return [...document.querySelectorAll('#percentiles .chart path')]"
            ".map((path) => getComputedStyle(path).strokeDasharray)")
        self.assertEqual(len(set(dashes)), 4)

    def test_a_hostile_sample_is_text(self):
        self.open("open")
        self.assertEqual(self.browser.script("return document.scripts.length"), 0)
        self.assertIn("503 <script>alert(1)</script>",
                      self.browser.script("return document.body.innerText"))


if __name__ == "__main__":
    tap.main()
