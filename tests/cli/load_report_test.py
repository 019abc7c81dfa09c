"""What `spate load` writes of its runs, what it makes of reports, and what it decides by them."""

import csv
import json
import re
import shutil
import subprocess
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import tap
from bad_server import BadServer
from load_case import LoadCase, Loaded
from served_folder import noise
from slow_server import SlowServer
from spate_cli import Folder, Program, Serve, run
from terminal import Terminal

TIMES = {"count", "min", "mean", "stdev", "p50", "p75", "p90", "p95", "p99", "p999", "p9999",
         "max", "hdr"}
KEYS = {
    "run": {"tool", "version", "argv", "started", "host"},
    "plan": {"model", "rate", "conns", "threads", "pipeline", "duration_ns", "warmup_ns", "seed",
             "targets"},
    "totals": {"planned", "sent", "ok", "http_error", "net_error", "timeout", "in_flight", "shed",
               "bytes_in", "bytes_out"},
    "rate": {"target", "sent", "answered"},
    "latency": TIMES, "service": TIMES, "send_lag": TIMES, "connect": TIMES, "ttfb": TIMES,
    "by_status": {"200"},
    "conns": {"opened", "used", "reconnects"},
    "cpu": {"client", "server"},
    "machine": {"steal", "pressure"},
}
INTERVAL = {"t_ns", "planned", "sent", "ok", "err", "p50", "p99", "max"}


class ReportCase(LoadCase):
    @classmethod
    def setUpClass(cls):
        cls.served = cls.enterClassContext(Folder({"small": noise(1000)}))
        cls.server = cls.enterClassContext(Serve(cls.served.path))
        cls.url = cls.server.url + "small"

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def check_json(self, report):
        self.assertEqual(report["schema"], "spate.load/1")
        for key, names in KEYS.items():
            self.assertLessEqual(names, set(report[key]), key)
        for key in ("errors", "warnings", "slo"):
            self.assertIsInstance(report[key], list)
        for row in report["intervals"]:
            self.assertLessEqual(INTERVAL, set(row))
        for key in ("latency", "service", "connect", "ttfb"):
            times = report[key]
            known = [times[name] for name in ("min", "p50", "p75", "p90", "p95", "p99", "p999",
                                              "p9999", "max") if times[name] is not None]
            self.assertEqual(known, sorted(known), key)
            self.assertGreater(known[0], 0)


class OutputTest(ReportCase):
    RUN = ("-d", 1.2, "-c", 4, "--warmup", 0.1)
    KINDS = ("json", "json-stream", "hgrm", "hlog", "csv", "html")

    def test_each_file_says_the_same(self):
        files = {kind: self.folder / f"report.{kind}" for kind in self.KINDS}
        arguments = [word for kind, file in files.items() for word in (f"--{kind}", file)]
        done = run("load", *self.RUN, "-R", 2000, *arguments, self.url)
        self.assertEqual(done.returncode, 0, done.stderr)
        text = {kind: file.read_text() for kind, file in files.items()}
        report = json.loads(text["json"])
        self.check_json(report)
        self.assertEqual(report["plan"]["model"], "const")
        self.assertEqual(report["totals"]["planned"], 2400)
        ok = report["totals"]["ok"]
        self.assertEqual(sum(row["ok"] for row in report["intervals"]), ok)
        self.check_stream(text["json-stream"], report)
        self.check_csv(text["csv"], report)
        self.assertRegex(text["hgrm"], r"^ *Value +Percentile +TotalCount +1/\(1-Percentile\)")
        self.assertIn(f"Total count    = {ok:12}", text["hgrm"])
        self.assertEqual(sum(line[:1].isdigit() for line in text["hlog"].splitlines()),
                         len(report["intervals"]))
        self.assertRegex(text["html"], r"^<!doctype html>(?s:.*)<svg(?s:.*)</html>\s*$")
        self.assertNotRegex(text["html"], r"<script|https?://(?!127\.0\.0\.1|www\.w3\.org)")
        self.assertIn(f"ok {ok}", done.stdout.replace(",", ""))

    def check_stream(self, text, report):
        *rows, last = map(json.loads, text.splitlines())
        self.assertEqual([row.pop("type") for row in rows], ["interval"] * len(rows))
        self.assertEqual(rows, report["intervals"])
        self.assertEqual(last.pop("type"), "report")
        self.assertEqual(last, report)

    def check_csv(self, text, report):
        rows = list(csv.DictReader(text.splitlines()))
        self.assertEqual([int(row["ok"]) for row in rows],
                         [row["ok"] for row in report["intervals"]])

    def test_a_closed_loops_report(self):
        loaded = self.load_well("-n", 100, self.url)
        self.check_json(loaded.report)
        self.assertEqual(loaded.report["plan"]["model"], "closed")
        self.assertEqual(loaded.report["service"], loaded.report["latency"])

    def test_no_percentile_of_too_few(self):
        times = self.load_well("-n", 150, self.url).report["latency"]
        self.assertIsNotNone(times["p90"])
        self.assertEqual((times["p95"], times["p99"], times["p9999"]), (None, None, None))

    def test_a_dash_is_standard_output_and_nothing_else_is_there(self):
        for kind, begin in (("json", "{"), ("json-stream", "{"), ("csv", "start_ns"),
                            ("hgrm", " "), ("hlog", "#"), ("html", "<!doctype")):
            with self.subTest(kind):
                done = run("load", "-n", 50, f"--{kind}", "-", self.url)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertTrue(done.stdout.startswith(begin), done.stdout[:100])
                self.assertNotIn("planned 50", done.stdout)
                self.assertIn("planned 50", done.stderr)
                if kind == "json":
                    self.check_json(json.loads(done.stdout))

    def test_quiet_says_nothing(self):
        loaded = self.load_well(*self.RUN, "-q", self.url)
        self.assertEqual((loaded.stdout, loaded.stderr), ("", ""))

    def test_a_line_a_second_where_there_is_no_terminal(self):
        loaded = self.load_well("-d", 1.5, "-c", 1, self.url)
        lines = loaded.stderr.splitlines()
        self.assertEqual(len(lines), len(loaded.report["intervals"]), loaded.stderr)
        self.assertRegex(lines[0], r"^ *\d.*/s .*p50 .*p99 .*errors 0")

    def test_a_report_that_nobody_takes(self):
        file = self.report_file()
        run("load", "-n", 50, "-q", "--json", file, self.url)
        for command in (("-n", 50, self.url), ("show", file), ("merge", file),
                        ("compare", file, file)):
            with self.subTest(command), open("/dev/full", "w", encoding="utf-8") as full:
                done = run("load", *command, capture_output=False, stdout=full,
                           stderr=subprocess.PIPE)
                self.assertEqual(done.returncode, 2)
                self.assertIn("No space left on device", done.stderr)

    def test_what_may_be_shed_is_in_the_sum(self):
        loaded = self.load_well("-R", 100, "-n", 20, "--max-backlog", "10s", self.url)
        self.assertRegex(loaded.stdout, r"planned 20 = ok 20 .* \+ in flight 0 \+ shed 0")
        self.assertEqual(loaded.report["plan"]["max_backlog_ns"], 10e9)
        self.assertIsNone(loaded.report["plan"]["duration_ns"])
        again = run("load", "show", "--json", "-", self.folder / "report-1.json")
        self.assertEqual(json.loads(again.stdout), loaded.report)

    def test_a_file_that_cannot_be_written_to_its_end(self):
        """Whether it fits the buffers of a stream, or not, as a page."""
        for kind in ("json", "json-stream", "html", "csv", "hgrm", "hlog"):
            with self.subTest(kind):
                done = run("load", "-n", 50, f"--{kind}", "/dev/full", self.url)
                self.assertEqual(done.returncode, 2, done.stderr)
                self.assertIn("/dev/full: cannot be written", done.stderr)
        with open("/dev/full", "w", encoding="utf-8") as full:
            page = run("load", "-n", 50, "--html", "-", self.url, capture_output=False,
                       stdout=full, stderr=subprocess.PIPE)
            self.assertEqual(page.returncode, 2)
            unheard = run("load", "-d", 1.2, "-c", 1, self.url, capture_output=False,
                          stdout=subprocess.PIPE, stderr=full)
        self.assertEqual(unheard.returncode, 0)
        self.assertIn("planned", unheard.stdout)

    @unittest.skipUnless(shutil.which("tmux"), "no tmux: scripts/setup --test installs it")
    def test_a_live_line_on_a_terminal_gives_way_to_the_report(self):
        window = Terminal("load", "-c", "2", "-d", "60", "-R", "500", self.url, width=120,
                          height=24)
        self.addCleanup(window.close)
        window.wait_for_match(r"(?m)^ *\d+\.\d of 60 s .*errors 0")
        window.type("C-c")
        window.wait_for_match(r"ended with 0")
        screen = "\n".join(window.screen())
        self.assertIn("planned", screen)
        self.assertNotRegex(screen, r"of 60 s .*errors 0")


class ReadTest(ReportCase):
    """show, merge and compare."""

    def two(self):
        """Reports of two runs, one of them slow, at the same time."""
        files = [self.report_file(), self.report_file()]
        with ThreadPoolExecutor(2) as pool:
            for done in pool.map(lambda file, path: run(
                    "load", "-R", 200, "-n", 200, "-c", 4, "-q", "--json", file, path),
                                 files, (self.url, self.server.url + "none")):
                self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return files, [json.loads(file.read_text()) for file in files]

    def test_show_gives_the_report_again(self):
        loaded = self.load_well("-n", 500, self.url)
        file = self.folder / "report-1.json"
        done = run("load", "show", file)
        self.assertEqual((done.returncode, done.stdout), (0, loaded.stdout))
        again = run("load", "show", "-q", "--json", "-", file)
        self.assertEqual(json.loads(again.stdout), loaded.report)
        page = run("load", "show", "-q", "--html", "-", file)
        self.assertIn("</svg>", page.stdout)

    def test_show_reads_a_stream(self):
        stream = self.folder / "stream"
        run("load", "-n", 50, "-q", "--json-stream", stream, self.url)
        done = run("load", "show", stream)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("planned 50 = ok 50", done.stdout)

    def test_merged_counts_add_up(self):
        files, (first, second) = self.two()
        done = run("load", "merge", "--json", self.folder / "sum", *files)
        self.assertEqual(done.returncode, 0, done.stderr)
        merged = Loaded(0, "", "", self.folder / "sum")
        self.check_sum(merged)
        for name, count in merged.totals.items():
            self.assertEqual(count, first["totals"][name] + second["totals"][name], name)
        self.assertEqual(merged.report["merged_from"], 2)
        self.assertEqual(merged.report["plan"]["rate"], 400)
        self.assertEqual(merged.report["by_status"], {"200": 200, "404": 200})
        self.assertEqual(merged.errors, {"status_4xx": 200})
        for slo, status in (("errors<=50%", 0), ("errors<50%", 3), ("nonsense", 1)):
            for command in (("merge", *files), ("show", self.folder / "sum")):
                done = run("load", *command, "--slo", slo)
                self.assertEqual(done.returncode, status, (command, slo))

    def test_merged_percentiles_are_of_the_sum(self):
        fast, slow = self.report_file(), self.report_file()
        self.check_status(0, "-n", 900, "-c", 4, "-q", "--json", fast, self.url)
        with SlowServer(0.2) as server:
            self.check_status(0, "-n", 100, "-c", 100, "-q", "--json", slow, server.url)
        merged = json.loads(run("load", "merge", "-q", "--json", "-", fast, slow).stdout)
        self.assertEqual(merged["latency"]["count"], 1000)
        # Nine of ten are fast: 750 of 1,000 are 750 of those 900. An average of the two p95 would
        # be half of what it is.
        of_fast = json.loads(fast.read_text())["latency"]
        self.assertLessEqual(merged["latency"]["p75"], of_fast["p90"])
        self.assertGreater(merged["latency"]["p95"], 200e6 * 0.99)

    def check_status(self, status, *arguments):
        done = run("load", *arguments)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        return done

    def test_runs_of_different_kinds_are_not_merged(self):
        closed, rate = self.report_file(), self.report_file()
        self.check_status(0, "-n", 10, "-q", "--json", closed, self.url)
        self.check_status(0, "-n", 10, "-q", "-R", "1k", "--json", rate, self.url)
        done = run("load", "merge", closed, rate)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"^spate load merge: .*different models.*\n$")

    def test_compare_puts_them_side_by_side(self):
        files, _ = self.two()
        done = run("load", "compare", *files)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertRegex(done.stdout, r"(?m)^.*\bp50\b")


class JudgeTest(ReportCase):
    def status(self, *arguments):
        done = run("load", "-n", 300, "-c", 2, *arguments)
        return done.returncode, done.stdout

    def test_objectives_that_are_kept(self):
        status, text = self.status("--slo", "p90<10s,max<20s,mean<10s,errors<=0%,rate>1", self.url)
        self.assertEqual(status, 0, text)
        self.assertIn("p90<10s", text)

    def test_objectives_that_are_missed(self):
        for slo in ("p50<1ns", "max<1ns", "rate>100M", "p99.99<1h"):  # The last: of too few.
            with self.subTest(slo):
                self.assertEqual(self.status("--slo", f"p90<10s,{slo}", self.url)[0], 3)
        self.assertEqual(self.status("--slo", "errors<1%", self.server.url + "none")[0], 3)

    def test_objectives_in_the_report(self):
        loaded = self.load("-n", 300, "--slo", "p90<10s,max<1ns", self.url)
        self.assertEqual([(slo["expr"], slo["ok"]) for slo in loaded.report["slo"]],
                         [("p90<10s", True), ("max<1ns", False)])
        self.assertEqual(loaded.report["slo"][1]["value"], loaded.report["latency"]["max"])

    def test_strict_does_not_trust_a_rate_that_was_missed(self):
        with BadServer() as server:
            arguments = ("-R", 1000, "-d", 0.5, "-c", 1, "--timeout", 0.5, server.url("silent"))
            self.assertEqual(self.load(*arguments).status, 0)
            loaded = self.load("--strict", *arguments)
            self.assertEqual(loaded.status, 4)
            self.assertIn("rate_missed", loaded.warnings)
        self.assertEqual(self.status("--strict", "-R", 300, "--slo", "max<1ns", self.url)[0], 3)

    def test_two_servers_in_pairs(self):
        with Serve(self.served.path) as other:
            done = run("load", "ab", "-n", 500, "-c", 4, "--pairs", 5, "--json", "-",
                       "--a", self.url, "--b", other.url + "small",
                       "--a-pid", self.server.process.pid, "--b-pid", other.process.pid)
        self.assertEqual(done.returncode, 0, done.stderr)
        result = json.loads(done.stdout)
        self.assertEqual((result["schema"], result["rounds"]), ("spate.load.ab/1", 5))
        figures = {figure["name"]: figure for figure in result["figures"]}
        self.assertLessEqual({"answered/s", "latency p50", "client CPU per answer",
                              "server CPU per answer"}, set(figures))
        for figure in figures.values():
            for estimate in (figure["ratio"], figure["control"]):
                self.assertLessEqual(estimate["low"], estimate["median"])
                self.assertLessEqual(estimate["median"], estimate["high"])
        self.assertEqual(len(re.findall("^round", done.stderr, re.MULTILINE)), 5)
        self.assertIn("CPU of both per answer", figures)
        sides = result["sides"]
        self.assertEqual((sides["a"]["runs"], sides["b"]["runs"]), (10, 5))
        self.assertIn(f"serve --listen 127.0.0.1:0 {self.served.path}", sides["a"]["command"])
        self.assertTrue(result["run"]["host"]["kernel"].startswith("Linux "))
        self.assertIn("--pairs", result["run"]["argv"])

    def test_what_failed_of_a_side_is_told(self):
        with BadServer() as server:
            done = run("load", "ab", "-n", 20, "-c", 2, "--pairs", 1, "--a", self.url,
                       "--b", self.server.url + "none")
            self.assertEqual(done.returncode, 2)  # Nothing of B was ok.
            self.assertIn("status 404", done.stderr)
            mixed = run("load", "ab", "-R", 100, "-d", 2, "--warmup", 0, "-c", 1,
                        "--timeout", 0.3, "--pairs", 1, "--strict", "--a", self.url,
                        "--b", server.url("ok_then_silent"))
        self.assertEqual(mixed.returncode, 4, mixed.stderr)
        self.assertRegex(mixed.stdout, r"(?m)^  A: \d+ of \d+ requests failed")
        self.assertRegex(mixed.stdout, r"(?m)^  B: [1-9]\d* of \d+ requests failed; .*rate_missed")


class FleetTest(ReportCase):
    def test_slices_make_up_the_whole(self):
        """Three parts of a rate, begun at one moment."""
        for options in (("-t", 1), ("-t", 2), ("--poisson",)):
            with self.subTest(options):
                self.check_slices(options)

    def check_slices(self, options):
        at = f"@{time.time() + 2:.3f}"
        shared = ("load", "-R", 999, "-d", 1, "-c", 4, "--warmup", 0, "-q", *options)
        files = [self.report_file() for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            done = list(pool.map(lambda number: run(
                *shared, "--at", at, "--slice", f"{number + 1}/3", "--json",
                files[number], self.url), range(3)))
        self.assertEqual([each.returncode for each in done], [0, 0, 0])
        parts = [Loaded(0, "", "", file) for file in files]
        # By chance, five standard deviations.
        slack = 5 if "--poisson" in options else 0
        planned = [part.totals["planned"] for part in parts]
        self.assertAlmostEqual(sum(planned), 999, delta=slack * 999 ** 0.5)
        for count in planned:
            self.assertAlmostEqual(count, 333, delta=1 + slack * 333 ** 0.5)
        for part in parts:
            self.assertAlmostEqual(part.report["plan"]["rate"], 333, delta=0.5)
        starts = [part.report["run"]["started"] for part in parts]
        self.assertGreaterEqual(min(starts), float(at[1:]) * 1e9)

    def test_a_start_some_time_from_now(self):
        with BadServer() as server:
            begun = time.time()
            loaded = self.load_well("-n", 5, "-c", 1, "--at", "+1s", server.url())
            self.assertGreaterEqual(loaded.report["run"]["started"], (begun + 1) * 1e9)
            self.assertGreater(loaded.took_s, 1)

    def test_the_log_starts_when_the_run_does(self):
        log = self.folder / "log"
        loaded = self.load_well("-n", 5, "--at", "+1s", "--hlog", log, self.url)
        start_s = float(re.search(r"StartTime: ([0-9.]+)", log.read_text()).group(1))
        self.assertAlmostEqual(start_s, loaded.report["run"]["started"] / 1e9, delta=0.001)

    def test_a_start_that_is_past_is_now(self):
        self.load_well("-n", 5, "--at", "@1000000000", self.url)

    def test_a_run_in_the_background_is_not_disturbed_by_its_files(self):
        file = self.folder / "stream"
        with Program("load", "-d", 2.5, "-c", 1, "-q", "--json-stream", file, self.url) as program:
            self.assertEqual(program.wait(), 0)
        kinds = [json.loads(line)["type"] for line in file.read_text().splitlines()]
        self.assertEqual(kinds, ["interval"] * (len(kinds) - 1) + ["report"])


if __name__ == "__main__":
    tap.main()
