"""`spate get`: files, names, options, standard output, name://."""

import os
import re
import socket
import subprocess
import threading
import unittest
from pathlib import Path

import tap
from get_case import MIB, QUICK, GetTest
from get_server import Whole, chunked, content, in_turn, only
from spate_cli import PATIENCE_S, Program, binary, wait_for


class PlainTest(GetTest):
    def test_a_file_is_saved_under_its_name(self):
        data = content(3 * MIB)
        self.server.on("/a%20file?x", Whole(data))
        self.fetch("/a%20file?x")
        self.assert_whole(data, "a file")
        request, = self.server.asked("/a%20file?x")
        self.assertEqual(request.fields["accept-encoding"], "identity")
        self.assertNotIn("range", request.fields)

    def test_sizes_around_the_pieces(self):
        for size in (0, 1, 16 * 1024, 256 * 1024 - 1, 256 * 1024, 256 * 1024 + 1, 512 * 1024, MIB):
            with self.subTest(size=size):
                data = content(size)
                self.server.on("/file", Whole(data))
                self.fetch("/file", "-o", "file")
                self.assert_whole(data)

    @unittest.skipUnless(Path("/proc/self/io").exists(), "this kernel counts no writes")
    def test_writes_are_large(self):
        """On average 256 KiB and more, notes of what is there included."""
        data, all_is_written = content(16 * MIB), threading.Event()

        def send(peer, body):
            peer.send(body[:-1])
            all_is_written.wait(PATIENCE_S)
            peer.send(body[-1:])
        self.server.on("/file", Whole(data, send=send))
        with Program("get", self.server.url("/file"), cwd=self.folder.path) as program:
            wait_for(lambda: self.part_size() > len(data) - MIB, "the part")
            counts = dict(re.findall(r"(\w+): (\d+)",
                                     Path(f"/proc/{program.process.pid}/io").read_text()))
            all_is_written.set()
            self.assertEqual(program.wait(), 0, program.describe())
        self.assertLess(int(counts["syscw"]), len(data) // (256 * 1024) + 20)
        self.assert_whole(data)

    def part_size(self):
        part = self.folder / "file.part"
        return part.stat().st_size if part.exists() else 0

    def test_chunked_and_close_delimited_bodies(self):
        data = content(2 * MIB)
        self.server.on("/chunked", chunked(data))
        self.server.on("/byte-by-byte", chunked(data[:2000], sizes=(1,)))

        def until_close(request, peer):
            peer.head(200)
            peer.send(data)
        self.server.on("/close", until_close)
        self.fetch("/chunked")
        self.fetch("/byte-by-byte")
        self.fetch("/close")
        self.assertEqual(self.read("chunked"), data)
        self.assertEqual(self.read("byte-by-byte"), data[:2000])
        self.assertEqual(self.read("close"), data)

    def test_interim_answers_are_skipped(self):
        def behave(request, peer):
            peer.head(103, "Link: </style.css>")
            peer.head(100)
            Whole(b"hello")(request, peer)
        self.server.on("/file", behave)
        self.fetch("/file")
        self.assert_whole(b"hello")

    def test_a_head_in_single_bytes(self):
        def behave(request, peer):
            for byte in b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello":
                peer.send(bytes([byte]))
        self.server.on("/file", behave)
        self.fetch("/file")
        self.assert_whole(b"hello")

    def test_connections_are_used_again(self):
        paths = [f"/f{i}" for i in range(20)]
        peers = set()

        def behave(request, peer):
            peers.add(peer.sock.fileno())
            Whole(request.target.encode())(request, peer)
        for path in paths:
            self.server.on(path, behave)
        result = self.get(*map(self.server.url, paths), "-j", "1")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(peers), 1)
        self.assertEqual(self.read("f7"), b"/f7")

    def test_a_connection_that_was_closed_meanwhile_is_no_failure(self):
        def behave(request, peer):
            Whole(request.target.encode())(request, peer)
            peer.stays_open = False  # though it said nothing of it
        for path in ("/a", "/b", "/c"):
            self.server.on(path, behave)
        result = self.get(*map(self.server.url, ("/a", "/b", "/c")), "-j", "1", "--retry", "0")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_output_options(self):
        self.server.on("/file", Whole(b"hello"))
        self.fetch("/file", "-P", "new/folder")
        self.fetch("/file", "-o", "other")
        self.assertEqual(self.read("new/folder/file"), b"hello")
        self.assertEqual(self.read("other"), b"hello")

    def test_an_existing_file_is_replaced_in_one_step_or_left_alone(self):
        self.server.on("/file", Whole(b"new"))
        self.folder.write("file", "old")
        result = self.fetch("/file", "-nc")
        self.assertIn("is here already", result.stderr)
        self.assertEqual(self.read(), b"old")
        self.fetch("/file")
        self.assert_whole(b"new")

    def test_a_link_stays_a_link(self):
        self.server.on("/file", Whole(b"new"))
        self.folder.write("real/file", "old")
        (self.folder / "file").symlink_to("real/file")
        self.fetch("/file")
        self.assertTrue((self.folder / "file").is_symlink())
        self.assertEqual(self.read("real/file"), b"new")

    def test_the_servers_time_on_request(self):
        self.server.on("/file", Whole(b"x", lines=["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"]))
        self.fetch("/file", "-R")
        self.assertEqual((self.folder / "file").stat().st_mtime, 784111777)

    def test_long_names(self):
        name = "n" * 251 + ".iso"
        self.server.on("/" + name, Whole(b"hello"))
        self.fetch("/" + name)
        self.assert_whole(b"hello", name)

    def test_headers(self):
        self.server.on("/file", Whole(b"hello"))
        self.fetch("/file", "-H", "X-One: 1", "-H", "Accept:", "-A", "tester")
        fields = self.server.asked("/file")[0].fields
        self.assertEqual(fields["x-one"], "1")
        self.assertEqual(fields["user-agent"], "tester")
        self.assertNotIn("accept", fields)

    def test_a_device_is_written_not_replaced(self):
        self.server.on("/file", Whole(content(MIB)))
        self.fetch("/file", "-o", "/dev/null")
        self.assertTrue(os.path.exists("/dev/null") and not os.path.isfile("/dev/null"))

    def test_a_unix_socket(self):
        path = self.folder / "socket"
        listener = socket.socket(socket.AF_UNIX)
        self.addCleanup(listener.close)
        listener.bind(str(path))
        listener.listen()

        def answer():
            peer, _ = listener.accept()
            with peer:
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello")
        thread = threading.Thread(target=answer)
        thread.start()
        result = self.get("--unix-socket", path, "http://any.host.invalid/file")
        thread.join()
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.read(), b"hello")

    def test_rate_limit(self):
        self.server.on("/file", Whole(content(400_000)))
        result = self.fetch("/file", "--limit-rate", "1M")
        # 100 KiB burst, then 1 MiB/s: at least 0.25 s, whatever the machine does meanwhile.
        self.assertRegex(result.stderr, r"390.6 KiB in (2[5-9]\d|[3-9]\d\d) ms|in \d+\.\d s")


class StandardOutputTest(GetTest):
    def test_bytes_only(self):
        data = content(MIB)
        self.server.on("/file", Whole(data))
        result = self.get(self.server.url("/file"), "-o", "-", text=False)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, data)
        self.assertEqual(self.names(), [])

    def test_a_reader_that_leaves_is_no_news(self):
        self.server.on("/file", Whole(content(20 * MIB)))
        program = subprocess.Popen([binary(), "get", self.server.url("/file"), "-o", "-"],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        program.stdout.read(10)
        program.stdout.close()
        self.assertEqual(program.wait(20), 141)
        self.assertEqual(program.stderr.read(), b"")
        program.stderr.close()

    def test_a_reader_that_rests_is_no_stall(self):
        # The server too may be slower than the limit, on a busy machine: then it tells nothing, and
        # a longer one is tried.
        data = content(9 * MIB)
        for limit_s in (0.3, 0.6, 1.2, 2.4, 4.8):
            path = f"/{limit_s}"
            self.server.on(path, Whole(data))
            program = subprocess.Popen(
                [binary(), "get", self.server.url(path), "-o", "-", "--speed-time", f"{limit_s}s"],
                stdout=subprocess.PIPE)
            self.server.stopping.wait(3 * limit_s)
            self.assertEqual(program.communicate(timeout=20)[0], data)
            self.assertEqual(program.returncode, 0)
            if len(self.server.asked(path)) == 1:
                return
        self.fail("the rest was taken for a stall")

    def test_goes_on_where_it_broke_off(self):
        data = content(MIB)
        self.server.on("/file", in_turn(Whole(data, send=only(500_000)), Whole(data)))
        result = self.get(self.server.url("/file"), "-o", "-", *QUICK, text=False)
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout, data)
        self.assertEqual(self.server.asked("/file")[1].range, (500_000, None))

    def test_never_takes_back_what_it_wrote(self):
        data = content(MIB)
        self.server.on("/file", in_turn(Whole(data, send=only(500_000)), Whole(content(MIB, 2))))
        result = self.get(self.server.url("/file"), "-o", "-", *QUICK, text=False)
        self.assertEqual(result.returncode, 10)
        self.assertEqual(result.stdout, data[:500_000])


class NameTest(GetTest):
    """name://, against the tutorial's server: one recv, the bytes, the end."""

    def serve(self, answer):
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        names = []

        def loop():
            while True:
                try:
                    peer, _ = listener.accept()
                except OSError:
                    return
                with peer:
                    names.append(peer.recv(1024))
                    peer.sendall(answer)
        threading.Thread(target=loop, daemon=True).start()
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)
        return f"name://127.0.0.1:{listener.getsockname()[1]}/", names

    def test_a_file(self):
        data = content(3 * MIB)
        url, names = self.serve(data)
        result = self.get(url + "%E6%AD%8C%20x.mp3")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(names, ["歌 x.mp3".encode()])
        self.assert_whole(data, "歌 x.mp3")

    def test_no_name_leads_out_of_the_folder(self):
        url, _ = self.serve(b"theirs")
        for name, saved in (("..%2F..%2Fescape", "escape"), ("%2Ftmp%2Fescape", "escape"),
                            ("..%2Fescape", "escape"), ("..", "index.html")):
            result = self.get(url + name)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(self.names(), [saved], name)
            (self.folder / saved).unlink()

    def test_nothing_creates_no_file(self):
        url, _ = self.serve(b"")
        result = self.get(url + "missing")
        self.assertEqual(result.returncode, 5)
        self.assertIn("the server sent nothing", result.stderr)
        self.assertEqual(self.names(), [])


if __name__ == "__main__":
    tap.main()
