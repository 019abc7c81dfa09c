"""`spate get` onto a disk that makes it wait: nothing else waits with it."""

import fcntl
import signal
import time
import unittest

import tap
from get_server import Server, Whole, content
from slow_disk import SlowDisk, why_not
from spate_cli import Folder, Program, wait_for

SLOW = content(4 << 20)
QUICK = content(1 << 20, seed=2)


@unittest.skipIf(why_not(), why_not())
class SlowDiskTest(unittest.TestCase):
    def setUp(self):
        self.disk = self.enterContext(SlowDisk())
        self.server = self.enterContext(Server())
        self.server.on("/slow", Whole(SLOW, etag='"a"'))
        self.server.on("/quick", Whole(QUICK, etag='"b"'))
        self.server.on("/silent", lambda _request, peer: self.server.stopping.wait())

    def get(self, *paths, options=()):
        program = Program("get", *options, *map(self.server.url, paths), cwd=self.disk.path)
        self.addCleanup(program.__exit__)
        # First: what the disk holds cannot even be killed. None reads its answer any more.
        self.addCleanup(self.disk.server.kill)
        return program

    def hold(self, operation):
        self.disk.hold(operation, "slow")

    def check(self, program):
        self.assertEqual(program.wait(), 0, program.describe())
        self.assertEqual((self.disk / "slow").read_bytes(), SLOW)

    def test_another_file_is_written_meanwhile(self):
        for operation in ("write", "rename"):
            with self.subTest(operation):
                # In another folder: the kernel locks that of a file that is being renamed.
                elsewhere = self.enterContext(Folder())
                self.hold(operation)
                program = self.get("/slow", "/quick",
                                   options=("-o", "slow", "-o", elsewhere / "quick"))
                self.disk.wait_until_held()
                program.wait_for_output("quick: ")
                self.disk.release()
                self.check(program)
                self.assertEqual((elsewhere / "quick").read_bytes(), QUICK)
                (self.disk / "slow").unlink()

    def test_over_several_connections_too(self):
        self.hold("write")
        program = self.get("/slow", "/quick", options=("-x", "4"))
        self.disk.wait_until_held()
        program.wait_for_output("quick: ")
        self.disk.release()
        self.check(program)

    def test_an_interrupt_is_heard_and_the_part_kept(self):
        # Something is written and noted before the disk is out of breath.
        program = self.get("/slow", "/silent", options=("--limit-rate", "1M"))
        part = self.disk / "slow.part"
        wait_for(lambda: part.exists() and part.stat().st_size > 1 << 20, "a part")
        self.hold("write")
        self.disk.wait_until_held()
        program.signal(signal.SIGINT)
        program.wait_for_output("silent: interrupted")
        self.disk.release()
        self.assertEqual(program.wait(), 130, program.describe())
        self.assertGreater(part.stat().st_size, 1 << 20)
        asked = len(self.server.asked("/slow"))
        self.check(self.get("/slow"))
        resumed = self.server.asked("/slow")[asked]
        self.assertGreaterEqual(resumed.range[0], 1 << 20)

    def test_what_the_disk_holds_is_left_to_it(self):
        """Nobody waits for longer than the grace. The kernel does, here: until the release."""
        for options, number, code in (((), signal.SIGINT, 130), ((), signal.SIGTERM, 143),
                                      (("-m", "2"), None, 11)):
            for operation in ("write", "rename"):
                with self.subTest(operation, code=code):
                    self.hold(operation)
                    program = self.get("/slow", options=options)
                    self.disk.wait_until_held()
                    if number:
                        program.signal(number)
                    program.wait_for_output("slow: .*, and its disk does not answer; .* is kept")
                    self.disk.release()
                    self.assertEqual(program.wait(), code, program.describe())
                    wait_for(self.part_is_free, "the lock of the part")
                    self.check(self.get("/slow"))
                    (self.disk / "slow").unlink()

    def part_is_free(self):
        """The kernel ends what a ring has under way, and with it a lock, after the process."""
        try:
            with open(self.disk / "slow.part", "rb") as part:
                fcntl.flock(part, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except FileNotFoundError:
            return True
        except BlockingIOError:
            return False
        return True

    def test_the_server_is_not_blamed(self):
        self.hold("write")
        program = self.get("/slow", options=("--speed-time", "200ms"))
        self.disk.wait_until_held()
        time.sleep(1)  # On purpose: it is time that must not count.
        self.disk.release()
        self.check(program)
        self.assertEqual(len(self.server.asked("/slow")), 1)


if __name__ == "__main__":
    tap.main()
