"""Runs unittest classes and reports in TAP, a line for each test method, as Meson reads it.

    class ServeTest(unittest.TestCase):
        def test_a_file_is_served(self): ...

    if __name__ == "__main__":
        tap.main()

A test program takes parts of tests' names as arguments, to run only what matches.
"""

import faulthandler
import sys
import unittest

HANGS_S = 200  # What runs for so long waits for what will not come: it shows where, and ends.


class Result(unittest.TestResult):
    """Prints each test's line as it ends, so that one that hangs is the one without a line."""

    def __init__(self):
        super().__init__()
        self.number = 0
        self.running = None
        self.remark = ""
        self.faults = []

    def startTest(self, test):
        super().startTest(test)
        self.running = test
        faulthandler.dump_traceback_later(HANGS_S, exit=True)

    def stopTest(self, test):
        super().stopTest(test)
        faulthandler.cancel_dump_traceback_later()
        self.report(f"{type(test).__name__}.{test._testMethodName}")

    def report(self, name):
        self.number += 1
        print(f"{'not ok' if self.faults else 'ok'} {self.number} - {name}{self.remark}")
        for line in "\n".join(self.faults).splitlines():
            print(f"# {line}")
        sys.stdout.flush()
        self.running, self.remark, self.faults = None, "", []

    def fault(self, test, error, heading=""):
        self.faults.append(heading + self._exc_info_to_string(error, test))
        if self.running is None:  # A class or module that could not be set up or torn down.
            self.report(str(test))

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.fault(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self.fault(test, error)

    def addSubTest(self, test, subtest, error):
        super().addSubTest(test, subtest, error)
        if error is not None:
            self.fault(test, error, heading=subtest._subDescription() + "\n")

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.remark = f" # SKIP {' '.join(reason.split())}"
        if self.running is None:
            self.report(str(test))

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.faults.append("passed, though marked as an expected failure")


def main():
    loader = unittest.TestLoader()
    if len(sys.argv) > 1:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in sys.argv[1:]]
    result = Result()
    loader.loadTestsFromModule(sys.modules["__main__"]).run(result)
    # The plan comes last: a class that cannot be set up has one line for all of its tests.
    print(f"1..{result.number}")
    sys.exit(not result.wasSuccessful())
