"""How long a client of `spate serve` waits while thousands of others hold all they can."""

import time

import tap
from raw_http import Connection, ask
from swarm_case import SwarmCase

QUESTIONS = 1000
MOST_S = 0.020  # Of 99 in 100; alone it is a tenth of that.


def p99(took):
    return sorted(took)[len(took) * 99 // 100]


class IsolationTimeTest(SwarmCase):
    def took(self, question):
        begun = time.perf_counter()
        answer = question()
        took = time.perf_counter() - begun
        self.assertEqual((answer.status, len(answer.body)), (200, 1024))
        return took

    def measure(self, what):
        kept = self.enterContext(Connection(self.server.address))
        on_kept, on_new = [], []
        for number in range(QUESTIONS):
            on_kept.append(self.took(lambda: kept.ask("/small")))
            on_new.append(self.took(lambda: ask(self.server.address, "/small")))
            if number % 50 == 0 and self.held:
                self.held.stir()
        print(f"# {what}: p99 {p99(on_kept) * 1e3:.2f} ms on a kept connection, "
              f"{p99(on_new) * 1e3:.2f} ms on a new one")
        return max(p99(on_kept), p99(on_new))

    def test_a_swarm_makes_the_others_wait_for_no_longer_than_20_ms(self):
        self.held = None
        self.measure("alone")
        self.held = self.swarm()
        self.held.gather()
        self.assertLess(self.measure(f"among {len(self.held)}"), MOST_S)


if __name__ == "__main__":
    tap.main()
