"""`spate serve` gives the bytes that are in the folder: to a client of our own, to curl, wget and
aria2, by every way of sending."""

import gzip
import hashlib
import itertools
import os
import re
import shutil
import subprocess
import time
import unittest
from pathlib import Path
from urllib.parse import unquote

import tap
from multipart import parse_parts
from raw_http import Connection, request
from served_folder import LONG_AGO_S, MEMORY, ServedFolder, age, noise, url_path
from spate_cli import Folder, Serve

REAL_TREE = Path("/usr/share/doc")
MOST_FILES, MOST_BYTES = 2000, 64 << 20  # Of the real tree.
PIPELINED = 50


def visible_files(root):
    """Regular files that a listing of `root` would lead to, up to a limit."""
    count = total = 0
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(folder, name) for name in sorted(names) if not name.startswith(".")):
            if path.is_symlink() or not path.is_file():
                continue
            count, total = count + 1, total + path.stat().st_size
            if count > MOST_FILES or total > MOST_BYTES:
                return
            yield path


class RealTreeTest(unittest.TestCase):
    def test_every_file_arrives_as_it_is(self):
        if not REAL_TREE.is_dir():
            self.skipTest(f"there is no {REAL_TREE}")
        files = list(visible_files(REAL_TREE))
        with Serve(REAL_TREE) as server, Connection(server.address) as connection:
            for start in range(0, len(files), PIPELINED):
                batch = files[start:start + PIPELINED]
                connection.send(b"".join(
                    request(url_path(path.relative_to(REAL_TREE))) for path in batch))
                for path in batch:
                    answer = connection.answer()
                    self.assertEqual(answer.status, 200, path)
                    self.assertEqual(answer.body, path.read_bytes(), path)
            server.stop()


class ClientsTest(ServedFolder):
    """Other people's programs understand us."""

    FILES = {"a.txt": "hello\n", "sub/b.bin": noise(70000), "sub/deep/c.txt": "c" * 1000,
             "sub/deep/empty": b"", "sub/sp ace/\u00fc.txt": "umlaut\n", "big": noise(20 << 20)}

    def setUp(self):
        self.out = Path(self.enterContext(Folder()).path)

    def run_client(self, *command):
        path = shutil.which(command[0])
        if path is None:
            self.skipTest(f"there is no {command[0]}")
        done = subprocess.run([path, *command[1:]], cwd=self.out, capture_output=True, timeout=60,
                              env={"PATH": os.environ["PATH"], "HOME": str(self.out),
                                   "LC_ALL": "C.UTF-8", "no_proxy": "*"})
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout.decode()

    def check_digest(self, got, name):
        digests = [hashlib.sha256(path.read_bytes()).hexdigest()
                   for path in (self.out / got, self.folder / name)]
        self.assertEqual(*digests, name)

    def test_curl(self):
        config = "\n".join(f'url = "{self.server.url.rstrip("/")}{url_path(name)}"\n'
                           f'output = "{i}"' for i, name in enumerate(self.FILES))
        (self.out / "config").write_text(config)
        self.run_client("curl", "-sS", "--fail", "-K", "config")
        for i, name in enumerate(self.FILES):
            self.check_digest(str(i), name)

    def test_curl_resumes(self):
        (self.out / "big").write_bytes(self.FILES["big"][:7654321])
        self.run_client("curl", "-sS", "--fail", "-C", "-", "-O", self.server.url + "big")
        self.check_digest("big", "big")

    def test_curl_etag_compare(self):
        for _ in range(2):
            status = self.run_client("curl", "-sS", "--etag-save", "etag", "--etag-compare", "etag",
                                     "-o", "got", "-w", "%{http_code}", self.server.url + "a.txt")
        self.assertEqual(status, "304")

    def test_wget_of_the_whole_tree(self):
        self.run_client("wget", "-q", "-r", "-l", "9", "-np", "-nH", "-R", "index.html*",
                        "--restrict-file-names=nocontrol", self.server.url)
        for name in self.FILES:
            self.check_digest(name, name)

    def test_wget_resumes(self):
        (self.out / "big").write_bytes(self.FILES["big"][:12345678])
        self.run_client("wget", "-q", "-c", self.server.url + "big")
        self.check_digest("big", "big")

    def test_wget_timestamping(self):
        for _ in range(2):
            self.run_client("wget", "-nv", "-N", self.server.url + "a.txt")
        self.assertEqual((self.out / "a.txt").stat().st_mtime, LONG_AGO_S)

    def test_aria2_in_segments(self):
        self.run_client("aria2c", "-q", "-x", "8", "-s", "8", "-k", "1M", "--no-conf",
                        "--file-allocation=none", self.server.url + "big")
        self.check_digest("big", "big")


SIZES = {"empty": 0, "one": 1, "k1": 1023, "k64": 64 << 10, "k64and1": (64 << 10) + 1,
         "m1": 1 << 20, "m20": 20 << 20}
RANGES = ["0-0", "1-1023", "65535-65536", "1000000-1048575", "-1", "-70000", "100-", "0-20971519"]


class SendPathTest(unittest.TestCase):
    """Every way of sending sends the same."""

    @classmethod
    def setUpClass(cls):
        cls.contents = {name: noise(size, size) for name, size in SIZES.items()}
        cls.folder = cls.enterClassContext(Folder(cls.contents))

    def check_way(self, way):
        with Serve(self.folder.path, "--send-path", way) as server:
            with Connection(server.address) as connection:
                for name, content in self.contents.items():
                    self.check_whole(connection, name, content)
                for text in RANGES:
                    self.check_range(connection, text)
                self.check_parts(connection)
            server.stop()

    def check_whole(self, connection, name, content):
        for _ in range(2):  # Cold and warm, as far as the server remembers.
            answer = connection.ask("/" + name)
            self.assertEqual((answer.status, len(answer.body)), (200, len(content)), name)
            self.assertTrue(answer.body == content, name)

    def check_range(self, connection, text):
        content = self.contents["m20"]
        answer = connection.ask("/m20", f"Range: bytes={text}")
        first, last = map(int, re.match(r"bytes (\d+)-(\d+)/", answer["Content-Range"]).groups())
        self.assertEqual(len(answer.body), last - first + 1, text)
        self.assertTrue(answer.body == content[first:last + 1], text)

    def check_parts(self, connection):
        content = self.contents["m20"]
        wanted = ["5-9", "100000-300000", "20000000-20971519"]
        answer = connection.ask("/m20", f"Range: bytes={','.join(wanted)}")
        parts = parse_parts(answer)
        self.assertEqual([part.range for part in parts], wanted)
        for part in parts:
            self.assertTrue(part.body == content[part.first:part.last + 1], part.range)

    def test_auto(self):
        self.check_way("auto")

    def test_memory(self):
        self.check_way("memory")

    def test_sendfile(self):
        self.check_way("sendfile")

    def test_read(self):
        self.check_way("read")

    def test_zero_copy(self):
        self.check_way("zc")

    def test_splice(self):
        self.check_way("splice")


class HugeFileTest(ServedFolder):
    # There the holes of a file take neither memory nor time.
    PARENT = MEMORY
    SIZE = (4 << 30) + (64 << 20)
    MARK = b"a mark to be found"
    MARKS = (0, (4 << 30) - 9, SIZE - len(MARK))  # The second lies across 4 GiB.

    @classmethod
    def prepare(cls):
        with open(cls.folder / "big", "wb") as file:
            for offset in cls.MARKS:
                os.pwrite(file.fileno(), cls.MARK, offset)

    def test_all_of_it_is_sent(self):
        with Connection(self.server.address, limit_s=60) as connection:
            connection.send(request("/big", "Connection: close"))
            self.assertEqual(connection.head()["Content-Length"], str(self.SIZE))
            self.assertEqual(connection.drain(), self.SIZE)

    def test_parts_beyond_4_gib(self):
        wanted = [f"{offset}-{offset + len(self.MARK) - 1}" for offset in self.MARKS]
        for text in wanted:
            self.assertEqual(self.ask("/big", f"Range: bytes={text}").body, self.MARK)
        parts = parse_parts(self.ask("/big", f"Range: bytes={','.join(wanted)}"))
        self.assertEqual([(part.range, part.body) for part in parts],
                         [(text, self.MARK) for text in wanted])


class SidecarTest(ServedFolder):
    TEXT = b"to be compressed " * 100
    FILES = {"a.css": TEXT, "a.css.br": b"brotli's bytes", "a.css.zst": b"zstd's bytes",
             "a.css.gz": gzip.compress(TEXT), "b.css": TEXT, "b.css.gz": gzip.compress(TEXT),
             "plain.css": TEXT}
    CASES = [  # file, Accept-Encoding, the coding that is sent
        ("a.css", None, None), ("a.css", "gzip", "gzip"), ("a.css", "gzip, br", "br"),
        ("a.css", "zstd, gzip", "zstd"), ("a.css", "br;q=0.5, gzip", "gzip"),
        ("a.css", "br;q=0", None), ("a.css", "*", "br"), ("a.css", "identity", None),
        ("a.css", "deflate", None), ("b.css", "br", None), ("b.css", "br, gzip", "gzip"),
        ("plain.css", "br, gzip", None),
    ]
    SUFFIXES = {None: "", "br": ".br", "zstd": ".zst", "gzip": ".gz"}

    def test_the_best_accepted_coding_is_sent(self):
        for name, accepted, coding in self.CASES:
            with self.subTest(name=name, accepted=accepted):
                fields = [] if accepted is None else [f"Accept-Encoding: {accepted}"]
                answer = self.ask("/" + name, *fields)
                self.assertEqual(answer["Content-Encoding"], coding)
                self.assertEqual(answer.body, self.FILES[name + self.SUFFIXES[coding]])
                self.assertEqual(answer["Content-Type"], "text/css; charset=utf-8")
                has_choice = name != "plain.css"
                self.assertEqual(answer["Vary"], "Accept-Encoding" if has_choice else None)

    def test_each_coding_has_its_own_tag(self):
        tags = {}
        for coding in ("identity", "br", "zstd", "gzip"):
            fields = [f"Accept-Encoding: {coding}"]
            tags[coding] = self.ask("/a.css", *fields)["ETag"]
            answer = self.ask("/a.css", *fields, f"If-None-Match: {tags[coding]}")
            self.assertEqual((answer.status, answer["ETag"], answer["Vary"]),
                             (304, tags[coding], "Accept-Encoding"))
        self.assertEqual(len(set(tags.values())), 4, tags)
        answer = self.ask("/a.css", "Accept-Encoding: gzip", f"If-None-Match: {tags['br']}")
        self.assertEqual(answer.status, 200)

    def test_a_range_is_of_the_coded_bytes(self):
        answer = self.ask("/a.css", "Accept-Encoding: br", "Range: bytes=2-5")
        self.assertEqual((answer.status, answer["Content-Encoding"], answer.body),
                         (206, "br", b"otli"))
        self.assertEqual((answer["Content-Range"], answer["Vary"]),
                         ("bytes 2-5/14", "Accept-Encoding"))

    def test_a_sidecar_can_be_had_by_its_own_name(self):
        answer = self.ask("/b.css.gz", "Accept-Encoding: gzip")
        self.assertEqual((answer["Content-Type"], answer["Content-Encoding"]),
                         ("application/gzip", None))


class FieldsTest(ServedFolder):
    TYPES = {"a.txt": "text/plain; charset=utf-8", "b.HTML": "text/html; charset=utf-8",
             "c.png": "image/png", "d.tar.gz": "application/gzip", "Makefile":
             "application/octet-stream", "e.unheard-of": "application/octet-stream",
             "f.wasm": "application/wasm", "g.mp4": "video/mp4", "h.json":
             "application/json; charset=utf-8"}
    FILES = {name: f"content of {name}\n" for name in TYPES}

    def test_media_types(self):
        for name, media_type in self.TYPES.items():
            self.assertEqual(self.ask("/" + name)["Content-Type"], media_type, name)

    def test_head_has_the_fields_of_get(self):
        self.folder.write("sub/x", "y")
        for target in ("/a.txt", "/c.png", "/a.txt?download", "/", "/sub", "/missing", "/%zz"):
            with self.subTest(target):
                whole, head = (self.ask(target, method=method) for method in ("GET", "HEAD"))
                self.assertEqual(head.body, b"")
                self.assertEqual(head.status, whole.status)
                fields = [[field for field in answer.fields if field[0] != "Date"]
                          for answer in (whole, head)]
                self.assertEqual(*fields)

    def test_download_proposes_a_name(self):
        self.folder.write("na\"me \u00fc.txt", "x")
        proposed = self.ask("/" + "na%22me%20%C3%BC.txt?download")["Content-Disposition"]
        self.assertRegex(proposed, r'^attachment; filename="[^"\\]*"; filename\*=')
        extended = re.search(r"filename\*=UTF-8''(\S+)$", proposed).group(1)
        self.assertEqual(unquote(extended), "na\"me \u00fc.txt")
        self.assertIsNone(self.ask("/a.txt")["Content-Disposition"])

    def test_a_young_file_has_a_weak_tag(self):
        for attempt in range(5):  # In which it may have grown old, on a busy machine.
            written = time.time()
            self.folder.write("young", f"{attempt}")
            tag = self.ask("/young")["ETag"]
            if time.time() - written < 1.5:
                break
        self.assertRegex(tag, r'^W/"[!#-~]+"$')
        answer = self.ask("/young", "Range: bytes=0-0", f"If-Range: {tag}")
        self.assertEqual(answer.status, 200)
        self.assertRegex(self.ask("/a.txt")["ETag"], r'^"[!#-~]+"$')

    def test_odd_modification_times(self):
        for mtime_s in (-86400 * 365, 0, 1 << 33, (1 << 31) + 5):
            name = f"t{mtime_s}"
            age(self.folder.write(name, "x"), mtime_s)
            answer = self.ask("/" + name)
            self.assertEqual((answer.status, answer.body), (200, b"x"), name)


def expected_status(match, unmodified, none_match, modified):
    """RFC 9110 §13.2.2, each argument None for absent, else whether it is fulfilled."""
    if match is False or (match is None and unmodified is False):
        return 412
    if none_match is False or (none_match is None and modified is False):
        return 304
    return 200


class ConditionMatrixTest(ServedFolder):
    FILES = {"file": "content\n"}

    def test_every_combination(self):
        choices = {
            "If-Match": {True: "{tag}", False: '"other"'},
            "If-Unmodified-Since": {True: "Wed, 15 Nov 2023 00:00:00 GMT",
                                    False: "Mon, 13 Nov 2023 00:00:00 GMT"},
            "If-None-Match": {True: '"other"', False: "{tag}"},
            "If-Modified-Since": {True: "Mon, 13 Nov 2023 00:00:00 GMT",
                                  False: "Wed, 15 Nov 2023 00:00:00 GMT"},
        }
        with Connection(self.server.address) as connection:
            tag = connection.ask("/file")["ETag"]
            for fulfilled in itertools.product((None, True, False), repeat=4):
                fields = [f"{name}: {values[wanted].format(tag=tag)}"
                          for (name, values), wanted in zip(choices.items(), fulfilled)
                          if wanted is not None]
                for method in ("GET", "HEAD"):
                    answer = connection.ask("/file", *fields, method=method)
                    self.assertEqual(answer.status, expected_status(*fulfilled), fields)
                    if answer.status == 304:
                        self.assertEqual(answer["ETag"], tag)


if __name__ == "__main__":
    tap.main()
