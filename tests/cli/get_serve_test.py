"""`spate get` from `spate serve`: the two ends of one program."""

import hashlib
import os
import signal

import tap
from get_case import MIB, GetTest
from get_server import content
from spate_cli import Folder, Program, Serve, wait_for


class GetFromServeTest(GetTest):
    def serve(self, files, *arguments):
        source = self.enterContext(Folder(files))
        server = self.enterContext(Serve(source.path, *arguments))
        return source, server

    def test_files_in_every_way(self):
        data = content(24 * MIB)
        _, server = self.serve({"file": data, "empty": b""})
        digest = hashlib.sha256(data).hexdigest()
        for extra in ((), ("-x", "4"), ("-x", "3", "-k", "64k"), ("--limit-rate", "200M")):
            with self.subTest(extra=extra):
                result = self.get(server.url + "file", "--sha256", digest, *extra)
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assert_whole(data)
        self.assertEqual(self.get(server.url + "empty").returncode, 0)
        self.assertEqual(self.read("empty"), b"")

    def test_a_folder_comes_over_as_it_is(self):
        names = ["a", "b c", "sub/d", "sub/e%41", "sub/deep/f?x=1", "ü/歌.mp3", "q\"uote", "h#sh",
                 "back\\slash", "new\nline", "colon:x", "sub/<b>", "index.html", "sub/index.html"]
        source, server = self.serve({name: name * 1000 for name in names})
        (source / "bad").mkdir()
        with open(os.fsencode(source / "bad") + b"/\xff\xfe", "wb") as file:
            file.write(b"not UTF-8")
        result = self.get(server.url, "-r", "-P", "copy")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(self.tree(self.folder / "copy"), self.tree(source.path))

    def test_links_to_folders_are_not_followed(self):
        """They may lead to where they are: each would be fetched again and again."""
        source, server = self.serve({"d/f": b"x", "elsewhere/g": b"y"})
        (source / "loop").symlink_to(".")
        (source / "d/up").symlink_to("..")
        (source / "d/other").symlink_to("../elsewhere")
        (source / "file").symlink_to("d/f")
        result = self.get(server.url, "-r", "-P", "copy")
        self.assertEqual(result.returncode, 0, result.stderr)
        found = sorted(str(path.relative_to(self.folder / "copy"))
                       for path in (self.folder / "copy").rglob("*"))
        self.assertEqual(found, ["d", "d/f", "elsewhere", "elsewhere/g", "file"])
        for name in ("loop", "d/up", "d/other"):
            self.assertIn(f"copy/{name}: a link to a folder on the server, left out", result.stderr)

    @staticmethod
    def tree(top):
        """Paths in bytes, with content and whole seconds of the time."""
        found = {}
        for folder, _, files in os.walk(os.fsencode(top)):
            for name in files:
                path = os.path.join(folder, name)
                with open(path, "rb") as file:
                    found[os.path.relpath(path, os.fsencode(top))] = (
                        file.read(), int(os.stat(path).st_mtime))
        return found

    def test_killed_and_gone_on_with(self):
        data = content(32 * MIB)
        source, server = self.serve({"file": data})
        os.utime(source / "file", (784111777, 784111777))
        for first in ((), ("-x", "4")):
            with self.subTest(first=first):
                with Program("get", server.url + "file", "--limit-rate", "2M", *first,
                             cwd=self.folder.path) as program:
                    wait_for(lambda: self.part_is_noted(), "notes of bytes")
                    program.signal(signal.SIGKILL)
                    program.wait()
                result = self.get(server.url + "file")
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assert_whole(data)
                (self.folder / "file").unlink()

    def part_is_noted(self):
        try:
            return "\ndone 0-" in (self.folder / "file.part.spate").read_text()
        except FileNotFoundError:
            return False

    def test_replaced_on_the_server_between_two_runs(self):
        old, new = content(16 * MIB), content(16 * MIB, 2)
        source, server = self.serve({"file": old})
        os.utime(source / "file", (784111777, 784111777))
        with Program("get", server.url + "file", "--limit-rate", "1M",
                     cwd=self.folder.path) as program:
            wait_for(lambda: self.part_is_noted(), "notes of bytes")
            program.stop(143)
        source.write("file", new)
        result = self.get(server.url + "file")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_whole(new)


if __name__ == "__main__":
    tap.main()
