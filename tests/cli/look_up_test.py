"""Looking names up where a name server does not answer: that costs those who asked for such a
name. In a network of its own, with a resolv.conf of its own."""

import contextlib
import signal
import socket
import threading
import unittest

import tap
from own_network import in_network
from spate_cli import PATIENCE_S, Folder, Program, Serve, binary, wait_for

ALONE = "ip link set lo up"
SILENT = "silent.example"


class SilentNameServer:
    """Takes questions on port 53 and answers none."""

    def __enter__(self):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 53))
        self.asked = threading.Event()
        threading.Thread(target=self._listen, daemon=True).start()
        return self

    def _listen(self):
        with contextlib.suppress(OSError):
            while self.socket.recv(4096):
                self.asked.set()

    def __exit__(self, *_):
        self.socket.close()


class LookUpTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Folder({
            "served/a.txt": "hello\n", "into/x": "",
            "resolv.conf": "nameserver 127.0.0.1\noptions timeout:30 attempts:2\n",
            "nsswitch.conf": "hosts: files dns\n", "hosts": "127.0.0.1 good.example\n"}))

    def start(self, *words):
        """spate in a mount namespace where names are looked up by the test's files."""
        mounts = " && ".join(f"mount --bind {self.folder / name} /etc/{name}"
                             for name in ("resolv.conf", "nsswitch.conf", "hosts"))
        script = self.folder.write("spate", f'#!/bin/sh\n{mounts} && exec {binary()} "$@"\n')
        script.chmod(0o755)
        within = ["unshare", "-m", str(script)]
        return self.enterContext(Program(*words, within=within))

    @in_network(ALONE)
    def test_another_name_is_not_held_up(self):
        server = self.enterContext(Serve(self.folder / "served"))
        with SilentNameServer() as names:
            get = self.start("get", "-P", self.folder / "into", f"http://{SILENT}/x.txt",
                             f"http://good.example:{server.port}/a.txt")
            wait_for(lambda: (self.folder / "into/a.txt").exists(), "the other file")
            self.assertTrue(names.asked.wait(PATIENCE_S))
            self.assertIsNone(get.process.poll())
            get.signal(signal.SIGINT)
            self.assertEqual(get.wait(), 130, get.describe())

    @in_network(ALONE)
    def test_max_time_ends_it(self):
        with SilentNameServer():
            get = self.start("get", "-P", self.folder / "into", "--max-time", "1",
                             f"http://{SILENT}/x.txt")
            self.assertEqual(get.wait(), 11, get.describe())


if __name__ == "__main__":
    tap.main()
