"""`spate load` and time: rates that are kept, what a frozen server does to percentiles, memory that
does not grow. Whoever runs this has the machine to itself."""

import os
import signal
import statistics
import threading
import unittest

import tap
from load_case import LoadCase, several_tries
from process_state import is_sanitized, status_kib
from served_folder import noise
from spate_cli import Folder, Program, Serve, wait_for


class TimeCase(LoadCase):
    @classmethod
    def setUpClass(cls):
        cls.served = cls.enterClassContext(Folder({"small": noise(1000)}))
        cls.server = cls.enterClassContext(Serve(cls.served.path, "--cores", "1"))
        cls.url = cls.server.url + "small"

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def start(self, *arguments):
        """A run that goes on, and the file that will have its report."""
        file = self.report_file()
        program = Program("load", "--json", file, *arguments, self.url)
        self.addCleanup(program.__exit__)
        return program, file


class RateTest(TimeCase):
    RATES = (50, 997, 5000, 20000)

    def test_a_constant_rate_is_kept(self):
        for rate in self.RATES:
            with self.subTest(rate):
                self.keep_constant_rate(rate)

    @several_tries
    def keep_constant_rate(self, rate):
        loaded = self.load_well("-R", rate, "-d", 1.5, "-c", 32, "-t", 1, self.url)
        self.assertAlmostEqual(loaded.totals["planned"], rate * 1.5, delta=1)
        self.check_kept(loaded, rate)

    def check_kept(self, loaded, rate):
        print(f"# {rate}/s: answered {loaded.report['rate']['answered']:.1f}/s, send lag p99 "
              f"{(loaded.report['send_lag']['p99'] or 0) / 1000:.0f} us")
        if is_sanitized(self.server.process.pid):
            return
        # What was on its way at the end was sent in time, too.
        self.assertAlmostEqual(loaded.report["rate"]["sent"], rate, delta=rate * 0.005 + 1)
        self.assertAlmostEqual(loaded.report["rate"]["answered"], rate, delta=rate * 0.005 + 1)

    def test_a_poisson_rate_is_kept(self):
        for rate in (997, 20000):
            with self.subTest(rate):
                self.keep_poisson_rate(rate)

    @several_tries
    def keep_poisson_rate(self, rate):
        loaded = self.load_well("-R", rate, "--poisson", "-d", 1.5, "-c", 32, self.url)
        planned = loaded.totals["planned"]
        # Five standard deviations of a count by chance.
        self.assertAlmostEqual(planned, rate * 1.5, delta=5 * (rate * 1.5) ** 0.5)
        self.check_kept(loaded, planned / 1.5)

    @several_tries
    def test_a_ramp_is_followed(self):
        loaded = self.load_well("-R", "1k..5k/4s", "-c", 32, self.url)
        self.assertEqual(loaded.totals["planned"], 12000)
        # Rows end when a second's counts are collected, which may be late.
        for row in loaded.report["intervals"][:4]:
            begin, end = row["t_ns"] / 1e9, (row["t_ns"] + row["length_ns"]) / 1e9
            wanted = 1000 * (end - begin) + 500 * (end ** 2 - begin ** 2)
            self.assertAlmostEqual(row["planned"], wanted, delta=wanted * 0.02 + 20)
        self.assertAlmostEqual(sum(row["length_ns"] for row in loaded.report["intervals"]), 4e9,
                               delta=1e8)

    def test_steps_are_taken(self):
        loaded = self.load_well("-R", "500,2k/1s", "-c", 32, self.url)
        self.assertEqual(loaded.totals["planned"], 2500)
        self.assertAlmostEqual(loaded.report["intervals"][0]["planned"], 500, delta=50)


class FreezeTest(TimeCase):
    """A server that is stopped for one second of four, from the first to the second."""

    def freeze(self, *arguments, rate=1000):
        program, file = self.start("-R", rate, "-d", 4, "--warmup", 0, "-c", 32, *arguments)
        # Its first second is over.
        program.wait_for_output(r"(?m)^ *1\.\d of 4 s ")
        os.kill(self.server.process.pid, signal.SIGSTOP)
        thaw = threading.Timer(1, os.kill, (self.server.process.pid, signal.SIGCONT))
        thaw.start()
        try:
            return self.ended(program, file)
        finally:
            thaw.join()

    @several_tries
    def test_percentiles_are_those_of_arithmetic(self):
        loaded = self.freeze()
        self.assertEqual(loaded.status, 0)
        self.assertEqual(loaded.totals["planned"], 4000)
        self.assertEqual(loaded.totals["ok"], 4000)
        latency = {name: loaded.report["latency"][name] / 1e6
                   for name in ("p50", "p75", "p90", "p99", "max")}
        print("# " + ", ".join(f"{name} {ms:.1f} ms" for name, ms in latency.items()))
        self.assertLess(latency["p50"], 20)
        self.assertLess(latency["p75"], 50)
        self.assertAlmostEqual(latency["p90"], 600, delta=600 * 0.05)
        self.assertAlmostEqual(latency["p99"], 960, delta=960 * 0.05)
        # Of those that were really sent, the 32 connections' alone were slow.
        self.assertLess(loaded.report["service"]["p90"] / 1e6, 50)
        self.assertGreater(loaded.report["send_lag"]["p90"] / 1e6, 500)

    @several_tries
    def test_a_bounded_backlog_sheds_and_accounts(self):
        loaded = self.freeze("--max-backlog", "100ms")
        self.assertEqual(loaded.totals["planned"], 4000)
        # All that was due in the freeze but what was on its way, and the last 100 ms of it.
        self.assertAlmostEqual(loaded.totals["shed"], 1000 - 32 - 100, delta=60)
        self.assertLess(loaded.report["send_lag"]["max"] / 1e6, 110)
        self.assertIn("shed", loaded.stdout)
        self.assertIn("rate_missed", loaded.warnings)


class MemoryTest(TimeCase):
    MOST_KIB = 1024

    def test_memory_is_flat(self):
        program, file = self.start("-d", 8, "-c", 64, "--warmup", 0, "-R", 5000)
        sizes = []
        for second in range(1, 8):
            program.wait_for_output(rf"(?m)^ *{second}\.\d of 8 s ")
            sizes.append(status_kib(program.process.pid, "RssAnon"))
        loaded = self.ended(program, file)
        self.assertEqual(loaded.errors, {})
        print(f"# anonymous memory by the second: {sizes} KiB")
        if not is_sanitized(self.server.process.pid):
            self.assertLess(statistics.median(sizes[-3:]) - sizes[1], self.MOST_KIB)


if __name__ == "__main__":
    tap.main()
