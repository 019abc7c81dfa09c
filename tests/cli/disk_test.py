"""`spate serve` of a folder in which a file system stops answering: that costs those who asked
for it, and nobody else. What is claimed is an order, not a time: the disk does not answer at all
while others are served."""

import os
import threading
import unittest

import tap
from raw_http import Connection, request
from silent_disk import SilentDisk
from spate_cli import Folder, Serve

NEVER = "10m"
BIG = 8 << 20
REMOTE = {"a.txt": bytes(100), "b.txt": bytes(100), "c.txt": bytes(100), "big": bytes(BIG)}
LOCAL = {"hot.txt": "hot\n", "cold": bytes(BIG), "sub/b.txt": "b\n"}


def evict(path):
    """So that reading it takes the disk, where its file system has one."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


class DiskCase(unittest.TestCase):
    def mount(self, files=None):
        self.folder = self.enterContext(Folder(LOCAL))
        self.disk = self.enterContext(SilentDisk(self.folder / "disk", files or REMOTE))

    def serve(self, *arguments, folder=None):
        self.server = self.enterContext(
            Serve(folder or self.folder.path, "--cores", "1", *arguments))
        return self.server

    def connect(self, target=None, **parts):
        connection = Connection(self.server.address, **parts)
        self.addCleanup(connection.close)
        if target:
            connection.send(request(target))
        return connection

    def get(self, target, *fields):
        with Connection(self.server.address) as connection:
            connection.send(request(target, *fields))
            return connection.answer()

    def check_others(self):
        """What is local is answered: hot, cold, new, missing, listed."""
        (self.folder / "new.txt").write_text("new\n")
        evict(self.folder / "cold")
        self.assertEqual(self.get("/hot.txt").body, b"hot\n")
        self.assertEqual(len(self.get("/cold").body), BIG)
        self.assertEqual(self.get("/new.txt").body, b"new\n")
        self.assertEqual(self.get("/missing").status, 404)
        self.assertIn(b"b.txt", self.get("/sub/").body)
        listing = self.get("/").body
        self.assertIn(b"hot.txt", listing)
        self.assertIn(b"disk/", listing)

    def check_unanswered(self, connections):
        for connection in connections:
            connection.socket.setblocking(False)
            with self.assertRaises(BlockingIOError):
                connection.socket.recv(1)


class MountInFolderTest(DiskCase):
    def setUp(self):
        self.mount()

    def test_while_it_answers_it_is_a_folder_like_others(self):
        self.serve()
        answer = self.get("/disk/a.txt")
        self.assertEqual((answer.status, answer.body), (200, bytes(100)))
        self.assertEqual(self.get("/disk/big").body, bytes(BIG))
        part = self.get("/disk/big", "Range: bytes=5-9")
        self.assertEqual((part.status, part.body), (206, bytes(5)))
        same = self.get("/disk/a.txt", "If-None-Match: " + answer["ETag"])
        self.assertEqual(same.status, 304)
        self.assertEqual(self.get("/disk/none").status, 404)
        self.assertIn(b"a.txt", self.get("/disk/").body)
        self.assertEqual(self.get("/disk").status, 301)

    def test_each_phase_costs_only_those_who_asked(self):
        self.serve("--disk-timeout", NEVER)
        for operation, target, held in (
                ("getattr", "/disk/a.txt", "getattr /a.txt"),
                ("open", "/disk/b.txt", "open /b.txt"),
                ("read", "/disk/c.txt", "read /c.txt"),
                ("readdir", "/disk/", "readdir /")):
            with self.subTest(operation):
                self.disk.hold(operation)
                stuck = [self.connect(target)]
                self.disk.wait_for(held)
                # More than the disk has threads.
                stuck += [self.connect(target) for _ in range(8)]
                self.check_others()
                self.check_unanswered(stuck)
                self.disk.release()
                for connection in stuck:
                    connection.socket.settimeout(20)
                    self.assertEqual(connection.answer().status, 200)

    def test_a_server_that_is_stopped_before_it_was_ever_asked(self):
        self.disk.freeze()
        self.serve("--disk-timeout", NEVER)
        stuck = [self.connect(f"/disk/{i}") for i in range(8)]
        self.check_others()
        self.check_unanswered(stuck)
        self.disk.thaw()
        for connection in stuck:
            connection.socket.settimeout(20)
            self.assertEqual(connection.answer().status, 404)

    def test_amid_a_body(self):
        self.serve("--disk-timeout", "1s")
        self.disk.hold("read")
        connection = self.connect("/disk/big")
        self.assertEqual(connection.head().status, 200)

        def drain():
            while connection.more():
                pass
        reader = threading.Thread(target=drain)
        reader.start()
        self.disk.wait_for("read /big")
        self.check_others()
        reader.join()
        self.assertLess(len(connection.received), BIG)

    def test_who_asked_is_told_after_a_while(self):
        log = self.folder.path.parent / (self.folder.path.name + ".log")
        self.addCleanup(log.unlink, missing_ok=True)
        self.serve("--disk-timeout", "1s", "--access-log", log)
        self.disk.freeze()
        stuck = [self.connect(target) for target in ("/disk/", "/disk/a.txt", "/disk/x/y") * 3]
        for connection in stuck:
            self.assertEqual(connection.answer().status, 504)
        self.check_others()
        self.disk.thaw()
        self.assertEqual(self.get("/disk/a.txt").status, 200)
        self.server.stop()
        self.assertEqual(log.read_text().count(" 504 "), len(stuck))

    def test_a_link_into_it_costs_only_those_who_follow_it(self):
        os.symlink("disk/a.txt", self.folder / "link")
        os.symlink("disk/b.txt", self.folder / "another")
        os.symlink("/etc/hostname", self.folder / "out")
        self.serve("--disk-timeout", "1s")
        self.assertEqual(self.get("/link").body, bytes(100))
        self.assertEqual(self.get("/out").status, 404)
        self.assertIn(b"link", self.get("/").body)
        self.disk.freeze()
        stuck = [self.connect("/another") for _ in range(5)]
        self.assertEqual(self.get("/hot.txt").body, b"hot\n")
        self.assertIn(b"b.txt", self.get("/sub/").body)
        for connection in stuck:
            self.assertEqual(connection.answer().status, 504)

    def test_the_name_protocol(self):
        self.serve("--disk-timeout", "1s", "--name-port", "0")
        port = int(self.server.wait_for_output(r"name://[^\s/]*:(\d+)/").group(1))

        def fetch(name):
            connection = Connection(("127.0.0.1", port))
            self.addCleanup(connection.close)
            connection.send(name + b"\n")
            return connection
        self.assertEqual(fetch(b"disk/a.txt").body(100), bytes(100))
        self.assertEqual(fetch(b"disk/big").body(BIG), bytes(BIG))
        self.disk.freeze()
        stuck = [fetch(b"disk/a.txt") for _ in range(5)]
        self.assertEqual(fetch(b"hot.txt").body(4), b"hot\n")
        for connection in stuck:
            self.assertEqual(connection.receive(), b"")
            self.assertTrue(connection.was_reset)


class RootTest(DiskCase):
    """The served folder is such a file system itself."""

    def setUp(self):
        self.mount()

    def test_it_is_served(self):
        self.serve(folder=self.folder / "disk")
        self.assertIn(b"a.txt", self.get("/").body)
        answer = self.get("/a.txt")
        self.assertEqual((answer.status, answer.body), (200, bytes(100)))
        self.assertEqual(self.get("/a.txt", "If-None-Match: " + answer["ETag"]).status, 304)
        self.assertEqual(self.get("/big", "Range: bytes=-3").body, bytes(3))
        self.assertEqual(self.get("/big").body, bytes(BIG))

    def test_nobody_hangs(self):
        self.serve("--disk-timeout", "1s", folder=self.folder / "disk")
        self.assertEqual(self.get("/a.txt").status, 200)
        self.disk.freeze()
        stuck = [self.connect(target) for target in ("/", "/a.txt", "/big", "/none") * 2]
        self.assertEqual(self.get("/").status, 504)
        for connection in stuck:
            self.assertIn(connection.answer().status, (200, 504))
        self.disk.thaw()
        self.assertEqual(self.get("/big").body, bytes(BIG))


if __name__ == "__main__":
    tap.main()
