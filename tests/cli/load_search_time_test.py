"""`spate load --find-max` and time: whether it finds the rate that a server can keep."""

import json
import re

import tap
from load_case import LoadCase, several_tries
from slow_server import SlowServer
from spate_cli import run


class SearchTest(LoadCase):
    @several_tries
    def test_the_highest_rate_is_found(self):
        capacity = 400
        with SlowServer(1 / capacity, alone=True) as server:
            loaded = self.load("--find-max", "p90<100ms", "-R", 200, "-d", 0.7, "-c", 16,
                               "--warmup", 0, server.url)
        self.assertEqual(loaded.status, 0, loaded.describe())
        found = float(re.search(r"highest rate that keeps them: (\d+)/s", loaded.stdout).group(1))
        self.assertAlmostEqual(found, capacity, delta=capacity * 0.15)
        self.assertAlmostEqual(loaded.report["plan"]["rate"], found, delta=1)

    @several_tries
    def test_a_search_by_a_high_percentile(self):
        """Its tries are as long as that needs; what is written is of the best."""
        log, stream = self.folder / "log", self.folder / "stream"
        with SlowServer(1 / 400, alone=True) as server:
            loaded = self.load("--find-max", "p95<400ms", "-R", 250, "-d", 0.4, "-c", 16,
                               "--warmup", 0, "--hlog", log, "--json-stream", stream, server.url)
        self.assertEqual(loaded.status, 0, loaded.describe())
        tries = re.findall(r"^ *(\d+)/s  (kept|missed)", loaded.stderr, re.MULTILINE)
        self.assertEqual(tries[0], ("250", "kept"), loaded.stderr)
        self.assertGreater(loaded.report["plan"]["duration_ns"], 400e6)
        self.assertIsNotNone(loaded.report["latency"]["p95"])
        # A line of the log for each second of the best try, and none of the others'.
        rows = [line for line in log.read_text().splitlines() if re.match(r"[\d.]+,", line)]
        self.assertEqual(len(rows), len(loaded.report["intervals"]))
        lines = [json.loads(line) for line in stream.read_text().splitlines()]
        reports = [line for line in lines if line["type"] == "report"]
        self.assertEqual(len(reports), len(tries) + 1)
        self.assertEqual(reports[-1]["totals"], loaded.totals)
        self.assertGreaterEqual(len(lines) - len(reports), len(tries))

    @several_tries
    def test_a_search_that_cannot_tell_says_so(self):
        with SlowServer(1 / 100, alone=True) as server:
            done = run("load", "--find-max", "p99.9<5s", "-R", 50, "-d", 0.1, "--warmup", 0, "-c",
                       8, server.url)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertRegex(done.stderr, r"50/s for 1 s are too few answers to tell of p99\.9<5s")
        self.assertNotIn("of 1 s", done.stderr)  # A line for each try, none for its seconds.


if __name__ == "__main__":
    tap.main()
