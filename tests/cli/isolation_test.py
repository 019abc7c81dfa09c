"""`spate serve` among thousands of clients that hold all they can: the others get theirs, and
memory, the kernel's too, has a bound for each."""

import unittest
from pathlib import Path

import tap
from process_state import descriptors, is_sanitized, sockets, status_kib
from raw_http import Connection, ask
from spate_cli import wait_for
from swarm_case import SwarmCase

ROUNDS = 20  # Of stirring and of asking, while all are held.

# A reset that is lost all the same: the next probe of a window that was shut for so long.
PROBE_S = 100

# Resident memory: so much in all, and so much for each of the swarm; and what may stay.
MOST_KIB, MOST_KIB_EACH, MOST_LEFT_KIB = 64 << 10, 4, 16 << 10


def tcp_memory_pages():
    for line in Path("/proc/net/sockstat").read_text().splitlines():
        if line.startswith("TCP:"):
            return int(line.split()[-1])
    raise unittest.SkipTest("/proc/net/sockstat says nothing of TCP")


def pressure_pages():
    return int(Path("/proc/sys/net/ipv4/tcp_mem").read_text().split()[1])


class IsolationTest(SwarmCase):
    def test_a_swarm_takes_from_nobody_and_leaves_nothing_behind(self):
        kept = self.enterContext(Connection(self.server.address))
        self.check_service(kept)
        ask(self.server.address, "/many/")
        listening = sockets(self.pid)
        before = status_kib(self.pid, "VmRSS")
        open_before = len(descriptors(self.pid))

        swarm = self.swarm()
        swarm.gather()
        for _ in range(ROUNDS):
            swarm.stir()
            self.check_service(kept)
        if not is_sanitized(self.pid):
            grown = status_kib(self.pid, "VmRSS") - before
            print(f"# {len(swarm)} clients: resident memory grew by {grown} KiB")
            self.assertLess(grown, MOST_KIB + MOST_KIB_EACH * len(swarm))
        print(f"# TCP memory {tcp_memory_pages()} pages, pressure from {pressure_pages()}")
        self.assertLess(tcp_memory_pages(), pressure_pages())

        swarm.leave(lambda: self.check_service(kept))
        wait_for(lambda: sockets(self.pid) <= listening, "all connections to be closed", PROBE_S)
        self.check_service(kept)
        wait_for(lambda: len(descriptors(self.pid)) <= open_before + 2, "descriptors to be closed")
        if not is_sanitized(self.pid):
            wait_for(lambda: self.left_over(kept) - before <= MOST_LEFT_KIB, "memory to go back")

    def left_over(self, kept):
        self.check_service(kept)  # Memory goes back in the course of work.
        return status_kib(self.pid, "VmRSS")


if __name__ == "__main__":
    tap.main()
