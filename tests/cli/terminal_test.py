"""`spate serve` and `spate get` on a terminal: the lines that live there, and Ctrl-C."""

import shutil
import socket
import unittest

import tap
from raw_http import ask
from served_folder import age, noise
from spate_cli import PATIENCE_S, Folder, Serve
from terminal import Terminal

BIG = 48 << 20


@unittest.skipUnless(shutil.which("tmux"), "no tmux here")
class TerminalTest(unittest.TestCase):
    def open(self, *arguments):
        terminal = Terminal(*arguments, width=120)
        self.addCleanup(terminal.close)
        return terminal


class ServeTest(TerminalTest):
    def test_a_line_shows_what_is_going_on_and_a_summary_what_was(self):
        folder = self.enterContext(Folder({"a.txt": "hello\n"}))
        terminal = self.open("serve", "--listen", "127.0.0.1:0", folder.path)
        port = int(terminal.wait_for_match(r"http://127\.0\.0\.1:(\d+)/").group(1))
        terminal.wait_for_match(r"\n0 connections  0 req/s  0 B/s  total 0 requests, 0 B$")
        for _ in range(3):
            self.assertEqual(ask(("127.0.0.1", port), "/a.txt").status, 200)
        terminal.wait_for_match(r"\n0 connections  \d+ req/s  .*  total 3 requests, 18 B$")
        terminal.type("C-c")
        terminal.wait_for("ended with 0")
        shown = "\n".join(terminal.screen())
        self.assertRegex(shown, r"\nrequests +3\n")
        self.assertNotIn("req/s", shown)  # The line is gone.


class GetTest(TerminalTest):
    def setUp(self):
        self.source = self.enterContext(Folder({"big": noise(BIG), "small": "hello\n"}))
        age(self.source / "big")
        self.server = self.enterContext(Serve(self.source.path))
        self.target = self.enterContext(Folder())

    def get(self, *arguments):
        return self.open("get", "-P", self.target.path, *arguments)

    def test_a_bar_shows_how_far_it_is_and_how_long_it_takes(self):
        terminal = self.get("--limit-rate", "2M", self.server.url + "big")
        bar = r"big +[^ ].* +(\d+)% +\d+\.\d MiB +\d+\.\d MiB/s +\d+ s left"
        first = int(terminal.wait_for_match(bar).group(1))
        terminal.wait_until(lambda: int(terminal.wait_for_match(bar).group(1)) > first,
                            "the bar to move")
        terminal.type("C-c")
        terminal.wait_for("ended with 130")
        shown = "\n".join(terminal.screen())
        self.assertRegex(shown, r"(?s)interrupted.*goes on from there")
        self.assertNotIn("s left", shown)  # The bar is gone.

        terminal = self.get(self.server.url + "big")
        terminal.wait_for_match(r"(?s)big: 48\.0 MiB in .*ended with 0$")
        self.assertTrue((self.target / "big").read_bytes() == noise(BIG))

    def test_several_files_have_a_line_each(self):
        terminal = self.get("--limit-rate", "2M", self.server.url + "big",
                            self.server.url + "small")
        terminal.wait_for_match(r"small: 6 B in ")
        terminal.wait_for_match(r"big .*MiB/s")
        terminal.type("C-c")
        terminal.wait_for("ended with 130")

    def test_a_server_that_is_not_up_yet_is_waited_for(self):
        with socket.socket() as listener:
            listener.settimeout(PATIENCE_S)
            listener.bind(("127.0.0.1", 0))  # Its own, so that nobody else has it meanwhile.
            port = listener.getsockname()[1]
            terminal = self.get("--retry-connrefused", "--retry-delay", "300ms", "--retry",
                                "10000", f"http://127.0.0.1:{port}/late")
            terminal.wait_for_text("Connection refused")
            listener.listen()
            peer, _ = listener.accept()
            with peer:
                peer.settimeout(PATIENCE_S)
                peer.recv(4096)
                peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
                terminal.wait_for_match(r"late: 2 B in .*\nended with 0$")
        self.assertEqual((self.target / "late").read_bytes(), b"hi")


if __name__ == "__main__":
    tap.main()
