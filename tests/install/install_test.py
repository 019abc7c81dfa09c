"""Installs into an empty place, builds the examples against that by pkg-config alone, runs them.

    install_test.py BUILD-DIR
"""

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/cli"))

import tap  # noqa: E402

BUILD = Path(sys.argv.pop(1) if len(sys.argv) > 1 else ROOT / "build")
COMPILER = shlex.split(os.environ.get("CXX", "g++"))
PATIENCE_S = 60


class InstallTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.place = Path(tempfile.mkdtemp(prefix="spate-install-"))
        cls.addClassCleanup(shutil.rmtree, cls.place)
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", cls.place],
                       check=True, capture_output=True, timeout=PATIENCE_S)
        (description,) = cls.place.rglob("pkgconfig/spate.pc")
        environment = os.environ | {"PKG_CONFIG_PATH": str(description.parent),
                                    "PKG_CONFIG_SYSROOT_DIR": str(cls.place)}
        cls.flags = subprocess.run(
            ["pkg-config", "--cflags", "--libs", "spate"], env=environment, check=True,
            capture_output=True, text=True).stdout.split()

    def start(self, example):
        """Builds an example and runs it on a port of the kernel's choice, which it prints."""
        program = self.place / example
        built = subprocess.run(
            [*COMPILER, "-Wall", "-Wextra", "-Werror", ROOT / f"examples/{example}.cpp",
             "-o", program, *self.flags], capture_output=True, text=True, timeout=PATIENCE_S)
        self.assertEqual(built.returncode, 0, built.stderr)
        process = subprocess.Popen([program, "127.0.0.1:0"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        said = process.stdout.readline().strip()
        self.assertRegex(said, r"^127\.0\.0\.1:\d+$")
        self.process = process
        return "127.0.0.1", int(said.split(":")[1])

    def test_tcp_echo(self):
        address = self.start("tcp_echo")
        text = bytes(range(256)) * 64
        with socket.create_connection(address, timeout=PATIENCE_S) as peer:
            peer.sendall(text)
            peer.shutdown(socket.SHUT_WR)
            with peer.makefile("rb") as answer:
                self.assertEqual(answer.read(), text)

    def test_udp_echo(self):
        address = self.start("udp_echo")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.settimeout(PATIENCE_S)
            for text in (b"one", b"", b"x" * 1400):
                peer.sendto(text, address)
                self.assertEqual(peer.recvfrom(2048), (text, address))

    def test_timeout(self):
        address = self.start("timeout")
        said = self.process.stdout
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as peer:
            peer.sendto(b"one", address)
        quiet = "nothing for a second\n"
        self.assertEqual(next(line for line in said if line != quiet), "1 received\n")
        self.assertEqual(said.readline(), quiet)
        self.process.send_signal(signal.SIGTERM)
        self.assertEqual(self.process.wait(PATIENCE_S), 0)
        self.assertIn(f"signal {signal.SIGTERM.value}\n", said.read())

    def test_the_program_is_installed_and_runs(self):
        (program,) = self.place.rglob("bin/spate")
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20)
        self.assertEqual(said.returncode, 0, said.stderr)

    def test_only_public_headers_are_installed(self):
        installed = {path.name for path in self.place.rglob("*.hpp")}
        self.assertEqual(installed, {path.name for path in (ROOT / "include/spate").iterdir()})


if __name__ == "__main__":
    tap.main()
