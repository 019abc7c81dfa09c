"""nc, ncat and socat against `spate tcp` and `spate udp`, in both roles, streams and datagrams."""

import hashlib
import os
import re
import shutil
import socket
import subprocess
import unittest
from pathlib import Path

import tap
from spate_cli import PATIENCE_S, Folder, binary, run, wait_for
from talk_case import Listener, unused_port

# How each connects and listens: {port} and {file} are put in.
TCP_CLIENTS = {
    "nc.openbsd": ["nc.openbsd", "-N", "127.0.0.1", "{port}"],
    "ncat": ["ncat", "--send-only", "127.0.0.1", "{port}"],
    "socat": ["socat", "-u", "STDIN", "TCP:127.0.0.1:{port}"],
}
TCP_SERVERS = {
    "nc.openbsd": ["nc.openbsd", "-l", "127.0.0.1", "{port}"],
    "ncat": ["ncat", "-l", "--recv-only", "127.0.0.1", "{port}"],
    "socat": ["socat", "-u", "TCP-LISTEN:{port},bind=127.0.0.1", "STDOUT"],
}
# The same, both ways at once.
TCP_CALLERS = {
    "nc.openbsd": ["nc.openbsd", "-N", "127.0.0.1", "{port}"],
    "ncat": ["ncat", "127.0.0.1", "{port}"],
    "socat": ["socat", "-t", "10", "STDIO", "TCP:127.0.0.1:{port}"],
}
TCP_HOSTS = {
    "nc.openbsd": ["nc.openbsd", "-N", "-l", "127.0.0.1", "{port}"],
    "ncat": ["ncat", "-l", "127.0.0.1", "{port}"],
    "socat": ["socat", "-t", "10", "STDIO", "TCP-LISTEN:{port},bind=127.0.0.1"],
}
UDP_CLIENTS = {
    "nc.openbsd": ["nc.openbsd", "-u", "-w", "15", "127.0.0.1", "{port}"],
    "ncat": ["ncat", "-u", "-w", "15", "127.0.0.1", "{port}"],
    "socat": ["socat", "-T", "15", "STDIO", "UDP:127.0.0.1:{port}"],
}
UDP_SERVERS = {
    "nc.openbsd": ["nc.openbsd", "-u", "-l", "127.0.0.1", "{port}"],
    "ncat": ["ncat", "-u", "-l", "127.0.0.1", "{port}"],
    "socat": ["socat", "-u", "UDP-RECV:{port},bind=127.0.0.1", "STDOUT"],
}


def command(words, port):
    return [word.format(port=port) for word in words]


def listens(port, kind):
    """Whether somebody does, by the kernel's table: to bind it ourselves could be in the way."""
    table, state = ("tcp", "0A") if kind == socket.SOCK_STREAM else ("udp", "..")
    row = re.compile(rf":{port:04X} [0-9A-F]+:[0-9A-F]+ {state} ")
    return any(row.search(Path(f"/proc/net/{name}").read_text()) for name in (table, f"{table}6"))


class InteropTest(unittest.TestCase):
    CONTENT = os.urandom(8 << 20)

    def each(self, peers, check):
        for name, words in peers.items():
            with self.subTest(name):
                if shutil.which(name) is None:
                    self.skipTest(f"no {name} here")
                check(words)

    def start(self, words, port, kind, stdin=subprocess.DEVNULL):
        peer = subprocess.Popen(command(words, port), stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        wait_for(lambda: listens(port, kind), f"{words[0]} listening")
        return peer

    def test_they_connect(self):
        self.each(TCP_CLIENTS, self.they_connect)

    def they_connect(self, words):
        with Folder({"f": self.CONTENT}) as folder, open(folder / "out", "wb+") as out:
            listener = subprocess.Popen(
                [binary(), "tcp", "listen", "--once", "127.0.0.1:0"],
                stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.PIPE)
            port = int(listener.stderr.readline().split(b":")[-1])
            with open(folder / "f", "rb") as file:
                done = subprocess.run(command(words, port), stdin=file, timeout=PATIENCE_S)
            self.assertEqual(done.returncode, 0)
            self.assertEqual(listener.wait(PATIENCE_S), 0)
            listener.stderr.close()
            self.assertEqual(hashlib.sha256((folder / "out").read_bytes()).digest(),
                             hashlib.sha256(self.CONTENT).digest())

    def test_they_listen(self):
        self.each(TCP_SERVERS, self.they_listen)

    def they_listen(self, words):
        port = unused_port()
        with Folder({"f": self.CONTENT}) as folder, \
                self.start(words, port, socket.SOCK_STREAM) as peer:
            with open(folder / "f", "rb") as file:
                sender = subprocess.Popen(
                    [binary(), "tcp", "connect", f"127.0.0.1:{port}"], stdin=file)
            received = peer.stdout.read()
            self.assertEqual(sender.wait(PATIENCE_S), 0)
            self.assertEqual(peer.wait(PATIENCE_S), 0)
            self.assertEqual(hashlib.sha256(received).digest(),
                             hashlib.sha256(self.CONTENT).digest())

    def test_they_call_and_both_speak(self):
        self.each(TCP_CALLERS, self.they_call)

    def they_call(self, words):
        with Listener("tcp", "listen", "--once", stdin=subprocess.PIPE) as listener:
            listener.type("our answer\n")
            listener.end_input()
            done = subprocess.run(command(words, listener.port), input=b"their question\n",
                                  capture_output=True, timeout=PATIENCE_S)
            self.assertEqual((done.returncode, done.stdout), (0, b"our answer\n"))
            self.assertEqual(listener.wait(), 0, listener.describe())
            self.assertEqual(listener.stdout, "their question\n")

    def test_we_call_and_both_speak(self):
        self.each(TCP_HOSTS, self.we_call)

    def we_call(self, words):
        port = unused_port()
        with self.start(words, port, socket.SOCK_STREAM, subprocess.PIPE) as peer:
            peer.stdin.write(b"their answer\n")
            peer.stdin.close()
            done = run("tcp", "connect", f"127.0.0.1:{port}", input="our question\n")
            self.assertEqual((done.returncode, done.stdout), (0, "their answer\n"), done.stderr)
            self.assertEqual(peer.stdout.read(), b"our question\n")
            self.assertEqual(peer.wait(PATIENCE_S), 0)

    def test_they_ask_by_datagram(self):
        self.each(UDP_CLIENTS, self.they_ask_by_datagram)

    def they_ask_by_datagram(self, words):
        with Listener("udp", "listen", "--echo") as listener:
            peer = subprocess.Popen(command(words, listener.port), stdin=subprocess.PIPE,
                                    stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            peer.stdin.write(b"hello\n")
            peer.stdin.flush()
            self.assertEqual(peer.stdout.readline(), b"hello\n")
            listener.wait_for_output(": hello\n")
            peer.kill()
            peer.wait()
            peer.stdin.close()
            peer.stdout.close()
            listener.stop()

    def test_they_listen_for_datagrams(self):
        self.each(UDP_SERVERS, self.they_listen_for_datagrams)

    def they_listen_for_datagrams(self, words):
        port = unused_port(socket.SOCK_DGRAM)
        peer = self.start(words, port, socket.SOCK_DGRAM)
        done = run("udp", "send", f"127.0.0.1:{port}", "hello\n")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(peer.stdout.readline(), b"hello\n")
        peer.kill()
        peer.wait()
        peer.stdout.close()


if __name__ == "__main__":
    tap.main()
