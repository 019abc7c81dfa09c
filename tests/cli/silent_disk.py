"""A file system (FUSE) that stops answering when a test says so.

    with SilentDisk(folder / "disk", {"a.txt": b"hello"}) as disk:
        disk.hold("open")                 # From now on no open is answered ...
        disk.wait_for("open /a.txt")      # ... and somebody waits in one.
        disk.release()
        disk.freeze()                     # Nor is anything else even read.

Also the program that answers: it is told by lines on its standard input.
"""

import contextlib
import errno
import os
import platform
import signal
import stat
import subprocess
import sys
import threading
import unittest
from pathlib import Path

from spate_cli import wait_for

try:
    import fusepy
except ImportError:
    fusepy = None

MODIFIED_S = 1_700_000_000
# The number of read(2), as /proc/PID/task/*/syscall has it.
READ = "0" if platform.machine() == "x86_64" else "63"
STEP = 1 << 20  # Reads are held from this offset on, so that a transfer has begun by then.


class SilentDisk:
    """Mounted where `point` is, which is made. Skips the test where it may not be."""

    def __init__(self, point, files):
        if fusepy is None:
            raise unittest.SkipTest("python3-fusepy is not installed")
        if not os.access("/dev/fuse", os.W_OK) or os.geteuid() != 0:
            raise unittest.SkipTest("mounting a FUSE file system takes root and /dev/fuse")
        self.point, self.seen = str(point), []
        os.makedirs(self.point, exist_ok=True)
        sizes = [f"{name}={len(content)}" for name, content in files.items()]
        self.process = subprocess.Popen(
            [sys.executable, __file__, self.point, *sizes], text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.arrived = threading.Condition()
        self.reader = threading.Thread(target=self._collect, daemon=True)
        self.reader.start()
        try:
            self.wait_for("init /")
        except AssertionError as error:
            self.close()
            raise unittest.SkipTest(f"no FUSE mount to be had: {error}") from error

    def _collect(self):
        for line in self.process.stdout:
            with self.arrived:
                self.seen.append(line.strip())
                self.arrived.notify_all()
        with self.arrived:
            self.seen.append("end")
            self.arrived.notify_all()

    def hold(self, *operations):
        self._tell("hold " + " ".join(operations))

    def release(self):
        self._tell("hold")

    def _tell(self, line):
        with self.arrived:
            self.seen.clear()
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        self.wait_for("told")

    def freeze(self):
        """Not one request more is read, and none is in its hands: whoever sent one can be killed,
        which the kernel does not let happen to who sent what was read and is not answered."""
        wait_for(self._stops_idle, "a moment without a request")

    def _stops_idle(self):
        self.process.send_signal(signal.SIGSTOP)
        wait_for(lambda: set(self._states()) == {"T"}, "all of its threads to stop")
        # All but the first, which waits for the others, wait for a request or for a line.
        busy = sum(call != READ for call in self._of_threads("syscall"))
        if busy > 1:
            self.thaw()
        return busy <= 1

    def _states(self):
        return [stat.rpartition(")")[2].split()[0] for stat in self._of_threads("stat")]

    def _of_threads(self, name):
        found = []
        for path in Path(f"/proc/{self.process.pid}/task").glob(f"*/{name}"):
            with contextlib.suppress(FileNotFoundError):
                text = path.read_text()
                found.append(text if name == "stat" else text.split()[0])
        return found

    def thaw(self):
        self.process.send_signal(signal.SIGCONT)

    def wait_for(self, operation, count=1):
        """Until `operation` ("open /a.txt") is held, so many times since the last hold()."""
        with self.arrived:
            there = self.arrived.wait_for(
                lambda: "end" in self.seen or self.seen.count(operation) >= count, timeout=20)
            if not there or "end" in self.seen:
                raise AssertionError(f"no {operation!r} of {self.seen}")

    def close(self):
        """Whoever still waits is told that the connection is gone (ENOTCONN)."""
        subprocess.run(["umount", "-l", self.point], check=False, capture_output=True)
        self.process.kill()
        self.process.wait()
        self.reader.join()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            stream.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


class Answers(fusepy.Operations if fusepy else object):
    def __init__(self, sizes):
        self.sizes = sizes
        self.held = set()
        self.changed = threading.Condition()

    def __call__(self, operation, path, *arguments):
        with self.changed:
            late = operation != "read" or arguments[1] >= STEP or self.sizes[path] < STEP
            if operation in self.held and late:
                print(operation, path, flush=True)
                self.changed.wait_for(lambda: operation not in self.held)
        return super().__call__(operation, path, *arguments)

    def obey(self):
        print("init /", flush=True)
        for line in sys.stdin:
            with self.changed:
                self.held = set(line.split()[1:])
                self.changed.notify_all()
            print("told", flush=True)

    def init(self, path):
        threading.Thread(target=self.obey, daemon=True).start()

    def getattr(self, path, fh=None):
        times = {"st_mtime": MODIFIED_S, "st_ctime": MODIFIED_S, "st_atime": MODIFIED_S}
        if path == "/":
            return {"st_mode": stat.S_IFDIR | 0o755, "st_nlink": 2, **times}
        if path not in self.sizes:
            raise fusepy.FuseOSError(errno.ENOENT)
        return {"st_mode": stat.S_IFREG | 0o644, "st_nlink": 1, "st_size": self.sizes[path],
                **times}

    def readdir(self, path, fh):
        return [".", "..", *(name[1:] for name in self.sizes)]

    def open(self, path, flags):
        return 0

    def read(self, path, size, offset, fh):
        return bytes(max(0, min(size, self.sizes[path] - offset)))

    def flush(self, path, fh):
        # The kernel then asks no more: a process that ends would wait for the answer.
        raise fusepy.FuseOSError(errno.ENOSYS)


def main():
    point, *sizes = sys.argv[1:]
    known = {"/" + name: int(size) for name, size in (each.split("=") for each in sizes)}
    fusepy.FUSE(Answers(known), point, foreground=True, attr_timeout=0, entry_timeout=0,
                allow_other=True)


if __name__ == "__main__":
    main()
