"""`spate serve` under a service manager: sockets that it is passed, and what it says in return."""

import fcntl
import http.client
import os
import re
import socket
import unittest

import tap
from spate_cli import PATIENCE_S, Folder, Program

FIRST_PASSED = 3


def listener(family=socket.AF_INET, address=("127.0.0.1", 0)):
    """A socket as a .socket unit opens it."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.bind(address)
    sock.listen(16)
    return sock


def connect(passed):
    sock = socket.socket(passed.family, socket.SOCK_STREAM)
    sock.settimeout(PATIENCE_S)
    sock.connect(passed.getsockname())
    return sock


def get(sock, target):
    """The body that comes over a connected socket, which is closed then."""
    connection = http.client.HTTPConnection("localhost")
    connection.sock = sock
    connection.request("GET", target, headers={"Connection": "close"})
    answer = connection.getresponse()
    return answer.status, answer.read()


class ServiceOwner:
    """Hears what a service says."""

    def __init__(self, address):
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE_S)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)

    def hear(self):
        return self.socket.recv(4096).decode().split("\n")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()


class SystemdTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Folder({"a.txt": "hello\n"}))
        self.place = self.enterContext(Folder())  # Of Unix sockets.

    def start(self, *arguments, sockets=(), names=None, **variables):
        """Starts the service as systemd does; variables replace those that it would set."""

        def in_child():
            # Out of the way first: one may have the number that another is to get.
            high = [fcntl.fcntl(sock, fcntl.F_DUPFD, 100) for sock in sockets]
            for number, fd in enumerate(high, FIRST_PASSED):
                os.dup2(fd, number)
                os.close(fd)
            if sockets:
                os.environ["LISTEN_PID"] = str(os.getpid())
                os.environ["LISTEN_FDS"] = str(len(sockets))
            if names:
                os.environ["LISTEN_FDNAMES"] = names
            os.environ.update(variables)

        return self.enterContext(Program("serve", *arguments, self.folder.path,
                                         preexec_fn=in_child, close_fds=False))

    def listening(self, *arguments, **options):
        return self.enterContext(listener(*arguments, **options))

    def owner(self, address=None):
        return self.enterContext(ServiceOwner(address or str(self.place / "notify")))

    def test_connections_from_before_the_start_are_served(self):
        sock = self.listening()
        early = connect(sock)
        server = self.start(sockets=[sock])
        self.assertEqual(get(early, "/a.txt"), (200, b"hello\n"))
        for _ in range(20):  # Whichever core takes it.
            self.assertEqual(get(connect(sock), "/a.txt"), (200, b"hello\n"))
        said = server.wait_for_output(r"http://\S+").group()
        self.assertEqual(said, f"http://127.0.0.1:{sock.getsockname()[1]}/")
        server.stop()

    def test_nothing_else_is_opened_then(self):
        sock = self.listening()
        server = self.start(sockets=[sock])
        server.wait_for_output("Ctrl-C")
        server.stop()
        self.assertEqual(len(re.findall(r"http://", server.stderr)), 1, server.describe())

    def test_several_of_all_families(self):
        sockets = [self.listening(), self.listening(socket.AF_UNIX, str(self.place / "http"))]
        if socket.has_ipv6:
            sockets.append(self.listening(socket.AF_INET6, ("::1", 0)))
        server = self.start(sockets=sockets)
        for sock in sockets:
            self.assertEqual(get(connect(sock), "/a.txt"), (200, b"hello\n"))
        server.stop()

    def test_a_socket_called_name_speaks_the_name_protocol(self):
        web, name = self.listening(), self.listening()
        server = self.start(sockets=[web, name], names="web:name")
        with connect(name) as sock:
            sock.sendall(b"a.txt\n")
            self.assertEqual(sock.makefile("rb").read(), b"hello\n")
        self.assertEqual(get(connect(web), "/a.txt")[0], 200)
        server.stop()

    def test_what_was_passed_to_another_process_is_not_taken(self):
        sock = self.listening()
        server = self.start("--listen", "127.0.0.1:0", sockets=[sock], LISTEN_PID="1")
        server.wait_for_output("Ctrl-C")
        server.stop()
        self.assertNotIn(f":{sock.getsockname()[1]}/", server.stderr)

    def test_sockets_that_cannot_be_served_are_said(self):
        datagrams = self.enterContext(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        for sockets, variables in [([self.listening()], {"LISTEN_FDS": "lots"}),
                                   ([datagrams], {})]:
            server = self.start(sockets=sockets, **variables)
            self.assertEqual(server.wait(), 1, server.describe())
            self.assertRegex(server.stderr, r"^spate serve: .*service manager.*\n$")

    def check_notifications(self, owner):
        server = self.start("--listen", "127.0.0.1:0", NOTIFY_SOCKET=owner.address)
        ready = owner.hear()
        self.assertEqual(ready[0], "READY=1")
        self.assertRegex(ready[1], r"^STATUS=\S")
        url = server.wait_for_output(r"http://127\.0\.0\.1:(\d+)")
        sock = socket.create_connection(("127.0.0.1", int(url.group(1))), PATIENCE_S)
        self.assertEqual(get(sock, "/a.txt"), (200, b"hello\n"))
        server.stop()
        self.assertEqual(owner.hear(), ["STOPPING=1"])

    def test_it_says_when_it_is_ready_and_when_it_stops(self):
        self.check_notifications(self.owner())

    def test_it_says_so_to_an_abstract_socket(self):
        self.check_notifications(self.owner(f"@spate-test-{os.getpid()}"))

    def test_an_owner_who_is_not_there_is_said(self):
        server = self.start("--listen", "127.0.0.1:0", NOTIFY_SOCKET=str(self.place / "nobody"))
        self.assertEqual(server.wait(), 1, server.describe())
        self.assertRegex(server.stderr, r"^spate serve: NOTIFY_SOCKET: .*\n$")


if __name__ == "__main__":
    tap.main()
