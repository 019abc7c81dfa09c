"""`spate serve --name-port`: the file server of a beginners' socket tutorial. A client connects,
sends a name, receives the file's bytes until the end; a file that cannot be had is nothing at all.
"""

import hashlib
import re
import socket
import unittest

import tap
from raw_http import Connection, ask
from served_folder import ServedFolder, noise
from spate_cli import PATIENCE_S, Folder, Program, run


class NameProtocolTest(ServedFolder):
    BIG = 100 << 20
    FILES = {"a.txt": "hello\n", "sub/\u4f60\u597d.txt": "chinese\n", "empty": b"", ".hidden": "h",
             "sp ace": "space\n", "pct%41": "percent\n"}
    ARGUMENTS = ("--name-port", "0")

    @classmethod
    def prepare(cls):
        piece = noise(1 << 20)
        with open(cls.folder / "big", "wb") as file:
            for _ in range(cls.BIG // len(piece)):
                file.write(piece)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.port = int(cls.server.wait_for_output(r"name://[^\s/]*:(\d+)/").group(1))

    def connect(self):
        return Connection(("127.0.0.1", self.port), PATIENCE_S)

    def fetch(self, sent, half_close=False):
        """What comes for a name. With half_close the end of the name is said, else the client is
        just quiet, as the tutorial's is."""
        with self.connect() as connection:
            connection.send(sent)
            if half_close:
                connection.finish_sending()
            received = bytearray()
            while piece := connection.receive():
                received += piece
            return bytes(received)

    def test_it_is_where_listen_says(self):
        """Who serves this machine alone has not opened the other protocol to the network."""
        said = self.server.describe()
        self.assertEqual(re.findall(r"name://([^\s/:]*):", said), ["127.0.0.1"], said)
        with socket.socket() as elsewhere, self.assertRaises(ConnectionRefusedError):
            elsewhere.settimeout(PATIENCE_S)
            elsewhere.connect(("127.0.0.2", self.port))

    def test_a_name_without_an_end(self):
        self.assertEqual(self.fetch(b"a.txt"), b"hello\n")

    def test_a_name_that_ends_with_a_line_feed(self):
        self.assertEqual(self.fetch(b"a.txt\n"), b"hello\n")
        self.assertEqual(self.fetch(b"a.txt\r\n"), b"hello\n")

    def test_a_name_that_ends_with_the_stream(self):
        self.assertEqual(self.fetch(b"a.txt", half_close=True), b"hello\n")

    def test_a_name_in_two_pieces(self):
        with self.connect() as connection:
            connection.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            connection.send(b"sub/\xe4\xbd")
            connection.send(b"\xa0\xe5\xa5\xbd.txt")
            self.assertEqual(connection.receive(), b"chinese\n")

    def test_names_are_not_decoded(self):
        self.assertEqual(self.fetch(b"sp ace\n"), b"space\n")
        self.assertEqual(self.fetch(b"pct%41\n"), b"percent\n")

    def test_what_cannot_be_had_is_nothing(self):
        for name in (b"missing", b"empty", b"sub", b"../etc/passwd", b"/../../etc/passwd",
                     b".hidden", b"sub/../../a.txt", b"a.txt\0", b"\xff\xfe", b"x" * 5000, b"."):
            with self.subTest(name[:40]):
                self.assertEqual(self.fetch(name + b"\n"), b"")

    def test_no_name_is_nothing(self):
        self.assertEqual(self.fetch(b"", half_close=True), b"")

    def test_100_mb(self):
        wanted, got, total = hashlib.sha256(), hashlib.sha256(), 0
        wanted.update((self.folder / "big").read_bytes())
        with self.connect() as connection:
            connection.send(b"big")
            while piece := connection.receive():
                got.update(piece)
                total += len(piece)
        self.assertEqual((total, got.hexdigest()), (self.BIG, wanted.hexdigest()))

    def test_many_at_once(self):
        connections = [self.connect() for _ in range(50)]
        for connection in connections:
            self.addCleanup(connection.close)
            connection.send(b"a.txt")
        for connection in connections:
            self.assertEqual(connection.receive(), b"hello\n")
            self.assertEqual(connection.receive(), b"")

    def test_http_goes_on_beside_it(self):
        self.assertEqual(ask(self.server.address, "/a.txt").body, b"hello\n")

    def test_spate_get_speaks_it_too(self):
        target = self.folder / "fetched"
        self.addCleanup(target.unlink, missing_ok=True)
        done = run("get", f"name://127.0.0.1:{self.port}/a.txt", "-o", target)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(target.read_bytes(), b"hello\n")


class AloneTest(unittest.TestCase):
    def test_without_http(self):
        with Folder({"a.txt": "hello\n"}) as folder, \
                Program("serve", "--local", "--listen", "off", "--name-port", "0",
                        folder.path) as server:
            port = int(server.wait_for_output(r"name://[^\s/]*:(\d+)/").group(1))
            with Connection(("127.0.0.1", port), PATIENCE_S) as connection:
                connection.send(b"a.txt\n")
                self.assertEqual(connection.receive(), b"hello\n")
            server.stop()
            self.assertNotIn("http://", server.stderr)


if __name__ == "__main__":
    tap.main()
