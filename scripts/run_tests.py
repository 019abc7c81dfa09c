#!/usr/bin/env python3
"""Runs a build directory's tests and counts their cases. scripts/test is the way in.

Meson counts programs; its JUnit log has the cases that GoogleTest and TAP programs report. A
program that crashed or ran out of time may leave no failed case there, so that is checked
against Meson's own verdicts.
"""

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import xml.etree.ElementTree as xml
from pathlib import Path

GOOD = {"OK", "EXPECTEDFAIL", "SKIP"}
TIMING = "timing"  # The suite of tests whose verdict depends on the machine's speed.


class Counts:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __add__(self, other):
        return Counts(self.passed + other.passed, self.failed + other.failed,
                      self.skipped + other.skipped)

    def cases(self):
        return self.passed + self.failed + self.skipped

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def count_case(case):
    if case.find("failure") is not None or case.find("error") is not None:
        return Counts(failed=1)
    if case.find("skipped") is not None or case.get("status") == "notrun":
        return Counts(skipped=1)
    return Counts(passed=1)


def program_name(name, project):
    """From "project:suite / program", and from a JUnit suite's "project.that.GoogleTest suite"."""
    return name.removeprefix(project + ".").split(" / ")[-1].split(".")[0]


def count_by_program(junit, project):
    """Counts for each program. One with no cases of its own is a case of the project's suite."""
    counts = {}
    for suite in junit.iter("testsuite"):
        for case in suite.iter("testcase"):
            of = case if suite.get("name") == project else suite
            program = program_name(of.get("name"), project)
            counts[program] = counts.get(program, Counts()) + count_case(case)
    return counts


def count(build, project):
    counts = count_by_program(xml.parse(build / "meson-logs/testlog.junit.xml"), project)
    total = Counts()
    for line in open(build / "meson-logs/testlog.json"):
        test = json.loads(line)
        program = counts.get(program_name(test["name"], project), Counts())
        if test["result"] not in GOOD and program.failed == 0:
            # The one case of a program without cases was the program itself.
            program = Counts(program.passed if program.cases() > 1 else 0, 1, program.skipped)
        total += program
    return total


def print_failures(build):
    for line in open(build / "meson-logs/testlog.json"):
        test = json.loads(line)
        if test["result"] in GOOD:
            continue
        print(f"\n--- {test['name']}: {test['result']}, exit status {test['returncode']}")
        shown = [said for said in test.get("stdout", "").splitlines() if not said.startswith("ok ")]
        print("\n".join(shown + test.get("stderr", "").splitlines()))


def print_slowest(build, number):
    """The programs that took longest, so that whoever has to wait knows for what."""
    tests = [json.loads(line) for line in open(build / "meson-logs/testlog.json")]
    tests.sort(key=lambda test: test["duration"], reverse=True)
    print("slowest programs:")
    for test in tests[:number]:
        print(f"{test['duration']:6.0f} s  {test['name'].split(' / ')[-1]}")


def tests_of(build):
    return json.load(open(build / "meson-info/intro-tests.json"))


def chosen(tests, patterns, suite=None, no_suite=None):
    """Names of the tests that match a pattern: a shell pattern, or a part of the name. What is
    about time needs a machine to itself: it runs only where its suite is asked for."""
    for test in tests:
        suites = {name.split(":")[-1] for name in test["suite"]}
        if suite not in suites if suite else suites & {no_suite, TIMING}:
            continue
        if not patterns or any(fnmatch.fnmatch(test["name"], f"*{part}*") for part in patterns):
            yield test["name"]


def main():
    parser = argparse.ArgumentParser(prog="scripts/test")
    parser.add_argument("--build", type=Path, required=True)
    parser.add_argument("--suite", help="only this one")
    parser.add_argument("--no-suite", help="all but this one")
    parser.add_argument("--patience", default="1", help="multiplies the time a test may take")
    parser.add_argument("--slowest", type=int, metavar="N", help="say which N took longest")
    parser.add_argument("patterns", nargs="*")
    options = parser.parse_args()

    names = list(chosen(tests_of(options.build), options.patterns, options.suite,
                        options.no_suite))
    if not names:
        sys.exit("scripts/test: no test of that name (those about time: --suite timing)")
    for name in names:
        # Left by an earlier run, it would be counted for a program that crashed in this one.
        (options.build / f"{name}.xml").unlink(missing_ok=True)
    project = json.load(open(options.build / "meson-info/intro-projectinfo.json"))
    sys.stdout.flush()
    status = subprocess.call(
        ["meson", "test", "-C", options.build, "--no-rebuild",
         "--timeout-multiplier", options.patience, *names],
        env=os.environ | {"GTEST_BRIEF": "1"})
    print_failures(options.build)
    if options.slowest:
        print_slowest(options.build, options.slowest)
    total = count(options.build, project["descriptive_name"])
    print(total)
    sys.exit(bool(status or total.failed or not total.passed))


if __name__ == "__main__":
    main()
