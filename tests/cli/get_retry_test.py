"""`spate get` over connections that break, stall and lie about ranges midway."""

import threading

import tap
from get_case import MIB, QUICK, GetTest
from get_server import Peer, Whole, content, dripping, in_turn, only, stalling, status


class RetryTest(GetTest):
    def test_transient_statuses(self):
        data = content(MIB)
        for code in (408, 429, 500, 502, 503, 504, 522, 524):
            with self.subTest(code=code):
                path = f"/{code}"
                self.server.on(path, in_turn(status(code, b"<html>"), Whole(data)))
                self.fetch(path, "-o", "file")
                self.assert_whole(data)
                self.assertEqual(len(self.server.asked(path)), 2)

    def test_gives_up(self):
        self.server.on("/file", status(503, b"<html>"))
        self.assertIn("HTTP 503 Service Unavailable (2 retries)",
                      self.refuse(5, "/file", "--retry", "2"))
        self.assertEqual(len(self.server.asked("/file")), 3)

    def test_waits_as_long_as_it_is_told(self):
        self.server.on("/file", in_turn(status(503, b"", "Retry-After: 1"), Whole(b"hello")))
        result = self.fetch("/file")
        self.assertRegex(result.stderr, r"in [1-9]\.\d s")
        self.server.on("/later", status(503, b"", "Retry-After: 86400"))
        self.assertIn("come back in", self.refuse(5, "/later"))

    def test_a_503_in_the_middle(self):
        data = content(3 * MIB)
        self.server.on("/file", in_turn(Whole(data, send=only(MIB)),
                                        status(503, b"<html>", "Retry-After: 0"), Whole(data)))
        self.fetch("/file")
        self.assert_whole(data)
        self.assertEqual(self.server.asked("/file")[2].range, (MIB, None))

    def test_short_bodies_are_gone_on_with(self):
        data = content(3 * MIB)
        self.server.on("/file", Whole(data, send=only(700_000)))
        self.fetch("/file", "--retry", "1")
        self.assert_whole(data)

    def test_resets_are_gone_on_with(self):
        data = content(2 * MIB)
        cut = Whole(data, send=only(900_000, then=lambda peer: peer.reset()))
        self.server.on("/file", in_turn(cut, cut, Whole(data)))
        self.fetch("/file")
        self.assert_whole(data)

    def test_a_stall_is_noticed(self):
        data = content(2 * MIB)
        stall_at = 900_000

        def send(peer, body):
            before = stall_at - (len(data) - len(body))
            (stalling(self.server, before) if before > 0 else Peer.send)(peer, body)
        self.server.on("/file", Whole(data, send=send))
        self.fetch("/file", "--speed-time", "500ms", "--retry", "100")
        self.assert_whole(data)
        self.assertIn((stall_at, None), [request.range for request in self.server.asked("/file")])

    def test_a_drip_is_a_stall(self):
        data = content(2 * MIB)
        self.server.on("/file", in_turn(
            Whole(data, send=dripping(self.server, step=100)), Whole(data)))
        self.fetch("/file", "--speed-time", "500ms", "--speed-limit", "100k", "--retry", "100")
        self.assert_whole(data)

    def test_an_answer_that_never_comes(self):
        self.server.on("/file", lambda request, peer: self.server.stopping.wait(60))
        self.assertIn("nothing comes", self.refuse(10, "/file", "--speed-time", "100ms",
                                                   "--retry", "1"))

    def test_out_of_time(self):
        self.server.on("/file", Whole(content(9 * MIB), send=stalling(self.server, MIB)))
        for time in ("300ms", "3s", "10s"):  # The first bytes may take some of it.
            self.refuse(11, "/file", "--max-time", time)
            if "file.part" in self.names():
                return
        self.fail("what came was not kept")

    def test_without_a_validator_it_begins_again(self):
        data = content(2 * MIB)
        self.server.on("/file", in_turn(Whole(data, etag="", send=only(MIB)),
                                        Whole(data, etag="")))
        self.fetch("/file")
        self.assert_whole(data)
        self.assertIsNone(self.server.asked("/file")[1].range)

    def test_that_never_gets_further_ends(self):
        self.server.on("/file", Whole(content(2 * MIB), etag="", ranges=False, send=only(MIB)))
        self.refuse(10, "/file", "--retry", "3")
        self.assertEqual(len(self.server.asked("/file")), 4)


class SegmentsTest(GetTest):
    def test_parts_come_over_several_connections(self):
        data = content(16 * MIB)
        self.server.on("/file", Whole(data))
        self.fetch("/file", "-x", "4")
        self.assert_whole(data)
        ranges = [request.range for request in self.server.asked("/file")]
        self.assertEqual(ranges[0], (0, None))
        for begin in (4 * MIB, 8 * MIB, 12 * MIB):
            self.assertIn(begin, [first for first, _ in ranges])

    def test_parts_that_break_are_gone_on_with(self):
        data = content(8 * MIB)
        lots = iter([700_000, 10, 300_000, 1, 500_000, 2_000_000] * 100)

        def cut(peer, body):
            only(next(lots))(peer, body)
        self.server.on("/file", Whole(data, send=cut))
        self.fetch("/file", "-x", "4")
        self.assert_whole(data)

    def test_a_server_without_ranges_gets_one_connection(self):
        data = content(4 * MIB)
        self.server.on("/file", Whole(data, ranges=False))
        self.fetch("/file", "-x", "4")
        self.assert_whole(data)
        self.assertEqual(len(self.server.asked("/file")), 1)

    def test_without_a_validator_one_connection_has_to_do(self):
        data = content(4 * MIB)
        self.server.on("/file", Whole(data, etag=""))
        self.fetch("/file", "-x", "4")
        self.assert_whole(data)
        self.assertEqual(len(self.server.asked("/file")), 1)

    def test_small_files_get_one_connection(self):
        self.server.on("/file", Whole(content(MIB)))
        self.fetch("/file", "-x", "16")
        self.assertEqual(len(self.server.asked("/file")), 1)

    def test_an_empty_file(self):
        self.server.on("/file", Whole(b""))
        self.fetch("/file", "-x", "4")
        self.assert_whole(b"")

    def test_a_file_that_changes_midway(self):
        old, new = content(8 * MIB), content(8 * MIB, 2)
        self.server.on("/file", in_turn(Whole(old, send=only(100_000)),
                                        Whole(old, send=only(50_000)), Whole(new)))
        self.fetch("/file", "-x", "4")
        self.assert_whole(new)

    def test_a_file_that_changes_for_ever(self):
        lock, seed = threading.Lock(), [1]

        def behave(request, peer):
            with lock:
                seed[0] += 1
                data = content(4 * MIB, seed[0])
            Whole(data, send=only(100_000))(request, peer)
        self.server.on("/file", behave)
        self.assertNotEqual(self.get(self.server.url("/file"), "-x", "4", *QUICK).returncode, 0)
        self.assertNotIn("file", self.names())

    def test_a_server_that_wants_fewer_connections(self):
        data = content(8 * MIB)
        busy = threading.Semaphore(1)

        def behave(request, peer):
            if not busy.acquire(blocking=False):
                return status(429, b"slow down")(request, peer)
            try:
                Whole(data, close=True)(request, peer)
            finally:
                busy.release()
        self.server.on("/file", behave)
        self.fetch("/file", "-x", "4", "--retry", "1000")
        self.assert_whole(data)

    def test_nobody_waits_for_a_connection_that_waits_to_try_again(self):
        data = content(8 * MIB)
        reset = threading.Event()

        def second(request, peer):
            reset.set()
            peer.reset()

        def first(peer, body):
            peer.send(body[:MIB])
            reset.wait(20)
            peer.send(body[MIB:])
        self.server.on("/file", in_turn(Whole(data, send=first), second, Whole(data)))
        result = self.get(self.server.url("/file"), "-x", "2", "--retry-delay", "1000s")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assert_whole(data)

    def test_a_slow_connection_is_helped(self):
        data = content(16 * MIB)
        lock, first = threading.Lock(), [True]

        def send(peer, body):
            with lock:
                slow, first[0] = first[0], False
            (dripping(self.server, step=65536) if slow else lambda p, b: p.send(b))(peer, body)
        self.server.on("/file", Whole(data, send=send))
        self.fetch("/file", "-x", "2")
        self.assert_whole(data)
        self.assertGreater(len(self.server.asked("/file")), 2)


if __name__ == "__main__":
    tap.main()
