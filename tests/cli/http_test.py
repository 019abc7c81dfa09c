"""Plays the tables of http_cases.py and http_message_cases.py: a test for each request."""

import os
import unittest

import http_cases
import http_message_cases
import tap
from multipart import parse_parts
from raw_http import Connection, ask, request
from spate_cli import Folder, Serve

FILES = {
    **http_cases.CONTENTS, "idx/index.html": "index.html says hello\n", "dir/a.txt": "a\n",
    "sp ace.txt": "space\n", "\u00fcn\u00ef.txt": "utf8\n", "q?m#.txt": "reserved\n",
    "back\\slash.txt": "backslash\n", "pct%41.txt": "percent\n", "new\nline.txt": "line feed\n",
    ".hidden": "hidden\n", ".well-known/x": "well-known\n",
}
LINKS = {"link_in": "file", "link_out": "/etc/passwd", "dirlink_out": "/etc"}


def build_folder():
    folder = Folder(FILES)
    os.truncate(folder.write("big5g"), 5 << 30)
    for name, target in LINKS.items():
        os.symlink(target, folder / name)
    os.mkfifo(folder / "fifo")
    for name in ("file", "k1000", "empty", "big5g"):
        os.utime(folder / name, (http_cases.MODIFIED_S, http_cases.MODIFIED_S))
    return folder


def setUpModule():
    global folder, server, texts
    folder = build_folder()
    # One core, so that an answer on one connection shows that all before has been looked at.
    server = Serve(folder.path, "--cores", "1", "--header-timeout", "10m")
    texts = {"{" + name + "}": date for name, date in http_cases.DATES.items()}
    texts["{etag}"] = ask(server.address, "/file", method="HEAD")["ETag"]


def tearDownModule():
    server.stop()
    server.__exit__()
    folder.remove()


def fill_in(text):
    for mark, value in texts.items():
        text = text.replace(mark, value)
    return text


class CaseTest(unittest.TestCase):
    """Where the cases of a table become tests."""

    def play(self, case):
        raw = fill_in(case.raw.decode("latin-1")).encode("latin-1")
        with Connection(server.address) as connection:
            connection.send(raw)
            answers = connection.answers(method=raw.lstrip().split(b" ")[0].decode("latin-1"))
        self.assertEqual(tuple(answer.status for answer in answers), case.statuses, case.why)
        first = answers[0]
        self.check_duties(first)
        for name, value in case.fields.items():
            self.assertEqual(first[name], value and fill_in(value), f"{name}: {case.why}")
        if case.body is not None:
            self.assertEqual(first.body, case.body, case.why)
        if case.parts:
            self.check_parts(first, case.parts)

    def check_duties(self, answer):
        """What every answer has, whatever was asked (RFC 9110 §6.6.1, §8.6; RFC 9112 §9.6)."""
        self.assertRegex(answer["Date"], r"^\w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d GMT$")
        if answer.status in (204, 304):
            self.assertEqual(answer.body, b"")
        else:
            self.assertIsNotNone(answer["Content-Length"])

    def check_parts(self, answer, wanted):
        parts = parse_parts(answer)
        self.assertEqual([part.range for part in parts], list(wanted))
        for part in parts:
            content = {len(c): c for c in http_cases.CONTENTS.values()}[part.size]
            self.assertEqual(part.body, content[part.first:part.last + 1])


def tests_of(name, cases):
    """A class with a test for each case."""
    def test(case):
        return lambda self: self.play(case)
    methods = {"test_" + case.name.replace("-", "_"): test(case) for case in cases}
    assert len(methods) == len(cases), f"two cases in {name} have one name"
    return type(name, (CaseTest,), methods)


RangeTest = tests_of("RangeTest", http_cases.RANGE_CASES)
ConditionTest = tests_of("ConditionTest", http_cases.CONDITION_CASES)
TargetTest = tests_of("TargetTest", http_cases.TARGET_CASES)
MethodTest = tests_of("MethodTest", http_message_cases.METHOD_CASES)
LineTest = tests_of("LineTest", http_message_cases.LINE_CASES)
HostTest = tests_of("HostTest", http_message_cases.HOST_CASES)
FieldTest = tests_of("FieldTest", http_message_cases.FIELD_CASES)
FramingTest = tests_of("FramingTest", http_message_cases.FRAMING_CASES)
PersistenceTest = tests_of("PersistenceTest", http_message_cases.PERSISTENCE_CASES)


class HalfRequestTest(unittest.TestCase):
    def test_is_waited_for(self):
        halves = [Connection(server.address) for _ in http_message_cases.HALF_CASES]
        for connection, case in zip(halves, http_message_cases.HALF_CASES):
            self.addCleanup(connection.close)
            connection.send(case.raw)
        # All are on one core: when this is answered, those were looked at.
        for _ in range(3):
            self.assertEqual(ask(server.address, "/file").status, 200)
        for connection, case in zip(halves, http_message_cases.HALF_CASES):
            with self.subTest(case.name):
                self.assertTrue(connection.quiet(), case.why)


class PipelineTest(unittest.TestCase):
    def test_500_requests_in_one_write_are_answered_in_order(self):
        targets = ["/file", "/nope", "/k1000", "/empty", "/dir/a.txt"] * 100
        statuses = {"/nope": 404}
        with Connection(server.address) as connection:
            connection.send(b"".join(map(request, targets)))
            for number, target in enumerate(targets):
                answer = connection.answer()
                self.assertEqual(answer.status, statuses.get(target, 200), number)
                if answer.status == 200:
                    self.assertEqual(answer.body, (folder / target[1:]).read_bytes(), number)

    def test_a_request_may_arrive_byte_by_byte(self):
        with Connection(server.address) as connection:
            for byte in request("/file", "User-Agent: slow") * 2:
                connection.send(bytes([byte]))
            for _ in range(2):
                self.assertEqual(connection.answer().body, http_cases.FILE)

    def test_a_body_may_arrive_byte_by_byte(self):
        chunked = request("/file", "Transfer-Encoding: chunked",
                          body=b"3;x=y\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n")
        with Connection(server.address) as connection:
            for byte in chunked + request("/k1000"):
                connection.send(bytes([byte]))
            self.assertEqual(connection.answer().body, http_cases.FILE)
            self.assertEqual(connection.answer().body, http_cases.K1000)

    def test_a_long_body_is_not_read_to_its_end(self):
        """RFC 9112 §9.6: answering and closing is enough; and the answer has to arrive, though
        there is more on its way than anybody reads."""
        for method, status in (("POST", 405), ("GET", 413)):
            with self.subTest(method), Connection(server.address) as connection:
                connection.send(request("/file", f"Content-Length: {1 << 40}", method=method))
                answer = connection.answer()
                self.assertEqual((answer.status, answer["Connection"]), (status, "close"))
                with self.assertRaises(OSError):
                    for _ in range(1 << 14):
                        connection.send(bytes(1 << 16))

    def test_whoever_expects_a_continue_gets_one_or_an_answer(self):
        fields = ["Expect: 100-continue", "Content-Length: 5"]
        with Connection(server.address) as connection:
            connection.send(request("/file", *fields, method="POST"))
            answer = connection.answer()
            if answer.status == 100:
                connection.send(b"hello")
                answer = connection.answer()
            self.assertEqual(answer.status, 405)


if __name__ == "__main__":
    tap.main()
