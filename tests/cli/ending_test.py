"""A signal or a time limit ends every command, wherever it stands: in each phase by name, and at
moments that a seed draws: fifty, times SPATE_SEEDS, by SPATE_SEED."""

import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import time
import unittest

import tap
from ending_case import LONG_S, PHASES, Stage
from get_server import content
from own_network import in_network
from seeds import seeds
from spate_cli import PATIENCE_S, Folder, Serve, run

DATA = content(2 << 20)


class PhaseTest(unittest.TestCase):
    """PATIENCE_S is the guard: each phase lasts much longer by itself."""

    def test_a_signal_ends_each_phase(self):
        for phase in PHASES:
            for name, codes in phase.exits.items():
                with self.subTest(phase.name, signal=name), Stage() as stage:
                    program = phase.begin(stage)
                    program.signal(getattr(signal, name))
                    self.assertIn(program.wait(), codes)
                    self.check(phase, stage, program)

    def test_a_time_limit_ends_each_phase(self):
        for phase in PHASES:
            if not phase.limit:
                continue
            with self.subTest(phase.name), Stage() as stage:
                program = phase.begin(stage, *phase.limit)
                self.assertEqual(program.wait(), 11)
                self.check(phase, stage, program)

    def check(self, phase, stage, program):
        if phase.kept:
            self.assertIn("the same command goes on from there", program.stderr)
            self.assertTrue((stage.folder / "file.part").exists())
        if phase.name.startswith("load:") and "sink" not in phase.name:
            self.assertIn("requests" if "stream" not in phase.name else "messages",
                          program.stdout)

    @in_network("ip link set lo up")
    def test_a_look_up_without_an_answer(self):
        """All that is sent to the name server arrives, here, and is never answered."""
        with open("/etc/resolv.conf", encoding="utf-8") as file:
            servers = [words[1] for line in file
                       if (words := line.split()) and words[0] == "nameserver"]
        if not servers or ":" in servers[0]:
            self.skipTest("no name server of IPv4")
        subprocess.run(["ip", "address", "add", servers[0] + "/32", "dev", "lo"], check=False,
                       capture_output=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as mute:
            mute.bind((servers[0], 53))
            mute.settimeout(PATIENCE_S)
            environment = os.environ | {"RES_OPTIONS": f"timeout:{LONG_S // 2} attempts:3"}
            url = "http://nobody.example/file"
            for name, code, words in (("SIGINT", 130, ("get", url)),
                                      ("SIGTERM", 143, ("get", url)),
                                      (None, 11, ("get", "-m", "500ms", url)),
                                      ("SIGINT", -2, ("load", url)),
                                      ("SIGTERM", -15, ("tcp", "connect", "nobody.example:1"))):
                with self.subTest(words, signal=name), Stage() as stage:
                    program = stage.start(*words, env=environment)
                    mute.recv(4096)
                    if name:
                        program.signal(getattr(signal, name))
                    self.assertEqual(program.wait(), code)
            for name in ("SIGINT", "SIGTERM"):
                with self.subTest("/to", signal=name), Stage() as stage:
                    chat = stage.start("udp", "chat", "--bind", "127.0.0.1:0",
                                       stdin=subprocess.PIPE, env=environment)
                    chat.type("/to nobody.example:1\n")
                    mute.recv(4096)
                    chat.signal(getattr(signal, name))
                    self.assertEqual(chat.wait(), 0, chat.describe())


class MomentTest(unittest.TestCase):
    """At any moment of a life of about a second, from the first instruction to the last."""

    COUNT = len(seeds(50))

    def setUp(self):
        self.seed = int(os.environ.get("SPATE_SEED", "1"))
        print(f"# SPATE_SEED={self.seed}")
        self.random = random.Random(self.seed)
        self.folder = self.enterContext(Folder({"file": DATA}))

    def moments(self, lives):
        """Ends each of these again and again; `lives` are functions that start one."""
        usual = {}
        for number in range(self.COUNT):
            live = lives[number % len(lives)]
            if live not in usual:
                usual[live] = self.whole(live)
            at, name = self.random.random(), self.random.choice(("SIGINT", "SIGTERM"))
            with self.subTest(live.__name__, number=number, at=at, signal=name), \
                    Stage() as stage:
                program, check = live(stage)
                time.sleep(at * usual[live])  # On purpose: any moment is a moment to be right in.
                program.signal(getattr(signal, name))
                status = program.wait()
                number = getattr(signal, name)
                # A load that was ended before its first connection could not run.
                also = (2,) if live == self.load else ()
                self.assertIn(status, (0, 128 + number, -number, *also), program.describe())
                check(program, status)

    def whole(self, live):
        """How long it lives when it is let; those that serve are given a second."""
        with Stage() as stage:
            begun = time.monotonic()
            program, _ = live(stage)
            try:
                program.wait(limit_s=1)
            except subprocess.TimeoutExpired:
                program.stop()
            return time.monotonic() - begun

    def get(self, stage):
        options = ("get", "-x", "2", "--limit-rate", "4M", self.http.url + "file")
        program = stage.start(*options)

        def check(_program, status):
            names = {path.name for path in stage.folder.path.iterdir()}
            if status == 0:
                self.assertEqual(names, {"file"})
            done = run(*options, cwd=stage.folder.path)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(hashlib.sha256((stage.folder / "file").read_bytes()).digest(),
                             hashlib.sha256(DATA).digest())
            self.assertEqual({path.name for path in stage.folder.path.iterdir()}, {"file"})
        return program, check

    def load(self, stage):
        report = stage.folder / "report"
        program = stage.start("load", "-d", "500ms", "--warmup", "100ms", "-c", 4, "--json",
                              report, self.http.url + "file")

        def check(program, status):
            if status == 2 and program.stdout:
                self.assertIn(" 0 opened", program.stdout)
            if status == 0:
                totals = json.loads(report.read_text())["totals"]
                self.assertEqual(totals["planned"], sum(
                    totals[column] for column in
                    ("ok", "http_error", "net_error", "timeout", "in_flight", "shed")))
        return program, check

    def serve(self, stage):
        program = stage.start("serve", "-l", "127.0.0.1:0", "--grace", "1s", self.folder.path)
        return program, lambda _program, _status: None

    def tcp(self, stage):
        program = stage.start("tcp", "listen", "127.0.0.1:0", "--exec", "sleep 1000")
        return program, lambda _program, _status: None

    def udp(self, stage):
        program = stage.start("udp", "listen", "127.0.0.1:0")
        return program, lambda _program, _status: None

    def test_at_any_moment(self):
        self.http = self.enterContext(Serve(self.folder.path))
        self.moments([self.get, self.load, self.serve, self.tcp, self.udp])


if __name__ == "__main__":
    tap.main()
