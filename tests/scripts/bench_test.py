"""What benchmarks make of figures: medians and intervals, tables, charts, the page."""

import contextlib
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import types
import unittest
import unittest.mock
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/cli")]

import bench  # noqa: E402
import clients  # noqa: E402
import cold  # noqa: E402
import families  # noqa: E402
import micro  # noqa: E402
import network  # noqa: E402
import page  # noqa: E402
import peers_load
import peers_udp  # noqa: E402
import plot  # noqa: E402
import programs  # noqa: E402
import results  # noqa: E402
import rounds  # noqa: E402
import scale  # noqa: E402
import servers  # noqa: E402
import settings as settings_of  # noqa: E402
import tap  # noqa: E402
from programs import RunFailed  # noqa: E402


def settings(count, smoke=False):
    return types.SimpleNamespace(rounds=count, chance=random.Random(1), smoke=smoke)


def parsed(*arguments):
    return settings_of.parse(settings_of.parser("micro", "", 1, 1), arguments, False)


@contextlib.contextmanager
def heard():
    """What is said on standard error."""
    with contextlib.redirect_stderr(io.StringIO()) as said:
        yield said


class RoundsTest(unittest.TestCase):
    def test_interval_is_of_order_statistics(self):
        for count, low, high in ((1, 1, 1), (5, 1, 5), (6, 1, 6), (9, 2, 8), (12, 3, 10)):
            with self.subTest(count=count):
                middle, *ends = rounds.median_interval(range(count, 0, -1))
                self.assertEqual((middle, *ends), ((count + 1) / 2, low, high))

    def test_ratio_is_taken_round_by_round(self):
        self.assertEqual(rounds.ratio([2, 20, 200], [1, 10, 50])["median"], 2)

    def test_each_round_runs_every_program_once(self):
        ran = []
        figures = rounds.interleave("abc", settings(7), lambda name: ran.append(name) or {"m": 1})
        self.assertEqual([sorted(ran[at:at + 3]) for at in range(0, 21, 3)], [list("abc")] * 7)
        self.assertEqual(figures, {"m": {name: [1] * 7 for name in "abc"}})
        self.assertNotEqual(ran, list("abc") * 7)

    def test_peer_that_fails_is_left_out_and_ours_is_not(self):
        def run(name):
            if name == broken:
                raise RunFailed("no")
            return {"m": 1}

        broken = "nginx"
        for smoke in (False, True):
            with self.subTest(smoke=smoke), heard() as said:
                self.assertEqual(rounds.interleave(["spate", "nginx"], settings(3, smoke), run),
                                 {"m": {"spate": [1, 1, 1]}})
                self.assertIn("nginx is left out: no", said.getvalue())
        for broken in ("spate", "spate again", "spate -x4"):
            with self.subTest(broken=broken), heard(), self.assertRaises(RunFailed):
                rounds.interleave([broken, "nginx"], settings(3), run)

    def test_what_the_system_refuses_is_a_failed_run(self):
        for failure in (PermissionError(1, "no"), subprocess.TimeoutExpired("x", 1),
                        json.JSONDecodeError("no", "", 0)):
            def run(name, failure=failure):
                raise failure

            with self.subTest(failure=failure), self.assertRaises(RunFailed):
                rounds.measured(run, "nginx")

    def test_peer_that_does_not_start_is_left_out(self):
        def start(name, site):
            if name == broken:
                raise RunFailed("no")
            return unittest.mock.Mock()

        with unittest.mock.patch.object(servers, "start", start), heard():
            broken = "nginx"
            with servers.started(["spate", "nginx"], None) as running:
                self.assertEqual(list(running), ["spate"])
            broken = "spate"
            with self.assertRaises(RunFailed), servers.started(["spate"], None):
                pass

    def test_row_compares_with_the_best_of_the_rivals(self):
        runs = {"spate": [2, 2], "spate again": [4, 4], "a": [8, 8], "b": [5, 5], "floor": [1, 1]}
        row = rounds.row("1k", runs, rivals=("a", "b"))
        self.assertEqual((row["ratio"]["peer"], row["ratio"]["median"]), ("b", 0.4))
        self.assertEqual(row["control"]["median"], 0.5)
        self.assertNotIn("spate again", row["values"])
        self.assertEqual(rounds.row("1k", runs, "higher", ("a", "b"))["ratio"]["peer"], "a")
        self.assertIsNone(rounds.row("1k", {"spate": [1]})["ratio"])


class ProgramsTest(unittest.TestCase):
    def test_what_is_gone_or_dead_counts_nothing(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        self.assertEqual(programs.descendants(ended.pid), [ended.pid])
        self.assertEqual(programs.cpu_ns_of(ended.pid), 0)
        self.assertEqual(programs.text_of(f"/proc/{ended.pid}/status"), "")
        self.assertFalse(programs.is_listening(1, ended.pid))
        self.assertEqual(programs.private_bytes("State:\tZ (zombie)\n"), 0)
        self.assertEqual(programs.private_bytes("RssAnon:\t     3 kB\n"), 3072)

    def test_program_that_ended_is_no_measurement(self):
        with programs.Program(["true"], "0") as program:
            program.process.wait()
            with self.assertRaises(RunFailed):
                program.cpu_ns()
        self.assertTrue(program.log.closed)

    def test_memory_watch_says_what_its_thread_met(self):
        program = unittest.mock.Mock()
        looked = scale.threading.Event()

        def refuse():
            looked.set()
            raise PermissionError(1, "no")

        program.private_memory = refuse
        with self.assertRaises(PermissionError), scale.MemoryWatch(program):
            looked.wait(10)

    def test_disk_figure_is_over_its_own_span(self):
        self.assertEqual(cold.disk_figure(1_000_000, 9_000_000, 4), {"disk": 2})
        self.assertEqual(cold.disk_figure(None, 9_000_000, 4), {})
        program = unittest.mock.Mock(**{"pids.return_value": [os.getpid()]})
        self.assertIsInstance(cold.disk_bytes(program), int)
        with unittest.mock.patch.object(cold, "text_of", side_effect=PermissionError):
            self.assertIsNone(cold.disk_bytes(program))


class NetworkTest(unittest.TestCase):
    def test_what_cannot_be_made_is_said(self):
        def refuse(command):
            raise RunFailed("Operation not permitted")

        with unittest.mock.patch.object(network, "tool", refuse), \
                unittest.mock.patch.object(network, "allowed", lambda: ["cubic"]), \
                unittest.mock.patch.object(network, "delete_namespace"):
            self.assertIn("not permitted", network.why_no_wire())
            self.assertIn("not permitted", network.why_not_within("cubic"))
            self.assertIn("may begin with cubic alone", network.why_not_within("bbr"))

    def test_only_namespaces_of_the_dead_are_deleted(self):
        ended = subprocess.Popen(["true"])
        ended.wait()
        with tempfile.TemporaryDirectory() as folder:
            for name in (f"{ended.pid}-s", f"{os.getpid()}-s", "x-s"):
                Path(folder, f"spate-bench-{name}").touch()
            with unittest.mock.patch.object(network, "NAMESPACES", Path(folder)), \
                    unittest.mock.patch.object(network, "delete_namespace") as delete:
                network.delete_left_overs()
        delete.assert_called_once_with(f"spate-bench-{ended.pid}-s")


class BenchTest(unittest.TestCase):
    def run_main(self, *arguments):
        """What run_all was called with, the exit status, and what was said."""
        with unittest.mock.patch.object(bench, "run_all", return_value=0) as run_all, \
                unittest.mock.patch.object(bench.network, "delete_left_overs"), \
                unittest.mock.patch.object(bench.signal, "signal"), heard() as said:
            status = bench.main(list(arguments))
        return run_all.call_args, status, said.getvalue()

    def test_misspelt_part_is_an_error(self):
        for arguments in (["serv"], ["serv", "--smoke"], ["--smoke", "serv"]):
            with self.subTest(arguments=arguments):
                called, status, said = self.run_main(*arguments)
                self.assertEqual((called, status), (None, 2))
                self.assertIn("no part serv", said)

    def test_page_of_all_is_where_the_results_are(self):
        for arguments in (["--results=/x"], ["--results", "/x"], ["--smoke", "--results=/x"],
                          ["--rounds", "3", "--mib", "4", "--benchmark_filter=a",
                           "--results=/x"]):
            with self.subTest(arguments=arguments):
                called, status, _ = self.run_main(*arguments)
                self.assertEqual(called.args, (arguments, Path("/x"), True))
        self.assertEqual(self.run_main()[0].args, ([], None, True))
        options, folder, _ = self.run_main("--smoke")[0].args
        self.assertEqual(options, ["--results", folder, "--smoke"])

    def run_with_congestion(self, name, available=("reno", "new"), allowed=("reno", "new"),
                            refusal=None):
        with unittest.mock.patch.object(network, "available", return_value=list(available)), \
                unittest.mock.patch.object(network, "allowed", return_value=list(allowed)), \
                unittest.mock.patch.object(network, "tool", side_effect=refusal):
            called, status, said = self.run_main("--congestion", name)
        self.assertIsNone(called)
        return status, said

    def test_congestion_control_that_cannot_be_had_skips(self):
        status, said = self.run_with_congestion("new", refusal=RunFailed("not permitted"))
        self.assertEqual(status, 0)
        self.assertIn("skipped: not permitted", said)
        status, said = self.run_with_congestion("new", allowed=("reno",))
        self.assertEqual(status, 0)
        self.assertIn("skipped: a new network may begin with reno alone", said)

    def test_congestion_control_that_nobody_knows_is_wrong_usage(self):
        status, said = self.run_with_congestion("nwe")
        self.assertEqual(status, 2)
        self.assertIn("nwe: this kernel has loaded reno, new", said)

    def test_termination_unwinds_and_ends_all(self):
        def part(options):
            os.kill(os.getpid(), signal.SIGTERM)
            signal.pause()

        before = signal.signal(signal.SIGTERM, bench.unwind)
        try:
            with unittest.mock.patch.dict(bench.PARTS, {"micro": part}), \
                    self.assertRaises(SystemExit) as end:
                bench.run_all([])
        finally:
            signal.signal(signal.SIGTERM, before)
        self.assertEqual(end.exception.code, 143)


class SettingsTest(unittest.TestCase):
    def test_smoke_writes_only_where_it_is_told_to(self):
        for arguments, silent in (([], False), (["--smoke"], True),
                                  (["--smoke", "--results=/x"], False)):
            with self.subTest(arguments=arguments):
                self.assertEqual(parsed(*arguments).no_results, silent)
        self.assertEqual(parsed().results, ROOT / "bench/results")

    def test_congestion_control_is_the_networks_own(self):
        here = network.congestion_control()
        self.assertEqual(parsed("--congestion", here).congestion, here)
        with heard(), self.assertRaises(SystemExit):
            parsed("--congestion", "another")
        with heard(), self.assertRaises(SystemExit):
            parsed("--congestion", "../x")


class ClientsTest(unittest.TestCase):
    def test_requests_and_time_are_read(self):
        for read, text, requests, wall_s in (
                (clients.read_wrk, "  12345 requests in 2.01s, 13MB read", 12345, 2.01),
                (clients.read_wrk, "  600000 requests in 1.50m, 13MB read", 600000, 90),
                (clients.read_h2load, "finished in 500.12ms, 2 req/s\nrequests: 9 total, 9 started,"
                 " 9 done, 9 succeeded, 0 failed, 0 errored, 0 timeout", 9, 0.50012)):
            with self.subTest(text=text):
                load = read(text)
                self.assertEqual(load.requests, requests)
                self.assertAlmostEqual(load.wall_s, wall_s)

    def test_answers_that_failed_are_no_measurement(self):
        for text in ("5 requests in 1.0s\n  Non-2xx or 3xx responses: 5", "0 requests in 1.0s", ""):
            with self.subTest(text=text), self.assertRaises(RunFailed):
                clients.read_wrk(text)

    def test_rounds_come_to_medians_where_a_figure_may_be_missing(self):
        row = peers_load.medians_row("10%", [{"rate": 1, "p99": None}, {"rate": 5, "p99": 3},
                                             {"rate": 2, "p99": 7}])
        self.assertEqual(row["values"], {"rate": 2, "p99": 5})
        self.assertEqual(row["runs"]["p99"], [None, 3, 7])
        none = peers_load.medians_row("", [{"p99": None}])
        self.assertIsNone(none["values"]["p99"])

    def test_iperf3_counts_what_was_received(self):
        report = {"end": {"sum_sent": {"bytes": 9999, "seconds": 1.9},
                          "sum_received": {"bytes": 8400, "seconds": 2.0}}}
        self.assertEqual(peers_udp.read_iperf3(report, "udp", 1), (6, 1, 2.0))
        self.assertEqual(peers_udp.read_iperf3(report, "tcp", 1), (8400, 1, 2.0))
        with self.assertRaises(RunFailed):
            peers_udp.read_iperf3({"error": "unable to connect"}, "tcp", 1)


class FamiliesTest(unittest.TestCase):
    def test_names_are_taken_apart(self):
        for name, parts in (
                ("tcp_echo/spate/64/1000/iterations:1/manual_time",
                 ("tcp_echo", "spate", ("64", "1000"))),
                ("file_send/sendfile/1048576", ("file_send", "sendfile", ("1048576",))),
                ("paced/64/10/manual_time", ("paced", "", ("64", "10"))),
                ("turn", ("turn", "", ()))):
            with self.subTest(name=name):
                self.assertEqual(families.split_name(name), parts)

    def test_ways_are_columns_and_repetitions_a_median(self):
        def run(way, cost, **more):
            return {"name": f"echo/{way}/64", "run_type": "iteration", "cpu_time": 1,
                    "time_unit": "us", "cpu_ns": cost, "work/s": 5, **more}

        report = {"benchmarks": [run("spate", 1), run("spate", 3), run("blocking", 4),
                                 run("blocking", 4), run("spate", 9, run_type="aggregate")]}
        result = families.family_result("echo", families.families(report)["echo"])
        row, = result["rows"]
        self.assertEqual(row["values"], {"spate": 2, "blocking": 4})
        self.assertEqual(row["work"], {"spate": 5, "blocking": 5})
        self.assertEqual((row["ratio"]["median"], row["ratio"]["peer"]), (0.5, "blocking"))

    def test_other_ways_of_ours_are_no_peers_and_rows_are_in_order(self):
        def run(way, size, cost):
            return {"name": f"send/{way}/{size}", "cpu_time": cost, "time_unit": "ns"}

        report = {"benchmarks": [run("spate_automatic", 1000, 6), run("spate_splice", 1000, 1),
                                 run("sendfile", 1000, 3), run("sendfile", 64, 3)]}
        result = families.family_result("send", families.families(report)["send"])
        self.assertEqual([row["label"] for row in result["rows"]], ["64", "1000"])
        self.assertIsNone(result["rows"][0]["ratio"])
        self.assertEqual(result["rows"][1]["ratio"]["median"], 2)

    def test_without_counters_it_is_the_benchmarks_own_time(self):
        self.assertEqual(families.cost_ns({"cpu_time": 2, "time_unit": "us"}), 2000)


class PlotTest(unittest.TestCase):
    def test_charts_are_well_formed_and_static(self):
        figures = {"spate": 1.5, "a <b> & c": 3.0}
        for drawing in (
                plot.bars('a "title" & more', list(figures), [("1 <KiB>", figures), ("none", {})]),
                plot.lines("t", {name: [(10, value), (100, 2)] for name, value in figures.items()},
                           "connections"),
                plot.lines("empty", {}, "x")):
            with self.subTest(drawing=drawing[:120]):
                xml.etree.ElementTree.fromstring(drawing)
                self.assertIn("prefers-color-scheme: dark", drawing)
                self.assertNotIn("<script", drawing)

    def test_decades_enclose_the_values(self):
        for low, high, decades in ((3, 40, [1, 10, 100]), (10, 10, [10, 100]), (0.2, 1, [0.1, 1])):
            with self.subTest(low=low, high=high):
                self.assertEqual(plot.decades(low, high), decades)


class ResultsTest(unittest.TestCase):
    def test_figures_have_three_digits(self):
        for value, shown in ((None, "–"), (0.01234, "0.0123"), (1.234, "1.23"), (12.34, "12.3"),
                             (123.4, "123"), (1234567, "1,234,567"), (0, "0")):
            with self.subTest(value=value):
                self.assertEqual(results.number(value), shown)

    def test_table_has_ratios_only_where_there_are_some(self):
        plain = results.result("n", "t", "us", [{"label": "1k", "values": {"rate": 1}}])
        self.assertEqual(results.markdown(plain).splitlines()[2], "| 1k | 1.00 |")
        row = rounds.row("1k", {"spate": [1], "spate again": [1], "nginx": [2]})
        self.assertIn("0.50 (0.50–0.50) nginx | 1.00 (1.00–1.00) |",
                      results.markdown(results.result("n", "t", "us", [row])))

    def test_command_is_without_paths_of_the_machine(self):
        self.assertEqual(
            settings_of.shown(["serve", "--spate", "/x", "--rounds", "3", "--results=/y"]),
            ["serve", "--rounds", "3"])


class MicroTest(unittest.TestCase):
    def write(self, *arguments):
        """(file's name, its content) of a report."""
        report = {"benchmarks": [], "context": {
            "host_name": "h", "executable": "/x/bench-tcp", "num_cpus": 2}}
        with tempfile.TemporaryDirectory() as name:
            micro.write("tcp", report, parsed("--results", name, *arguments))
            file, = Path(name).iterdir()
            return file.name, json.loads(file.read_text())

    def test_names_and_paths_of_the_machine_are_left_out(self):
        file, report = self.write("--seconds=3")
        self.assertEqual(file, "micro-tcp.json")
        self.assertEqual(sorted(report["context"]), ["conditions", "num_cpus"])
        self.assertEqual(report["context"]["conditions"]["seconds"], 3)
        self.assertNotIn("seed", report["context"]["conditions"])

    def test_congestion_control_that_was_asked_for_is_in_the_name(self):
        here = network.congestion_control()
        file, report = self.write("--congestion", here)
        self.assertEqual(file, f"micro-tcp-{here}.json")
        self.assertEqual(report["context"]["congestion"], here)

    def test_benchmark_that_was_given_up_fails_but_for_losses_in_smoke_runs(self):
        def report(*names):
            return {"benchmarks": [{"name": "turn"}, *(
                {"name": name, "error_occurred": True, "error_message": "3 of 9 were lost"}
                for name in names)]}

        lost, broken = "paced/64/10/iterations:1/manual_time", "turn/spate"
        for names, smoke, well in (((), False, True), ((lost,), False, False),
                                   ((lost,), True, True), ((lost, broken), True, False)):
            with self.subTest(names=names, smoke=smoke), heard() as said:
                self.assertEqual(micro.judge("udp", report(*names), smoke), well)
                self.assertEqual(said.getvalue().count("3 of 9 were lost"), len(names))

    def run_program(self, script, *arguments):
        with tempfile.TemporaryDirectory() as folder, heard() as said:
            program = Path(folder) / "bench-x"
            program.write_text(f"#!/bin/sh\n{script}\n")
            program.chmod(0o755)
            well = micro.run("x", program, parsed("--no-results", *arguments), [])
        return well, said.getvalue()

    def test_program_is_bounded_and_told_its_seconds(self):
        with contextlib.redirect_stdout(io.StringIO()):
            report = """for word; do case $word in --benchmark_out=*) out=${word#*=};; esac; done
                        test "$SPATE_BENCH_SECONDS" = 0.2 && echo '{"benchmarks": []}' > "$out" """
            self.assertEqual(self.run_program(report, "--seconds=0.2"), (True, ""))
            self.assertFalse(self.run_program(report, "--seconds=0.3")[0])
            self.assertFalse(self.run_program("true")[0])
            with unittest.mock.patch.object(micro, "LONGEST_S", 0.1):
                well, said = self.run_program("exec tail -f /dev/null")
            self.assertFalse(well)
            self.assertIn("timed out", said)


class PageTest(unittest.TestCase):
    CONDITIONS = {"kernel": "6", "cpu": "c", "processors": 2, "date": "2026-01-01", "rounds": 1,
                  "congestion_control": "cubic", "seconds": 1, "seed": 1,
                  "versions": {"nginx": "1"}}

    def test_page_has_results_and_microbenchmarks_with_charts(self):
        row = rounds.row("1 KiB", {"spate": [1], "spate again": [1], "nginx": [2]}, x=10)
        report = {"context": {"conditions": self.CONDITIONS}, "benchmarks": [
            {"name": name, "cpu_time": 1, "time_unit": "ns", "work/s": 3, "x_blocking": times}
            for name, times in (("echo/spate/64", 7), ("echo/blocking/64", 1), ("turn", 1))]}
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for kind in ("bars", "lines"):
                result = results.result(f"serve-{kind}", f"Serving, {kind}", "us", [row],
                                        chart=kind, notes=["A note."])
                result |= {"command": "scripts/bench peers", "conditions": self.CONDITIONS}
                (folder / f"serve-{kind}.json").write_text(json.dumps(result))
            (folder / "micro-tcp.json").write_text(json.dumps(report))
            text = page.write(folder).read_text()
            for part in ("## Serving, bars (us)", "](#serving-bars-us)", "- A note.",
                         "### echo", "| turn | 1.00 |", "| 64 | 7.00 | 1.00 |",
                         "By `scripts/bench peers`: 1 rounds"):
                self.assertIn(part, text)
            self.assertEqual(sorted(path.name for path in folder.glob("*.svg")),
                             ["micro-echo.svg", "serve-bars.svg", "serve-lines.svg"])

    def test_other_congestion_controls_stand_beside_their_like(self):
        def like(name, congestion=None):
            return results.under({"name": name, "title": name}, congestion)

        made = [like("get"), like("serve-floor", "reno"), like("serve-floor"),
                like("serve", "reno"), like("serve", "cubic"), like("serve")]
        self.assertEqual([each["title"] for each in sorted(made, key=page.place)], [
            "serve", "serve, cubic", "serve, reno", "serve-floor", "serve-floor, reno", "get"])

    def test_microbenchmarks_with_a_congestion_control_have_charts_of_their_own(self):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for suffix, more in (("", {}), ("-cubic", {"congestion": "cubic"})):
                (folder / f"micro-tcp{suffix}.json").write_text(json.dumps({
                    "context": {"conditions": self.CONDITIONS, **more}, "benchmarks": [
                        {"name": "echo/spate/64", "cpu_time": 1, "time_unit": "ns"}]}))
            text = page.write(folder).read_text()
            for part in ("## Microbenchmarks: tcp\n", "## Microbenchmarks: tcp, cubic\n",
                         "](#microbenchmarks-tcp-cubic)", "### echo, cubic",
                         "By `scripts/bench micro tcp --congestion cubic`:"):
                self.assertIn(part, text)
            self.assertEqual(sorted(path.name for path in folder.glob("*.svg")),
                             ["micro-echo-cubic.svg", "micro-echo.svg"])


if __name__ == "__main__":
    tap.main()
