"""`spate serve` where memory runs out: clients pay with their connections, the service goes on."""

import contextlib
import resource
import select
import socket
import unittest
from pathlib import Path

import tap
from process_state import is_alive
from raw_http import Connection, request
from spate_cli import Folder, Serve, binary, wait_for

SANITIZED = b"__asan_init" in Path(binary()).read_bytes()
ENTRIES = 4000  # Of a folder, whose listing then takes most of a megabyte.
MOST_HOGS = 30_000  # No machine needs as many.
HEAD_BYTES = 12 * 1024
ADDRESSES = 200 << 20  # It takes 50 MiB of them for itself.


def allow_descriptors():
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


@unittest.skipIf(SANITIZED, "a sanitizer takes terabytes of addresses")
class MemoryTest(unittest.TestCase):
    def setUp(self):
        allow_descriptors()
        files = {f"many/{'n' * 100}-{number}": b"" for number in range(ENTRIES)}
        self.folder = self.enterContext(Folder(files | {"a.txt": "hello\n"}))
        # Before it begins: an allocator that may would take a gigabyte of addresses at once.
        limit = resource.RLIMIT_AS, (ADDRESSES, ADDRESSES)
        self.server = self.enterContext(Serve(
            self.folder.path, "--cores", "1", "--header-timeout", "120s", "--send-timeout", "120s",
            preexec_fn=lambda: resource.setrlimit(*limit)))
        self.pid = self.server.process.pid

    def hello(self):
        with Connection(self.server.address) as connection:
            answer = connection.ask("/a.txt")
            return answer is not None and answer.status == 200 and answer.body == b"hello\n"

    def test_clients_that_take_all_memory_are_cut_and_others_served_afterwards(self):
        self.assertTrue(self.hello())
        with contextlib.ExitStack() as hogs:
            cut = self.fill(hogs)
            self.assertGreater(cut, 0)
            self.assertTrue(is_alive(self.pid))
        wait_for(self.hello_again, "a client is served again")
        self.server.stop()
        self.assertRegex(self.server.stderr + self.server.stdout, r"connections out of memory")

    def hello_again(self):
        try:
            return self.hello()
        except OSError:
            return False

    def fill(self, hogs):
        """Adds heads that do not end, and listings that nobody reads, until one is cut off."""
        held = []
        for number in range(MOST_HOGS):
            try:
                hog = hogs.enter_context(Connection(self.server.address, receive_buffer=4096))
                if number % 50 == 0:
                    hog.send(request(f"/many/?q={number}"))
                else:
                    hog.send(request("/", "X: " + "x" * HEAD_BYTES)[:-4])
            except OSError:
                return len(held)
            held.append(hog)
            if number % 100 == 99:
                self.assertTrue(self.server.process.poll() is None, "it has ended")
                cut = sum(self.is_cut(each) for each in held[-1000:])
                if cut:
                    return cut
        return 0

    @staticmethod
    def is_cut(hog):
        """Whether its stream has ended: an answer is left where it is."""
        look = select.poll()  # select(2) knows a thousand descriptors.
        look.register(hog.socket, select.POLLIN)
        if not look.poll(0):
            return False
        try:
            return hog.socket.recv(1, socket.MSG_PEEK) == b""
        except ConnectionResetError:
            return True


if __name__ == "__main__":
    tap.main()
