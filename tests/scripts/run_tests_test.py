"""What scripts/test counts, from logs as Meson writes them."""

import contextlib
import io
import json
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "scripts"), str(ROOT / "tests/cli")]

import run_tests  # noqa: E402
import tap  # noqa: E402

PASS, FAIL = "<testcase name='a'/>", "<testcase name='a'><failure/></testcase>"
SKIP, OFF = "<testcase name='a'><skipped/></testcase>", "<testcase name='a' status='notrun'/>"


def suite(name, *cases):
    return f"<testsuite name='{name}'>{''.join(cases)}</testsuite>"


class CountTest(unittest.TestCase):
    def count(self, suites, verdicts):
        with tempfile.TemporaryDirectory() as build:
            logs = Path(build, "meson-logs")
            logs.mkdir()
            (logs / "testlog.junit.xml").write_text(f"<testsuites>{''.join(suites)}</testsuites>")
            (logs / "testlog.json").write_text("".join(
                json.dumps({"name": name, "result": result}) + "\n"
                for name, result in verdicts.items()))
            return str(run_tests.count(Path(build), "spate"))

    def test_cases_are_counted_whatever_the_protocol(self):
        suites = [suite("spate.spate:unit / unit-http.DateTest", PASS, PASS, SKIP, OFF),
                  suite("spate.spate:unit / unit-http.RangeTest", PASS),
                  suite("spate.spate:cli / cli-serve", PASS, FAIL),
                  suite("spate", "<testcase name='spate:install / install'/>")]
        verdicts = {"spate:unit / unit-http": "OK", "spate:cli / cli-serve": "FAIL",
                    "spate:install / install": "OK"}
        self.assertEqual(self.count(suites, verdicts), "5 passed, 1 failed, 2 skipped")

    def test_a_program_that_crashed_is_a_failure_though_its_cases_passed(self):
        suites = [suite("spate.spate:cli / cli-get", PASS, PASS)]
        self.assertEqual(self.count(suites, {"spate:cli / cli-get": "ERROR"}),
                         "2 passed, 1 failed, 0 skipped")

    def test_a_program_that_ran_out_of_time_without_a_case_is_one_failure(self):
        suites = [suite("spate", "<testcase name='spate:sim / sim'/>")]
        self.assertEqual(self.count(suites, {"spate:sim / sim": "TIMEOUT"}),
                         "0 passed, 1 failed, 0 skipped")

    def test_a_program_that_left_no_log_is_one_failure(self):
        self.assertEqual(self.count([], {"spate:sim / sim": "FAIL"}),
                         "0 passed, 1 failed, 0 skipped")


class ChosenTest(unittest.TestCase):
    def test_tests_are_chosen_by_a_part_of_their_name_and_by_suite(self):
        tests = [{"name": "unit-http", "suite": ["spate:unit"]},
                 {"name": "cli-http", "suite": ["spate:cli"]}]
        cases = [([], None, ["unit-http", "cli-http"]), (["unit"], None, ["unit-http"]),
                 (["http"], "cli", ["cli-http"]), (["c*h"], None, ["cli-http"]),
                 (["nothing"], None, [])]
        for patterns, of_suite, names in cases:
            with self.subTest(patterns=patterns, suite=of_suite):
                self.assertEqual(list(run_tests.chosen(tests, patterns, of_suite)), names)
        self.assertEqual(list(run_tests.chosen(tests, [], no_suite="unit")), ["cli-http"])

    def test_what_is_about_time_runs_only_where_it_is_asked_for(self):
        tests = [{"name": "cli-http", "suite": ["spate:cli"]},
                 {"name": "cli-load_time", "suite": ["spate:timing"]}]
        for patterns, suites, names in [
                ([], {}, ["cli-http"]), (["load_time"], {}, []),
                ([], {"no_suite": "cli"}, []), ([], {"suite": "timing"}, ["cli-load_time"])]:
            with self.subTest(patterns=patterns, suites=suites):
                self.assertEqual(list(run_tests.chosen(tests, patterns, **suites)), names)


class SlowestTest(unittest.TestCase):
    def test_the_slowest_come_first(self):
        with tempfile.TemporaryDirectory() as build:
            Path(build, "meson-logs").mkdir()
            Path(build, "meson-logs/testlog.json").write_text("".join(
                json.dumps({"name": f"spate:cli / {name}", "duration": seconds}) + "\n"
                for name, seconds in [("a", 1.2), ("b", 30), ("c", 2.8)]))
            with contextlib.redirect_stdout(io.StringIO()) as said:
                run_tests.print_slowest(Path(build), 2)
        self.assertEqual(said.getvalue(), "slowest programs:\n    30 s  b\n     3 s  c\n")


class TapTest(unittest.TestCase):
    def report(self, test_case):
        result, said = tap.Result(), io.StringIO()
        real, sys.stdout = sys.stdout, said
        try:
            unittest.defaultTestLoader.loadTestsFromTestCase(test_case).run(result)
        finally:
            sys.stdout = real
        return [line for line in said.getvalue().splitlines() if not line.startswith("#")]

    def test_a_method_is_a_line(self):
        class Sample(unittest.TestCase):
            def test_a(self):
                pass

            def test_b(self):
                self.fail("on purpose")

            def test_c(self):
                self.skipTest("no\nbrowser")

            def test_d(self):
                for number in range(3):
                    with self.subTest(number=number):
                        self.assertEqual(number, 1)

            def test_e(self):
                pass

        self.assertEqual(self.report(Sample), [
            "ok 1 - Sample.test_a", "not ok 2 - Sample.test_b",
            "ok 3 - Sample.test_c # SKIP no browser", "not ok 4 - Sample.test_d",
            "ok 5 - Sample.test_e"])

    def test_a_class_that_cannot_be_set_up_is_a_failure(self):
        class Sample(unittest.TestCase):
            @classmethod
            def setUpClass(cls):
                raise OSError("on purpose")

            def test_a(self):
                pass

        (line,) = self.report(Sample)
        self.assertRegex(line, "^not ok 1 - setUpClass")


if __name__ == "__main__":
    tap.main()
