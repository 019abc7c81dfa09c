"""`spate serve --access-log`: a line for each answer, whatever a client sends."""

import json
import os
import re
import signal
import unittest

import tap
from raw_http import Connection, ask, request
from served_folder import noise
from spate_cli import Folder, Serve, wait_for

COMBINED = re.compile(
    r'(?P<remote>\S+) - - \[(?P<time>\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000)\] '
    r'"(?P<request>(?:[^"\\]|\\x[0-9A-F]{2})*)" (?P<status>\d{3}) (?P<bytes>\d+) '
    r'"(?P<referer>(?:[^"\\]|\\x[0-9A-F]{2})*)" "(?P<agent>(?:[^"\\]|\\x[0-9A-F]{2})*)"')

HOSTILE = [  # A User-Agent, and nothing of it may stand bare in a line.
    'x" 200 5 "-" "forged', "back\\slash", "tab\tbed", "\xff\xfe not utf-8", "\xc2\x9b31m csi",
    "\xe2\x80\xae turned", '\\" 200', "long" * 1500,
]


class AccessLogTest(unittest.TestCase):
    def serve(self, log, *arguments):
        self.folder = self.enterContext(Folder({"a.txt": "hello\n", "big": noise(3 << 20)}))
        self.log = self.enterContext(Folder()) / "access.log" if log is None else log
        server = self.enterContext(Serve(self.folder.path, "--access-log", self.log, *arguments))
        self.addCleanup(server.stop)
        return server

    def lines(self, count, path=None):
        """The first lines, once there are as many."""
        def read():
            with open(path or self.log, newline="\n", encoding="utf-8") as file:
                return file.read().split("\n")[:-1]
        wait_for(lambda: os.path.exists(path or self.log) and len(read()) >= count,
                 f"{count} lines in the log")
        return read()

    def test_names_and_those_turned_away(self):
        """What is no answer to a request over HTTP is one all the same."""
        server = self.serve(None, "--cores", "1", "--name-port", "0", "--max-conns-per-ip", "1")
        port = int(server.wait_for_output(r"name://[^\s/]*:(\d+)/").group(1))

        def fetch(name):
            with Connection(("127.0.0.1", port)) as connection:
                connection.send(name)
                connection.finish_sending()
                while connection.receive():
                    pass
        fetch(b"a.txt\n")
        self.lines(1)
        fetch(b"none\n")
        self.lines(2)
        with Connection(server.address) as first, Connection(server.address) as second:
            self.assertEqual(first.ask("/a.txt").status, 200)
            second.send(request("/a.txt"))
            self.assertEqual(second.answer().status, 503)
            lines = self.lines(4)
        seen = [COMBINED.fullmatch(line) for line in lines]
        self.assertEqual(sorted((match["request"], match["status"], match["bytes"])
                                for match in seen),
                         [("-", "503", "0"), ("GET /a.txt HTTP/1.1", "200", "6"),
                          ("GET a.txt NAME", "200", "6"), ("GET none NAME", "404", "0")])
        self.assertEqual({match["remote"] for match in seen}, {"127.0.0.1"})

    def test_combined(self):
        server = self.serve(None, "--cores", "1")  # Lines of several cores have no order.
        ask(server.address, "/a.txt?x=1", "Referer: http://r/", "User-Agent: me")
        ask(server.address, "/missing")
        ask(server.address, "/big", "Range: bytes=10-109")
        ask(server.address, "/a.txt", method="HEAD")
        with Connection(server.address) as connection:
            connection.send(b"GET bad HTTP/1.1\r\n\r\n")
            connection.answer()
        matches = [COMBINED.fullmatch(line) for line in self.lines(5)]
        self.assertEqual([match["request"] for match in matches[:4]],
                         ["GET /a.txt?x=1 HTTP/1.1", "GET /missing HTTP/1.1", "GET /big HTTP/1.1",
                          "HEAD /a.txt HTTP/1.1"])
        self.assertEqual([match["status"] for match in matches], "200 404 206 200 400".split())
        self.assertEqual([match["bytes"] for match in matches][::2][:2], ["6", "100"])
        self.assertEqual(matches[3]["bytes"], "0")
        self.assertEqual((matches[0]["remote"], matches[0]["referer"], matches[0]["agent"]),
                         ("127.0.0.1", "http://r/", "me"))
        self.assertEqual((matches[1]["referer"], matches[1]["agent"]), ("-", "-"))

    def test_json(self):
        server = self.serve(None, "--log-format", "json", "--cores", "1")
        ask(server.address, "/a.txt", "User-Agent: me", host="example.com")
        ask(server.address, "/big", "Range: bytes=-7", version="HTTP/1.0")
        first, second = map(json.loads, self.lines(2))
        self.assertRegex(first.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
        self.assertGreaterEqual(first.pop("duration_ms"), 0)
        self.assertEqual(first, {
            "remote": "127.0.0.1", "host": "example.com", "method": "GET", "target": "/a.txt",
            "protocol": "HTTP/1.1", "status": 200, "bytes": 6, "referer": None, "user_agent": "me"})
        self.assertEqual((second["protocol"], second["status"], second["bytes"]),
                         ("HTTP/1.0", 206, 7))

    def check_hostile(self, server):
        for agent in HOSTILE:
            self.assertEqual(ask(server.address, "/a.txt", "User-Agent: " + agent,
                                 'Referer: "\\').status, 200)
        ask(server.address, '/"quoted"\\')
        lines = self.lines(len(HOSTILE) + 1)
        self.assertEqual(len(lines), len(HOSTILE) + 1)
        self.assertLess(max(map(len, lines)), 4096)
        self.assertTrue(all(character.isprintable() for line in lines for character in line))
        return lines

    def test_nobody_forges_a_combined_line(self):
        for line in self.check_hostile(self.serve(None)):
            self.assertRegex(line, COMBINED)
            self.assertIn(COMBINED.fullmatch(line)["status"], ("200", "404"))

    def test_nobody_forges_a_json_line(self):
        lines = self.check_hostile(self.serve(None, "--log-format", "json", "--cores", "1"))
        agents = [json.loads(line)["user_agent"] for line in lines]
        self.assertEqual(agents[:3], HOSTILE[:3])

    def test_every_answer_of_many_has_its_line(self):
        server = self.serve(None, "--cores", "2")
        connections = [self.enterContext(Connection(server.address)) for _ in range(10)]
        for connection in connections:
            connection.send(b"".join(request(f"/missing/{i}") for i in range(200)))
        for connection in connections:
            for _ in range(200):
                connection.answer()
        lines = self.lines(2000)
        self.assertEqual(len(lines), 2000)
        self.assertTrue(all(COMBINED.fullmatch(line) for line in lines))

    def test_hangup_reopens_it(self):
        server = self.serve(None)
        ask(server.address, "/before")
        self.lines(1)
        old = self.log.with_name("old.log")
        os.rename(self.log, old)
        ask(server.address, "/still-old")
        self.lines(2, old)
        server.signal(signal.SIGHUP)
        wait_for(self.log.exists, "the new log")
        ask(server.address, "/after")
        self.assertIn("GET /after ", self.lines(1)[0])
        self.assertEqual(len(self.lines(2, old)), 2)

    def test_it_appends(self):
        server = self.serve(None)
        ask(server.address, "/one")
        server.stop()
        with Serve(self.folder.path, "--access-log", self.log) as second:
            ask(second.address, "/two")
            second.stop()
        self.assertEqual([line.split()[6] for line in self.lines(2)], ["/one", "/two"])

    def test_the_end_loses_no_line(self):
        server = self.serve(None)
        with Connection(server.address) as connection:
            for i in range(100):
                connection.ask(f"/{i}")
        server.stop()
        self.assertEqual(len(self.lines(0)), 100)

    def test_standard_output(self):
        server = self.serve("-")
        ask(server.address, "/a.txt")
        server.stop()
        self.assertRegex(server.stdout, r'"GET /a\.txt HTTP/1\.1" 200 6 ')

    def test_a_full_disk_stops_nothing(self):
        server = self.serve("/dev/full")
        with Connection(server.address) as connection:
            for _ in range(2000):
                self.assertEqual(connection.ask("/a.txt").body, b"hello\n")

    def test_a_log_that_cannot_be_opened_is_said(self):
        with Folder() as folder, self.assertRaises(AssertionError) as caught:
            Serve(folder.path, "--access-log", "/no/such/folder/log")
        self.assertIn("/no/such/folder/log", str(caught.exception))


if __name__ == "__main__":
    tap.main()
