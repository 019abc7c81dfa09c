"""`spate udp send` and `spate udp listen`: what is sent, shown and answered, and bad input."""

import os
import re
import socket
import subprocess
import time
import unittest

import tap
from process_state import is_sanitized, status_kib
from spate_cli import PATIENCE_S, Folder, Program, binary, run
from talk_case import Listener, udp_socket, unused_port


def in_own_network(*command):
    """Runs a command in a network namespace of its own; gives its exit status."""
    try:
        return subprocess.run(["unshare", "-rn", *command], timeout=PATIENCE_S,
                              check=False).returncode
    except FileNotFoundError:
        return 127


def send(target, *arguments, **options):
    return run("udp", "send", target, *arguments, **options)


class SendTest(unittest.TestCase):
    def setUp(self):
        self.peer = udp_socket()
        self.addCleanup(self.peer.close)
        self.target = f"127.0.0.1:{self.peer.getsockname()[1]}"

    def sent(self, count, *arguments, **options):
        done = send(self.target, *arguments, **options)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return [self.peer.recv(70000) for _ in range(count)]

    def test_text(self):
        self.assertEqual(self.sent(1, "hello"), [b"hello"])
        self.assertEqual(self.sent(1, "several", "words"), [b"several words"])
        self.assertEqual(self.sent(1, ""), [b""])
        self.assertEqual(self.sent(1, "--crlf", "line"), [b"line\r\n"])
        self.assertEqual(self.sent(1, "--encoding", "gbk", "\u4f60\u597d"),
                         ["\u4f60\u597d".encode("gbk")])

    def test_a_datagram_for_each_line(self):
        self.assertEqual(self.sent(3, input="one\ntwo\nthree"), [b"one", b"two", b"three"])

    def test_bytes(self):
        self.assertEqual(self.sent(1, "--hex", "00 ff", "0x41"), [b"\x00\xffA"])
        self.assertEqual(self.sent(2, "--hex", input="00 ff\n41\n"), [b"\x00\xff", b"A"])

    def test_count_and_interval(self):
        self.assertEqual(self.sent(3, "--count", "3", "--interval", "1ms", "x"), [b"x"] * 3)

    def test_a_file_in_datagrams(self):
        content = os.urandom(3500)
        with Folder({"f": content}) as folder:
            self.assertEqual(self.sent(3, "--file", folder / "f"),
                             [content[:1400], content[1400:2800], content[2800:]])
            self.assertEqual(self.sent(1, "--file", folder / "f", "--size", "63k"), [content])
            self.assertEqual(self.sent(2, "--file", folder / "f", "--size", "4k", "--count", "2"),
                             [content] * 2)
            folder.write("empty")
            self.assertEqual(self.sent(1, "--file", folder / "empty"), [b""])

    def test_a_file_may_be_a_pipe(self):
        os.mkfifo(fifo := self.enterContext(Folder()) / "fifo")
        with Program("udp", "send", self.target, "--file", fifo) as program:
            with open(fifo, "wb") as feeder:
                for piece in (b"a" * 1000, b"b" * 1000):
                    feeder.write(piece)
                    feeder.flush()
            self.assertEqual(program.wait(), 0, program.describe())
        self.assertEqual([self.peer.recv(2000) for _ in range(2)],
                         [b"a" * 1000 + b"b" * 400, b"b" * 600])

    def test_a_large_file_takes_no_memory(self):
        large = self.enterContext(Folder()).write("large")
        os.truncate(large, 1 << 30)
        with Program("udp", "send", self.target, "--file", large, "--interval", "1ms") as program:
            for _ in range(10):
                self.assertEqual(self.peer.recv(2000), bytes(1400))
            if not is_sanitized(program.process.pid):
                self.assertLess(status_kib(program.process.pid, "VmHWM"), 100 << 10)

    def test_files_that_cannot_be_read(self):
        with Folder() as folder:
            for path, why in ((folder.path, "Is a directory"),
                              (folder / "none", "No such file or directory")):
                done = send(self.target, "--file", path)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"--file '{path}': {why}", done.stderr)

    def test_intervals_are_waited(self):
        begun = time.monotonic()
        self.sent(3, "--count", "3", "--interval", "150ms", "x")
        self.assertGreaterEqual(time.monotonic() - begun, 0.3)

    def test_what_follows_two_dashes_is_text(self):
        self.assertEqual(self.sent(1, "--", "--wait-reply"), [b"--wait-reply"])

    def test_hops(self):
        recv_ttl = 12  # IP_RECVTTL
        self.peer.setsockopt(socket.IPPROTO_IP, recv_ttl, 1)
        self.assertEqual(send(self.target, "--ttl", "7", "x").returncode, 0)
        _, fields, _, _ = self.peer.recvmsg(100, 100)
        self.assertEqual([int.from_bytes(value, "little") for level, kind, value in fields
                          if (level, kind) == (socket.IPPROTO_IP, socket.IP_TTL)], [7])

    def test_many_lines_arrive_whole(self):
        self.peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        lines = [f"line {number:03}" for number in range(200)]
        self.assertEqual(self.sent(200, input="\n".join(lines)),
                         [line.encode() for line in lines])

    def test_the_reply_and_who_it_is_from(self):
        with Listener("udp", "listen", "--reply", "pong") as listener:
            done = send(listener.target, "--wait-reply", "15s", "ping")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, rf"^[\d:]+ 127\.0\.0\.1:{listener.port}: pong\n$")
            listener.stop()

    def test_no_reply(self):
        done = send(self.target, "--wait-reply", "100ms", "ping")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, f"spate udp send: {self.target}: no answer within 100 ms\n")

    def test_a_closed_port_is_no_success(self):
        target = f"127.0.0.1:{unused_port(socket.SOCK_DGRAM)}"
        for options in ((), ("--wait-reply",), ("--count", "0", "--interval", "5ms")):
            done = send(target, *options, "anybody?")
            self.assertEqual(done.returncode, 1)
            self.assertIn(f"{target}: connection refused", done.stderr)

    def test_a_long_message_is_refused_with_the_limit(self):
        self.assertEqual(len(self.sent(1, input="x" * 65507)[0]), 65507)
        done = send(self.target, input="x" * 65508 + "\nshort\nshorter\n")
        self.assertEqual(done.returncode, 1)
        self.assertIn("65508 bytes are more than a datagram holds (65507 over IPv4)", done.stderr)
        self.assertEqual([self.peer.recv(100) for _ in range(2)], [b"short", b"shorter"])

    def test_a_line_that_cannot_be_sent_is_told_and_the_rest_is_sent(self):
        for option, wrong, why in (("--encoding=latin1", "\u4f60", "U+4F60"),
                                   ("--hex", "zz", "'zz' is not two hexadecimal digits")):
            done = send(self.target, option, input=f"41\n{wrong}\n42\n43\n")
            self.assertEqual(done.returncode, 1)
            self.assertRegex(done.stderr, rf"not sent: .*{re.escape(why)}")
            self.assertEqual([self.peer.recv(100) for _ in range(3)],
                             [b"A", b"B", b"C"] if option == "--hex" else [b"41", b"42", b"43"])

    def test_unix_sockets_answer_too(self):
        with Folder() as folder:
            for where in (f"unix:@spate-test-udp-{os.getpid()}", f"unix:{folder / 's'}"):
                with self.subTest(where), Listener("udp", "listen", "--echo",
                                                   where=where) as listener:
                    done = send(where, "--wait-reply", "15s", "by name")
                    self.assertEqual(done.returncode, 0, done.stderr)
                    self.assertIn(f"{where}: by name\n", done.stdout)
                    listener.stop()
            self.assertFalse((folder / "s").exists(), "the path goes with the listener")

    def test_source_address(self):
        with Listener("udp", "listen") as listener:
            self.assertEqual(send(listener.target, "--source", "127.0.0.9", "x").returncode, 0)
            listener.wait_for_output(r" 127\.0\.0\.9:\d+: x\n")
            listener.stop()

    def test_either_family_alone(self):
        for family, where, host in (("-4", "0.0.0.0", "127.0.0.1"), ("-6", r"\[::\]", "[::1]")):
            with self.subTest(family), Program("udp", "listen", family, ":0") as listener:
                port = listener.wait_for_output(rf"listening on {where}:(\d+)").group(1)
                done = send(f"{host}:{port}", family, "x")
                self.assertEqual(done.returncode, 0, done.stderr)
                listener.wait_for_output(": x\n")
                listener.stop()
        done = send("127.0.0.1:9", "-6", "x")
        self.assertEqual(done.returncode, 1)
        self.assertIn("'127.0.0.1:9': it has no IPv6 address", done.stderr)

    def test_dump(self):
        with Folder() as folder, Listener("udp", "listen", "--echo", "--dump",
                                          folder / "theirs") as listener:
            done = send(listener.target, "--wait-reply", "15s", "--dump", folder / "ours", "ping")
            self.assertEqual(done.returncode, 0, done.stderr)
            ours = (folder / "ours").read_text()
            self.assertRegex(ours, rf"(?m)^> [\d:.]+ {listener.target} 4 bytes\n.*\|ping\|")
            self.assertRegex(ours, rf"(?m)^< [\d:.]+ {listener.target} 4 bytes\n.*\|ping\|")
            listener.stop()
            theirs = (folder / "theirs").read_text()
            for way in "<>":
                self.assertRegex(theirs, rf"(?m)^{way} .* 4 bytes\n.*\|ping\|")


class ListenTest(unittest.TestCase):
    def listen(self, *options, **settings):
        listener = Listener("udp", "listen", *options, **settings)
        self.addCleanup(listener.__exit__)
        return listener

    def test_who_when_what_of_everybody(self):
        listener = self.listen()
        peers = [udp_socket() for _ in range(3)]
        for number, peer in enumerate(peers):
            self.addCleanup(peer.close)
            peer.sendto(f"from {number}".encode(), listener.address)
        for number, peer in enumerate(peers):
            port = peer.getsockname()[1]
            listener.wait_for_output(
                rf"(?m)^\d\d:\d\d:\d\d 127\.0\.0\.1:{port}: from {number}$")
        listener.stop()

    def send_joined(self, peer, address):
        """Four datagrams so that the kernel joins them on their way, as a fast sender does."""
        udp_segment = 103
        peer.sendmsg([b"one" b"two" b"six" b"x"],
                     [(socket.IPPROTO_UDP, udp_segment, (3).to_bytes(2, "little"))], 0, address)

    def test_datagrams_are_kept_apart(self):
        listener = self.listen()
        with udp_socket() as peer:
            self.send_joined(peer, listener.address)
        for text in ("one", "two", "six", "x"):
            listener.wait_for_output(rf"(?m): {text}$")
        listener.stop()

    def test_what_was_joined_comes_back_apart(self):
        for count, answers in ((0, 4), (3, 3)):
            listener = self.listen("--echo", "--count", str(count))
            with udp_socket() as peer:
                self.send_joined(peer, listener.address)
                self.assertEqual([peer.recv(100) for _ in range(answers)],
                                 [b"one", b"two", b"six", b"x"][:answers])
                if count:
                    self.assertEqual(listener.wait(), 0)
                    peer.setblocking(False)
                    self.assertRaises(BlockingIOError, peer.recv, 100)
                else:
                    listener.stop()

    def test_lines_of_one_message_are_no_messages(self):
        listener = self.listen()
        with udp_socket() as peer:
            peer.sendto(b"hi\n12:00:00 10.0.0.9:7890: I am bob", listener.address)
        listener.wait_for_output(r": hi\n    12:00:00 10\.0\.0\.9:7890: I am bob\n")
        listener.stop()

    def test_stamps(self):
        for mode, shown in (("absolute", r"\d\d:\d\d:\d\d\.\d+ "), ("delta", r"\+\d\.\d{6} ")):
            listener = self.listen("--ts", mode)
            with udp_socket() as peer:
                peer.sendto(b"hi", listener.address)
            listener.wait_for_output(rf"(?m)^{shown}127\.0\.0\.1:\d+: hi$")
            listener.stop()

    def test_nothing_that_is_said_acts_on_a_terminal(self):
        listener = self.listen()
        with udp_socket() as peer:
            peer.sendto(b"\x1b[2Jgone\x07\xff", listener.address)
        listener.wait_for_output(r"\\x1b\[2Jgone\\x07\\xff\n")
        listener.stop()

    def test_count_and_raw(self):
        listener = self.listen("--raw", "--count", "2")
        with udp_socket() as peer:
            for text in (b"ab", b"cd", b"ef"):
                peer.sendto(text, listener.address)
        self.assertEqual(listener.wait(), 0)
        self.assertEqual(listener.stdout, "abcd")

    def test_hex(self):
        listener = self.listen("--hex")
        with udp_socket() as peer:
            peer.sendto(b"Hi", listener.address)
        listener.wait_for_output(r": 2 bytes\n00000000  48 69 .*\|Hi\|")
        listener.stop()

    def test_a_group(self):
        listener = self.listen("--interface", "lo", where="239.1.2.3:0")
        target = f"239.1.2.3:{listener.port}"
        done = send(target, "--interface", "lo", "to all")
        self.assertEqual(done.returncode, 0, done.stderr)
        listener.wait_for_output(": to all\n")
        listener.stop()

    @unittest.skipUnless(in_own_network("true") == 0, "no network namespaces here")
    def test_a_group_of_ipv6_and_its_zone(self):
        # Two interfaces, so that the right one has to be chosen.
        script = os.path.join(os.path.dirname(__file__), "udp_zones.sh")
        self.assertEqual(in_own_network("sh", script, binary()), 0)

    def test_a_broadcast(self):
        listener = self.listen(where="0.0.0.0:0")
        done = send(f"127.255.255.255:{listener.port}", "everybody")
        self.assertEqual(done.returncode, 0, done.stderr)
        listener.wait_for_output(": everybody\n")
        listener.stop()


class BadInputTest(unittest.TestCase):
    def refused(self, code, pattern, *arguments):
        done = run("udp", *arguments)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertRegex(done.stderr, pattern)

    def test_each_names_what_was_wrong(self):
        self.refused(2, "'nowhere': it ends in no port", "send", "nowhere", "x")
        self.refused(1, "'no.such.host.invalid:7': no such host", "send",
                     "no.such.host.invalid:7", "x")
        self.refused(2, "'zz' is not two hexadecimal digits", "send", ":9", "--hex", "zz")
        self.refused(2, "--count is for TEXT or --file", "send", ":9", "--count", "2")
        self.refused(2, "a datagram holds 1 to 65507 bytes", "send", ":9", "--size", "64k",
                     "--file", "/dev/null")
        self.refused(2, "--source", "listen", ":0", "--source", "127.0.0.1")
        self.refused(2, "--size requires --file", "send", ":9", "--size", "9", "x")
        self.refused(1, "--file '/no/such/file'", "send", ":9", "--file", "/no/such/file")
        self.refused(2, "--reply: 65508 bytes are more than a datagram holds", "listen", ":0",
                     "--reply", "x" * 65508)
        self.refused(2, "there is no 'eth77' here", "send", ":9", "-I", "eth77", "x")
        self.refused(2, r"U\+4F60", "send", ":9", "--encoding", "latin1", "\u4f60")
        self.refused(2, "--reply or --echo", "listen", ":0", "--echo", "--reply", "x")
        self.refused(2, "usage: spate udp", "sned")
        with udp_socket() as taken:
            where = f"127.0.0.1:{taken.getsockname()[1]}"
            self.refused(1, f"{where}: bind: Address already in use", "listen", where)

    def test_help(self):
        for command in ((), ("send",), ("listen",), ("chat",)):
            done = run("udp", *command, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("spate udp", done.stdout)


class PipedChatTest(unittest.TestCase):
    def chat(self, *arguments):
        program = Program("udp", "chat", *arguments, stdin=subprocess.PIPE)
        self.addCleanup(program.__exit__)
        port = program.wait_for_output(r"listening on \S*:(\d+)").group(1)
        return program, int(port)

    def test_two_talk_without_prompt_or_colour(self):
        ann, ann_port = self.chat("--bind", "127.0.0.1:0")
        bob, bob_port = self.chat("--bind", "127.0.0.1:0", f"127.0.0.1:{ann_port}")
        bob.type("hello ann\n")
        ann.wait_for_output(rf"(?m)^\d\d:\d\d:\d\d 127\.0\.0\.1:{bob_port}: hello ann$")
        ann.type("nobody hears this\n")
        ann.wait_for_output("not sent: to nobody yet")
        ann.type("/to 1\nhello bob\n")
        bob.wait_for_output(": hello bob\n")
        ann.type("/nick ann\nmy name\n")
        bob.wait_for_output(": ann: my name\n")
        for program in (ann, bob):
            program.type("/quit\n")
            # What ann said to nobody was not sent.
            self.assertEqual(program.wait(), 1 if program is ann else 0, program.describe())
            self.assertNotIn("\x1b", program.stdout)
            self.assertNotIn("> ", program.stdout)

    def test_never_locks_onto_the_first_peer(self):
        ann, port = self.chat("--bind", "127.0.0.1:0")
        for text in (b"first", b"second"):
            with udp_socket() as peer:
                peer.sendto(text, ("127.0.0.1", port))
            ann.wait_for_output(rf": {text.decode()}\n")
        ann.type("/peers\n")
        ann.wait_for_output("  2 127.0.0.1:")
        ann.end_input()
        self.assertEqual(ann.wait(), 0)

    def test_what_is_wrong_is_said_and_it_goes_on(self):
        ann, _ = self.chat("--bind", "127.0.0.1:0")
        for typed, said in (("/bogus", "'/bogus' is nothing here"),
                            ("/to nowhere", "'nowhere': it ends in no port"),
                            ("/to 7", "/peers has no number 7; nothing has changed"),
                            ("/to no.such.host.invalid:7", "no such host; nothing has changed"),
                            ("/help", "/quit"),
                            ("/hex", "hex dumps")):
            ann.type(typed + "\n")
            ann.wait_for_output(said)
        closed = unused_port(socket.SOCK_DGRAM)
        ann.type(f"/to 127.0.0.1:{closed}\nanybody?\n")
        ann.wait_for_output(f"127.0.0.1:{closed}: connection refused")
        ann.type("x" * 65508 + "\n")
        ann.wait_for_output("not sent: 65508 bytes are more than a datagram holds")
        ann.end_input()
        self.assertEqual(ann.wait(), 1)

    def test_nobody_there_is_no_success(self):
        closed = unused_port(socket.SOCK_DGRAM)
        done = run("udp", "chat", "--bind", "127.0.0.1:0", f"127.0.0.1:{closed}", input="hello?\n")
        self.assertEqual(done.returncode, 1, done.stderr)

    def test_an_output_that_fails_ends_it(self):
        with open("/dev/full", "wb") as full, udp_socket() as peer:
            chat = subprocess.Popen([binary(), "udp", "chat", "--bind", "127.0.0.1:0"],
                                    stdin=subprocess.PIPE, stdout=full, stderr=subprocess.PIPE)
            with chat.stderr as errors, chat.stdin:
                port = int(errors.readline().split(b":")[-1])
                peer.sendto(b"hello", ("127.0.0.1", port))
                self.assertEqual(chat.wait(PATIENCE_S), 1)
                self.assertIn(b"standard output: No space left on device", errors.read())

    def test_text_options_hold_in_the_chat(self):
        for options, sent, shown in (
                (("--crlf",), b"hi\r\n", r"127\.0\.0\.1:\d+: hi\n"),
                (("--null",), b"hi\0", r"127\.0\.0\.1:\d+: hi\n"),
                (("--ts", "relative"), b"hi", r"\+0\.000000 127\.0\.0\.1:\d+: hi\n"),
                (("--hex",), b"hi", r": 2 bytes\n00000000  68 69 ")):
            with udp_socket() as peer, self.subTest(options=options):
                ann, port = self.chat("--bind", "127.0.0.1:0", *options,
                                      f"127.0.0.1:{peer.getsockname()[1]}")
                ann.type("hi\n")
                self.assertEqual(peer.recv(100), sent)
                peer.sendto(sent, ("127.0.0.1", port))
                ann.wait_for_output(shown)
                ann.type("/hex\n")
                ann.wait_for_output("messages show as " +
                                    ("text" if "--hex" in options else "hex dumps"))
                peer.sendto(b"HI", ("127.0.0.1", port))
                ann.wait_for_output(r": HI\n" if "--hex" in options
                                    else r": 2 bytes\n00000000  48 49 ")
                ann.end_input()
                self.assertEqual(ann.wait(), 0)

    def test_a_broadcast_reaches_all_and_is_not_heard_by_who_said_it(self):
        ann, port = self.chat("--bind", "0.0.0.0:0", "--nick", "ann")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as bob:
            bob.settimeout(PATIENCE_S)
            bob.bind(("0.0.0.0", 0))
            ann.type(f"/to 127.255.255.255:{bob.getsockname()[1]}\nto all\n")
            self.assertEqual(bob.recv(100), b"ann: to all")
            ann.type(f"/to 127.255.255.255:{port}\nto all of us\n/to 127.255.255.255:"
                     f"{bob.getsockname()[1]}\nagain\n")
            self.assertEqual(bob.recv(100), b"ann: again")
            bob.sendto(b"heard you", ("127.0.0.1", port))
            ann.wait_for_output(": heard you\n")
        ann.end_input()
        self.assertEqual(ann.wait(), 0)
        self.assertNotIn("to all of us", ann.stdout)

    def test_characters_that_come_in_pieces(self):
        with udp_socket() as peer:
            ann, _ = self.chat("--bind", "127.0.0.1:0", f"127.0.0.1:{peer.getsockname()[1]}",
                               "--encoding", "gbk")
            for piece in (b"\xe4", b"\xbd", b"\xa0\xe5\xa5", b"\xbd\n"):
                os.write(ann.process.stdin.fileno(), piece)
            self.assertEqual(peer.recv(100), "\u4f60\u597d".encode("gbk"))
            ann.end_input()
            self.assertEqual(ann.wait(), 0)

    def test_a_group_hears_each_once(self):
        group = f"239.1.2.3:{unused_port(socket.SOCK_DGRAM)}"
        ann, _ = self.chat(group, "--interface", "lo")
        with udp_socket() as bob:
            bob.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_IF,
                           socket.inet_aton("127.0.0.1"))
            host, port = group.split(":")
            bob.sendto(b"from bob", (host, int(port)))
            ann.wait_for_output(": from bob\n")
        ann.type("from ann\n/peers\n")
        ann.wait_for_output(f"talking to {group}")
        ann.wait_for_output("  1 ")
        ann.end_input()
        self.assertEqual(ann.wait(), 0)
        self.assertNotIn(": from ann", ann.stdout)


if __name__ == "__main__":
    tap.main()
