"""What `spate load` does not take: wrong words, and files and processes that are not there."""

import unittest

import tap
from spate_cli import run


class UsageTest(unittest.TestCase):
    URL = "http://127.0.0.1:1/"
    WRONG = {
        (): "which URL",
        ("-R", "many", URL): "many",
        ("-R", "0", URL): "rate",
        ("-R", "1k..2k", URL): "how long",
        ("--slo", "p99>5ms", URL): "p99>5ms",
        ("--slo", "p101<5ms", URL): "p101",
        ("--find-max", "nonsense", URL): "nonsense",
        ("-t", "8", "-c", "4", URL): "8 threads",
        ("-c", "0", URL): "--connections",
        ("-d", "0", URL): "--duration",
        ("-d", "soon", URL): "soon",
        ("--timeout", "0", URL): "--timeout",
        ("-n", "5", "--warmup", "1", URL): "--warmup",
        ("https://127.0.0.1/",): "https is not spoken here",
        ("htp://127.0.0.1/",): "htp is not spoken here; http, tcp and udp are",
        ("http://",): "no host",
        (URL, "http://127.0.0.1:2/"): "one server",
        ("tcp://127.0.0.1",): "HOST:PORT",
        ("tcp://127.0.0.1:1", "tcp://127.0.0.1:1"): "one tcp://",
        ("--connect", "udp://127.0.0.1:1"): "--connect",
        ("--size", "70000", "udp://127.0.0.1:1"): "--size",
        ("--slice", "9/8", URL): "9/8",
        ("--slice", "0/8", URL): "0/8",
        ("--slice", "one", URL): "one",
        ("--at", "yesterday", URL): "yesterday",
        ("--no-such-option", URL): "--no-such-option",
        ("--poisson", URL): "--poisson",
        ("-X", "GE T", URL): "GE T",
        ("-H", "no colon", URL): "no colon",
        ("--expect-sha256", "12", URL): "--expect-sha256",
        ("--new-connections", "--pipeline", "4", URL): "--pipeline",
        ("-4", "-6", URL): "-4",
        ("show",): "REPORT",
        ("merge",): "REPORT",
        ("compare", "one.json"): "two reports",
        ("ab", "--a", URL): "--b",
        ("--slice", "1/2", URL): "--rate",
        ("--stream", "--reverse", "-n", "5", "tcp://127.0.0.1:1"): "-d",
        ("--stream", "--bidir", "-n", "5", "udp://127.0.0.1:1"): "-d",
        ("-X", "POST", "tcp://127.0.0.1:1"): "--method is for http://",
        ("-H", "A: b", "udp://127.0.0.1:1"): "--header is for http://",
        ("--pipeline", "2", "tcp://127.0.0.1:1"): "--pipeline is for http://",
        ("--new-connections", "tcp://127.0.0.1:1"): "--new-connections is for http://",
        ("--unix-socket", "/none", "tcp://127.0.0.1:1"): "--unix-socket is for http://",
        ("--expect-sha256", "0" * 64, "tcp://127.0.0.1:1"): "--expect-sha256 is for http://",
        ("--size", "64", URL): "--size",
        ("--stream", "--slo", "p99<5ms", "tcp://127.0.0.1:1"): "--slo: what goes one way",
        ("--stream", "--find-max", "max<1s", "udp://127.0.0.1:1"): "--find-max: what goes one way",
        ("--no-gso", "tcp://127.0.0.1:1"): "--no-gso",
    }
    NOT_THERE = {
        ("--json", "/nonexistent/x", URL): "/nonexistent/x",
        ("--body-file", "/nonexistent/x", URL): "/nonexistent/x",
        ("--mix", "/nonexistent/x", URL): "/nonexistent/x",
        ("--server-pid", str(1 << 30), URL): str(1 << 30),
        ("show", "/nonexistent/x"): "/nonexistent/x",
        ("show", "/proc/self/status"): "not JSON",
    }

    def check(self, table, status):
        for arguments, words in table.items():
            with self.subTest(arguments):
                done = run("load", *arguments)
                self.assertEqual((done.returncode, done.stdout), (status, ""), done.stderr)
                self.assertRegex(done.stderr, r"^spate load( \w+)?: ")
                self.assertIn(words, done.stderr.splitlines()[0])

    def test_wrong_words(self):
        self.check(self.WRONG, 1)

    def test_files_and_processes_that_are_not_there(self):
        self.check(self.NOT_THERE, 2)

    def test_help(self):
        for command in ((), ("ab",), ("show",), ("merge",), ("compare",)):
            with self.subTest(command):
                done = run("load", *command, "--help")
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("Example", done.stdout)


if __name__ == "__main__":
    tap.main()
