"""The programs of a beginners' socket tutorial, written here as blocking Python the way it has
them, each against ours in both roles. docs/PROTOCOLS.md lists what they put on the wire."""

import os
import socket
import subprocess
import unittest

import tap
from spate_cli import PATIENCE_S, Folder, Program, Serve, run
from talk_case import Listener, connect, in_background, read_all, tcp_listener, udp_socket

HELLO = "\u4f60\u597d\uff0c\u4e16\u754c"  # Hello, world
ENCODINGS = ("gbk", "utf-8")


class UdpSenderTest(unittest.TestCase):
    """One datagram of UTF-8 text; no answer."""

    def test_theirs_to_ours(self):
        with Listener("udp", "listen") as listener:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                sender.sendto(HELLO.encode("utf-8"), listener.address)
            listener.wait_for_output(f": {HELLO}\n")
            listener.stop()

    def test_ours_to_theirs(self):
        with udp_socket() as receiver:
            done = run("udp", "send", f"127.0.0.1:{receiver.getsockname()[1]}", HELLO)
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertEqual(receiver.recvfrom(1024)[0].decode("utf-8"), HELLO)


class UdpAnswerTest(unittest.TestCase):
    """Sends a datagram, prints the answer and whose it is."""

    def test_theirs_asks_ours(self):
        for encoding in ENCODINGS:
            with Listener("udp", "listen", "--reply", HELLO, "--encoding", encoding) as listener:
                with udp_socket() as client:
                    client.sendto(HELLO.encode(encoding), listener.address)
                    answer, peer = client.recvfrom(1024)
                self.assertEqual(answer.decode(encoding), HELLO)
                self.assertEqual(peer, listener.address)
                listener.wait_for_output(f": {HELLO}\n")
                listener.stop()

    def test_ours_asks_theirs(self):
        for encoding in ENCODINGS:
            with udp_socket() as server:
                heard = []
                background = in_background(self.answer_once, server, encoding, heard)
                port = server.getsockname()[1]
                done = run("udp", "send", f"127.0.0.1:{port}", HELLO, "--encoding", encoding,
                           "--wait-reply", "15s")
                background.join(PATIENCE_S)
                self.assertEqual(heard, [HELLO])
                self.assertRegex(done.stdout, rf"127\.0\.0\.1:{port}: {HELLO}\n")

    def answer_once(self, server, encoding, heard):
        text, peer = server.recvfrom(1024)
        heard.append(text.decode(encoding))
        server.sendto(HELLO.encode(encoding), peer)


class UdpChatTest(unittest.TestCase):
    """A menu: send a text to an address, or wait for one message."""

    def test_both_ways(self):
        program = Program("udp", "chat", "--bind", "127.0.0.1:0", stdin=subprocess.PIPE)
        with program, udp_socket() as theirs:
            port = int(program.wait_for_output(r"listening on \S*:(\d+)").group(1))
            theirs.sendto(HELLO.encode("utf-8"), ("127.0.0.1", port))
            program.wait_for_output(f": {HELLO}\n")
            program.type(f"/to 127.0.0.1:{theirs.getsockname()[1]}\n{HELLO}\n")
            text, peer = theirs.recvfrom(1024)
            self.assertEqual(f">>>{peer}:{text.decode('utf-8')}",
                             f">>>('127.0.0.1', {port}):{HELLO}")
            program.end_input()
            self.assertEqual(program.wait(), 0)


class TcpClientTest(unittest.TestCase):
    """Connects, sends a text, receives once, prints, closes."""

    def their_client(self, port, encoding):
        with connect(port) as client:
            client.send(HELLO.encode(encoding))
            return client.recv(1024).decode(encoding)

    def test_theirs_to_ours(self):
        for encoding in ENCODINGS:
            with Listener("tcp", "listen", "--reply", "thank you !", "--encoding",
                          encoding) as listener:
                for _ in range(3):
                    self.assertEqual(self.their_client(listener.port, encoding), "thank you !")
                listener.wait_for_output(f"(?s)({HELLO}.*){{3}}")
                listener.stop()

    def test_once(self):
        with Listener("tcp", "listen", "--once", "--reply", "thank you !") as listener:
            self.assertEqual(self.their_client(listener.port, "utf-8"), "thank you !")
            self.assertEqual(listener.wait(), 0)
            self.assertEqual(listener.stdout, HELLO + "\n")

    def test_ours_to_theirs(self):
        for encoding in ENCODINGS:
            with tcp_listener() as listener:
                heard = []
                background = in_background(self.their_server, listener, encoding, heard)
                done = run("tcp", "connect", f"127.0.0.1:{listener.getsockname()[1]}",
                           "--encoding", encoding, input=HELLO)
                background.join(PATIENCE_S)
                self.assertEqual(heard, [HELLO])
                self.assertEqual((done.returncode, done.stdout), (0, "thank you !"), done.stderr)

    def their_server(self, listener, encoding, heard):
        client, _ = listener.accept()
        heard.append(client.recv(1024).decode(encoding))
        client.send("thank you !".encode(encoding))
        client.close()
        listener.close()


class NameProtocolTest(unittest.TestCase):
    """A name without an end; the file's bytes; the end."""

    BIG = 100 << 20

    def test_their_client_of_our_server(self):
        with Folder({"a.txt": "hello\n"}) as folder:
            with open(folder / "big", "wb") as big:
                big.truncate(self.BIG)
            with Serve(folder.path, "--name-port", "0") as server:
                port = int(server.wait_for_output(r"name://[^\s/]*:(\d+)/").group(1))
                for name, size in (("a.txt", 6), ("big", self.BIG), ("missing", 0),
                                   ("../../etc/passwd", 0)):
                    self.assertEqual(self.their_client(port, name, folder), size, name)
                    saved = folder / f"[\u63a5\u6536]{name}"
                    self.assertEqual(saved.exists(), size != 0, name)
                server.stop()

    def their_client(self, port, name, folder):
        with connect(port) as client:
            client.send(name.encode("utf-8"))
            received = read_all(client)
        if received:
            (folder / f"[\u63a5\u6536]{name}").write_bytes(received)
        return len(received)

    def test_our_client_of_their_server(self):
        content = os.urandom(1 << 20) * 100
        with Folder({"big": content}) as folder, tcp_listener() as listener:
            port = listener.getsockname()[1]
            background = in_background(self.their_server, listener, folder, 3)
            target = folder / "got"
            done = run("get", f"name://127.0.0.1:{port}/big", "-o", target)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(target.read_bytes(), content)
            for name in ("missing", "..%2F..%2Fetc%2Fpasswd"):
                done = run("get", f"name://127.0.0.1:{port}/{name}", "-P", folder / "new")
                self.assertNotEqual(done.returncode, 0)
                new = folder / "new"
                self.assertEqual(list(new.iterdir()) if new.exists() else [], [])
            background.join(PATIENCE_S)

    def their_server(self, listener, folder, clients):
        for _ in range(clients):
            client, _ = listener.accept()
            name = client.recv(1024).decode("utf-8")
            path = folder / os.path.basename(name)
            if path.is_file():
                client.sendall(path.read_bytes())
            client.close()


class NotesTest(unittest.TestCase):
    """The notes at its end."""

    def test_a_peer_that_closes_is_a_receive_of_nothing(self):
        with tcp_listener() as listener:
            with Program("tcp", "connect", f"127.0.0.1:{listener.getsockname()[1]}",
                         stdin=subprocess.PIPE) as program:
                peer, _ = listener.accept()
                program.end_input()
                self.assertEqual(peer.recv(1024), b"")
                peer.close()
                self.assertEqual(program.wait(), 0)

    def test_closing_the_listener_leaves_connections_alive(self):
        with tcp_listener() as listener:
            with Program("tcp", "connect", f"127.0.0.1:{listener.getsockname()[1]}",
                         stdin=subprocess.PIPE) as program:
                peer, _ = listener.accept()
                listener.close()
                peer.sendall(b"still here\n")
                program.wait_for_output("still here")
                program.type("so am I")
                self.assertEqual(peer.recv(1024), b"so am I")
                peer.close()
                self.assertEqual(program.wait(), 0)

    def test_closing_our_listener_leaves_connections_alive(self):
        with Listener("tcp", "listen", "--once", stdin=subprocess.PIPE) as listener:
            with connect(listener.port) as client:
                listener.wait_for_output(" connected")
                with self.assertRaises(ConnectionRefusedError):
                    connect(listener.port)
                client.sendall(b"still here\n")
                listener.wait_for_output("still here")
                listener.type("so am I\n")
                self.assertEqual(client.recv(1024), b"so am I\n")
            self.assertEqual(listener.wait(), 0)

    def test_a_client_does_not_bind(self):
        with tcp_listener() as listener:
            with Program("tcp", "connect", f"127.0.0.1:{listener.getsockname()[1]}"):
                peer, (_, port) = listener.accept()
                self.assertGreaterEqual(port, 1024)
                peer.close()


if __name__ == "__main__":
    tap.main()
