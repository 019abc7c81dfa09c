"""The page that `spate serve` shows for a folder, in a real browser."""

import os
import sys
import unittest
from pathlib import Path
from urllib.parse import urlsplit

import webdriver

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "cli"))
import spate_cli  # noqa: E402
import tap  # noqa: E402

# Names that a page, a URL or a terminal could take for something else.
HOSTILE = [os.fsdecode(name + b".txt") for name in (
    b"new\nline", b'quo"te\'s', b"<b>bold<script>alert(1)</script>".replace(b"/", b"\\"),
    b"bad\xff\xfeutf8", b"a:b", b"javascript:alert(1)", b"q?m#h%41", b" leading  spaces",
    "evil\u202egpj".encode(), "\u0645\u0631\u062d\u0628\u0627".encode(), "\u6f22\u5b57".encode(),
    b"-dash", b"+plus&amp;", b"tab\tesc\x1b[31m", b"back\\slash", b"dots..", b"~tilde;semi=1",
)]

# Name, size and time of last change, each order of them different.
FILES = {"track 10.flac": (300, 1_000_000_000), "track 2.flac": (2000, 1_500_000_000),
         "Alpha.txt": (10, 1_600_000_000), "beta.txt": (70_000, 1_200_000_000)}

# The luminance contrast of an element's text to what is behind it (WCAG 2.2, 1.4.3).
CONTRAST = """
    const channel = (c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
    const luminance = (text) => {
      const [r, g, b] = text.match(/[\\d.]+/g).map((value) => channel(value / 255));
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const element = document.querySelector(arguments[0]);
    let behind = element;
    while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)' && behind.parentElement)
      behind = behind.parentElement;
    const ink = luminance(getComputedStyle(element, arguments[1]).color);
    const paper = luminance(getComputedStyle(behind).backgroundColor);
    return (Math.max(ink, paper) + 0.05) / (Math.min(ink, paper) + 0.05);
"""


class ListingPageTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if missing := webdriver.why_missing():
            raise unittest.SkipTest(missing)
        cls.folder = cls.enterClassContext(spate_cli.Folder())
        for name, (size, time_s) in FILES.items():
            os.utime(cls.folder.write(name, b"x" * size), (time_s, time_s))
        (cls.folder / "sub folder" / "deeper").mkdir(parents=True)
        (cls.folder / "Another").mkdir()
        for name in HOSTILE:
            cls.folder.write(f"hostile/{name}", f"content of {name!a}")
        for number in range(250):
            cls.folder.write(f"many/file {number}.txt")
        cls.server = cls.enterClassContext(spate_cli.Serve(cls.folder.path))
        cls.browser = cls.enterClassContext(webdriver.Browser())

    def setUp(self):
        self.emulate()
        self.browser.console()
        self.browser.requested()

    def tearDown(self):
        """Whatever a test did: nothing was held against the page, and it stayed at home."""
        self.assertEqual(self.browser.console(), [])
        origin = urlsplit(self.server.url).netloc
        for url in self.browser.requested():
            self.assertIn(urlsplit(url).netloc, (origin, ""), url)

    def emulate(self, dark=False, width=1280, scripts=True):
        self.browser.devtools("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}])
        self.browser.devtools("Emulation.setDeviceMetricsOverride", width=width, height=800,
                              deviceScaleFactor=1, mobile=width < 600)
        self.browser.devtools("Emulation.setScriptExecutionDisabled", value=not scripts)

    def open(self, path=""):
        self.browser.open(self.server.url + path)

    def names(self):
        """What can be seen, from top to bottom, without the link to the parent."""
        return self.browser.script(
            "return [...document.querySelectorAll('tbody:not(.up) tr')]"
            ".filter((row) => row.checkVisibility())"
            ".map((row) => row.cells[0].textContent)")

    def text(self):
        return self.browser.script("return document.body.innerText")

    def sort_states(self):
        return self.browser.script(
            "return [...document.querySelectorAll('th')].map((th) => th.ariaSort)")

    def wait_for_names(self, names):
        spate_cli.wait_for(lambda: self.names() == names, f"rows {names}")

    def wait_for_text(self, text):
        """Rows have no text to see before the browser has painted once (content-visibility)."""
        spate_cli.wait_for(lambda: text in self.text(), f"{text!r} on the page")

    def screenshot(self, name):
        """Kept where $SPATE_SCREENSHOTS says, for people to look at."""
        if folder := os.environ.get("SPATE_SCREENSHOTS"):
            self.browser.screenshot(Path(folder) / f"{name}.png")

    def test_a_click_on_a_header_sorts_and_another_reverses(self):
        self.open()
        folders = ["Another", "hostile", "many", "sub folder"]
        by_name = ["Alpha.txt", "beta.txt", "track 2.flac", "track 10.flac"]
        by_size = ["beta.txt", "track 2.flac", "track 10.flac", "Alpha.txt"]
        by_time = ["Alpha.txt", "track 2.flac", "beta.txt", "track 10.flac"]
        self.assertEqual(self.names(), folders + by_name)
        self.browser.requested()

        self.browser.click("th:nth-child(2) a")
        self.assertEqual(self.names(), folders + by_size)
        self.assertEqual(self.sort_states(), ["none", "descending", "none"])
        self.browser.click("th:nth-child(2) a")
        self.assertEqual(self.names(), folders + by_size[::-1])
        self.assertEqual(self.sort_states(), ["none", "ascending", "none"])
        self.browser.click("th:nth-child(3) a")
        self.assertEqual(self.names()[4:], by_time)
        self.assertEqual(self.sort_states(), ["none", "none", "descending"])
        self.browser.click("th:nth-child(1) a")
        self.assertEqual(self.names(), folders + by_name)
        self.browser.click("th:nth-child(1) a")
        self.assertEqual(self.names(), folders[::-1] + by_name[::-1])
        self.assertEqual(self.browser.requested(), [], "sorting asked the server")

    def test_the_server_sorts_as_the_page_does(self):
        for column in (1, 2, 3):
            self.open()
            for _ in range(2):
                self.browser.click(f"th:nth-child({column}) a")
                sorted_by_page, states = self.names(), self.sort_states()
                self.browser.open(self.browser.url)  # which the page has brought up to date
                self.assertEqual(self.names(), sorted_by_page)
                self.assertEqual(self.sort_states(), states)

    def test_the_filter_hides_rows_while_one_types(self):
        self.open()
        everything = self.names()
        self.browser.type("input[type=search]", "TXT")
        self.wait_for_names(["Alpha.txt", "beta.txt"])
        self.wait_for_text("2 shown of")
        self.browser.click("th:nth-child(2) a")
        self.assertEqual(self.names(), ["beta.txt", "Alpha.txt"])
        self.browser.type("input[type=search]", "zzz")
        self.wait_for_names([])
        self.wait_for_text("No name contains")
        self.browser.click("th:nth-child(1) a")
        self.browser.script("const input = document.querySelector('input'); input.value = '';"
                            "input.dispatchEvent(new Event('input'))")
        self.wait_for_names(everything)

    def test_a_filtered_address_shows_its_rows_and_the_way_out(self):
        self.open("?q=TXT&sort=size&order=asc")
        self.assertEqual(self.names(), ["Alpha.txt", "beta.txt"])
        self.browser.click("th:nth-child(2) a")
        self.assertEqual(self.names(), ["beta.txt", "Alpha.txt"])
        self.open("?q=nothing-like-it")
        self.assertEqual(self.names(), [])
        self.browser.click("#nothing a")
        self.assertEqual(len(self.names()), 8)

    def test_every_name_leads_to_its_file(self):
        self.open("hostile/")
        links = self.browser.script(
            "return [...document.querySelectorAll('tbody:not(.up) a')].map((a) => a.href)")
        self.assertEqual(len(links), len(HOSTILE))
        seen = set()
        for number in range(1, len(links) + 1):
            self.open("hostile/")
            self.browser.click(f"tbody:not(.up) tr:nth-child({number}) a")
            seen.add(self.text())
            self.assertEqual(self.browser.url, links[number - 1])
        self.assertEqual(seen, {f"content of {name!a}" for name in HOSTILE})
        self.browser.console()  # Beside a text file the browser misses a /favicon.ico.

    def test_no_name_reaches_beyond_its_row(self):
        self.open("hostile/")
        self.screenshot("hostile")
        shown = self.names()
        self.assertIn("<b>bold<script>alert(1)<\\script>.txt", shown)
        self.assertIn("new\u240aline.txt", shown)
        self.assertIn("evil\ufffdgpj.txt", shown)
        self.assertIn("bad\ufffd\ufffdutf8.txt", shown)
        self.assertEqual(self.browser.script(
            "return [...document.querySelectorAll('bdi')].filter((bdi) => bdi.children.length > 0)"
            ".length"), 0)

    def test_breadcrumbs_and_parent_lead_up(self):
        self.open("sub%20folder/deeper/")
        self.wait_for_text("This folder is empty.")
        self.screenshot("empty")
        self.browser.click("nav li:nth-child(2) a")
        self.assertEqual(self.browser.url, self.server.url + "sub%20folder/")
        self.assertEqual(self.names(), ["deeper"])
        self.browser.click(".parent")
        self.assertEqual(self.browser.url, self.server.url)

    def test_light_and_dark_are_both_readable(self):
        inks = []
        for dark in (False, True):
            self.emulate(dark=dark)
            self.open()
            self.screenshot("dark" if dark else "light")
            for selector, pseudo in (("td bdi", None), ("td time", None), ("h1", None),
                                     ("th[aria-sort=none] a", None), ("footer p", None),
                                     ("footer a", None), ("input", None),
                                     ("input", "::placeholder")):
                with self.subTest(selector=selector, dark=dark):
                    contrast = self.browser.script(CONTRAST, selector, pseudo)
                    self.assertGreaterEqual(contrast, 4.5)
            inks.append(self.browser.script("return getComputedStyle(document.body).color"))
        self.assertNotEqual(inks[0], inks[1])

    def test_a_phone_needs_no_sideways_scrolling(self):
        self.emulate(width=360)
        for path in ("", "hostile/", "sub%20folder/deeper/"):
            self.open(path)
            self.screenshot("phone-" + (path.split("/")[0] or "root"))
            self.assertLessEqual(
                self.browser.script("return document.documentElement.scrollWidth"), 360, path)
        self.open()
        heights = self.browser.script(
            "return [...document.querySelectorAll('tbody tr, [type=search]')]"
            ".map((element) => element.getBoundingClientRect().height)")
        self.assertGreaterEqual(min(heights), 44)
        # All of a row is its link.
        spate_cli.wait_for(lambda: self.browser.script(
            "const box = document.querySelector('tbody tr').getBoundingClientRect();"
            "return document.elementFromPoint(box.right - 5, box.bottom - 5)?.localName === 'a'"),
            "a link at the end of the row")

    def test_without_scripts_links_sort_and_the_form_filters(self):
        self.emulate(scripts=False)
        self.open()
        self.screenshot("without-script")
        self.browser.click("th:nth-child(2) a")
        self.assertEqual(self.names()[4:],
                         ["beta.txt", "track 2.flac", "track 10.flac", "Alpha.txt"])
        self.assertEqual(self.sort_states(), ["none", "descending", "none"])
        self.browser.type("input[type=search]", "tra\ue007")  # and Enter
        # Keys, unlike a click, do not wait for the page that they lead to.
        self.wait_for_names(["track 2.flac", "track 10.flac"])
        self.wait_for_text("(UTC)")
        self.wait_for_text("2017-07-14 02:40")

    def test_times_are_in_the_visitors_zone(self):
        self.browser.devtools("Emulation.setTimezoneOverride", timezoneId="Asia/Tokyo")
        self.open("?q=beta")
        time = "const time = document.querySelector('time'); return "
        spate_cli.wait_for(lambda: self.browser.script(time + "time.title"), "localised times")
        self.assertEqual(self.browser.script(time + "time.title"), "2008-01-10 21:20:00 UTC")
        self.assertIn("11", self.browser.script(time + "time.textContent"))
        self.browser.devtools("Emulation.setTimezoneOverride", timezoneId="")

    def test_all_blocks_of_a_large_folder_sort_and_filter(self):
        self.open("many/")
        self.assertEqual(len(self.names()), 250)
        self.browser.click("th:nth-child(1) a")
        self.assertEqual(self.names()[:2], ["file 249.txt", "file 248.txt"])
        self.browser.type("input[type=search]", "e 24")
        self.wait_for_names([f"file {n}.txt" for n in (*range(249, 239, -1), 24)])
        self.assertEqual(self.browser.script(
            "return document.querySelector('tbody').rows[0].cells[0].textContent"),
            "Parent folder")

    def test_a_screen_reader_finds_a_table_and_a_labelled_filter(self):
        self.open()
        nodes = self.browser.devtools("Accessibility.getFullAXTree")["nodes"]
        found = [(node["role"]["value"], node.get("name", {}).get("value", ""))
                 for node in nodes if not node["ignored"]]
        roles = [role for role, _ in found]
        for expected in (("table", "Files and folders"), ("searchbox", "Filter by name"),
                         ("navigation", "Folders"), ("link", "beta.txt"),
                         ("columnheader", "Size"), ("heading", "Home")):
            self.assertIn(expected, found)
        self.assertEqual(roles.count("row"), 9)
        self.assertEqual(roles.count("cell") + roles.count("gridcell"), 24)

    def test_a_slash_goes_to_the_filter(self):
        self.open()
        self.browser.type("body", "/")
        self.assertEqual(self.browser.script("return document.activeElement.name"), "q")
        self.assertEqual(self.browser.script("return document.activeElement.value"), "")


if __name__ == "__main__":
    tap.main()
