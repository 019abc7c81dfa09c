"""`spate load --find-max`: what it tries, and how it ends. What it finds is a matter of time:
load_search_time_test.py."""

import json
import signal

import tap
from load_case import LoadCase
from load_sink_case import Sink, client_arguments
from slow_server import SlowServer
from spate_cli import PATIENCE_S, Program, run


class SearchTest(LoadCase):
    def test_a_search_that_is_interrupted(self):
        report = self.folder / "report"
        for kept in (False, True):
            with self.subTest(kept=kept), SlowServer(0.001) as server, Program(
                    "load", "--find-max", "max<1h" if kept else "max<1ns", "-R", 50, "-d",
                    2 if kept else 30, "-c", 4, "--json", report, server.url) as search:
                if kept:
                    search.wait_for_output("kept")
                else:
                    server.asked.wait(PATIENCE_S)
                search.signal(signal.SIGINT)
                status = search.wait()
                if not kept:
                    self.assertEqual(status, 2)
                    self.assertIn("interrupted before any rate", search.stderr)
                    continue
                self.assertEqual(status, 0, search.describe())
                codes = [each["code"] for each in json.loads(report.read_text())["warnings"]]
                self.assertIn("cut_short", codes)

    def test_no_rate_keeps_what_cannot_be(self):
        with SlowServer(0.001) as server:
            done = run("load", "--find-max", "max<1ns", "-R", 4, "-d", 0.2, "--json", "-",
                       server.url)
        self.assertEqual((done.returncode, done.stdout), (3, ""), done.stderr)
        self.assertIn("no rate keeps", done.stderr)

    def test_a_rate_that_the_far_end_cannot_keep_is_missed(self):
        """What it should have sent is not in the sum, or the search would end nowhere."""
        with Sink("tcp") as sink:
            words = client_arguments(sink.url, "--reverse", "--find-max", "errors<1%", "-R", "1M",
                                     "--size", "1M")
            done = run(*[word for word in words if word != "-q"])
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"(?m)^ *1000000/s  missed .*\[rate_missed\]")


if __name__ == "__main__":
    tap.main()
