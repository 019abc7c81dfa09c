"""`spate serve` and its options: where it listens, what it adds to answers, how it ends when it
cannot begin."""

import ctypes
import os
import re
import shutil
import socket
import subprocess
import unittest
from pathlib import Path

import tap
from process_state import is_sanitized
from raw_http import Connection, ask
from served_folder import ServedFolder
from spate_cli import (PATIENCE_S, Folder, Program, Serve, binary, binary_for_all, run,
                       wait_for)

FILES = {"a.txt": "hello\n", "sub/b.txt": "b\n"}


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
        return True
    except OSError:
        return False


def is_refused(path):
    """Whether nobody listens on a Unix socket, or not yet: it is bound before."""
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(path)
            return False
        except (ConnectionRefusedError, FileNotFoundError):
            return True


class ListenTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Folder(FILES))

    def serve(self, *listen, arguments=()):
        """A server that listens there; the addresses that it printed besides."""
        flags = [word for where in listen for word in ("--listen", where)]
        server = self.enterContext(Serve(self.folder.path, *arguments, listen=flags))
        self.addCleanup(server.stop)
        said = server.wait_for_output(r"(?s).*Ctrl-C").group()
        return server, re.findall(r"(?:http://|unix:)\S+", said)

    def check(self, address):
        self.assertEqual(ask(address, "/a.txt").body, b"hello\n", address)

    def test_a_port_that_the_kernel_picks_is_printed(self):
        server, urls = self.serve("127.0.0.1:0")
        self.assertEqual(len(urls), 1)
        self.assertRegex(urls[0], r"^http://127\.0\.0\.1:[1-9]\d*/$")
        self.check(server.address)

    def test_all_addresses(self):
        server, urls = self.serve(":0")
        self.assertIn(f"http://localhost:{server.port}/", urls)
        self.check(("127.0.0.1", server.port))
        if has_ipv6():
            self.check(("::1", server.port))

    def test_local(self):
        server, _ = self.serve("127.0.0.1:0", arguments=["--local"])
        self.check(server.address)

    @unittest.skipUnless(has_ipv6(), "there is no IPv6")
    def test_ipv6(self):
        server, urls = self.serve("[::1]:0")
        self.assertRegex(urls[0], r"^http://\[::1\]:\d+/$")
        self.check(server.address)

    def test_unix_socket(self):
        path = str(self.folder / "socket")
        self.folder.write("a.txt", "hello\n")
        with Program("serve", "--listen", f"unix:{path}", self.folder.path) as server:
            server.wait_for_output("Ctrl-C")
            self.check(path)
            if shutil.which("curl"):
                got = subprocess.run(["curl", "-sS", "--unix-socket", path, "http://x/a.txt"],
                                     capture_output=True, timeout=20)
                self.assertEqual(got.stdout, b"hello\n")
            server.stop()

    def test_it_is_confined_and_has_its_heap(self):
        create_ruleset = 444  # landlock_create_ruleset(2), which gives its version here.
        landlock = ctypes.CDLL(None).syscall(create_ruleset, None, 0, 1)
        with Serve(self.folder.path) as server:
            process = Path(f"/proc/{server.process.pid}")
            if not is_sanitized(server.process.pid):
                self.assertIn("libmimalloc", (process / "maps").read_text())
            if landlock < 1:
                self.skipTest("no Landlock in this kernel")
            for task in (process / "task").iterdir():
                self.assertIn("NoNewPrivs:\t1", (task / "status").read_text())

    @unittest.skipUnless(os.getuid() == 0, "who is not root may read what is not to be read")
    def test_an_index_that_cannot_be_had_is_no_listing(self):
        self.folder.write("private/index.html", "hello\n").chmod(0)
        self.folder.write("private/secret.txt", "secret\n")
        self.folder.path.chmod(0o755)
        program = binary_for_all(self.enterContext(Folder()))
        with Serve(self.folder.path, executable=program,
                   preexec_fn=lambda: os.setuid(65534)) as server:
            for target in ("/private/index.html", "/private/"):
                self.assertEqual(ask(server.address, target).status, 403)
            listing = ask(server.address, "/private/", "Accept: application/json")
            self.assertEqual(listing.status, 200)  # Who asks for one gets it.

    def test_what_it_says_may_go_nowhere(self):
        """A full disk, or a pipe that nobody reads any more: it serves."""
        path = str(self.folder / "unheard")
        self.folder.write("a.txt", "hello\n")

        def answers():
            try:
                return ask(path, "/a.txt").body == b"hello\n"
            except OSError:
                return False
        reading, writing = os.pipe()
        os.close(reading)
        with open("/dev/full", "w", encoding="utf-8") as full, os.fdopen(writing, "w") as closed:
            for nowhere in (full, closed):
                server = subprocess.Popen([binary(), "serve", "--listen", f"unix:{path}",
                                           self.folder.path], stdin=subprocess.DEVNULL,
                                          stdout=nowhere, stderr=nowhere)
                self.addCleanup(server.kill)
                wait_for(answers, "an answer")
                server.terminate()
                self.assertEqual(server.wait(PATIENCE_S), 0)

    def test_unix_socket_of_a_server_that_was_killed(self):
        path = str(self.folder / "socket")
        for end in ("kill", "stop"):
            with Program("serve", "--listen", f"unix:{path}", self.folder.path) as server:
                server.wait_for_output("Ctrl-C")
                self.check(path)
                if end == "kill":
                    server.process.kill()
                    server.wait()
                    # The kernel takes a dead process's ring apart when it comes to that, and the
                    # listener with it.
                    wait_for(lambda: is_refused(path), "the listener to be gone")
                else:
                    server.stop()
        said = run("serve", "--listen", f"unix:{self.folder / 'a.txt'}", self.folder.path)
        self.assertEqual(said.returncode, 1, said.stderr)
        self.assertEqual((self.folder / "a.txt").read_bytes(), b"hello\n")

    def test_several(self):
        path = str(self.folder / "socket")
        _, urls = self.serve("127.0.0.1:0", "127.0.0.2:0", f"unix:{path}")
        self.assertEqual(len(urls), 3, urls)
        for url in urls[:2]:
            host, port = re.fullmatch(r"http://([\d.]+):(\d+)/", url).groups()
            self.check((host, int(port)))
        self.check(path)

    def test_every_core_answers(self):
        server, _ = self.serve("127.0.0.1:0", arguments=["--cores", "4"])
        for _ in range(40):  # Whichever of the four listeners the kernel picks.
            self.check(server.address)


class CannotBeginTest(unittest.TestCase):
    """One line that says what is wrong, and an exit status."""

    def check(self, *arguments, says, statuses):
        done = run("serve", *arguments)
        self.assertIn(done.returncode, statuses, done.stderr)
        self.assertRegex(done.stderr, says)
        self.assertEqual(done.stdout, "")
        return done.stderr

    def test_port_in_use(self):
        with Folder(FILES) as folder, Serve(folder.path) as server:
            where = f"127.0.0.1:{server.port}"
            said = self.check("--listen", where, folder.path, says=re.escape(where), statuses=[1])
            self.assertEqual(said.count("\n"), 1, said)

    def test_address_of_somebody_else(self):
        with Folder(FILES) as folder:
            self.check("--listen", "192.0.2.1:0", folder.path, says=r"192\.0\.2\.1", statuses=[1])

    def test_no_address(self):
        with Folder(FILES) as folder:
            for where in ("nonsense", "127.0.0.1:99999", "[::1", "127.0.0.1:x"):
                self.check("--listen", where, folder.path, says=re.escape(where), statuses=[1, 2])

    def test_no_folder(self):
        self.check("--listen", "127.0.0.1:0", "/no/such/folder", says="/no/such/folder",
                   statuses=range(1, 128))

    def test_a_file_is_no_folder(self):
        with Folder(FILES) as folder:
            self.check("--listen", "127.0.0.1:0", folder / "a.txt", says="a.txt",
                       statuses=range(1, 128))

    def test_no_such_option(self):
        for arguments in (["--limt-rate", "3", "."], [".", "--limt-rate=3"]):
            said = self.check(*arguments, says=r"there is no option '--limt-rate(=3)?'\n",
                              statuses=[2])
            self.assertIn("spate serve --help says more", said)

    def test_two_folders(self):
        self.check("one", "two", says="'two' is one too many", statuses=[2])

    def test_bad_values(self):
        for option, value in [("--limit-rate", "fast"), ("--idle-timeout", "-1s"),
                              ("--cores", "many"), ("--send-path", "teleport"),
                              ("--log-format", "xml"), ("--header", "no colon"),
                              ("--header", "X: a\r\nSet-Cookie: b"), ("--cache", "1 bag")]:
            with self.subTest(option=option):
                self.check(option, value, "--listen", "127.0.0.1:0", ".", says=option,
                           statuses=[2])


class AddedFieldsTest(ServedFolder):
    FILES = FILES
    ARGUMENTS = ("--header", "X-One: 1", "--header", "Cache-Control: max-age=60", "--cors")

    def test_to_files_folders_and_304(self):
        tag = self.ask("/a.txt")["ETag"]
        for target, fields, status in [("/a.txt", [], 200), ("/a.txt", ["Range: bytes=0-1"], 206),
                                       ("/a.txt", [f"If-None-Match: {tag}"], 304)]:
            answer = self.ask(target, *fields)
            self.assertEqual((answer.status, answer["X-One"], answer["Cache-Control"]),
                             (status, "1", "max-age=60"))
            self.assertEqual(answer["Access-Control-Allow-Origin"], "*")
        folder = self.ask("/sub/")
        self.assertEqual(folder["X-One"], "1")
        values = [value for name, value in folder.fields if name.lower() == "cache-control"]
        self.assertEqual(values, ["max-age=60"])  # In place of our own.

    def test_cors_preflight(self):
        answer = self.ask("/a.txt", "Origin: http://example.com",
                          "Access-Control-Request-Method: GET",
                          "Access-Control-Request-Headers: range", method="OPTIONS")
        self.assertEqual((answer.status, answer["Allow"]), (204, "GET, HEAD, OPTIONS"))
        self.assertEqual(answer["Access-Control-Allow-Origin"], "*")
        self.assertIn("GET", answer["Access-Control-Allow-Methods"])
        self.assertRegex(answer["Access-Control-Allow-Headers"], r"(?i)^\*$|range")

    def test_scripts_of_others_can_read_ranges(self):
        answer = self.ask("/a.txt", "Origin: http://example.com", "Range: bytes=0-1")
        self.assertRegex(answer["Access-Control-Expose-Headers"], r"^\*$|Content-Range")


class PlainFieldsTest(ServedFolder):
    FILES = FILES

    def test_nothing_is_added_unasked(self):
        answer = self.ask("/a.txt", "Origin: http://example.com")
        self.assertIsNone(answer["Access-Control-Allow-Origin"])
        answer = self.ask("/a.txt", method="OPTIONS")
        self.assertEqual((answer.status, answer["Allow"]), (204, "GET, HEAD, OPTIONS"))


class HeaderLimitsTest(ServedFolder):
    FILES = FILES
    ARGUMENTS = ("--max-headers", "5", "--max-header-size", "1k")

    def test_they_are_kept(self):
        for fields, status in [(["X: 1"] * 3, 200), (["X: 1"] * 4, 431), (["X: " + "x" * 800], 200),
                               (["X: " + "x" * 1000], 431)]:
            with self.subTest(fields=fields):  # Host and Connection: close are there besides.
                self.assertEqual(self.ask("/a.txt", *fields).status, status)


class CacheTest(unittest.TestCase):
    """What is remembered of a file does not outlive the file for long."""

    def check(self, *arguments):
        with Folder({"a": "old content"}) as folder, \
                Serve(folder.path, "--cores", "1", *arguments) as server, \
                Connection(server.address) as connection:
            self.assertEqual(connection.ask("/a").body, b"old content")
            folder.write("b", "the new content, longer")
            os.rename(folder / "b", folder / "a")
            wait_for(lambda: connection.ask("/a").body == b"the new content, longer",
                     "the new content")
            folder.write("a", "written in place")
            wait_for(lambda: connection.ask("/a").body == b"written in place", "what was written")
            (folder / "a").unlink()
            wait_for(lambda: connection.ask("/a").status == 404, "the file to be gone")
            folder.write("a", "again")
            wait_for(lambda: connection.ask("/a").body == b"again", "the file to be back")
            server.stop()

    def test_default(self):
        self.check()

    def test_none(self):
        self.check("--cache", "0")

    def test_tiny(self):
        self.check("--cache", "4K")


class OutputTest(unittest.TestCase):
    def test_summary_at_the_end(self):
        with Folder(FILES) as folder, Serve(folder.path) as server:
            for _ in range(3):
                ask(server.address, "/a.txt")
            server.stop()
            self.assertRegex(server.stderr + server.stdout, r"requests\s+3\b")

    def test_quiet(self):
        with Folder(FILES) as folder:
            path = str(folder / "socket")
            with Program("serve", "--quiet", "--listen", f"unix:{path}", folder.path) as server:
                wait_for(lambda: not is_refused(path), "the socket")
                self.assertEqual(ask(path, "/a.txt").status, 200)
                server.stop()
                self.assertEqual((server.stdout, server.stderr), ("", ""))

    def test_help(self):
        done = run("serve", "--help")
        self.assertEqual(done.returncode, 0)
        for option in ("--listen", "--local", "--cores", "--name-port", "--access-log",
                       "--log-format", "--send-path", "--header", "--cors", "--index",
                       "--no-listing", "--dotfiles", "--cache", "--grace", "--quiet",
                       "--header-timeout", "--idle-timeout", "--send-timeout", "--max-conns",
                       "--max-conns-per-ip", "--max-requests", "--limit-rate",
                       "--limit-rate-total"):
            self.assertRegex(done.stdout, re.escape(option) + r"\b")


if __name__ == "__main__":
    tap.main()
