"""A signal that comes at the very end: in the same turn of the loop as the news that all is over.

That moment is made by ptrace(2): the control thread is held while the other threads end and while
the signal is sent, so that it finds both at once."""

import contextlib
import ctypes
import os
import signal
import time
import unittest

import tap
from raw_http import Connection, request
from spate_cli import Folder, Program, Serve, wait_for

SEIZE, INTERRUPT, DETACH = 0x4206, 0x4207, 17
WALL = 0x40000000
RATE, DURATION_S = 20, 2


def ptrace(what, pid):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    if libc.ptrace(what, pid, None, None) < 0:
        raise OSError(ctypes.get_errno(), f"ptrace: {os.strerror(ctypes.get_errno())}")


@contextlib.contextmanager
def held(pid):
    """The first thread of a process stands still, the others go on."""
    try:
        ptrace(SEIZE, pid)
    except PermissionError as error:
        raise unittest.SkipTest(f"tracing is not allowed here: {error}") from error
    ptrace(INTERRUPT, pid)
    os.waitpid(pid, WALL)
    try:
        yield
    finally:
        ptrace(DETACH, pid)


def threads(pid):
    return len(os.listdir(f"/proc/{pid}/task"))


class LastSignalTest(unittest.TestCase):
    def serve(self, *arguments):
        folder = self.enterContext(Folder({"a.txt": "hello\n", "big": bytes(16 << 20)}))
        return self.enterContext(Serve(folder.path, "--cores", 1, *arguments))

    def test_serve_ends_although_its_log_is_to_be_reopened(self):
        logs = self.enterContext(Folder())
        server = self.serve("--access-log", logs / "access.log", "--grace", "10m")
        with Connection(server.address, receive_buffer=4096) as client:
            client.send(request("/big"))
            self.assertEqual(client.head().status, 200)
            server.signal(signal.SIGTERM)
            server.wait_for_output("stopping")
            pid = server.process.pid
            running = threads(pid)
            with held(pid):
                client.close()
                wait_for(lambda: threads(pid) < running, "the core to end")
                server.signal(signal.SIGHUP)
        self.assertEqual(server.wait(), 0)

    def test_load_reports_although_it_is_interrupted(self):
        log = self.enterContext(Folder()) / "access.log"
        server = self.serve("--access-log", log)
        load = self.enterContext(Program(
            "load", "-c", 1, "-t", 1, "-R", RATE, "-d", DURATION_S, "--warmup", 0,
            server.url + "a.txt"))
        most = RATE * DURATION_S * 3 // 4
        wait_for(lambda: log.read_text().count("\n") >= most, "most of the requests")
        held_at = time.monotonic()
        with held(load.process.pid):
            # The worker keeps the run's time by itself, and tells nobody but the held thread.
            wait_for(lambda: time.monotonic() > held_at + DURATION_S, "the run's time to pass")
            load.signal(signal.SIGINT)
        load.wait()
        self.assertIn("requests", load.stdout, load.describe())


if __name__ == "__main__":
    tap.main()
