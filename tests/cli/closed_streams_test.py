"""Standard streams that are closed at the start (`<&-`): nothing else takes their numbers."""

import contextlib
import itertools
import os
import signal
import socket
import subprocess
import unittest

import tap
from raw_http import ask
from spate_cli import PATIENCE_S, Folder, Serve, binary, wait_for
from talk_case import tcp_listener, udp_socket, unused_port

CLOSED = [closed for count in (1, 2, 3) for closed in itertools.combinations((0, 1, 2), count)]


class Closed:
    """A spate with some standard streams closed; the others are /dev/null and pipes."""

    def __init__(self, closed, *arguments):
        def close():
            for number in closed:
                os.close(number)
        self.closed = closed
        self.process = subprocess.Popen(
            [binary(), *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, preexec_fn=close)

    def wait(self):
        self.stdout, self.stderr = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


class ClosedStreamsTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Folder({"a.txt": "hello\n"}))

    def run_closed(self, closed, *arguments):
        with Closed(closed, *arguments) as program:
            program.wait()
            return program

    def check_output(self, program, text, status=0):
        """What the command is there to write comes, or the exit status says that it did not."""
        if 1 in program.closed:
            self.assertNotEqual(program.process.returncode, 0)
            if 2 not in program.closed:
                self.assertIn("standard output", program.stderr)
        else:
            self.assertEqual(program.process.returncode, status, program.stderr)
            self.assertIn(text, program.stdout)

    def connect(self, port):
        def attempt():
            with contextlib.suppress(ConnectionRefusedError):
                return socket.create_connection(("127.0.0.1", port), PATIENCE_S)
        return wait_for(attempt, "a listener")

    def test_what_is_printed(self):
        commands = [["--version"], ["--help"], ["help"], ["tcp", "--help"], ["udp", "--help"]]
        commands += [[name, "--help"] for name in ("get", "load", "serve")]
        for closed in CLOSED:
            with self.subTest(closed=closed):
                for command in commands:
                    self.check_output(self.run_closed(closed, *command), "spate")

    def test_get(self):
        with Serve(self.folder.path) as server:
            for closed in CLOSED:
                with self.subTest(closed=closed):
                    target = self.folder / "target"
                    target.unlink(missing_ok=True)
                    program = self.run_closed(closed, "get", "-o", target, server.url + "a.txt")
                    self.assertEqual(program.process.returncode, 0, program.stderr)
                    self.assertEqual(target.read_text(), "hello\n")
                    for name in ("-", "/dev/stdout"):
                        program = self.run_closed(closed, "get", "-o", name, server.url + "a.txt")
                        if 1 in closed:
                            self.assertNotEqual(program.process.returncode, 0, name)
                        else:
                            self.check_output(program, "hello\n")

    def test_load(self):
        with Serve(self.folder.path) as server:
            for closed in CLOSED:
                with self.subTest(closed=closed):
                    report = self.folder / "report"
                    url = server.url + "a.txt"
                    program = self.run_closed(closed, "load", "-q", "-n", 3, "--json", report, url)
                    self.assertEqual(program.process.returncode, 0, program.stderr)
                    self.check_output(self.run_closed(closed, "load", "-n", 3, url), "requests")
                    for option in ("--json", "--csv", "--html", "--json-stream"):
                        self.check_output(
                            self.run_closed(closed, "load", "-n", 3, option, "-", url), "")
                    self.check_output(self.run_closed(closed, "load", "show", report), "requests")
                    program = self.run_closed(closed, "load", "compare", report, report)
                    self.check_output(program, "")

    def test_load_sink(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                port = unused_port()
                with Closed(closed, "load", "--sink", f"tcp://127.0.0.1:{port}") as sink:
                    self.connect(port).close()
                    self.assertEqual(sink.stop(), 0)

    def test_serve(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                port = unused_port()
                with Closed(closed, "serve", "-l", f"127.0.0.1:{port}", self.folder.path) as server:
                    self.connect(port).close()
                    answer = ask(("127.0.0.1", port), "/a.txt")
                    self.assertEqual((answer.status, answer.body), (200, b"hello\n"))
                    self.assertEqual(server.stop(), 0)

    def test_a_log_on_a_closed_stream_is_refused(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                if 1 in closed:
                    program = self.run_closed(closed, "serve", "--access-log", "-", "-l",
                                              "127.0.0.1:0", self.folder.path)
                    self.assertNotEqual(program.process.returncode, 0)

    def test_tcp_connect_sends_its_peer_nothing_foreign(self):
        with tcp_listener() as listener:
            target = "127.0.0.1:%d" % listener.getsockname()[1]
            for closed in CLOSED:
                with self.subTest(closed=closed):
                    with Closed(closed, "tcp", "connect", "-v", target) as program:
                        peer, _ = listener.accept()
                        with peer:
                            peer.settimeout(PATIENCE_S)
                            self.assertEqual(peer.recv(4096), b"")
                            peer.sendall(b"hi\n")
                        program.wait()
                        self.check_output(program, "hi\n")

    def test_tcp_listen(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                port = unused_port()
                with Closed(closed, "tcp", "listen", f"127.0.0.1:{port}") as program, \
                        self.connect(port) as peer:
                    if 1 in closed:
                        peer.sendall(b"hi\n")
                        self.assertEqual(program.wait(), 1)
                    else:
                        self.assertEqual(program.stop(), 0)
                    # The end, or a reset for what was not read: no byte.
                    with contextlib.suppress(ConnectionResetError):
                        self.assertEqual(peer.recv(4096), b"")

    def test_tcp_listen_modes(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                port = unused_port()
                where = f"127.0.0.1:{port}"
                with Closed(closed, "tcp", "listen", where, "--exec", "cat") as program, \
                        self.connect(port) as peer:
                    peer.sendall(b"hi\n")
                    self.assertEqual(peer.recv(4096), b"hi\n")
                    self.assertEqual(program.stop(), 0)

    def test_udp_send(self):
        with udp_socket() as peer:
            target = "127.0.0.1:%d" % peer.getsockname()[1]
            for closed in CLOSED:
                with self.subTest(closed=closed):
                    program = self.run_closed(closed, "udp", "send", target, "hi")
                    self.assertEqual(program.process.returncode, 0)
                    self.assertEqual(peer.recv(4096), b"hi")

    def test_udp_send_without_a_message_has_none(self):
        with udp_socket() as peer:
            target = "127.0.0.1:%d" % peer.getsockname()[1]
            for closed in CLOSED:
                with self.subTest(closed=closed):
                    if 0 in closed:
                        program = self.run_closed(closed, "udp", "send", target)
                        self.assertEqual(program.process.returncode, 0, program.stderr)
                        peer.setblocking(False)
                        self.assertRaises(BlockingIOError, peer.recv, 4096)

    def test_udp_listen(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                port = unused_port(socket.SOCK_DGRAM)
                where = f"127.0.0.1:{port}"
                with Closed(closed, "udp", "listen", where, "--count", 1) as program, \
                        udp_socket() as peer:
                    def sent_until_ended():
                        with contextlib.suppress(ConnectionRefusedError):
                            peer.sendto(b"hi", ("127.0.0.1", port))
                        return program.process.poll() is not None
                    wait_for(sent_until_ended, "its end")
                    program.wait()
                    self.check_output(program, "hi")

    def test_udp_chat(self):
        for closed in CLOSED:
            with self.subTest(closed=closed):
                program = self.run_closed(closed, "udp", "chat", "--bind", "127.0.0.1:0")
                self.assertEqual(program.process.returncode, 0)


class FullTest(unittest.TestCase):
    @unittest.skipUnless(os.path.exists("/dev/full"), "no /dev/full here")
    def test_a_full_disk_is_told(self):
        with open("/dev/full", "wb") as full:
            done = subprocess.run([binary(), "--help"], stdout=full, stderr=subprocess.PIPE,
                                  text=True, timeout=PATIENCE_S, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "spate: standard output: No space left on device\n")


if __name__ == "__main__":
    tap.main()
