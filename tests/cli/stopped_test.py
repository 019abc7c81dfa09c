"""Ctrl-Z and fg: a stop of the process, in whatever it waits for, changes nothing."""

import os
import re
import shlex
import shutil
import signal
import unittest

import tap
from process_state import state_of
from served_folder import age, noise
from slow_server import SlowServer
from spate_cli import PATIENCE_S, Folder, Serve, binary, wait_for
from talk_case import connect, tcp_listener, udp_socket
from terminal import Terminal

WAYS = ("C-z", "SIGSTOP")


class Job:
    """A spate in the foreground of an interactive shell, as a person has it."""

    def __init__(self, test, *arguments, width=100):
        shell = Terminal(width=width, command="bash --norc --noprofile -i")
        test.addCleanup(shell.close)
        self.shell = shell
        test.file.unlink(missing_ok=True)  # An earlier one's.
        command = shlex.join([binary(), *map(str, arguments)])
        self.start(f"echo $BASHPID >{shlex.quote(str(test.file))}; exec {command}")
        wait_for(lambda: test.file.exists() and test.file.read_text().endswith("\n"), "its start")
        self.pid = int(test.file.read_text())

    def start(self, command):
        # A subshell tells its number; what it runs has it, too.
        self.shell.say(f"PS1='ready$ '; clear; ({command})")
        self.shell.type("Enter")

    def port(self):
        return int(self.shell.wait_for_match(r"listening on 127\.0\.0\.1:(\d+)").group(1))

    def is_stopped(self):
        return state_of(self.pid) == "T"

    def stop(self, how):
        """By its terminal, or by a signal that cannot be caught."""
        if how == "C-z":
            self.shell.type("C-z")
        else:
            os.kill(self.pid, signal.SIGSTOP)
        wait_for(self.is_stopped, "a stop")
        self.shell.wait_for_text("Stopped")

    def go_on(self):
        self.shell.say("fg")
        self.shell.type("Enter")
        wait_for(lambda: not self.is_stopped(), "it to go on")

    def interrupt(self, how):
        self.stop(how)
        self.go_on()

    def type(self, line):
        self.shell.say(line)
        self.shell.type("Enter")

    def wait_for_end(self, status="0"):
        self.shell.wait_until(lambda: self.shell.screen()[-1].endswith("ready$"),
                              "the shell's prompt")
        self.type("echo ended with $?")
        self.shell.wait_for_match(f"(?m)^ended with {status}$")


@unittest.skipUnless(shutil.which("tmux") and shutil.which("bash"), "no tmux or no bash here")
class StopTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Folder())
        self.file = self.folder / "pid"

    def accept(self, listener):
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        peer.settimeout(PATIENCE_S)
        return peer

    def test_tcp_connect(self):
        for how in WAYS:
            with self.subTest(how=how):
                with tcp_listener() as listener:
                    job = Job(self, "tcp", "connect", "127.0.0.1:%d" % listener.getsockname()[1])
                    peer = self.accept(listener)
                    for word in ("one", "two", "three"):
                        job.interrupt(how)
                        job.type(word)
                        self.assertEqual(peer.recv(99), word.encode() + b"\n")
                        peer.sendall(b"to " + word.encode() + b"\n")
                        job.shell.wait_for_text("to " + word)
                    # What comes while it is stopped is there afterwards.
                    job.stop(how)
                    peer.sendall(b"meanwhile\n")
                    job.go_on()
                    job.shell.wait_for_text("meanwhile")
                    job.shell.type("C-d")
                    self.assertEqual(peer.recv(99), b"")
                    peer.close()
                    job.wait_for_end()

    def test_tcp_listen(self):
        for how in WAYS:
            with self.subTest(how=how):
                for once in ([], ["--once"]):
                    job = Job(self, "tcp", "listen", *once, "127.0.0.1:0")
                    port = job.port()
                    job.interrupt(how)
                    with connect(port) as peer:
                        job.shell.wait_for_text("connected")
                        job.interrupt(how)
                        peer.sendall(b"from it\n")
                        job.shell.wait_for_text("from it")
                        job.type("to it")
                        self.assertEqual(peer.recv(99), b"to it\n")
                        job.shell.type("C-c")
                        job.wait_for_end("[01]")

    def test_udp_send(self):
        for how in WAYS:
            with self.subTest(how=how):
                with udp_socket() as peer:
                    job = Job(self, "udp", "send", "127.0.0.1:%d" % peer.getsockname()[1])
                    for word in ("one", "two"):
                        job.interrupt(how)
                        job.type(word)
                        self.assertEqual(peer.recv(99), word.encode())
                    job.shell.type("C-d")
                    job.wait_for_end()

    def test_udp_listen(self):
        for how in WAYS:
            with self.subTest(how=how):
                job = Job(self, "udp", "listen", "127.0.0.1:0")
                port = job.port()
                with udp_socket() as peer:
                    for word in ("one", "two"):
                        job.interrupt(how)
                        peer.sendto(word.encode(), ("127.0.0.1", port))
                        job.shell.wait_for_match(rf"(?m): {word}$")
                job.shell.type("C-c")
                job.wait_for_end()

    def test_the_line_of_a_chat_survives(self):
        for how in WAYS:
            with self.subTest(how=how):
                with udp_socket() as peer:
                    where = "127.0.0.1:%d" % peer.getsockname()[1]
                    job = Job(self, "udp", "chat", "--bind", "127.0.0.1:0", where)
                    port = job.port()
                    prompt = re.escape(where) + "> "
                    job.shell.wait_for_match(prompt.rstrip())
                    job.shell.say("half a ")
                    job.shell.wait_for_match(prompt + "half a")
                    job.stop(how)
                    # The terminal is the shell's, which echoes what is typed.
                    job.type("stty -a | tr ' ' '\\n' | grep -x icanon")
                    job.shell.wait_for_match(r"(?m)^icanon$")
                    job.type("clear")
                    job.go_on()
                    job.shell.wait_for_match(prompt + "half a")
                    job.shell.say("line")
                    job.shell.type("BSpace", "BSpace", "BSpace", "BSpace")
                    job.type("word")
                    self.assertEqual(peer.recv(99), b"half a word")
                    peer.sendto(b"answer", ("127.0.0.1", port))
                    job.shell.wait_for_match(r"\n.*answer\n" + prompt.rstrip())
                    job.shell.type("C-d")
                    job.wait_for_end()

    def test_get(self):
        source = self.enterContext(Folder({"big": noise(4 << 20)}))
        age(source / "big")
        server = self.enterContext(Serve(source.path))
        for how in WAYS:
            with self.subTest(how=how):
                job = Job(self, "get", "--limit-rate", "2M", "-P", self.folder.path,
                          server.url + "big")
                job.shell.wait_for_text("MiB/s")
                job.interrupt(how)
                job.shell.wait_for_match(r"big: 4\.0 MiB in ")
                job.wait_for_end()
                self.assertEqual((self.folder / "big").read_bytes(), (source / "big").read_bytes())
                (self.folder / "big").unlink()

    def test_load(self):
        with SlowServer(0.01) as server:
            for how in WAYS:
                with self.subTest(how=how):
                    job = Job(self, "load", "-d", "3", "--warmup", "0", "-c", "2", server.url)
                    job.shell.wait_for_text(" of 3 s")
                    job.interrupt(how)
                    job.wait_for_end()

    def test_serve(self):
        source = self.enterContext(Folder({"a": "hello\n"}))
        for how in WAYS:
            with self.subTest(how=how):
                job = Job(self, "serve", "-l", "127.0.0.1:0", source.path)
                job.shell.wait_for_text("req/s")
                job.interrupt(how)
                job.shell.wait_for_text("req/s")
                job.shell.type("C-c")
                job.wait_for_end()


if __name__ == "__main__":
    tap.main()
