"""`spate get` going on with what an earlier run left behind, or not."""

import hashlib
import signal

import tap
from get_case import MIB, GetTest
from get_server import Whole, content, dripping, only, stalling, status
from spate_cli import Program, wait_for


class ResumeTest(GetTest):
    """A part is left behind by a first run, then the server is changed."""

    def leave_part(self, data, limit=2 * MIB, path="/file", **options):
        self.server.on(path, Whole(data, send=only(limit), **options))
        self.refuse(10, path, "--retry", "0")
        self.assertEqual((self.folder / "file.part").stat().st_size, limit)
        self.server.requests.clear()

    def test_goes_on_from_there(self):
        data = content(3 * MIB)
        self.leave_part(data)
        self.server.on("/file", Whole(data))
        result = self.fetch("/file")
        self.assert_whole(data)
        request, = self.server.asked("/file")
        self.assertEqual(request.range, (2 * MIB, None))
        self.assertEqual(request.fields["if-range"], Whole(data).etag)
        self.assertIn("3.0 MiB", result.stderr)

    def test_a_last_modified_long_ago_will_do(self):
        data = content(3 * MIB)
        lines = ["Last-Modified: Sun, 06 Nov 1994 08:49:37 GMT"]
        self.leave_part(data, etag="", lines=lines)
        self.server.on("/file", Whole(data, etag=lines[0].partition(" ")[2], lines=lines))
        self.fetch("/file")
        self.assert_whole(data)
        self.assertEqual(self.server.asked("/file")[0].fields["if-range"],
                         "Sun, 06 Nov 1994 08:49:37 GMT")

    def test_a_weak_tag_will_not(self):
        data = content(3 * MIB)
        self.leave_part(data, etag='W/"v1"')
        self.server.on("/file", Whole(data, etag='W/"v1"'))
        self.fetch("/file")
        self.assert_whole(data)
        self.assertIsNone(self.server.asked("/file")[0].range)

    def test_continue_trusts_the_part(self):
        data = content(3 * MIB)
        self.leave_part(data, etag='W/"v1"')
        self.server.on("/file", Whole(data, etag='W/"v1"'))
        self.fetch("/file", "-c")
        self.assert_whole(data)
        self.assertEqual(self.server.asked("/file")[0].range, (2 * MIB, None))

    def test_a_changed_file_is_fetched_anew(self):
        self.leave_part(content(3 * MIB))
        for changed in (content(3 * MIB, 2), content(MIB, 3)):
            with self.subTest(size=len(changed)):
                self.server.on("/file", Whole(changed))
                self.fetch("/file")
                self.assert_whole(changed)
                (self.folder / "file").unlink()
                self.leave_part(content(3 * MIB))

    def test_a_server_that_ignores_ranges(self):
        data = content(3 * MIB)
        self.leave_part(data)
        self.server.on("/file", Whole(data, ranges=False))
        self.fetch("/file")
        self.assert_whole(data)

    def test_a_server_that_sends_another_part(self):
        data = content(3 * MIB)
        for shift in (-1, 1, -2 * MIB):
            with self.subTest(shift=shift):
                self.leave_part(data)
                self.server.on("/file", Whole(data, shift=shift))
                self.fetch("/file")
                self.assert_whole(data)
                (self.folder / "file").unlink()

    def test_a_tag_that_changes_though_the_condition_held(self):
        data, other = content(3 * MIB), content(3 * MIB, 2)

        def behave(request, peer):
            request.fields.pop("if-range", None)
            Whole(other)(request, peer)
        self.leave_part(data)
        self.server.on("/file", behave)
        self.fetch("/file")
        self.assert_whole(other)

    def test_a_complete_part_needs_no_bytes(self):
        data = content(2 * MIB)
        (self.folder / "file.part").write_bytes(data)
        self.server.on("/file", Whole(data))
        self.assertIn("file: all 2.0 MiB were here", self.fetch("/file", "-c").stderr)
        self.assert_whole(data)
        self.assertEqual(self.server.asked("/file")[0].range, (2 * MIB, None))

    def test_continue_adopts_a_file_of_the_final_name(self):
        data = content(2 * MIB)
        for here in (data[:MIB], data):
            with self.subTest(here=len(here)):
                self.folder.write("file", here)
                self.server.on("/file", Whole(data))
                self.fetch("/file", "-c")
                self.assert_whole(data)

    def test_continue_loses_nothing_of_a_file_that_does_not_fit(self):
        self.folder.write("file", "something else, and longer")
        self.server.on("/file", Whole(b"hello"))
        self.assertIn("move it away", self.refuse(5, "/file", "-c"))
        self.assert_whole(b"something else, and longer")
        self.server.on("/file", status(404))
        self.refuse(5, "/file", "-c")
        self.assert_whole(b"something else, and longer")

    def test_a_part_without_notes_is_not_trusted(self):
        data = content(2 * MIB)
        for name, notes in {"none": None, "garbage": b"\0" * 100, "empty": b"",
                            "cut": b"spate-get 1\nurl http://x/\n"}.items():
            with self.subTest(name):
                self.folder.write("file.part", content(MIB, 9))
                if notes is not None:
                    self.folder.write("file.part.spate", notes)
                self.server.on("/file", Whole(data))
                self.fetch("/file")
                self.assert_whole(data)

    def test_a_part_longer_than_the_file_is_cut(self):
        data = content(MIB)
        self.folder.write("file.part", content(3 * MIB, 9))
        self.server.on("/file", Whole(data))
        self.fetch("/file")
        self.assert_whole(data)

    def test_another_url_of_the_same_name_begins_anew(self):
        self.leave_part(content(3 * MIB), path="/file")
        other = content(3 * MIB, 2)
        self.server.on("/other/file", Whole(other))
        self.fetch("/other/file")
        self.assert_whole(other)

    def test_two_at_once_do_not_share_a_part(self):
        self.server.on("/file", Whole(content(3 * MIB), send=stalling(self.server, MIB)))
        with Program("get", self.server.url("/file"), cwd=self.folder.path) as program:
            wait_for(lambda: self.part_size() > 0, "bytes in the part")
            self.assertIn("another download", self.refuse(7, "/file"))
            program.stop(143)

    def test_an_interrupt_keeps_what_came_and_says_so(self):
        data = content(4 * MIB)
        for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143)):
            for extra in ((), ("-x", "4")):
                with self.subTest(signal=number, extra=extra):
                    self.server.on("/file", Whole(data, send=stalling(self.server, 600_000)))
                    with Program("get", self.server.url("/file"), *extra,
                                 cwd=self.folder.path) as program:
                        wait_for(lambda: self.part_size() >= 256 * 1024, "bytes in the part")
                        program.signal(number)
                        self.assertEqual(program.wait(), code)
                        self.assertIn("goes on from there", program.stderr)
                    self.server.on("/file", Whole(data))
                    self.fetch("/file", *extra)
                    self.assert_whole(data)
                    (self.folder / "file").unlink()

    def part_size(self):
        try:
            return (self.folder / "file.part").stat().st_size
        except FileNotFoundError:
            return 0

    def noted(self):
        """Bytes that the notes say are there."""
        try:
            text = (self.folder / "file.part.spate").read_text()
        except FileNotFoundError:
            return 0
        done = next(line for line in text.splitlines() if line.startswith("done "))
        pairs = [interval.split("-") for interval in done.split()[1:]]
        return sum(int(end) - int(begin) for begin, end in pairs)

    def test_survives_being_killed(self):
        data = content(64 * MIB)
        for first, second in (((), ()), (("-x", "4"), ("-x", "4")), (("-x", "4"), ()),
                              ((), ("-x", "4"))):
            with self.subTest(first=first, second=second):
                self.server.on("/file", Whole(data, send=dripping(self.server, 100_000)))
                with Program("get", self.server.url("/file"), *first,
                             cwd=self.folder.path) as program:
                    wait_for(lambda: self.noted() > MIB, "notes")
                    program.signal(signal.SIGKILL)
                    self.assertEqual(program.wait(), -signal.SIGKILL)
                noted = self.noted()
                wait_for(lambda: not self.server.peers, "the server to notice")
                self.server.requests.clear()
                self.server.on("/file", Whole(data))
                self.fetch("/file", *second, "--sha256", hashlib.sha256(data).hexdigest())
                self.assert_whole(data)
                asked = sum((last or len(data) - 1) - first + 1 for first, last in
                            (request.range for request in self.server.asked("/file")))
                if not second:
                    self.assertLessEqual(asked, len(data) - noted)
                (self.folder / "file").unlink()


if __name__ == "__main__":
    tap.main()
