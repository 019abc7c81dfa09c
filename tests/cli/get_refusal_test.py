"""`spate get` and what it must not save: error pages, nonsense, evil names, wrong bytes."""

import hashlib
import os
import socket
import subprocess
import threading
import unittest

import tap
from get_case import MIB, GetTest
from get_server import Server, Whole, chunked, content, redirect, status
from spate_cli import Program, wait_for


class RefusalTest(GetTest):
    def test_error_pages_are_not_files(self):
        for code in (400, 401, 403, 404, 410, 501, 204, 304, 300):
            with self.subTest(code=code):
                self.server.on("/file", status(code, b"" if code in (204, 304) else b"<html>"))
                self.assertIn(f"HTTP {code}", self.refuse(5, "/file"))
                self.assertEqual(self.names(), [])

    def test_an_error_page_leaves_the_old_file_alone(self):
        self.server.on("/file", status(404, b"<html>"))
        self.folder.write("file", "old")
        self.refuse(5, "/file")
        self.assert_whole(b"old")

    def test_nonsense(self):
        for name, answer in {
                "no http": b"SSH-2.0-OpenSSH\r\n\r\n",
                "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                               b"Content-Length: 6\r\n\r\nhello",
                "length and chunks": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n"
                                     b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "broken chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
                "head without end": b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 50_000,
                "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 100,
                "an unasked part": b"HTTP/1.1 206 Partial Content\r\nContent-Length: 5\r\n"
                                   b"Content-Range: bytes 0-4/9\r\n\r\nhello"}.items():
            with self.subTest(name):
                self.server.on("/file", lambda request, peer, answer=answer: peer.send(answer))
                self.refuse(6, "/file")
                self.assertEqual(self.names(), [])

    def test_redirects(self):
        self.server.on("/file", Whole(b"hello"))
        for code in (301, 302, 303, 307, 308):
            with self.subTest(code=code):
                self.server.on("/there", redirect("file", code))
                self.server.on("/start", redirect("/there", code))
                self.fetch("/start")
                self.assert_whole(b"hello", "start")

    def test_redirects_that_lead_nowhere(self):
        self.server.on("/circle", redirect("/circle"))
        self.assertIn("more than 20 redirects", self.refuse(6, "/circle"))
        self.assertEqual(len(self.server.asked("/circle")), 21)
        self.server.on("/file", redirect("file:///etc/passwd"))
        self.refuse(6, "/file")
        self.server.on("/tls", redirect("https://127.0.0.1/x"))
        self.assertIn("https", self.refuse(6, "/tls"))
        self.assertEqual(self.names(), [])

    def test_credentials_stay_with_their_host(self):
        with Server() as other:
            other.on("/file", Whole(b"hello"))
            self.server.on("/near", redirect("/file"))
            self.server.on("/file", Whole(b"hello"))
            self.server.on("/far", redirect(other.url("/file")))
            secret = ("-H", "Authorization: Bearer s", "-H", "Cookie: c=1", "-H", "X-Plain: 1")
            self.fetch("/near", *secret)
            self.fetch("/far", *secret)
            near, far = self.server.asked("/file")[0].fields, other.asked("/file")[0].fields
        self.assertEqual((near["authorization"], near["cookie"]), ("Bearer s", "c=1"))
        self.assertNotIn("authorization", far)
        self.assertNotIn("cookie", far)
        self.assertEqual(far["x-plain"], "1")

    def test_proposed_names_only_on_request_and_never_elsewhere(self):
        for proposal, name in {'attachment; filename="report.pdf"': "report.pdf",
                               'attachment; filename="../../../tmp/evil"': "evil",
                               'attachment; filename="/etc/cron.d/evil"': "evil",
                               "attachment; filename=\"..\\\\evil\"": "evil",
                               "attachment; filename*=UTF-8''%2e%2e%2fevil": "evil",
                               'attachment; filename=".."': "file",
                               'attachment; filename=".profile"': "_profile",
                               "nonsense=": "file"}.items():
            with self.subTest(proposal):
                self.server.on("/file", Whole(b"x", lines=[f"Content-Disposition: {proposal}"]))
                self.fetch("/file", "-P", "in")
                self.fetch("/file", "-P", "in", "--content-disposition")
                self.assertEqual(sorted(os.listdir(self.folder / "in")), sorted({"file", name}))
                self.assertEqual(self.names(), ["in"])
                for each in os.listdir(self.folder / "in"):
                    os.unlink(self.folder / "in" / each)

    def test_too_large(self):
        self.server.on("/told", Whole(content(MIB)))
        self.assertIn("1.0 MiB", self.refuse(9, "/told", "--max-filesize", "1000k"))
        self.assertEqual(self.names(), [])

        def endless(request, peer):
            peer.head(200)
            while True:
                peer.send(bytes(65536))
        self.server.on("/endless", endless)
        self.refuse(9, "/endless", "--max-filesize", "3M")
        self.assertNotIn("endless", self.names())
        self.assertLess((self.folder / "endless.part").stat().st_size, 4 * MIB)

    def test_nobody_there(self):
        with socket.socket() as silent:
            silent.bind(("127.0.0.1", 0))  # So that nobody else listens there.
            result = self.get(f"http://127.0.0.1:{silent.getsockname()[1]}/file")
        self.assertEqual(result.returncode, 4, result.stderr)
        self.assertIn("Connection refused", result.stderr)
        result = self.get("http://no-such-host.invalid/file", "--retry", "0", timeout=60)
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertEqual(self.names(), [])

    def test_usage(self):
        for arguments in ([], ["ftp://host/file"], ["https://host/file"], ["http://"],
                          ["http://h/a", "-o"], ["http://h/a", "-x", "0"],
                          ["http://h/a", "--sha256", "12"], ["http://h/a", "--limit-rate", "fast"],
                          ["http://h/a", "http://i/a"], ["http://h/a", "http://h/b", "-o", "x"],
                          ["http://h/a", "-H", "no colon"], ["http://h/a", "-c", "-nc"],
                          ["http://h/a", "-4", "-6"], ["-r", "name://h:1/x"]):
            with self.subTest(arguments=arguments):
                result = self.get(*arguments)
                self.assertEqual(result.returncode, 2, result.stderr)
                self.assertTrue(result.stderr.startswith("spate get: "), result.stderr)

    def test_a_mistyped_option_is_named(self):
        for arguments in (["--conections", "4", "http://h/a"], ["--conections"]):
            result = self.get(*arguments)
            self.assertEqual(result.returncode, 2)
            self.assertIn("there is no option '--conections'", result.stderr)

    def test_several_of_which_one_fails(self):
        for name in ("a", "c"):
            self.server.on(f"/{name}", Whole(name.encode()))
        result = self.get(*map(self.server.url, ("/a", "/b", "/c")))
        self.assertEqual(result.returncode, 5)
        self.assertEqual(self.names(), ["a", "c"])
        self.assertIn("/b: HTTP 404 Not Found", result.stderr)


class ChecksumTest(GetTest):
    def test_right_ones_pass(self):
        data = content(5 * MIB)
        digest = hashlib.sha256(data).hexdigest()
        self.server.on("/file", Whole(data))
        for extra in (("--sha256", digest), ("--checksum", f"sha-256={digest.upper()}"),
                      ("--sha256", digest, "-x", "4"), ("--sha256", digest, "-o", "-")):
            with self.subTest(extra=extra):
                self.fetch("/file", *extra) if "-" not in extra else self.assertEqual(
                    self.get(self.server.url("/file"), *extra, text=False).returncode, 0)

    def test_wrong_ones_get_no_name(self):
        self.server.on("/file", Whole(content(MIB)))
        self.assertIn("SHA-256 is 30e1", self.refuse(8, "/file", "--sha256", "0" * 64).replace(
            hashlib.sha256(content(MIB)).hexdigest()[:4], "30e1"))
        self.assertEqual(self.names(), ["file.part"])
        self.fetch("/file", "--sha256", hashlib.sha256(content(MIB)).hexdigest())
        self.assert_whole(content(MIB))


class DiskTest(GetTest):
    def test_things_in_the_way(self):
        self.server.on("/file", Whole(content(MIB)))
        (self.folder / "file").mkdir()
        self.assertIn("Is a directory", self.refuse(7, "/file"))
        self.assertIn("No such file or directory", self.refuse(7, "/file", "-o", "missing/file"))
        self.assertIn("File name too long", self.refuse(7, "/file", "-o", "n" * 300))
        self.folder.write("plain", "x")
        self.assertIn("Not a directory", self.refuse(7, "/file", "-o", "plain/file"))
        self.assertEqual(self.names(), ["file", "plain"])

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_a_folder_that_may_not_be_written(self):
        self.server.on("/file", Whole(content(MIB)))
        self.folder.path.chmod(0o555)
        self.addCleanup(self.folder.path.chmod, 0o755)
        self.assertIn("Permission denied", self.refuse(7, "/file"))

    def test_a_file_that_appears_meanwhile(self):
        go = threading.Event()
        data = content(MIB)

        def send(peer, body):
            peer.send(body[:600_000])
            go.wait(20)
            peer.send(body[600_000:])
        self.server.on("/file", Whole(data, send=send))
        with Program("get", "--no-clobber", self.server.url("/file"),
                     cwd=self.folder.path) as program:
            wait_for((self.folder / "file.part").exists, "the part")
            self.folder.write("file", "mine")
            go.set()
            self.assertEqual(program.wait(), 7, program.describe())
            self.assertIn("File exists", program.stderr)
        self.assertEqual(self.read(), b"mine")
        self.assertEqual(self.read("file.part"), data)

    def mount_small_disk(self, size="4m"):
        disk = self.folder / "disk"
        disk.mkdir()
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", disk],
                                 capture_output=True, text=True, check=False)
        if mounted.returncode != 0:
            self.skipTest(f"cannot mount a tmpfs: {mounted.stderr.strip()}")
        self.addCleanup(subprocess.run, ["umount", disk], check=True)
        return disk

    @unittest.skipUnless(os.geteuid() == 0, "mounting needs root")
    def test_a_full_disk(self):
        disk = self.mount_small_disk()
        data = content(6 * MIB)
        self.server.on("/told", Whole(data))
        self.assertIn("too full", self.refuse(7, "/told", "-P", "disk"))
        self.assertEqual(os.listdir(disk), [])

        self.server.on("/file", chunked(data))
        self.assertIn("No space left on device", self.refuse(7, "/file", "-P", "disk"))
        self.assertEqual(os.listdir(disk)[0][:9], "file.part")


if __name__ == "__main__":
    tap.main()
