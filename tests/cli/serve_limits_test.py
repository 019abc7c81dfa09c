"""`spate serve`: how many connections and requests it takes on, by its options."""

import select
import unittest

import tap
from raw_http import Connection, ask, request
from served_folder import noise
from spate_cli import Folder, Serve, wait_for


class LimitsTest(unittest.TestCase):
    def serve(self, *arguments):
        self.folder = self.enterContext(Folder({"a.txt": "hello\n", "big": noise(8 << 20)}))
        server = self.enterContext(Serve(self.folder.path, *arguments))
        self.addCleanup(server.stop)
        return server

    def connect(self, server, **parts):
        connection = Connection(server.address, **parts)
        self.addCleanup(connection.close)
        return connection

    def check_hello(self, answer):
        self.assertEqual((answer.status, answer.body), (200, b"hello\n"))

    def test_max_conns_makes_the_next_one_wait(self):
        server = self.serve("--max-conns", "3", "--cores", "1")
        inside = [self.connect(server) for _ in range(3)]
        for connection in inside:
            self.check_hello(connection.ask("/a.txt"))
        waiting = self.connect(server)
        waiting.send(request("/a.txt"))
        for connection in inside:  # They are served meanwhile, it is not.
            self.check_hello(connection.ask("/a.txt"))
        self.assertTrue(waiting.quiet())
        inside[0].close()
        self.check_hello(waiting.answer())

    def test_max_conns_over_all_cores(self):
        server = self.serve("--max-conns", "4", "--cores", "4")
        connections = [self.connect(server) for _ in range(12)]
        for connection in connections:
            connection.send(request("/a.txt"))
        sockets = {connection.socket: connection for connection in connections}
        served = 0
        while sockets:  # Whenever one leaves, another comes in.
            ready = select.select(list(sockets), [], [], 20)[0]
            self.assertTrue(ready, f"nobody is served after {served}")
            for each in ready:
                connection = sockets.pop(each)
                self.check_hello(connection.answer())
                connection.close()
                served += 1
        self.assertEqual(served, 12)

    def test_max_conns_per_ip(self):
        server = self.serve("--max-conns-per-ip", "2", "--cores", "2")
        first = [self.connect(server, source="127.0.0.2") for _ in range(2)]
        for connection in first:
            self.check_hello(connection.ask("/a.txt"))
        refused = self.connect(server, source="127.0.0.2")
        answer = refused.answer()  # It need not even ask.
        if answer is not None:
            self.assertEqual((answer.status, answer["Retry-After"]), (503, "1"))
            self.assertIn(b"too many connections from your address", answer.body)
        self.assertEqual(refused.receive(), b"")
        asking = self.connect(server, source="127.0.0.2")
        self.assertEqual(asking.ask("/a.txt").status, 503)
        self.assertEqual(asking.receive(), b"", "an end, no reset that might take the answer away")
        self.check_hello(self.connect(server, source="127.0.0.3").ask("/a.txt"))
        first[0].close()
        wait_for(lambda: self.is_served(server, "127.0.0.2"), "room for another")

    def is_served(self, server, source):
        with Connection(server.address, source=source) as connection:
            try:
                answer = connection.ask("/a.txt")
            except OSError:
                return False
            return answer is not None and answer.status == 200

    def test_max_requests(self):
        server = self.serve("--max-requests", "3")
        with Connection(server.address) as connection:
            connection.send(request("/a.txt") * 5)
            answers = connection.answers()
        self.assertEqual([answer["Connection"] for answer in answers], [None, None, "close"])

    def test_limited_rates_change_no_bytes(self):
        server = self.serve("--limit-rate", "40M", "--limit-rate-total", "60M")
        content = (self.folder / "big").read_bytes()
        self.assertTrue(ask(server.address, "/big").body == content)
        answer = ask(server.address, "/big", "Range: bytes=1000000-3000000")
        self.assertTrue(answer.body == content[1000000:3000001])
        self.check_hello(ask(server.address, "/a.txt"))


if __name__ == "__main__":
    tap.main()
