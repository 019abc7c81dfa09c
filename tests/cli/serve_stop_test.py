"""`spate serve` at its end: SIGTERM and SIGINT let what is in flight finish, for a while."""

import signal
import socket
import unittest

import tap
from process_state import is_alive, sockets
from raw_http import Connection, request
from spate_cli import Folder, Serve, wait_for

BIG = 16 << 20  # More than all socket buffers on a way together.
SMALL_WINDOW = 128 << 10


class StopTest(unittest.TestCase):
    def serve(self, *arguments, **options):
        folder = self.enterContext(Folder({"a.txt": "hello\n", "big": bytes(BIG)}))
        self.server = self.enterContext(Serve(folder.path, *arguments, **options))
        return self.server

    def connect(self, **parts):
        connection = Connection(self.server.address, **parts)
        self.addCleanup(connection.close)
        return connection

    def begin_download(self):
        connection = self.connect(receive_buffer=SMALL_WINDOW)
        connection.send(request("/big"))
        self.assertEqual(connection.head().status, 200)
        return connection

    def is_refused(self):
        try:
            socket.create_connection(self.server.address, timeout=1).close()
            return False
        except OSError:
            return True

    def stop_listening(self, number=signal.SIGTERM):
        self.server.signal(number)
        wait_for(self.is_refused, "the server to stop listening")

    def test_either_signal_ends_it(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.serve().signal(number)
                self.assertEqual(self.server.wait(), 0)

    def test_idle_connections_do_not_hold_it_up(self):
        self.serve("--grace", "10m")
        others = sockets(self.server.process.pid)
        asked, silent, half = self.connect(), self.connect(), self.connect()
        self.assertEqual(asked.ask("/a.txt").body, b"hello\n")
        half.send(b"GET /a.txt HT")
        # Who says nothing at all is let in after a second.
        wait_for(lambda: sockets(self.server.process.pid) == others + 3, "all to be let in")
        self.server.signal(signal.SIGTERM)
        self.assertEqual(self.server.wait(), 0)
        self.assertEqual((asked.receive(), silent.receive()), (b"", b""))

    def test_a_download_in_flight_is_finished(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.serve("--grace", "10m")
                downloads = [self.begin_download() for _ in range(3)]
                self.stop_listening(number)
                self.assertTrue(is_alive(self.server.process.pid))
                for connection in downloads:
                    self.assertEqual(len(connection.body(BIG)), BIG)
                    self.assertEqual(connection.receive(), b"")
                    connection.close()
                self.assertEqual(self.server.wait(), 0)

    def test_nothing_new_is_begun(self):
        self.serve("--grace", "10m")
        connection = self.begin_download()
        connection.send(request("/a.txt"))
        self.stop_listening()
        connection.body(BIG)
        answer = connection.answer()  # It was asked before the end, so either is right.
        if answer is not None:
            self.assertEqual(answer["Connection"], "close")
            self.assertEqual(connection.receive(), b"")
        connection.close()
        self.assertEqual(self.server.wait(), 0)

    def test_grace_is_limited(self):
        for way in ("auto", "memory", "sendfile", "read", "zc", "splice"):
            with self.subTest(way):
                self.serve("--grace", "100ms", "--send-path", way)
                connection = self.begin_download()
                self.server.signal(signal.SIGTERM)
                self.assertEqual(self.server.wait(), 0)
                self.assertLess(connection.drain(), BIG)

    def test_no_grace(self):
        self.serve("--grace", "0")
        self.begin_download()
        self.server.stop()

    def test_a_second_signal_ends_it_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            with self.subTest(number):
                self.serve("--grace", "10m")
                self.begin_download()
                self.stop_listening(number)
                # The one that follows at once may be the same, sent twice as timeout(1) does.
                wait_for(lambda: self.server.process.poll() is not None or
                         self.server.signal(number), "it to end")
                self.assertIn(self.server.wait(), (-number, 128 + number, 0))

    def test_it_can_be_started_again_at_once(self):
        # At an address of its own, whose ports nobody else takes in between.
        server = self.serve(listen=("--listen", "127.0.0.77:0"))
        where = f"127.0.0.77:{server.port}"
        self.assertEqual(self.connect().ask("/a.txt").status, 200)
        server.stop()  # Its side of the connection closed first: TIME_WAIT.
        with Folder({"a.txt": "again\n"}) as folder, \
                Serve(folder.path, listen=("--listen", where)) as second:
            with Connection(second.address) as connection:
                self.assertEqual(connection.ask("/a.txt").body, b"again\n")
            second.stop()


if __name__ == "__main__":
    tap.main()
