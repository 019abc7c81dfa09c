"""How long a command takes to end after a signal, in each of its phases."""

import signal
import statistics
import time
import unittest

import tap
from ending_case import PHASES, Stage

MOST_S = 0.100
GRACE_S = {"serve: a slow reader": 1}  # What is granted to transfers under way comes on top.
TIMES = 3


class EndingTimeTest(unittest.TestCase):
    def took(self, phase):
        with Stage() as stage:
            program = phase.begin(stage)
            begun = time.perf_counter()
            program.signal(signal.SIGTERM)
            program.wait()
            return time.perf_counter() - begun

    def test_each_phase_ends_within_100_ms(self):
        for phase in PHASES:
            if "SIGTERM" not in phase.exits:
                continue
            with self.subTest(phase.name):
                took = statistics.median(self.took(phase) for _ in range(TIMES))
                print(f"# {phase.name}: {took * 1e3:.0f} ms")
                self.assertLess(took, MOST_S + GRACE_S.get(phase.name, 0))


if __name__ == "__main__":
    tap.main()
