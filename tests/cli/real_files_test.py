"""`spate serve` of real input, a machine's own documentation and a file of 5 GiB, fetched by
`spate get`, curl, wget and aria2: what arrives has the digests of what is there."""

import hashlib
import os
import shutil
import subprocess
import unittest
from pathlib import Path

import tap
from served_folder import MEMORY, ServedFolder, age, url_path
from spate_cli import Folder, Serve, run

DOCUMENTS = Path("/usr/share/doc")
MOST_FILES, MOST_BYTES = 700, 32 << 20  # Of the documents.
LIMIT_S = 100


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


class Downloads(unittest.TestCase):
    """Fetches into a folder of its own."""

    PARENT = None

    def setUp(self):
        self.out = self.enterContext(Folder(parent=self.PARENT)).path

    def client(self, *command):
        if shutil.which(command[0]) is None:
            self.skipTest(f"there is no {command[0]}")
        done = subprocess.run(command, cwd=self.out, capture_output=True, timeout=LIMIT_S,
                              env={"PATH": os.environ["PATH"], "HOME": str(self.out),
                                   "LC_ALL": "C.UTF-8", "no_proxy": "*"})
        self.assertEqual(done.returncode, 0, (done.stdout + done.stderr)[-2000:])

    def get(self, *arguments):
        done = run("get", *arguments, cwd=self.out, timeout=LIMIT_S)
        self.assertEqual(done.returncode, 0, done.stderr[-2000:])
        return done


def chosen_documents():
    """Whole folders of the documents, up to a limit: {folder: [path beneath the documents]}."""
    chosen, count, total = {}, 0, 0
    for top in sorted(DOCUMENTS.iterdir()):
        if top.is_symlink() or not top.is_dir() or top.name.startswith("."):
            continue
        files = [path for path in top.rglob("*") if path.is_file() and not path.is_symlink()
                 and not any(part.startswith(".") for part in path.relative_to(top).parts)]
        count, total = count + len(files), total + sum(path.stat().st_size for path in files)
        if count > MOST_FILES or total > MOST_BYTES:
            break
        chosen[top.name] = [path.relative_to(DOCUMENTS) for path in files]
    return chosen


@unittest.skipUnless(DOCUMENTS.is_dir(), f"there is no {DOCUMENTS}")
class DocumentsTest(Downloads):
    @classmethod
    def setUpClass(cls):
        cls.folders = chosen_documents()
        cls.files = [path for files in cls.folders.values() for path in files]
        cls.server = cls.enterClassContext(Serve(DOCUMENTS))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def url(self, path):
        return self.server.url.rstrip("/") + url_path(path)

    def check(self, name_of):
        """Each file arrived, under the name that `name_of` gives for its number and path."""
        for number, path in enumerate(self.files):
            self.assertEqual(digest(self.out / name_of(number, path)), digest(DOCUMENTS / path),
                             path)

    def test_spate_get(self):
        self.get("-q", "-r", *(self.url(folder) + "/" for folder in self.folders))
        self.check(lambda _, path: path)

    def test_curl(self):
        (self.out / "list").write_text("\n".join(
            f'url = "{self.url(path)}"\noutput = "{number}"'
            for number, path in enumerate(self.files)))
        self.client("curl", "-sS", "--fail", "-K", "list")
        self.check(lambda number, _: str(number))

    def test_wget(self):
        (self.out / "list").write_text("\n".join(map(self.url, self.files)))
        self.client("wget", "-nv", "-x", "-nH", "--restrict-file-names=nocontrol", "-i", "list")
        self.check(lambda _, path: path)

    def test_aria2(self):
        (self.out / "list").write_text("\n".join(
            f"{self.url(path)}\n out={number}" for number, path in enumerate(self.files)))
        self.client("aria2c", "-q", "--no-conf", "-j", "16", "--file-allocation=none", "-i", "list")
        self.check(lambda number, _: str(number))


class HugeFileTest(Downloads, ServedFolder):
    """5 GiB, most of them a hole. What is there already when a client goes on is one as well."""

    PARENT = MEMORY  # There holes take neither memory nor time.
    SIZE = 5 << 30
    HERE = SIZE - (64 << 20)
    MARKS = {0: b"the beginning", (4 << 30) - 3: b"across 4 GiB", HERE - 3: b"across the joint",
             SIZE - 7: b"the end"}

    @classmethod
    def fill(cls, path, size):
        with open(path, "wb") as file:
            os.truncate(file.fileno(), size)
            for offset, text in cls.MARKS.items():
                os.pwrite(file.fileno(), text[:max(size - offset, 0)], offset)

    @classmethod
    def prepare(cls):
        cls.fill(cls.folder / "huge", cls.SIZE)
        age(cls.folder / "huge")

    def begin(self, name="huge"):
        self.fill(self.out / name, self.HERE)

    def tail(self, path):
        with open(path, "rb") as file:
            file.seek(self.HERE - 4096)
            return hashlib.file_digest(file, "sha256").hexdigest()

    def check(self):
        self.assertEqual((self.out / "huge").stat().st_size, self.SIZE)
        self.assertEqual(self.tail(self.out / "huge"), self.tail(self.folder / "huge"))

    def test_spate_get_of_all_of_it(self):
        self.get("-o", "/dev/null", "--sha256", digest(self.folder / "huge"),
                 self.server.url + "huge")

    def test_spate_get_goes_on(self):
        self.begin("huge.part")
        self.get("-c", self.server.url + "huge")
        self.check()

    def test_spate_get_goes_on_over_several_connections(self):
        self.begin()
        self.get("-c", "-x", "4", self.server.url + "huge")
        self.check()

    def test_curl_goes_on(self):
        self.begin()
        self.client("curl", "-sS", "--fail", "-C", "-", "-O", self.server.url + "huge")
        self.check()

    def test_wget_goes_on(self):
        self.begin()
        self.client("wget", "-nv", "-c", self.server.url + "huge")
        self.check()

    def test_aria2_goes_on(self):
        self.begin()
        self.client("aria2c", "-q", "--no-conf", "-c", "--file-allocation=none",
                    self.server.url + "huge")
        self.check()


if __name__ == "__main__":
    tap.main()
