"""Our histograms in the hands of HdrHistogram's own decoder, the npm package hdr-histogram-js."""

import json
import os
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "cli"))
import tap  # noqa: E402

PACKAGE = FOLDER / "node_modules" / "hdr-histogram-js"


def run(*command, given=""):
    return json.loads(subprocess.run(command, input=given, capture_output=True, text=True,
                                     check=True, timeout=60).stdout)


def numbers(distribution):
    """The lines of percentiles of an .hgrm, as numbers. The foot is another matter: there the
    package prints the largest value as it was recorded, and HdrHistogram in Java its slot's."""
    return [[float(field) for field in line.split()]
            for line in distribution.splitlines()[2:] if not line.startswith("#")]


class HdrTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("node"):
            raise unittest.SkipTest("no node: scripts/setup --test installs it")
        if not PACKAGE.is_dir():
            raise unittest.SkipTest("no hdr-histogram-js: scripts/setup --test installs it")
        cls.ours = run(os.environ["PRINT_HISTOGRAM"])
        cls.theirs = run("node", FOLDER / "read_log.js", given=cls.ours["log"])

    def pairs(self):
        self.assertEqual(len(self.theirs["intervals"]), len(self.ours["intervals"]))
        for ours, theirs in zip(self.ours["intervals"], self.theirs["intervals"]):
            with self.subTest(ours["tag"]):
                yield ours, theirs

    def test_the_log_has_its_start_and_its_intervals_in_order(self):
        self.assertEqual(self.theirs["start_s"], 1795424305.25)
        self.assertEqual(self.theirs["base_s"], 1795424305.25)
        for number, (ours, theirs) in enumerate(self.pairs()):
            self.assertEqual(theirs["tag"], ours["tag"])
            self.assertEqual(theirs["start_ms"], 1795424305250 + number * 1000)
            self.assertEqual(theirs["end_ms"], theirs["start_ms"] + 1000)

    def test_both_read_the_same_figures(self):
        for ours, theirs in self.pairs():
            for figure in ("count", "max", "percentiles"):
                self.assertEqual(theirs[figure], ours[figure], figure)
            for figure in ("mean", "stdev"):
                self.assertAlmostEqual(theirs[figure], ours[figure],
                                       delta=1e-9 * ours["max"], msg=figure)

    def test_both_print_the_same_distribution(self):
        for ours, theirs in self.pairs():
            lines = numbers(ours["distribution"])
            expected = numbers(theirs["distribution"])
            self.assertEqual(len(lines), len(expected))
            for line, wanted in zip(lines, expected):
                for number, want in zip(line, wanted, strict=True):
                    # They round halves up, we to even.
                    self.assertAlmostEqual(number, want, delta=max(2e-12, 1e-8 * want))

    def test_we_read_what_they_encode(self):
        again = run(os.environ["PRINT_HISTOGRAM"],
                    *(theirs["again"] for theirs in self.theirs["intervals"]))
        for ours, theirs in zip(self.ours["intervals"], again, strict=True):
            self.assertEqual(theirs, {key: ours[key] for key in ours if key != "tag"})


if __name__ == "__main__":
    tap.main()
