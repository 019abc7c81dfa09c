"""What tests of `spate serve` among a swarm share: server, swarm, and a check of service."""

import os
import unittest

from process_state import is_sanitized
from raw_http import ask
from spate_cli import Folder, Serve
from swarm import Swarm, allow_descriptors

SEED = int(os.environ.get("SPATE_SEED", "1"))
BIG = 200_000_000
ENTRIES = 20_000


class SwarmCase(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        files = {"small": bytes(1024)} | {f"many/{number:05}": b"" for number in range(ENTRIES)}
        cls.folder = cls.enterClassContext(Folder(files))
        with open(cls.folder.write("big"), "wb") as big:
            big.truncate(BIG)

    def setUp(self):
        self.limit = allow_descriptors(30_000)
        self.server = self.enterContext(Serve(
            self.folder.path, "--cores", "1", "--header-timeout", "120s", "--send-timeout", "300s",
            "--name-port", "0"))
        self.pid = self.server.process.pid

    def name_address(self):
        line = self.server.wait_for_output(r"name://[^ ]*:(\d+)/")
        return ("127.0.0.1", int(line.group(1)))

    def swarm(self):
        # A sanitizer's memory is not the one to measure, and it is slow: a tenth does.
        scale = 0.1 if is_sanitized(self.pid) else min(1.0, self.limit / 12_000)
        print(f"# SPATE_SEED={SEED}, scale {scale:g}")
        return self.enterContext(Swarm(self.server.address, self.name_address(), SEED, scale))

    def check_service(self, kept):
        """On a kept and on a new connection: whole, and never refused."""
        for answer in (kept.ask("/small"), ask(self.server.address, "/small")):
            self.assertEqual((answer.status, len(answer.body)), (200, 1024))
