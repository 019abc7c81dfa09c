"""What benchmarks make of figures: medians and intervals, tables, charts, the page."""

import json
import random
import sys
import tempfile
import types
import unittest
import xml.etree.ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/cli")]

import clients  # noqa: E402
import families  # noqa: E402
import micro  # noqa: E402
import page  # noqa: E402
import peers_udp  # noqa: E402
import plot  # noqa: E402
import results  # noqa: E402
import rounds  # noqa: E402
import settings as settings_of  # noqa: E402
import tap  # noqa: E402
from programs import RunFailed  # noqa: E402


def settings(count, smoke=False):
    return types.SimpleNamespace(rounds=count, chance=random.Random(1), smoke=smoke)


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
        self.assertEqual(rounds.interleave(["spate", "nginx"], settings(3), run),
                         {"m": {"spate": [1, 1, 1]}})
        with self.assertRaises(RunFailed):
            rounds.interleave(["spate", "nginx"], settings(1, smoke=True), run)
        broken = "spate"
        with self.assertRaises(RunFailed):
            rounds.interleave(["spate", "nginx"], settings(3), run)

    def test_row_compares_with_the_best_of_the_rivals(self):
        runs = {"spate": [2, 2], "spate again": [4, 4], "a": [8, 8], "b": [5, 5], "floor": [1, 1]}
        row = rounds.row("1k", runs, rivals=("a", "b"))
        self.assertEqual((row["ratio"]["peer"], row["ratio"]["median"]), ("b", 0.4))
        self.assertEqual(row["control"]["median"], 0.5)
        self.assertNotIn("spate again", row["values"])
        self.assertEqual(rounds.row("1k", runs, "higher", ("a", "b"))["ratio"]["peer"], "a")
        self.assertIsNone(rounds.row("1k", {"spate": [1]})["ratio"])


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
    def test_names_and_paths_of_the_machine_are_left_out(self):
        with tempfile.TemporaryDirectory() as name:
            file = Path(name) / "micro-tcp.json"
            file.write_text(json.dumps({"benchmarks": [], "context": {
                "host_name": "h", "executable": "/x/bench-tcp", "num_cpus": 2}}))
            settings = settings_of.parse(settings_of.parser("micro", "", 1, 1), [], False)
            micro.describe(file, settings)
            context = json.loads(file.read_text())["context"]
        self.assertEqual(sorted(context), ["conditions", "num_cpus"])


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


if __name__ == "__main__":
    tap.main()
