"""One-way loads and time: rates that a far end keeps without loss, and how long it may hold a run
up. Whoever runs this has the machine to itself."""

import json
import signal
import time

import tap
from load_case import several_tries
from load_sink_case import FlowCase, StreamCase, client_arguments, load
from process_state import sockets
from spate_cli import Program, wait_for


class StreamTest(StreamCase):
    def setUp(self):
        super().setUp()
        self.idle = sockets(self.sink.process.pid)

    @several_tries
    def test_a_rate_of_the_far_end(self):
        totals, _ = self.check(load(self.sink.url, "--reverse", "--rate", 1000, "-d", 1))
        self.assertAlmostEqual(totals["ok"], 1000, delta=100)

    @several_tries
    def test_a_rate_of_the_far_end_that_rises(self):
        report = load(self.sink.url, "--reverse", "--rate", "1k..9k/1s", "-d", 1, "--size", 100)
        totals, _ = self.check(report)
        self.assertAlmostEqual(totals["ok"], 5000, delta=500)

    @several_tries
    def test_a_far_end_that_stands_still_holds_a_run_up_for_a_time_out(self):
        timeout_s = 4
        begun = time.monotonic()
        with Program(*client_arguments(self.sink.url, "-d", 1, "--timeout", timeout_s)) as client:
            wait_for(lambda: sockets(self.sink.process.pid) > self.idle + 1, "them")
            self.sink.signal(signal.SIGSTOP)
            try:
                self.assertEqual(client.wait(), 0, client.describe())
            finally:
                self.sink.signal(signal.SIGCONT)
            took_s = time.monotonic() - begun
            report = json.loads(client.stdout)
        self.assertIn("far_end_lost", [warning["code"] for warning in report["warnings"]])
        self.assertLess(took_s, 1 + 1.7 * timeout_s)


class FlowTest(FlowCase):
    @several_tries
    def test_a_rate_of_the_far_end_that_rises(self):
        totals, udp = self.check(load(self.sink().url, "--reverse", "--rate", "1k..9k/1s",
                                      "--poisson", "-d", 1))
        self.assertAlmostEqual(totals["planned"], 5000, delta=500)
        self.assertEqual(udp["lost"], 0)

    @several_tries  # Where the receive buffer may not be as large as it should.
    def test_several_threads(self):
        sink = self.sink("--threads", 2)
        for direction in ((), ("--reverse",)):
            _, udp = self.check(load(sink.url, "-c", 4, "-t", 2, "--rate", "20k", *direction))
            self.assertEqual(udp["lost"], 0)

    @several_tries
    def test_a_rate(self):
        sink = self.sink()
        totals, udp = self.check(load(sink.url, "--rate", 2000, "-d", 0.5))
        self.assertEqual(totals["planned"], 1000)
        self.assertEqual((udp["received"], udp["lost"]), (totals["sent"], 0))

    @several_tries
    def test_a_rate_of_the_far_end(self):
        _, udp = self.check(load(self.sink().url, "--rate", 2000, "-d", 1, "--reverse"))
        self.assertAlmostEqual(udp["received"], 2000, delta=200)
        self.assertEqual(udp["lost"], 0)


if __name__ == "__main__":
    tap.main()
