"""`spate tcp listen`: what is done with many clients, how each ends, and how the listener does."""

import contextlib
import os
import re
import resource
import signal
import socket
import subprocess
import time
import unittest

import tap
from process_state import sockets
from spate_cli import PATIENCE_S, Folder, Program, binary, run, wait_for
from talk_case import LISTENING, Listener, connect, in_background, read_all, reset, talk
from terminal import Terminal


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

    def test_the_last_line_of_the_input_needs_no_end(self):
        listener = self.listen("--encoding", "gbk", stdin=subprocess.PIPE)
        with connect(listener.port) as client:
            listener.wait_for_output(" connected")
            listener.type("one\n\u4f60\u597d")
            listener.end_input()
            wanted = "one\n\u4f60\u597d".encode("gbk")
            self.assertEqual(client.makefile("rb").read(len(wanted)), wanted)
        listener.stop()

    def test_one_that_rests_gets_all_of_the_input(self):
        # For longer than a member of a room may, with far more than is kept for it.
        content = os.urandom(16 << 20)
        with open(self.enterContext(Folder()).write("f", content), "rb") as file:
            listener = self.listen(stdin=file)
        with connect(listener.port) as client:
            with self.assertRaises(AssertionError):
                listener.wait_for_output("cut off", 1.5)
            received = bytearray()
            while len(received) < len(content):
                received += client.recv(1 << 20)
        self.assertTrue(received == content)
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

    def test_what_a_member_says_last_needs_no_end_of_line(self):
        listener = self.listen("--broadcast")
        ann, bob = (connect(listener.port) for _ in range(2))
        listener.wait_for_count(" connected", 2)
        name = f"127.0.0.1:{ann.getsockname()[1]}"
        ann.sendall(b"goodbye")
        ann.close()
        self.assertEqual(bob.makefile("rb").readline(), f"{name}: goodbye\n".encode())
        bob.close()
        listener.stop()

    def test_a_line_without_end_is_told_in_pieces(self):
        listener = self.listen("--broadcast")
        ann, bob = (connect(listener.port) for _ in range(2))
        listener.wait_for_count(" connected", 2)
        said = b"x" * (1 << 19)  # Less than what a member is cut off for.
        in_background(ann.sendall, said)
        prefix = f"127.0.0.1:{ann.getsockname()[1]}: ".encode()
        heard = 0
        with bob.makefile("rb") as lines:
            while heard < 400_000:
                line = lines.readline()
                self.assertTrue(line.startswith(prefix))
                heard += len(line) - len(prefix) - 1
        for member in (ann, bob):
            member.close()
        listener.stop()

    def test_a_record_of_a_room(self):
        with Folder() as folder:
            listener = self.listen("--broadcast", "--dump", folder / "d")
            ann, bob = (connect(listener.port) for _ in range(2))
            listener.wait_for_count(" connected", 2)
            ann.sendall(b"hi\n")
            bob.recv(100)
            for member in (ann, bob):
                member.close()
            listener.stop()
            names = [f"127.0.0.1:{member}" for member in self.ports(listener)]
            record = (folder / "d").read_text()
            self.assertRegex(record, rf"(?m)^< \S+ {names[0]} 3 bytes\n.*\|hi\.\|")
            self.assertRegex(record, rf"(?m)^> \S+ {names[1]} \d+ bytes\n.*127\.0")

    def ports(self, listener):
        return re.findall(r"127\.0\.0\.1:(\d+) connected", listener.stderr)

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

    def test_a_program_ends_with_its_connection(self):
        for command in ("echo ready; sleep 1000",
                        "trap '' HUP TERM; echo ready; while :; do sleep 1000; done"):
            with self.subTest(command):
                listener = self.listen("--max-conns", "1", "--exec", command)
                gone = connect(listener.port)
                self.assertEqual(gone.recv(6), b"ready\n")
                reset(gone)
                listener.wait_for_output(r"its program ended with (1|137|129)\b")
                with connect(listener.port):
                    listener.wait_for_count(" connected", 2)
                listener.stop()

    def test_a_client_that_has_only_said_all_gets_its_answer(self):
        listener = self.listen("--exec", "cat; sleep 0.3; echo done")
        with connect(listener.port) as client:
            client.sendall(b"x\n")
            client.shutdown(socket.SHUT_WR)
            self.assertEqual(read_all(client), b"x\ndone\n")
        listener.stop()

    def test_without_descriptors_no_program_is_started_and_a_signal_is_heard(self):
        started = 0
        for most in range(5, 14):
            with self.subTest(most):
                listener = Program(
                    "tcp", "listen", "127.0.0.1:0", "--exec", "echo started; exec sleep 1000",
                    preexec_fn=lambda most=most: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                                    (most, most)))
                self.addCleanup(listener.__exit__)
                try:
                    port = int(listener.wait_for_output(LISTENING).group(1))
                except AssertionError:
                    self.assertNotEqual(listener.wait(), 0)
                    continue  # Not even enough to listen.
                with connect(port) as client:
                    # The program, or its refusal; where there is not even a descriptor for the
                    # client, it waits for one.
                    client.settimeout(0.5)
                    with contextlib.suppress(TimeoutError):
                        told = client.recv(100)
                        self.assertIn(told, (b"started\n", b""))
                        started += told != b""
                    listener.stop()
        self.assertGreater(started, 0)

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

    def test_those_who_wait_are_left_to_the_kernel_and_hold_no_end_up(self):
        listener = self.listen("--max-conns", "1", "--exec", "exec cat")
        before = sockets(listener.process.pid)
        clients = [connect(listener.port) for _ in range(20)]
        clients[0].sendall(b"x")
        self.assertEqual(clients[0].recv(1), b"x")
        wait_for(lambda: sockets(listener.process.pid) == before, "the program to have the one")
        listener.stop()
        self.assertEqual(listener.stderr.count(" connected"), 1)
        for client in clients:
            client.close()

    def test_a_signal_ends_a_conversation(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            listener = self.listen("--once")
            with connect(listener.port) as client:
                listener.wait_for_output(" connected")
                listener.signal(number)
                self.assertEqual(listener.wait(), 1, listener.describe())
                self.assertRegex(listener.stderr, r"127\.0\.0\.1:\d+: interrupted\n")
                self.assertEqual(client.recv(1), b"")

    def test_how_one_client_ends_is_how_once_does(self):
        for options, end, code, why in (
                (("--echo",), socket.socket.close, 0, ""),
                (("--echo",), reset, 1, "Connection reset by peer"),
                (("--echo", "--idle-timeout", "100ms"), read_all, 1, "Connection timed out")):
            listener = self.listen("--once", *options)
            client = connect(listener.port)
            listener.wait_for_output(" connected")
            end(client)
            self.assertEqual(listener.wait(), code, listener.describe())
            self.assertIn(why, listener.stderr.splitlines()[-1])
            client.close()

    def test_an_output_that_fails_ends_it(self):
        with open("/dev/full", "wb") as full:
            listener = subprocess.Popen([binary(), "tcp", "listen", "127.0.0.1:0"],
                                        stdin=subprocess.DEVNULL, stdout=full,
                                        stderr=subprocess.PIPE)
        with listener.stderr as errors:
            port = int(errors.readline().split(b":")[-1])
            with connect(port) as client:
                client.sendall(b"x")
                self.assertEqual(listener.wait(PATIENCE_S), 1)
            self.assertIn(b"standard output: No space left on device", errors.read())

    def test_a_terminal_gets_text_whole(self):
        terminal = Terminal("tcp", "listen", "127.0.0.1:0")
        self.addCleanup(terminal.close)
        port = int(terminal.wait_for_match(r"listening on 127\.0\.0\.1:(\d+)").group(1))
        with connect(port) as client:
            terminal.wait_for_text(" connected")
            for piece, shown in ((b"a\xe4\xbd", "a"), (b"\xa0b\xe5", "a\u4f60b"),
                                 (b"\xa5\xbd \xff \x1b[2Jend\n",
                                  "a\u4f60b\u597d \\xff \\x1b[2Jend")):
                client.sendall(piece)
                terminal.wait_for_text(shown)

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
            refusal = "is not on loopback: --exec is not for it" in listener.stderr
            self.assertEqual(refusal, not options)

    def test_source_address(self):
        listener = self.listen("--echo")
        done = talk(listener.port, "x", "--source", "127.0.0.9")
        self.assertEqual(done.returncode, 0, done.stderr)
        listener.wait_for_output(r"127\.0\.0\.9:\d+ connected")
        listener.stop()


if __name__ == "__main__":
    tap.main()
