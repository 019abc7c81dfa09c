"""`spate serve`: readers of a listing share its bytes, which are bounded in sum and never old."""

import json
import unittest

import tap
from process_state import is_sanitized, status_kib
from raw_http import Connection, request
from served_folder import ServedFolder, age
from spate_cli import Folder, Serve, wait_for

KIB_PER_MIB = 1024
SMALL_WINDOW = 4 << 10
MOST_MIB = 64  # Of all listings together.


class ListingMemoryTest(ServedFolder):
    ARGUMENTS = ("--cores", "2")
    ENTRIES = 20_000

    @classmethod
    def prepare(cls):
        for number in range(cls.ENTRIES):
            cls.folder.write(f"many/some-file-name-{number:06d}.txt")
        cls.folder.write("few/a.txt", "hello\n")

    def setUp(self):
        self.pid = self.server.process.pid
        if is_sanitized(self.pid):
            self.skipTest("a sanitizer keeps memory that was freed")
        # What it takes to render a page is there from here on.
        for query in ("", "?order=desc", "?sort=size"):
            self.page = self.ask("/many/" + query).body
        self.page = self.ask("/many/").body
        self.page_mib = len(self.page) / (1 << 20)
        self.before = self.memory_mib()

    def memory_mib(self):
        return status_kib(self.pid, "VmRSS") / KIB_PER_MIB

    def read_slowly(self, target):
        """A reader whose answer has begun, and its head."""
        reader = Connection(self.server.address, receive_buffer=SMALL_WINDOW)
        self.addCleanup(reader.close)
        reader.send(request(target))
        return reader, reader.head()

    def check_memory_comes_back(self, readers):
        for reader in readers:
            reader.close()
        wait_for(lambda: self.memory_mib() < self.before + 8,
                 f"memory to come back to {self.before} MiB")

    def test_forty_readers_take_no_more_than_four(self):
        readers, grown = [], {}
        for count in (4, 40):
            while len(readers) < count:
                reader, head = self.read_slowly("/many/")
                self.assertEqual((head.status, int(head["Content-Length"])),
                                 (200, len(self.page)))
                readers.append(reader)
            grown[count] = self.memory_mib() - self.before
        self.assertLess(grown[40], grown[4] + 2 * self.page_mib, grown)
        self.assertTrue(readers[-1].body(len(self.page)) == self.page)
        self.check_memory_comes_back(readers)

    def test_listings_that_take_too_much_together_are_refused(self):
        readers, refused = [], None
        # Each of these shows all, by a page of its own.
        common = "some-file-name-0"
        for length in range(1, len(common) + 1):
            reader, head = self.read_slowly(f"/many/?q={common[:length]}")
            readers.append(reader)
            if head.status == 503:
                refused = head
                break
            self.assertEqual(head.status, 200)
        self.assertIsNotNone(refused, f"{len(readers)} pages of {len(self.page)} bytes")
        self.assertEqual(refused["Retry-After"], "1")
        self.assertGreater(len(readers) * self.page_mib, MOST_MIB)
        rendering = 4 * self.page_mib
        self.assertLess(self.memory_mib() - self.before, MOST_MIB + rendering)
        self.assertEqual(self.ask("/few/a.txt").body, b"hello\n")  # Files are as ever.
        self.check_memory_comes_back(readers)
        self.assertTrue(self.ask("/many/").body == self.page)


class ListingAgeTest(unittest.TestCase):
    CORES = 2

    def setUp(self):
        self.folder = self.enterContext(Folder({"old": "o"}))
        age(self.folder.path)
        server = self.enterContext(Serve(self.folder.path, "--cores", str(self.CORES)))
        self.addCleanup(server.stop)
        # By their ports they are spread over the cores; nearly never does one get all.
        self.connections = [Connection(server.address) for _ in range(8 * self.CORES)]
        for connection in self.connections:
            self.addCleanup(connection.close)

    def listed(self, connection):
        body = connection.ask("/?format=json").body
        return {entry["name"]: entry["size"] for entry in json.loads(body)["entries"]}

    def test_a_new_file_is_seen_by_all_cores_at_once(self):
        for connection in self.connections:
            self.assertEqual(self.listed(connection), {"old": 1})
        self.folder.write("new", "nn")
        for connection in self.connections:
            self.assertEqual(self.listed(connection), {"old": 1, "new": 2})

    def test_a_file_that_grows_is_seen_too(self):
        """Its folder stays as it is: the page's age alone tells that it may be out of date."""
        for connection in self.connections:
            self.assertEqual(self.listed(connection), {"old": 1})
        (self.folder / "old").write_bytes(b"grown")
        for connection in self.connections:
            wait_for(lambda at=connection: self.listed(at) == {"old": 5}, "the new size")


if __name__ == "__main__":
    tap.main()
