"""What the tests of `spate get` share: a folder to fetch into, a server to fetch from."""

import hashlib
import unittest

from get_server import Server
from spate_cli import Folder, run

MIB = 1 << 20
QUICK = ("--retry-delay", "10ms")


class GetTest(unittest.TestCase):
    def setUp(self):
        self.folder = self.enterContext(Folder())
        self.server = self.enterContext(Server())

    def get(self, *arguments, **options):
        return run("get", *arguments, cwd=self.folder.path, **options)

    def fetch(self, path, *arguments):
        """Fetches `path` into the folder; fails the test unless that went well."""
        result = self.get(self.server.url(path), *QUICK, *arguments)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result

    def refuse(self, code, path, *arguments):
        """Fetches `path` and wants that exit code, one line about it, and no file."""
        result = self.get(self.server.url(path), *QUICK, *arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertTrue(result.stderr.startswith("spate get: http://127.0.0.1:"), result.stderr)
        self.assertNotIn("\x1b", result.stderr)
        return result.stderr

    def read(self, name="file"):
        return (self.folder / name).read_bytes()

    def names(self):
        return sorted(entry.name for entry in self.folder.path.iterdir())

    def assert_whole(self, data, name="file"):
        self.assertEqual(hashlib.sha256(self.read(name)).hexdigest(),
                         hashlib.sha256(data).hexdigest())
        self.assertEqual(self.names(), [name])
