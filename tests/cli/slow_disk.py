"""A file system in memory that makes whoever changes it wait: a disk out of breath, a server far
away. For root, with python3-fusepy."""

import errno
import os
import select
import stat
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from spate_cli import PATIENCE_S, wait_for

try:
    import fusepy
except ImportError:
    fusepy = None


def why_not():
    """What is missing for it, or None."""
    if fusepy is None:
        return "no python3-fusepy"
    if os.geteuid() != 0 or not os.access("/dev/fuse", os.W_OK):
        return "no FUSE for this user"
    return None


class SlowDisk:
    """`hold("write", "name")` makes writes to files whose names begin so wait until `release()`;
    `wait_until_held` waits until one does. Operations: write, rename. Its server is a process of
    its own, so that a test may wait for it."""

    def __init__(self):
        self.path = Path(tempfile.mkdtemp(prefix="spate-disk-"))
        self.server = subprocess.Popen([sys.executable, __file__, self.path], bufsize=0,
                                       stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        wait_for(lambda: os.path.ismount(self.path), "a mount")

    def _tell(self, *words):
        self.server.stdin.write(" ".join(words).encode() + b"\n")
        self._await(words[0])

    def _await(self, wanted):
        if not select.select([self.server.stdout], [], [], PATIENCE_S)[0]:
            raise TimeoutError(f"the disk: {wanted}: not within {PATIENCE_S:g} s")
        told = self.server.stdout.readline().decode().strip()
        if told != wanted:
            raise OSError(f"the disk said {told!r}, wanted {wanted!r}")

    def hold(self, operation, name):
        self._tell("hold", operation, name)

    def wait_until_held(self):
        self._await("held")

    def release(self):
        self._tell("release")

    def __truediv__(self, name):
        return self.path / name

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.path], check=False)
        self.server.kill()  # What it still holds ends with an error.
        self.server.communicate()
        self.path.rmdir()


class _Gate:
    """What the test says on standard input; what happens, on standard output."""

    def __init__(self):
        self.lock = threading.Lock()
        self.holding = None
        self.free = threading.Event()

    def obey(self):
        for line in sys.stdin:
            command, *words = line.split()
            with self.lock:
                self.holding = words
                self.told = False
            if command == "hold":
                self.free.clear()
            else:
                self.free.set()
            print(command, flush=True)
        os._exit(0)  # The test has ended.

    def pass_by(self, operation, path):
        with self.lock:
            if not self.holding or self.holding[0] != operation or \
                    not path.lstrip("/").startswith(self.holding[1]):
                return
            if not self.told:
                print("held", flush=True)
            self.told = True
        self.free.wait()


class _Operations(fusepy.Operations if fusepy else object):
    def __init__(self, gate):
        self.gate = gate
        self.files = {}
        self.mutex = threading.Lock()

    def _file(self, path):
        try:
            return self.files[path]
        except KeyError:
            raise fusepy.FuseOSError(errno.ENOENT) from None

    def getattr(self, path, handle=None):
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2}
        with self.mutex:
            return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1,
                    "st_size": len(self._file(path)), "st_mtime": time.time()}

    def readdir(self, path, handle):
        return [".", "..", *(name[1:] for name in self.files)]

    def create(self, path, mode, info=None):
        with self.mutex:
            self.files[path] = bytearray()
        return 1

    def open(self, path, flags):
        self._file(path)
        return 1

    def read(self, path, size, offset, handle):
        with self.mutex:
            return bytes(self._file(path)[offset:offset + size])

    def write(self, path, data, offset, handle):
        self.gate.pass_by("write", path)
        with self.mutex:
            content = self._file(path)
            content.extend(bytes(max(0, offset - len(content))))
            content[offset:offset + len(data)] = data
        return len(data)

    def truncate(self, path, length, handle=None):
        with self.mutex:
            content = self._file(path)
            del content[length:]
            content.extend(bytes(length - len(content)))

    def rename(self, old, new):
        self.gate.pass_by("rename", old)
        with self.mutex:
            self.files[new] = self._file(old)
            del self.files[old]

    def unlink(self, path):
        with self.mutex:
            self._file(path)
            del self.files[path]

    def utimens(self, path, times=None):
        return 0

    def chmod(self, path, mode):
        return 0

    def statfs(self, path):
        return {"f_bsize": 4096, "f_frsize": 4096, "f_blocks": 1 << 20, "f_bavail": 1 << 20,
                "f_bfree": 1 << 20}


if __name__ == "__main__":
    gate = _Gate()
    threading.Thread(target=gate.obey, daemon=True).start()
    fusepy.FUSE(_Operations(gate), sys.argv[1], foreground=True, big_writes=True)
