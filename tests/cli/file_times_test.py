"""`spate serve` of files whose times of change no clock of today gives: before 1970, far ahead."""

import email.utils
import os
import unittest

import tap
from served_folder import MEMORY, ServedFolder
from spate_cli import wait_for

# The last second that ext4 has lies in 2446; what a file system cannot hold it brings nearer.
PAST = {"long-ago": -10_000_000_000, "before": -1_000_000_000, "eve": -1, "zero": 0}
AHEAD = {"soon": 4_000_000_000, "last-of-64-bits": 9_223_372_036, "after": 9_223_372_037,
         "ext4": 15_032_385_535, "year-5138": 100_000_000_000, "never": (1 << 63) - 1}


def seconds(date):
    return int(email.utils.parsedate_to_datetime(date).timestamp())


class FileTimesTest(ServedFolder):
    FILES = {name: "old" for name in [*PAST, *AHEAD, *(f"changing-{name}" for name in AHEAD)]}

    @classmethod
    def prepare(cls):
        for name in cls.FILES:
            mtime_s = (PAST | AHEAD)[name.removeprefix("changing-")]
            os.utime(cls.folder / name, (mtime_s, mtime_s))

    def test_a_time_before_today_is_told_as_it_is(self):
        for name in PAST:
            with self.subTest(name):
                mtime_s = int(os.stat(self.folder / name).st_mtime)
                answer = self.ask(f"/{name}")
                self.assertEqual((answer.status, answer.body), (200, b"old"))
                # In nanoseconds 64 bits begin in 1677.
                self.assertEqual(seconds(answer["Last-Modified"]), max(mtime_s, -9_223_372_037))
                date = answer["Last-Modified"]
                self.assertEqual(self.ask(f"/{name}", f"If-Modified-Since: {date}").status, 304)
                earlier = email.utils.formatdate(seconds(date) - 86400, usegmt=True)
                self.assertEqual(self.ask(f"/{name}", f"If-Modified-Since: {earlier}").status, 200)

    def test_a_time_to_come_is_the_answers_own(self):
        for name in AHEAD:
            with self.subTest(name):
                answer = self.ask(f"/{name}")
                self.assertEqual((answer.status, answer.body), (200, b"old"))
                self.assertTrue(answer["ETag"].startswith("W/"), answer["ETag"])
                told_s = seconds(answer["Last-Modified"])
                self.assertLessEqual(told_s, seconds(answer["Date"]))
                self.assertGreater(told_s, seconds(answer["Date"]) - 60)
                self.assertGreaterEqual(seconds(self.ask(f"/{name}")["Last-Modified"]), told_s)

    def test_a_change_that_leaves_the_time_ahead_is_seen(self):
        for name in (f"changing-{name}" for name in AHEAD):
            with self.subTest(name):
                path = self.folder / name
                mtime_ns = os.stat(path).st_mtime_ns
                date = self.ask(f"/{name}")["Last-Modified"]
                path.write_bytes(b"changed")
                os.utime(path, ns=(mtime_ns, mtime_ns))
                answer = wait_for(lambda: self.modified(name, date), f"{name} is sent again")
                self.assertEqual(answer.body, b"changed")

    def modified(self, name, since):
        answer = self.ask(f"/{name}", f"If-Modified-Since: {since}")
        return answer if answer.status == 200 else None


@unittest.skipUnless(MEMORY, "there is no /dev/shm")
class FileTimesInMemoryTest(FileTimesTest):
    PARENT = MEMORY


if __name__ == "__main__":
    tap.main()
