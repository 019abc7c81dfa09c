"""Runs of `spate load` and what their reports say.

    class SomeTest(LoadCase):
        def test_it(self):
            loaded = self.load("-n", 10, url)       # checks that its sum is right
            loaded.status, loaded.report["totals"]["ok"], loaded.errors, loaded.stderr
"""

import functools
import itertools
import json
import time
import unittest

from spate_cli import Folder, run

COLUMNS = ("ok", "http_error", "net_error", "timeout", "in_flight", "shed")
TRIES = 3  # Other work on the machine may spoil a try; a fault of ours spoils each.


def tries(count):
    """For what is measured in time. Failures within subTest are not seen here."""
    def decorate(test):
        @functools.wraps(test)
        def tried(self, *arguments):
            for left in reversed(range(count)):
                try:
                    return test(self, *arguments)
                except (AssertionError, LookupError, TimeoutError) as error:
                    if left == 0:
                        raise
                    print(f"# once more: {(str(error) or repr(error)).splitlines()[0]}")
            return None
        return tried
    return decorate


several_tries = tries(TRIES)


class Loaded:
    """A run that has ended: its exit status, what it printed, its report if it wrote one."""

    def __init__(self, status, stdout, stderr, file, took_s=None):
        self.status, self.stdout, self.stderr, self.took_s = status, stdout, stderr, took_s
        text = file.read_text() if file.exists() else ""
        self.report = json.loads(text) if text else None

    @property
    def totals(self):
        return self.report["totals"]

    @property
    def errors(self):
        """How many by class."""
        return {error["class"]: error["count"] for error in self.report["errors"]}

    @property
    def warnings(self):
        return {warning["code"] for warning in self.report["warnings"]}

    def describe(self):
        return f"exit status {self.status}\nstdout: {self.stdout}\nstderr: {self.stderr}"


class LoadCase(unittest.TestCase):
    """Each test has a folder of its own for reports, and other files."""

    def setUp(self):
        self.folder = self.enterContext(Folder())
        self.runs = itertools.count(1)  # Runs may be made on several threads.

    def report_file(self):
        return self.folder / f"report-{next(self.runs)}.json"

    def load(self, *arguments, **options):
        """A run to its end."""
        file = self.report_file()
        begun = time.monotonic()
        done = run("load", "--json", file, *arguments, **options)
        loaded = Loaded(done.returncode, done.stdout, done.stderr, file, time.monotonic() - begun)
        if loaded.report:
            self.check_sum(loaded)
        return loaded

    def load_well(self, *arguments, **options):
        """One in which nothing may go wrong."""
        loaded = self.load(*arguments, **options)
        self.assertEqual(loaded.status, 0, loaded.describe())
        self.assertEqual(loaded.errors, {}, loaded.describe())
        return loaded

    def ended(self, program, file):
        """What a Program has reported that has ended."""
        status = program.wait()
        loaded = Loaded(status, program.stdout, program.stderr, file)
        self.assertIsNotNone(loaded.report, loaded.describe())
        self.check_sum(loaded)
        return loaded

    def check_sum(self, loaded):
        """Everything that was planned came to exactly one end, and every error has a class."""
        totals = loaded.totals
        self.assertEqual(totals["planned"], sum(totals[column] for column in COLUMNS),
                         loaded.describe())
        failed = sum(totals[column] for column in ("http_error", "net_error", "timeout"))
        self.assertEqual(sum(loaded.errors.values()), failed, loaded.describe())
        self.assertEqual(loaded.report["latency"]["count"], totals["ok"])
        self.assertNotIn("unaccounted", loaded.warnings)
        rows = loaded.report["intervals"]
        for name in ("planned", "sent", "ok"):
            self.assertLessEqual(sum(row[name] for row in rows), totals[name])
        for row in rows:
            self.assertGreaterEqual(row["length_ns"], 0)
