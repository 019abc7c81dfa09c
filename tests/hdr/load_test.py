"""Reports of real runs of `spate load` in the hands of HdrHistogram's own decoder."""

import json
import shutil
import subprocess
import sys
import unittest
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent / "cli"))
import tap  # noqa: E402
from spate_cli import Folder, Serve, run  # noqa: E402

PACKAGE = FOLDER / "node_modules" / "hdr-histogram-js"
HISTOGRAMS = ("latency", "service", "send_lag", "connect", "ttfb", "failed")
PERCENTILES = ("p50", "p75", "p90", "p95", "p99", "p999", "p9999")


def read_by_node(program, given):
    return json.loads(subprocess.run(["node", FOLDER / program], input=given, capture_output=True,
                                     text=True, check=True, timeout=60).stdout)


class LoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not shutil.which("node"):
            raise unittest.SkipTest("no node: scripts/setup --test installs it")
        if not PACKAGE.is_dir():
            raise unittest.SkipTest("no hdr-histogram-js: scripts/setup --test installs it")
        cls.folder = cls.enterClassContext(Folder({"a": "hello"}))
        with Serve(cls.folder.path) as server:
            done = run("load", "-R", "2k", "-d", 2.5, "-c", 8, "-q", "--json",
                       cls.folder / "json", "--hlog", cls.folder / "hlog", server.url + "a")
        if done.returncode != 0:
            raise AssertionError(done.stderr)
        cls.report = json.loads((cls.folder / "json").read_text())
        cls.log = read_by_node("read_log.js", (cls.folder / "hlog").read_text())
        names = [name for name in HISTOGRAMS if cls.report[name]["count"]]
        texts = {name: cls.report[name]["hdr"] for name in names}
        cls.decoded = read_by_node("read_histograms.js", json.dumps(texts))

    def test_the_log_has_the_intervals_of_the_report(self):
        rows = [row for row in self.report["intervals"] if row["ok"]]
        read = [row for row in self.log["intervals"] if row["count"]]
        self.assertEqual([row["count"] for row in read], [row["ok"] for row in rows])
        for ours, theirs in zip(rows, read, strict=True):
            self.assertEqual(theirs["max"], ours["max"])
            if ours["p50"] is not None:
                self.assertEqual(theirs["percentiles"]["50"], ours["p50"])
            if ours["p99"] is not None:
                self.assertEqual(theirs["percentiles"]["99"], ours["p99"])
        self.assertEqual(sum(row["count"] for row in read), self.report["totals"]["ok"])

    def test_the_log_begins_when_the_run_did(self):
        started_s = self.report["run"]["started"] / 1e9
        self.assertAlmostEqual(self.log["start_s"], started_s, delta=0.1)
        first_s = self.report["intervals"][0]["t_ns"] / 1e9
        self.assertAlmostEqual(self.log["intervals"][0]["start_ms"] / 1e3, started_s + first_s,
                               delta=0.05)

    def test_every_histogram_of_the_report_says_what_its_figures_say(self):
        self.assertLessEqual({"latency", "service", "send_lag", "connect", "ttfb"},
                             set(self.decoded))
        for name, theirs in self.decoded.items():
            with self.subTest(name):
                ours = self.report[name]
                self.assertEqual((theirs["count"], theirs["max"], theirs["min"]),
                                 (ours["count"], ours["max"], ours["min"]))
                for percentile in PERCENTILES:
                    if ours[percentile] is not None:
                        self.assertEqual(theirs[percentile], ours[percentile], percentile)
                self.assertAlmostEqual(theirs["mean"], ours["mean"], delta=1)
                self.assertAlmostEqual(theirs["stdev"], ours["stdev"], delta=1)


if __name__ == "__main__":
    tap.main()
