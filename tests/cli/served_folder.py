"""A folder that is served for a whole class of tests."""

import os
import random
import unittest
from urllib.parse import quote_from_bytes

from raw_http import ask
from spate_cli import Folder, Serve

LONG_AGO_S = 1700000000
MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None  # A file system that is one.


def url_path(name):
    return "/" + quote_from_bytes(os.fsencode(name))


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def age(path, mtime_s=LONG_AGO_S):
    """Makes the file old enough for a strong entity tag."""
    os.utime(path, (mtime_s, mtime_s))
    return path


class ServedFolder(unittest.TestCase):
    """A folder of FILES, served with ARGUMENTS for a whole class."""

    FILES, ARGUMENTS, PARENT = {}, (), None

    @classmethod
    def setUpClass(cls):
        cls.folder = cls.enterClassContext(Folder(cls.FILES, cls.PARENT))
        for name in cls.FILES:
            age(cls.folder / name)
        cls.prepare()
        cls.server = cls.enterClassContext(Serve(cls.folder.path, *cls.ARGUMENTS))

    @classmethod
    def prepare(cls):
        """More of the folder than FILES can say."""

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def ask(self, target, *fields, **parts):
        return ask(self.server.address, target, *fields, **parts)
