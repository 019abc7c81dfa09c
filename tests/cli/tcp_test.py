"""`spate tcp connect` and `spate tcp listen`: how streams end, what is done with clients, and what
is said of bad input."""

import hashlib
import os
import signal
import socket
import struct
import subprocess
import unittest

import tap
from spate_cli import PATIENCE_S, Folder, Program, binary, run, wait_for
from talk_case import Listener, connect, in_background, read_all, tcp_listener, unused_port


def reset(stream):
    """Closes so that the peer sees a reset."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def talk(port, text, *options):
    """Runs connect with `text` as its input."""
    return run("tcp", "connect", f"127.0.0.1:{port}", *options, input=text)


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


class ListenTest(unittest.TestCase):
    def listen(self, *options, **settings):
        listener = Listener("tcp", "listen", *options, **settings)
        self.addCleanup(listener.__exit__)
        return listener

    def test_many_clients_are_shown(self):
        listener = self.listen()
        clients = [connect(listener.port) for _ in range(20)]
        for number, client in enumerate(clients):
            client.sendall(f"client {number}\n".encode())
        for number, client in enumerate(clients):
            listener.wait_for_output(rf"client {number}\n")
            client.close()
        listener.stop()
        self.assertEqual(listener.stderr.count(" left; "), 20)

    def test_input_goes_to_all(self):
        listener = self.listen(stdin=subprocess.PIPE)
        clients = [connect(listener.port) for _ in range(3)]
        listener.wait_for_count(" connected", 3)
        listener.type("to all of you\n")
        for client in clients:
            self.assertEqual(client.recv(100), b"to all of you\n")
            client.close()
        listener.end_input()
        listener.stop()

    def test_echo(self):
        listener = self.listen("--echo")
        done = talk(listener.port, "one\ntwo")
        self.assertEqual((done.returncode, done.stdout), (0, "one\ntwo"))
        listener.stop()

    def test_a_room(self):
        listener = self.listen("--broadcast")
        ann, bob, eve = (connect(listener.port) for _ in range(3))
        listener.wait_for_count(" connected", 3)
        ann.sendall(b"hel")
        ann.sendall(b"lo\n")
        name = f"127.0.0.1:{ann.getsockname()[1]}"
        for other in (bob, eve):
            self.assertEqual(other.recv(100), f"{name}: hello\n".encode())
        ann.settimeout(0.05)
        with self.assertRaises(TimeoutError):
            ann.recv(1)
        for member in (ann, bob, eve):
            member.close()
        listener.stop()

    def test_a_member_that_reads_nothing_is_cut_off_and_stalls_nobody(self):
        listener = self.listen("--broadcast")
        dead, reader, speaker = (connect(listener.port) for _ in range(3))
        listener.wait_for_count(" connected", 3)
        heard = []  # Lines, in pieces.

        def read():
            while piece := reader.recv(1 << 16):
                heard.append(piece.count(b"\n"))
        background = in_background(read)
        line = b"x" * 65535 + b"\n"
        for _ in range(400):
            speaker.sendall(line)
        listener.wait_for_output("took nothing and was cut off")
        speaker.shutdown(socket.SHUT_WR)
        listener.wait_for_count(" left; ", 2)
        wait_for(lambda: sum(heard) >= 400, "all to be heard")
        listener.stop()
        background.join(PATIENCE_S)
        self.assertEqual(sum(heard), 400)
        for member in (dead, reader, speaker):
            member.close()

    def test_a_program_for_each(self):
        listener = self.listen("--exec", "tr a-z A-Z")
        for word in ("one", "two"):
            self.assertEqual(talk(listener.port, word).stdout, word.upper())
        listener.wait_for_output("its program ended with 0")
        listener.stop()

    def test_programs_end_with_the_listener(self):
        listener = self.listen("--exec", "exec sleep 1000")
        client = connect(listener.port)
        listener.wait_for_output(" connected")
        listener.stop()
        client.close()

    def test_most_connections(self):
        listener = self.listen("--max-conns", "2", "--echo")
        clients = [connect(listener.port) for _ in range(3)]
        for client in clients:
            client.sendall(b"x")
        self.assertEqual([client.recv(1) for client in clients[:2]], [b"x", b"x"])
        clients[2].settimeout(0.1)
        with self.assertRaises(TimeoutError):
            clients[2].recv(1)
        clients[2].settimeout(PATIENCE_S)
        listener.wait_for_count(" connected", 2)
        clients[0].close()
        self.assertEqual(clients[2].recv(1), b"x")
        for client in clients[1:]:
            client.close()
        listener.stop()

    def test_idle_clients_leave(self):
        listener = self.listen("--idle-timeout", "100ms")
        with connect(listener.port) as client:
            self.assertEqual(read_all(client), b"")
        listener.wait_for_output("left; 0 bytes received, 0 sent: Connection timed out")
        listener.stop()

    def test_a_reset_is_that_clients_end_alone(self):
        listener = self.listen("--echo")
        broken = connect(listener.port)
        listener.wait_for_output(" connected")
        reset(broken)
        listener.wait_for_output("Connection reset by peer")
        self.assertEqual(talk(listener.port, "still here").stdout, "still here")
        listener.stop()

    def test_unix_sockets(self):
        with Folder() as folder:
            for where in (f"unix:{folder / 's'}", f"unix:@spate-test-{os.getpid()}"):
                with self.subTest(where), Listener("tcp", "listen", "--echo",
                                                   where=where) as listener:
                    done = run("tcp", "connect", where, input="by name")
                    self.assertEqual((done.returncode, done.stdout), (0, "by name"), done.stderr)
                    listener.stop()
            self.assertFalse((folder / "s").exists(), "the path goes with the listener")

    def test_a_name_is_tried_by_all_its_addresses(self):
        known = {found[4][0] for found in socket.getaddrinfo("localhost", 1)}
        for host, where, other in (("127.0.0.1", "127.0.0.1:0", "-6"), ("::1", "[::1]:0", "-4")):
            if host not in known:
                continue
            listener = self.listen("--echo", where=where)
            done = run("tcp", "connect", f"localhost:{listener.port}", input="by name")
            self.assertEqual((done.returncode, done.stdout), (0, "by name"), done.stderr)
            done = run("tcp", "connect", other, f"localhost:{listener.port}", input="x")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr,
                             f"localhost:{listener.port}.*(Connection refused|it has no)")
            listener.stop()

    def test_either_family_alone(self):
        for family, here, there in (("-4", "127.0.0.1", "::1"), ("-6", "::1", None)):
            listener = self.listen("--echo", family, where=":0")
            with socket.create_connection((here, listener.port), PATIENCE_S) as client:
                client.sendall(b"x")
                self.assertEqual(client.recv(1), b"x")
            if there:
                with self.assertRaises(ConnectionRefusedError):
                    socket.create_connection((there, listener.port), PATIENCE_S)
            listener.stop()

    def test_programs_are_for_this_host_unless_said_otherwise(self):
        # An address that is this host's own, but not loopback, is as good as a stranger's.
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.connect(("192.0.2.1", 9))
            except OSError:
                self.skipTest("no network but loopback here")
            stranger = probe.getsockname()[0]
        for options, answer in (((), ""), (("--exec-anywhere",), "ONE")):
            listener = self.listen("--exec", "tr a-z A-Z", *options, where=f"{stranger}:0")
            done = run("tcp", "connect", f"{stranger}:{listener.port}", input="one")
            self.assertEqual(done.stdout, answer)
            listener.stop()
            refusal = "is not on this host: --exec is not for it" in listener.stderr
            self.assertEqual(refusal, not options)

    def test_source_address(self):
        listener = self.listen("--echo")
        done = talk(listener.port, "x", "--source", "127.0.0.9")
        self.assertEqual(done.returncode, 0, done.stderr)
        listener.wait_for_output(r"127\.0\.0\.9:\d+ connected")
        listener.stop()


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

    def sent(self, text, *options):
        with tcp_listener() as listener:
            with Program("tcp", "connect", f"127.0.0.1:{listener.getsockname()[1]}", *options,
                         stdin=subprocess.PIPE) as program:
                peer = listener.accept()[0]
                program.type(text)
                program.end_input()
                received = read_all(peer)
                peer.close()
                self.assertEqual(program.wait(), 0, program.describe())
                return received, program.stderr

    def test_sent(self):
        self.assertEqual(self.sent("\u4f60\n\u597d", "--encoding", "gbk")[0],
                         "\u4f60\n\u597d".encode("gbk"))
        self.assertEqual(self.sent("a\nb\n", "--crlf")[0], b"a\r\nb\r\n")
        self.assertEqual(self.sent("a\nb", "--null")[0], b"a\0b")

    def test_what_cannot_be_encoded_is_told_and_the_rest_is_sent(self):
        received, errors = self.sent("a\n\U0001f4a9\nb\n", "--encoding", "gbk")
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
