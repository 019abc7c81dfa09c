"""`spate tcp connect`, and `spate tcp listen --once`: how streams end, what is shown and sent, and
what is said of bad input."""

import hashlib
import os
import signal
import socket
import subprocess
import time
import unittest

import tap
from spate_cli import PATIENCE_S, Folder, Program, binary, run, wait_for
from talk_case import (Listener, connect, in_background, read_all, reset, talk, tcp_listener,
                       unused_port)


class EndsTest(unittest.TestCase):
    """The table in the help."""

    def setUp(self):
        self.listener = tcp_listener()
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def start(self, *options, **settings):
        program = Program("tcp", "connect", f"127.0.0.1:{self.port}", *options,
                          stdin=subprocess.PIPE, **settings)
        self.addCleanup(program.__exit__)
        peer = self.listener.accept()[0]
        peer.settimeout(PATIENCE_S)
        self.addCleanup(peer.close)
        return program, peer

    def test_input_ends_and_the_answer_is_awaited(self):
        program, peer = self.start()
        program.type("question")
        program.end_input()
        self.assertEqual(read_all(peer), b"question")
        peer.sendall(b"answer after the end")
        peer.close()
        self.assertEqual(program.wait(), 0, program.describe())
        self.assertEqual(program.stdout, "answer after the end")

    def test_the_peer_ends(self):
        program, peer = self.start()
        peer.sendall(b"goodbye")
        peer.close()
        self.assertEqual(program.wait(), 0, program.describe())
        self.assertEqual(program.stdout, "goodbye")

    def test_the_peer_half_closes_and_a_file_is_sent_whole(self):
        with Folder() as folder:
            content = os.urandom(8 << 20)
            path = folder.write("f", content)
            with open(path, "rb") as file:
                program = Program("tcp", "connect", f"127.0.0.1:{self.port}", stdin=file)
            with program:
                peer = self.listener.accept()[0]
                peer.shutdown(socket.SHUT_WR)
                self.assertEqual(hashlib.sha256(read_all(peer)).digest(),
                                 hashlib.sha256(content).digest())
                peer.close()
                self.assertEqual(program.wait(), 0, program.describe())

    def test_the_peer_resets(self):
        program, peer = self.start()
        reset(peer)
        self.assertEqual(program.wait(), 1)
        self.assertRegex(program.stderr, rf"127\.0\.0\.1:{self.port}: reset by the peer")

    def test_a_peer_that_ends_before_all_was_sent(self):
        program, peer = self.start()
        done = in_background(self.feed, program)
        peer.recv(10)
        peer.close()
        self.assertEqual(program.wait(), 1, program.describe())
        self.assertRegex(program.stderr, "reset by the peer|ended before all was sent")
        done.join(PATIENCE_S)

    def feed(self, program):
        try:
            for _ in range(1000):
                program.type("x" * 65536)
        except BrokenPipeError:
            pass

    def test_idle_timeout(self):
        program, _ = self.start("--idle-timeout", "100ms")
        self.assertEqual(program.wait(), 1)
        self.assertIn("nothing moved for 100 ms", program.stderr)

    def test_a_slow_peer_is_not_idle(self):
        # All is sent at once, and taken in pieces for longer than the limit.
        limit_s, size = 4, 1 << 20
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 64 << 10)
        program, peer = self.start("--idle-timeout", f"{limit_s}s", "--hex")
        program.type("x" * size)
        program.end_input()
        begun = time.monotonic()
        received = 0
        while piece := peer.recv(32 << 10):
            received += len(piece)
            wait_for(lambda: time.monotonic() - begun > 1.5 * limit_s * received / size, "its time")
        self.assertEqual(received, size)
        peer.close()
        self.assertEqual(program.wait(), 0, program.describe())

    def test_standard_output_fails(self):
        with open("/dev/full", "wb") as full:
            program = subprocess.Popen([binary(), "tcp", "connect", f"127.0.0.1:{self.port}"],
                                       stdin=subprocess.PIPE, stdout=full, stderr=subprocess.PIPE)
        peer = self.listener.accept()[0]
        peer.sendall(b"x")
        _, errors = program.communicate(timeout=PATIENCE_S)
        peer.close()
        self.assertEqual(program.returncode, 1)
        self.assertIn(b"standard output: No space left on device", errors)

    def test_standard_output_is_closed_by_its_reader(self):
        program = subprocess.Popen([binary(), "tcp", "connect", f"127.0.0.1:{self.port}"],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE)
        peer = self.listener.accept()[0]
        program.stdout.close()
        peer.sendall(b"x")
        self.assertEqual(program.wait(PATIENCE_S), 1)
        self.assertIn(b"standard output", program.stderr.read())
        program.stderr.close()
        program.stdin.close()
        peer.close()


class RelayTest(unittest.TestCase):
    """Bytes arrive as they were sent, whatever the standard streams are."""

    def test_every_kind_of_stream(self):
        content = os.urandom(20 << 20)
        with Folder({"in": content}) as folder:
            for source in ("file", "pipe"):
                for sink in ("file", "append", "pipe", "socket"):
                    with self.subTest(source=source, sink=sink):
                        self.assertEqual(
                            hashlib.sha256(self.relay(folder, source, sink)).digest(),
                            hashlib.sha256(content).digest())

    def relay(self, folder, source, sink):
        out = folder / "out"
        out.unlink(missing_ok=True)
        near, far = socket.socketpair()
        target = {"file": lambda: open(out, "wb"), "append": lambda: open(out, "ab"),
                  "pipe": lambda: subprocess.PIPE, "socket": lambda: far}[sink]()
        listener = subprocess.Popen([binary(), "tcp", "listen", "--once", "127.0.0.1:0"],
                                    stdin=subprocess.DEVNULL, stdout=target,
                                    stderr=subprocess.PIPE)
        port = int(listener.stderr.readline().split(b":")[-1])
        far.close()
        received = []
        reader = in_background(
            lambda: received.append(read_all(near) if sink == "socket" else
                                    listener.stdout.read() if sink == "pipe" else b""))
        feeder = subprocess.Popen(["cat", str(folder / "in")], stdout=subprocess.PIPE)
        with open(folder / "in", "rb") as file:
            sender = subprocess.run([binary(), "tcp", "connect", f"127.0.0.1:{port}"],
                                    stdin=file if source == "file" else feeder.stdout,
                                    capture_output=True, timeout=PATIENCE_S)
        feeder.stdout.close()
        feeder.wait()
        self.assertEqual(sender.returncode, 0, sender.stderr)
        self.assertEqual(listener.wait(PATIENCE_S), 0)
        if sink in ("file", "append"):
            target.close()
            received = [out.read_bytes()]
        reader.join(PATIENCE_S)
        for stream in (listener.stdout, listener.stderr, near):
            if stream:
                stream.close()
        return received[0]


class TextTest(unittest.TestCase):
    def one_way(self, sent, options, shown):
        with Listener("tcp", "listen", "--once", *options) as listener:
            with connect(listener.port) as client:
                for piece in sent:
                    client.sendall(piece)
            self.assertEqual(listener.wait(), 0)
            self.assertEqual(listener.stdout, shown)

    def test_shown(self):
        gbk = "\u4f60\u597d".encode("gbk")
        self.one_way([gbk[:1], gbk[1:3], gbk[3:]], ["--encoding", "gbk"], "\u4f60\u597d")
        self.one_way([b"a\xffb"], ["--encoding", "utf-8"], "a\\xffb")
        self.one_way([b"a\r", b"\nb"], ["--crlf"], "a\nb")
        self.one_way([b"a\0b\0"], ["--null"], "a\nb\n")
        self.one_way([b"Hi\n"], ["--hex"],
                     "00000000  48 69 0a                                          |Hi.|\n")

    def test_stamps(self):
        with Listener("tcp", "listen", "--once", "--ts", "relative") as listener:
            with connect(listener.port) as client:
                client.sendall(b"one\ntwo\n")
            listener.wait()
            self.assertRegex(listener.stdout, r"^\+\d\.\d{6} one\n\+\d\.\d{6} two\n$")

    def sent(self, text, *options, code=0):
        with tcp_listener() as listener:
            with Program("tcp", "connect", f"127.0.0.1:{listener.getsockname()[1]}", *options,
                         stdin=subprocess.PIPE) as program:
                peer = listener.accept()[0]
                program.type(text)
                program.end_input()
                received = read_all(peer)
                peer.close()
                self.assertEqual(program.wait(), code, program.describe())
                return received, program.stderr

    def test_sent(self):
        self.assertEqual(self.sent("\u4f60\n\u597d", "--encoding", "gbk")[0],
                         "\u4f60\n\u597d".encode("gbk"))
        self.assertEqual(self.sent("a\nb\n", "--crlf")[0], b"a\r\nb\r\n")
        self.assertEqual(self.sent("a\nb", "--null")[0], b"a\0b")

    def test_what_cannot_be_encoded_is_told_and_the_rest_is_sent(self):
        received, errors = self.sent("a\n\U0001f4a9\nb\n", "--encoding", "gbk", code=1)
        self.assertEqual(received, b"a\nb\n")
        self.assertIn("(U+1F4A9) has no place in gbk", errors)

    def test_dump(self):
        with Folder() as folder, Listener("tcp", "listen", "--echo") as listener:
            done = talk(listener.port, "ping\n", "--dump", folder / "d")
            self.assertEqual(done.stdout, "ping\n", done.stderr)
            dump = (folder / "d").read_text()
            peer = rf"127\.0\.0\.1:{listener.port}"
            self.assertRegex(dump, rf"(?m)^> [\d:.]+ {peer} 5 bytes\n00000000")
            self.assertRegex(dump, r"(?m)^< .* 5 bytes\n.*\|ping\.\|")
            listener.stop()


class BadInputTest(unittest.TestCase):
    def refused(self, code, pattern, *arguments):
        done = run("tcp", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, pattern)

    def test_each_names_what_was_wrong(self):
        port = unused_port()
        self.refused(1, rf"127\.0\.0\.1:{port}: connect: Connection refused", "connect",
                     f"127.0.0.1:{port}")
        self.refused(1, "'no.such.host.invalid:7': no such host", "connect",
                     "no.such.host.invalid:7")
        self.refused(2, "'nowhere': it ends in no port", "connect", "nowhere")
        self.refused(2, "--help says more", "connect")
        self.refused(2, "'klingon' is no encoding", "connect", ":1", "--encoding", "klingon")
        self.refused(2, "absolute, relative or delta", "connect", ":1", "--ts", "never")
        self.refused(1, "--dump '/no/such/file'", "connect", f":{port}", "--dump", "/no/such/file")
        self.refused(2, "one of --reply, --echo", "listen", ":0", "--echo", "--reply", "x")
        for mode in (("--echo",), ("--broadcast",), ("--exec", "cat")):
            for option in (("--hex",), ("--encoding", "gbk"), ("--ts", "delta"), ("--raw",)):
                self.refused(2, "pass bytes as they are", "listen", ":0", *mode, *option)
        for option in (("--dump", "f"), ("--idle-timeout", "1s")):
            self.refused(2, "the program has the socket", "listen", ":0", "--exec", "cat", *option)
        self.refused(1, "unix:/no/such/folder/s: bind", "listen", "unix:/no/such/folder/s")
        self.refused(2, "usage: spate tcp", "lisen")
        with tcp_listener() as taken:
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            self.refused(1, f"{where}: bind: Address already in use", "listen", where)

    def test_connect_timeout(self):
        # A full backlog answers nothing.
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            fillers = []
            for _ in range(4):
                filler = socket.socket()
                filler.setblocking(False)
                filler.connect_ex(full.getsockname())
                fillers.append(filler)
            self.refused(1, "Connection timed out", "connect",
                         f"127.0.0.1:{full.getsockname()[1]}", "--connect-timeout", "200ms")
            for filler in fillers:
                filler.close()

    def test_help(self):
        for command in ((), ("connect",), ("listen",)):
            done = run("tcp", *command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("spate tcp connect", done.stdout)
        self.assertIn("the peer resets", done.stdout)

    def test_interrupt_ends_a_listener_well(self):
        with Listener("tcp", "listen") as listener:
            with connect(listener.port):
                listener.wait_for_output(" connected")
                listener.signal(signal.SIGINT)
                self.assertEqual(listener.wait(), 0, listener.describe())


if __name__ == "__main__":
    tap.main()
