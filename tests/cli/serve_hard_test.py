"""`spate serve` when clients leave, files change and descriptors run out: it goes on."""

import os
import random
import resource
import select
import shutil
import signal
import subprocess
import unittest

import tap
from process_state import descriptors, is_alive, is_sanitized, sockets, status_kib
from raw_http import Connection, ask, request
from served_folder import ServedFolder, noise
from seeds import seeds
from spate_cli import PATIENCE_S, Folder, Serve, binary_for_all, wait_for

BIG = 16 << 20  # More than all socket buffers on a way together.
SMALL_WINDOW = 128 << 10
WAYS = ("auto", "memory", "sendfile", "read", "zc", "splice")


def begin_download(server, target="/big", *fields):
    """A connection on which the head of an answer has arrived; the rest waits for its reader."""
    connection = Connection(server.address, receive_buffer=SMALL_WINDOW)
    connection.send(request(target, *fields))
    return connection, connection.head()


class LeavingClientsTest(ServedFolder):
    FILES = {"a.txt": "hello\n"}
    ARGUMENTS = ("--cores", "1")  # What one core keeps open is known; and all share it.

    @classmethod
    def prepare(cls):
        cls.content = noise(BIG)
        cls.folder.write("big", cls.content)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pid = cls.server.process.pid
        cls.listening = sockets(cls.pid)

    def setUp(self):
        # What is kept open for the next request is open from here on.
        self.assertEqual(len(self.ask("/big").body), BIG)
        self.wait_for_sockets()
        self.open = len(descriptors(self.pid))

    def wait_for_sockets(self):
        wait_for(lambda: sockets(self.pid) == self.listening, "all connections to be closed")

    def check_all_is_released(self):
        self.wait_for_sockets()
        wait_for(lambda: len(descriptors(self.pid)) <= self.open, "all descriptors to be closed")
        self.assertTrue(self.ask("/big").body == self.content)

    def test_a_client_that_has_said_all_still_gets_all(self):
        for fields in ([], ["Connection: close"]):
            connection, head = begin_download(self.server, "/big", *fields)
            with connection:
                connection.finish_sending()
                self.assertTrue(connection.body(head.body_length("GET")) == self.content)
                self.assertEqual(connection.receive(), b"")
        self.check_all_is_released()

    def test_reset_in_mid_download(self):
        connections = [begin_download(self.server)[0] for _ in range(30)]
        for connection in connections:
            connection.reset()
        self.check_all_is_released()

    def test_close_in_mid_download(self):
        for connection in [begin_download(self.server)[0] for _ in range(30)]:
            connection.close()
        self.check_all_is_released()

    def test_reset_before_and_between_requests(self):
        for sent in (b"", b"GET /a", request("/a.txt")):
            for _ in range(20):
                connection = Connection(self.server.address)
                connection.send(sent)
                connection.reset()
        self.check_all_is_released()

    def test_a_client_killed_in_mid_download(self):
        if not shutil.which("curl"):
            self.skipTest("there is no curl")
        client = subprocess.Popen(["curl", "-sN", self.server.url + "big"], stdout=subprocess.PIPE)
        client.stdout.read(1)  # It cannot finish: nobody reads the rest.
        client.kill()
        client.stdout.close()
        self.assertEqual(client.wait(), -signal.SIGKILL)
        self.check_all_is_released()

    def test_a_client_that_asks_and_never_reads_costs_little(self):
        before = status_kib(self.pid, "VmRSS")
        flood = Connection(self.server.address, receive_buffer=SMALL_WINDOW)
        self.addCleanup(flood.close)
        flood.socket.setblocking(False)
        requests = request("/a.txt") * 1000
        # As much as fits until the server stops taking more; some seconds' worth of it at most.
        for _ in range(2000):
            if not select.select([], [flood.socket], [], 0.2)[1]:
                break
            try:
                flood.socket.send(requests)
            except BlockingIOError:
                pass
        else:
            self.fail("the server took everything")
        for _ in range(20):  # Others go on.
            self.assertEqual(self.ask("/a.txt").body, b"hello\n")
        if not is_sanitized(self.pid):
            self.assertLess(status_kib(self.pid, "VmRSS") - before, 16 << 10)
        flood.reset()
        self.check_all_is_released()

    def test_many_odd_clients_at_once(self):
        """Seeded chaos: what each does is drawn, and afterwards all is as before."""
        for seed in seeds(10):
            self.be_odd(random.Random(seed), clients=15)
        self.check_all_is_released()

    def be_odd(self, draw, clients):
        for _ in range(clients):
            connection = Connection(self.server.address, receive_buffer=SMALL_WINDOW)
            raw = draw.choice([request("/big"), request("/a.txt"), request("/big", method="HEAD"),
                               request("/big", "Range: bytes=5-9,100000-200000"), b"\r\n\r\n",
                               request("/", "Connection: close")])
            connection.send(raw[:draw.randrange(len(raw) + 1)])
            if draw.random() < 0.3:
                connection.finish_sending()
            if draw.random() < 0.3:
                select.select([connection.socket], [], [], 0.05)
            draw.choice([connection.close, connection.reset])()


class EveryWayTest(unittest.TestCase):
    """By every way of sending: what was promised is sent, or the connection ends."""

    def each_way(self):
        for way in WAYS:
            with self.subTest(way), Folder({"big": b"old" * (BIG // 3)}) as folder, \
                    Serve(folder.path, "--send-path", way) as server:
                yield folder, server
                server.stop()

    def test_reset_while_sent(self):
        for _, server in self.each_way():
            listening = sockets(server.process.pid)
            several = "Range: bytes=0-4999999,6000000-"
            connections = [begin_download(server, "/big", *fields)[0]
                           for fields in ([], [several]) for _ in range(5)]
            for connection in connections:
                connection.reset()
            wait_for(lambda: sockets(server.process.pid) == listening, "all to be closed")
            self.assertEqual(ask(server.address, "/big").body, b"old" * (BIG // 3))

    def test_truncated_while_sent(self):
        for folder, server in self.each_way():
            connection, head = begin_download(server)
            with connection:
                os.truncate(folder / "big", 1 << 20)
                self.assertLess(connection.drain(), int(head["Content-Length"]))
            self.assertTrue(is_alive(server.process.pid))
            wait_for(lambda: len(ask(server.address, "/big").body) == 1 << 20, "the new size")

    def test_grown_while_sent(self):
        for folder, server in self.each_way():
            connection, head = begin_download(server)
            with connection, open(folder / "big", "ab") as file:
                file.write(b"new" * 1000)
                file.flush()
                self.assertEqual(connection.body(head.body_length("GET")), b"old" * (BIG // 3))
                self.assertEqual(connection.ask("/big", method="HEAD").status, 200)

    def test_replaced_while_sent(self):
        for folder, server in self.each_way():
            connection, head = begin_download(server)
            with connection:
                folder.write("other", b"new" * 5)
                os.rename(folder / "other", folder / "big")
                self.assertEqual(connection.body(head.body_length("GET")), b"old" * (BIG // 3))

    def test_removed_while_sent(self):
        for folder, server in self.each_way():
            connection, head = begin_download(server)
            with connection:
                (folder / "big").unlink()
                self.assertEqual(connection.body(head.body_length("GET")), b"old" * (BIG // 3))


class UnreadableTest(unittest.TestCase):
    def test_a_folder_that_is_gone_is_empty(self):
        with Folder({"root/a.txt": "hello\n"}) as folder, Serve(folder / "root") as server:
            self.assertEqual(ask(server.address, "/a.txt").body, b"hello\n")
            shutil.rmtree(folder / "root")
            wait_for(lambda: ask(server.address, "/a.txt").status == 404, "the file to be gone")
            self.assertIn(ask(server.address, "/").status, (200, 404))
            server.stop()

    def test_what_may_not_be_read_is_not_served(self):
        with Folder({"secret": "s", "open": "o", "closed/x": "x"}) as folder:
            folder.path.chmod(0o755)
            (folder / "secret").chmod(0)
            (folder / "closed").chmod(0)
            nobody = {}
            if os.getuid() == 0:
                nobody = {"user": 65534, "group": 65534, "extra_groups": [],
                          "executable": binary_for_all(self.enterContext(Folder()))}
            with Serve(folder.path, **nobody) as server:
                self.assertEqual(ask(server.address, "/open").body, b"o")
                for target in ("/secret", "/closed/", "/closed/x"):
                    self.assertIn(ask(server.address, target).status, (403, 404), target)
                self.assertEqual(ask(server.address, "/").status, 200)
                server.stop()
            (folder / "closed").chmod(0o755)


class DescriptorsTest(unittest.TestCase):
    LIMIT = 40

    def serve(self, folder):
        def few():
            resource.setrlimit(resource.RLIMIT_NOFILE, (self.LIMIT, self.LIMIT))
        return Serve(folder.path, "--cores", "1", preexec_fn=few)

    def test_more_files_than_descriptors(self):
        size = 70 << 10  # Too much for memory, so they would be kept open.
        with Folder({f"f{i}": noise(size, i) for i in range(self.LIMIT * 3)}) as folder, \
                self.serve(folder) as server, Connection(server.address) as connection:
            for i in range(self.LIMIT * 3):
                self.assertTrue(connection.ask(f"/f{i}").body == noise(size, i), i)
            server.stop()

    def test_running_out_of_them_only_makes_clients_wait(self):
        content = noise(8 << 20)
        with Folder({"big": content, "a.txt": "hello\n"}) as folder, \
                self.serve(folder) as server:
            waiting = {}
            for number in range(self.LIMIT * 2):
                client = Connection(server.address, receive_buffer=SMALL_WINDOW)
                self.addCleanup(client.close)
                client.send(request("/big", "Connection: close"))
                waiting[client.socket] = number, client
            served = 0
            while waiting:  # Whoever is served; who waits gets a turn as others end.
                ready = select.select(list(waiting), [], [], PATIENCE_S)[0]
                self.assertTrue(ready, f"nobody is served after {served}")
                number, client = waiting.pop(ready[0])
                answer = client.answer()
                self.assertIsNotNone(answer, f"client {number}, reset: {client.was_reset}")
                self.assertIn(answer.status, (200, 503))
                if answer.status == 200:
                    self.assertTrue(answer.body == content)
                    served += 1
            self.assertGreaterEqual(served, self.LIMIT // 4)
            self.assertEqual(ask(server.address, "/a.txt").body, b"hello\n")
            server.stop()


    def test_slow_readers_of_as_many_files_leave_none_of_them_taken(self):
        """Each holds a connection and a file that no other asked for: more than there are."""
        content = noise(8 << 20)
        names = [f"f{i}" for i in range(self.LIMIT)]
        with Folder({name: content for name in names}) as folder, self.serve(folder) as server:
            before = len(descriptors(server.process.pid))
            readers = []
            for name in names:
                reader = Connection(server.address, receive_buffer=SMALL_WINDOW)
                self.addCleanup(reader.close)
                reader.send(request("/" + name))
                readers.append(reader)
            waiting = {reader.socket: reader for reader in readers}
            refused = 0
            while not refused:  # No more files are opened; whoever is let in is told so.
                ready = select.select(list(waiting), [], [], PATIENCE_S)[0]
                self.assertTrue(ready, "nobody is refused, and nobody is served")
                answer = waiting.pop(ready[0]).head()
                self.assertIn(answer.status, (200, 503))
                if answer.status == 503:
                    self.assertEqual(answer["Retry-After"], "1")
                    refused += 1
            for reader in readers:
                reader.close()
            wait_for(lambda: len(descriptors(server.process.pid)) <= before + 4,
                     "descriptors to come back")
            for name in names:
                self.assertTrue(ask(server.address, "/" + name).body == content)
            server.stop()


class IdleConnectionsTest(unittest.TestCase):
    WANTED = 10_000
    SPARE = 100
    MOST_KIB = 1.0  # For each, of memory in user space.

    def affordable(self):
        """How many the limits on descriptors allow on both sides."""
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        self.addCleanup(resource.setrlimit, resource.RLIMIT_NOFILE, (soft, hard))
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        # The server sets some aside for files.
        return min(self.WANTED, hard * 3 // 4 - self.SPARE)

    def test_ten_thousand(self):
        count = self.affordable()
        with Folder({"a.txt": "hello\n"}) as folder, \
                Serve(folder.path, "--idle-timeout", "10m") as server:
            pid = server.process.pid
            connections, memory = [], []
            self.addCleanup(lambda: [connection.close() for connection in connections])
            # Of two halves the second: what is allocated once for all is not in it.
            for _ in range(2):
                for _ in range(count // 2):
                    connections.append(Connection(server.address))
                    self.assertEqual(connections[-1].ask("/a.txt").body, b"hello\n")
                memory.append(status_kib(pid, "VmRSS"))
            each = (memory[1] - memory[0]) / (count // 2)
            print(f"# {len(connections)} idle connections, {each:.2f} KiB for each")
            for connection in connections:
                connection.send(request("/a.txt"))
            for connection in connections:
                self.assertEqual(connection.answer().body, b"hello\n")
            if count == self.WANTED and not is_sanitized(pid):
                self.assertLessEqual(each, self.MOST_KIB)  # Of fewer it would say too little.
            server.stop()


if __name__ == "__main__":
    tap.main()
