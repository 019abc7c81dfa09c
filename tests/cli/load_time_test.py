"""`spate load` and time: rates that are kept, what a frozen server does to percentiles, memory that
does not grow. Whoever runs this has the machine to itself."""

import contextlib
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import threading
from pathlib import Path

import tap
from bad_server import BadServer
from load_case import LoadCase, Loaded, several_tries, tries
from load_sink_case import Sink
from process_state import is_sanitized, status_kib
from served_folder import noise
from spate_cli import Folder, Program, Serve, run, wait_for
from talk_case import Listener


class TimeCase(LoadCase):
    @classmethod
    def setUpClass(cls):
        cls.served = cls.enterClassContext(Folder({"small": noise(1000)}))
        cls.server = cls.enterClassContext(Serve(cls.served.path, "--cores", "1"))
        cls.url = cls.server.url + "small"

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def start(self, *arguments, url=None):
        """A run that goes on, and the file that will have its report."""
        file = self.report_file()
        urls = (self.url,) if url is None else url
        program = Program("load", "--json", file, *arguments, *urls)
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

    @several_tries
    def test_steps_are_taken(self):
        loaded = self.load_well("-R", "500,2k/1s", "-c", 32, self.url)
        self.assertEqual(loaded.totals["planned"], 2500)
        self.assertAlmostEqual(loaded.report["intervals"][0]["planned"], 500, delta=50)

    @tries(6)  # Where others share the machine, "the most" changes from one second to the next.
    def test_a_rate_near_the_most_is_kept(self):
        if is_sanitized(self.server.process.pid):
            self.skipTest("times of a sanitized server say nothing")
        most = self.load_well("-d", 1, "-c", 32, "-t", 1, self.url).report["rate"]["answered"]
        rate = round(0.8 * most)
        loaded = self.load_well("-R", rate, "-d", 3, "-c", 32, "-t", 1, self.url)
        print(f"# at most {most:.0f}/s, of {rate}/s sent {loaded.report['rate']['sent']:.0f}/s")
        self.check_kept(loaded, rate)


class TrustTest(TimeCase):
    """Whether a client that was short of time says so."""

    def test_a_client_that_gets_no_processor_in_time_is_late(self):
        with Sink("udp") as sink:
            for target in ((self.url,), ("--stream", sink.url)):
                with self.subTest(target):
                    self.check_late(target)

    @several_tries
    def check_late(self, target):
        processor = min(os.sched_getaffinity(0))
        pinned = {"preexec_fn": lambda: os.sched_setaffinity(0, {processor})}
        spin = [sys.executable, "-c", "while True: pass"]
        spinners = [subprocess.Popen(spin, **pinned) for _ in range(6)]
        try:
            file = self.report_file()
            done = run("load", "--json", file, "-R", 2000, "-d", 1.5, "-t", 1, *target, **pinned)
            loaded = Loaded(done.returncode, done.stdout, done.stderr, file)
        finally:
            for spinner in spinners:
                spinner.kill()
                spinner.wait()
        self.assertEqual(loaded.status, 0)
        self.assertIn("client_late", loaded.warnings)
        self.assertFalse(loaded.report["cpu"]["client"]["kept_up"])
        self.assertIn("client kept up: no", loaded.stdout)
        self.assertGreater(loaded.report["machine"]["pressure"] or 1, 0.1)

    def test_a_timer_of_the_client_is_exact(self):
        program, file = self.start("-d", 3, "-c", 1, "-R", 10)
        tasks = Path(f"/proc/{program.process.pid}/task")

        def slack():
            found = []
            for task in tasks.iterdir():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    found.append(int((Path("/proc") / task.name / "timerslack_ns").read_text()))
            return found
        try:
            wait_for(lambda: 1 in slack(), "a thread without slack")
        except PermissionError as error:
            self.skipTest(f"no look at another's timers: {error}")
        self.ended(program, file)


class PartsTest(LoadCase):
    @several_tries
    def test_the_first_byte_and_the_connection_are_times_of_their_own(self):
        """The answer's head comes after a while, its body after another; connecting is quick."""
        head_s, body_s = 0.2, 0.3

        def answer(talk):
            talk.next_request()
            talk.server.ended.wait(head_s)
            talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n")
            talk.server.ended.wait(body_s)
            talk.send(b"ok")
        with BadServer(answer) as server:
            report = self.load_well("-n", 4, "-c", 4, "--new-connections", server.url()).report
        self.assertGreaterEqual(report["ttfb"]["min"], 0.99 * head_s * 1e9)
        self.assertLess(report["ttfb"]["max"], (head_s + 0.5 * body_s) * 1e9)
        self.assertGreaterEqual(report["latency"]["min"], 0.99 * (head_s + body_s) * 1e9)
        self.assertLess(report["connect"]["max"], 0.5 * head_s * 1e9)


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
        """Of each kind of load, all at once, and of the far ends."""
        stream, flow = self.enterContext(Sink("tcp")), self.enterContext(Sink("udp"))
        echo = self.enterContext(Listener("tcp", "listen", "--echo"))
        answer = self.enterContext(Listener("udp", "listen", "--echo"))
        kinds = {"http": (self.url,), "tcp-echo": (f"tcp://{echo.target}",),
                 "tcp-connect": ("--connect", f"tcp://{echo.target}"),
                 "udp-echo": (f"udp://{answer.target}",), "tcp-stream": ("--stream", stream.url),
                 "udp-stream": ("--stream", flow.url)}
        loads = {}
        for kind, words in kinds.items():
            loads[kind] = self.start("-d", 12, "-c", 8, "--warmup", 0, "-R", 1000, *words, url=())
        watched = {kind: program for kind, (program, _) in loads.items()}
        watched |= {"tcp sink": stream, "udp sink": flow}
        sizes = {name: [] for name in watched}
        for second in range(1, 8):
            for program, _ in loads.values():
                program.wait_for_output(rf"(?m)^ *([{second}-9]|1\d)\.\d of 12 s ")
            for name, program in watched.items():
                sizes[name].append(status_kib(program.process.pid, "RssAnon"))
        for kind, (program, file) in loads.items():
            self.assertEqual(program.wait(), 0, kind)
            self.assertEqual(json.loads(file.read_text())["plan"]["kind"], kind)
        for name, by_second in sizes.items():
            print(f"# {name}, anonymous memory by the second: {by_second} KiB")
            if not is_sanitized(self.server.process.pid):
                self.assertLess(statistics.median(by_second[-3:]) - by_second[1], self.MOST_KIB)


if __name__ == "__main__":
    tap.main()
