"""`spate get -r` against listings as spate serve writes them."""

import signal
import threading

import tap
from get_case import GetTest
from get_server import Whole, redirect, status
from spate_cli import PATIENCE_S, Program


class FolderTest(GetTest):
    @staticmethod
    def listing(*entries):
        def entry(name):
            folder = name.endswith("/")
            plain = name.rstrip("/")
            return (f'{{"name":"{plain}","type":"{"folder" if folder else "file"}",'
                    f'"size":{"null" if folder else 5},"mtime":784111777,"href":"{name}"}}')
        body = f'{{"path":"/","entries":[{",".join(map(entry, entries))}]}}'
        return status(200, body.encode(), "Content-Type: application/json")

    def tree(self):
        self.server.on("/music", redirect("/music/", 301))
        self.server.on("/music/", self.listing("sub/", "a", "b"))
        self.server.on("/music/sub/", self.listing("c", "empty/"))
        self.server.on("/music/sub/empty/", self.listing())
        for path in ("/music/a", "/music/b", "/music/sub/c"):
            self.server.on(path, Whole(path[-1].encode() * 5))

    def found(self):
        return sorted(str(path.relative_to(self.folder.path))
                      for path in self.folder.path.rglob("*"))

    def test_everything_beneath(self):
        self.tree()
        self.fetch("/music", "-r")
        self.assertEqual(self.found(), ["music", "music/a", "music/b", "music/sub", "music/sub/c",
                                        "music/sub/empty"])
        self.assertEqual(self.read("music/sub/c"), b"ccccc")
        self.assertEqual((self.folder / "music/a").stat().st_mtime, 784111777)
        self.assertEqual(self.server.asked("/music/")[0].fields["accept"], "application/json")

    def test_a_second_time_fetches_only_what_is_missing(self):
        self.tree()
        self.fetch("/music/", "-r", "-P", "in")
        (self.folder / "in/music/b").unlink()
        self.server.requests.clear()
        self.fetch("/music/", "-r", "-P", "in")
        self.assertEqual(len(self.server.asked("/music/a")), 0)
        self.assertEqual(len(self.server.asked("/music/b")), 1)

    def test_a_listing_that_never_comes(self):
        """It has its time, as a file has, and can be interrupted."""
        asked = threading.Event()

        def silent(request, peer):
            asked.set()
            self.server.stopping.wait(60)
        self.server.on("/music/", silent)
        url = self.server.url("/music/")
        late = self.get(url, "-r", "-m", "0.3")
        self.assertEqual(late.returncode, 11, late.stderr)
        self.assertIn("out of time (--max-time)", late.stderr)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            asked.clear()
            with Program("get", "-r", url, cwd=self.folder.path) as program:
                self.assertTrue(asked.wait(PATIENCE_S))
                program.signal(number)
                self.assertEqual(program.wait(), code, program.describe())
                self.assertIn("interrupted", program.stderr)
                self.assertNotIn("connection lost", program.stderr)

    def test_names_that_lead_out_are_refused(self):
        for name in ("../evil", "..", "%2e%2e%2fevil", "/etc/evil", "http://elsewhere/evil", "a/b"):
            with self.subTest(name):
                self.server.on("/music/", self.listing("a", name))
                self.assertIn("dangerous", self.refuse(6, "/music/", "-r"))
                self.assertEqual(self.found(), [])

    def test_folders_without_end(self):
        def behave(request, peer):
            self.listing("again/")(request, peer)
        for depth in range(120):
            self.server.on("/f/" + "again/" * depth, behave)
        self.assertIn("more than 100 folders deep", self.refuse(6, "/f/", "-r").splitlines()[0])

    def test_a_page_is_no_listing(self):
        self.server.on("/music/", status(200, b"<html>", "Content-Type: text/html"))
        self.assertIn("spate serve", self.refuse(6, "/music/", "-r"))

    def test_one_failure_does_not_end_the_rest(self):
        self.tree()
        self.server.on("/music/a", status(404))
        result = self.get(self.server.url("/music/"), "-r")
        self.assertEqual(result.returncode, 5)
        self.assertIn("music/sub/c", self.found())


if __name__ == "__main__":
    tap.main()
