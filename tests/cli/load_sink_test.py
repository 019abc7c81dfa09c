"""One-way loads against `spate load --sink`: whether both ends agree, and what the far end makes
of everything else that may come."""

import json
import re
import select
import signal
import socket
import struct
import time
import unittest
from pathlib import Path

import tap
from load_sink_case import (ANSWER, COUNTING, KNOCK, WARM_UP, Control, FlowCase, Relay, Sink,
                            StreamCase, accounted, client_arguments, datagram, load, preamble)
from own_network import in_network
from process_state import sockets
from spate_cli import PATIENCE_S, Program, run, wait_for
from talk_case import in_background, unused_port


def socket_drops(port):
    """What the kernel has dropped at datagram sockets of this port (proc(5), /proc/net/udp)."""
    lines = Path("/proc/net/udp").read_text().splitlines()[1:]
    return sum(int(line.split()[-1]) for line in lines
               if int(line.split()[1].split(":")[1], 16) == port)


def receive_buffer_errors():
    names, values = re.findall(r"^Udp: (.*)$", Path("/proc/net/snmp").read_text(), re.MULTILINE)
    return int(dict(zip(names.split(), values.split()))["RcvbufErrors"])


class StreamTest(StreamCase):
    def test_to_the_far_end(self):
        for options in ((), ("--size", 64), ("--size", 100), ("--size", "3M"), ("-c", 5),
                        ("-c", 4, "-t", 2), ("--warmup", "0.2")):
            with self.subTest(options=options):
                totals, streams = self.check(load(self.sink.url, *options))
                self.assertEqual(streams["bytes_to_far_end"], totals["bytes_out"])
                self.assertEqual(streams["bytes_from_far_end"], 0)

    def test_a_start_at_an_instant(self):
        for way in ((), ("--reverse",), ("--bidir",)):
            for at, wait_s in (("+700ms", 0.7), ("@1000000000", 0)):
                with self.subTest(way=way, at=at):
                    begun = time.time()
                    report = load(self.sink.url, *way, "--at", at)
                    self.check(report)
                    self.assertGreaterEqual(report["run"]["started"], (begun + wait_s) * 1e9)

    def test_from_the_far_end(self):
        for options in ((), ("--size", 100), ("-c", 3)):
            with self.subTest(options=options):
                totals, streams = self.check(load(self.sink.url, "--reverse", *options))
                self.assertEqual(streams["bytes_from_far_end"], totals["bytes_in"])
                self.assertEqual(streams["bytes_to_far_end"], 0)

    def test_both_ways(self):
        totals, streams = self.check(load(self.sink.url, "--bidir", "-c", 2))
        self.assertEqual(streams["bytes_to_far_end"], totals["bytes_out"])
        self.assertGreater(streams["bytes_from_far_end"], 0)

    def test_a_count_and_a_rate(self):
        totals, streams = self.check(load(self.sink.url, "-n", 1000, "--size", 1000))
        self.assertEqual((totals["ok"], streams["bytes_to_far_end"]), (1000, 1000000))
        totals, _ = self.check(load(self.sink.url, "--rate", 1000, "-d", 0.5, "--size", 1000))
        self.assertEqual(totals["planned"], 500)

    def test_a_rate_of_the_far_end_that_rises(self):
        report = load(self.sink.url, "--reverse", "--rate", "1k..9k/1s", "-d", 1, "--size", 100)
        self.check(report)
        self.assertEqual(report["plan"]["rate_shape"], "1k..9k/1s")

    def test_a_rate_that_the_far_end_cannot_keep(self):
        for way in ("--reverse", "--bidir"):
            with self.subTest(way):
                report = load(self.sink.url, way, "--rate", "1M", "--size", "1M")
                self.assertIn("rate_missed", [warning["code"] for warning in report["warnings"]])
                self.assertTrue(any("far end" in warning["text"]
                                    for warning in report["warnings"]), report["warnings"])

    def test_the_far_end_counts_what_it_sent(self):
        with Control(self.sink.address) as control:
            self.assertEqual(control.hello(7, direction="receive", message_bytes=100),
                             {"ok": True})
            with socket.create_connection(self.sink.address, PATIENCE_S) as stream:
                stream.sendall(preamble(7, 1))
                self.assertEqual(control.ask(do="start-measured"), {"ok": True})
                received = len(stream.recv(100, socket.MSG_WAITALL))
                control.tell(do="stop")
                while piece := stream.recv(1 << 20):
                    received += len(piece)
                counts = json.loads(control.file.readline())
        self.assertEqual(counts["bytes_sent"], received)
        self.assertEqual(counts["messages_sent"] * 100, received)
        self.assertEqual(counts["bytes_received"], 0)

    def test_once(self):
        with Sink("tcp", "--once") as sink:
            load(sink.url, "-n", 10)
            self.assertEqual(sink.wait(), 0)


class FlowTest(FlowCase):
    def test_to_the_far_end(self):
        sink = self.sink()
        for options in ((), ("--size", 64), ("--no-gso",), ("--size", 32), ("-c", 3),
                        ("--size", 9000), ("--warmup", "0.2")):
            with self.subTest(options=options):
                totals, udp = self.check(load(sink.url, *options))
                self.assertEqual(udp["received"] + udp["lost"] - udp["loss_split"]["sender"],
                                 totals["sent"])
                self.assertEqual(udp["loss_split"]["unexplained"], 0)

    def test_from_the_far_end(self):
        sink = self.sink()
        for options in ((), ("--no-gso",), ("-c", 2), ("--warmup", "0.2")):
            with self.subTest(options=options):
                totals, udp = self.check(load(sink.url, "--reverse", *options))
                self.assertEqual(udp["received"], totals["ok"])
                self.assertEqual(udp["loss_split"]["unexplained"], 0)

    def test_both_ways(self):
        totals, udp = self.check(load(self.sink().url, "--bidir", "-c", 2))
        self.assertEqual(udp["loss_split"]["unexplained"], 0)
        self.assertGreater(totals["bytes_out"], 0)
        self.assertGreater(totals["bytes_in"], 0)

    def test_several_threads(self):
        sink = self.sink("--threads", 2)
        for direction in ((), ("--reverse",)):
            self.check(load(sink.url, "-c", 4, "-t", 2, "--rate", "20k", *direction))

    def test_a_rate(self):
        totals, _ = self.check(load(self.sink().url, "--rate", 2000, "-d", 0.5))
        self.assertEqual(totals["planned"], 1000)

    def check_loss(self, compare):
        """`compare`s what the kernel counted of the whole system with what is lost here."""
        sink = self.sink("--receive-buffer", 4096)
        errors = receive_buffer_errors()
        total = 0
        for options in (("-n", 20000), ("-n", 20000, "-c", 2), ("--rate", "50k")):
            before = socket_drops(sink.port)
            _, udp = self.check(load(sink.url, "--no-gso", "--size", 64, *options))
            drops = socket_drops(sink.port) - before
            self.assertEqual(udp["lost"], drops)
            self.assertEqual(udp["loss_split"]["receiver_buffer"], drops)
            total += drops
        self.assertGreater(total, 0)
        compare(receive_buffer_errors() - errors, total)

    def test_loss_is_what_the_kernel_counts(self):
        self.check_loss(self.assertGreaterEqual)  # The whole system's: others take part.

    @in_network("ip link set lo up")
    def test_loss_is_all_that_the_kernel_counts_in_a_network_of_its_own(self):
        self.check_loss(self.assertEqual)

    def test_a_lost_run_is_as_many_datagrams_as_are_in_it(self):
        sink = self.sink("--receive-buffer", 4096)
        before = socket_drops(sink.port)
        _, udp = self.check(load(sink.url, "-n", 100000, "--size", 64))
        drops = socket_drops(sink.port) - before
        self.assertEqual(udp["received"] + udp["lost"], 100000)
        self.assertEqual(udp["loss_split"]["receiver_buffer"], udp["lost"])
        # The kernel counts a run of up to 64 that it drops as one.
        self.assertLessEqual(drops, udp["lost"])
        self.assertLessEqual(udp["lost"], 64 * drops)
        done = run(*client_arguments(sink.url, "-n", 100000, "--slo", "errors<=0%"))
        self.assertEqual((done.returncode, json.loads(done.stdout)["slo"][0]["ok"]), (3, False))

    def test_the_network_loses_doubles_and_reorders(self):
        def forward(kind, number):
            return {3: 0, 5: 2, 7: None}.get(number % 10, 1) if kind == COUNTING else 1

        sink = self.sink()
        relay = Relay(sink.address, forward)
        self.addCleanup(relay.close)
        in_background(relay.run)
        url = f"udp://127.0.0.1:{relay.address[1]}"
        # Slow enough for the relay, which has no more than a socket's usual buffer to fall behind.
        report = load(url, "-n", 400, "--rate", 1000, "--no-gso", "--size", 64)
        udp = report["udp"]
        self.assertEqual((udp["received"], udp["lost"]), (360, 40))
        self.assertEqual((report["totals"]["ok"], report["totals"]["net_error"]), (360, 40))
        self.assertEqual(report["errors"][0]["class"], "lost")
        self.assertEqual((udp["duplicated"], udp["reordered"]), (40, 40))
        self.assertEqual(udp["loss_split"],
                         {"sender": 0, "receiver_buffer": 0, "unexplained": 40})
        self.assertGreater(udp["jitter_ns"], 0)


class FlowProtocolTest(unittest.TestCase):
    def setUp(self):
        self.sink = Sink("udp")
        self.addCleanup(self.sink.__exit__)
        self.control = Control(self.sink.address)
        self.addCleanup(self.control.close)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.settimeout(PATIENCE_S)
        self.socket.connect(self.sink.address)

    def begin(self, **words):
        answer = self.control.hello(9, kind="udp-stream", **words)
        self.assertEqual(answer, {"ok": True})
        self.socket.send(datagram(KNOCK, 9))
        self.assertEqual(self.socket.recv(100), datagram(ANSWER, 9)[:32])

    def test_strangers_count_nowhere(self):
        self.begin()
        self.control.ask(do="start-measured")
        for stranger in (b"", b"x", bytes(64), datagram(COUNTING, 10),
                         datagram(COUNTING, 9, flow=1), datagram(KNOCK, 10),
                         datagram(KNOCK, 9, flow=1), datagram(ANSWER, 9),
                         datagram(7, 9), datagram(COUNTING, 9, size=63),
                         datagram(COUNTING, 9, size=65), datagram(COUNTING, 9, 1 << 63),
                         datagram(WARM_UP, 9, 5)):
            self.socket.send(stranger)
        for number in (0, 1, 1, 3):
            self.socket.send(datagram(COUNTING, 9, number))
        counts = self.control.ask(do="stop")
        self.assertEqual((counts["received"], counts["expected"]), (3, 4))
        self.assertEqual((counts["duplicated"], counts["too_old"]), (1, 1))
        self.assertEqual(counts["strays"], 3)
        self.assertEqual(counts["kernel_drops"], 0)

    def test_nothing_is_sent_to_other_hosts(self):
        self.begin(direction="receive")
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.bind(("127.0.0.2", 0))
            other.sendto(datagram(KNOCK, 9), self.sink.address)
            self.control.ask(do="start-measured")
            self.socket.recv(65536)
            self.control.ask(do="stop")
            other.setblocking(False)
            with self.assertRaises(BlockingIOError):
                other.recv(100)

    def test_a_flood_of_garbage_takes_nothing_down(self):
        for number in range(20000):
            self.socket.send(struct.pack(">Q", number) * 8)
        report = load(self.sink.url, "--rate", 1000, "-n", 100)
        self.assertEqual((report["udp"]["received"], report["udp"]["lost"]), (100, 0))
        self.control.close()
        self.sink.stop()
        strays = int(re.search(r"and (\d+) datagrams were of no run", self.sink.stderr).group(1))
        self.assertLessEqual(strays, 20000)
        self.assertGreater(strays, 0)


class HardTest(unittest.TestCase):
    def setUp(self):
        self.sink = Sink("tcp")
        self.addCleanup(self.sink.__exit__)
        self.idle = sockets(self.sink.process.pid)

    def await_stream(self):
        """Until a client has a control connection and a stream."""
        wait_for(lambda: sockets(self.sink.process.pid) > self.idle + 1, "its connections")

    def works(self):
        self.assertEqual(load(self.sink.url, "-n", 10)["totals"]["ok"], 10)

    def speak(self, data):
        """Says it, ends the stream; what comes back."""
        with socket.create_connection(self.sink.address, PATIENCE_S) as stream:
            try:
                stream.sendall(data)
                stream.shutdown(socket.SHUT_WR)
                answer = b""
                while piece := stream.recv(65536):
                    answer += piece
                return answer
            except OSError:  # Reset: it has read enough.
                return b""

    def test_garbage_is_refused(self):
        for data in (b"", b"\0", b"GET / HTTP/1.1\r\n\r\n", b"{", b"{\n", b"{}\n", b"spate",
                     b"s" * 32, b"s" * 100000, b"{" * 100000, b"{" + b" " * 10000 + b"}\n",
                     preamble(1), preamble(1)[:31], b'{"spate_load":2}\n'):
            with self.subTest(data=data[:40]):
                answer = self.speak(data)
                self.assertIn(answer[:10], (b"", b'{"error":"'))
        self.works()
        self.sink.stop()
        self.assertRegex(self.sink.stderr, r"\d+ connections and 0 datagrams were of no run")

    def test_runs_that_make_no_sense_are_refused_with_a_reason(self):
        for words, why in (({"spate_load": 1}, "version"), ({"kind": "udp-stream"}, "tcp://"),
                           ({"flows": 0}, "connections"), ({"flows": 1 << 40}, "connections"),
                           ({"message_bytes": 0}, "bytes|byte"), ({"rate": -1}, "rate"),
                           ({"direction": "up"}, "direction")):
            with self.subTest(words=words), Control(self.sink.address) as control:
                self.assertRegex(control.hello(**words)["error"], why)
        with Control(self.sink.address) as first, Control(self.sink.address) as second:
            self.assertEqual(first.hello(), {"ok": True})
            self.assertIn("this id", second.hello()["error"])
        self.works()

    def test_streams_of_a_run_are_bounded(self):
        with Control(self.sink.address) as control:
            control.hello(5)
            streams = [socket.create_connection(self.sink.address, PATIENCE_S) for _ in range(5)]
            for stream in streams:
                self.addCleanup(stream.close)
                stream.sendall(preamble(5))
            # Who is turned away sees the end; the others hear nothing.
            ended = []
            while len(ended) < 3:
                ended, _, _ = select.select(streams, [], [], PATIENCE_S)
                self.assertTrue(ended)
            self.assertEqual(len(ended), 3)
        self.works()

    def test_a_client_that_vanishes_leaves_nothing_behind(self):
        for options in ((), ("--reverse",), ("--bidir", "-c", 3)):
            with Program(*client_arguments(self.sink.url, "-d", 60, *options)) as client:
                self.await_stream()
                client.signal(signal.SIGKILL)
            wait_for(lambda: sockets(self.sink.process.pid) == self.idle, "their end")
        self.works()

    def test_runs_at_once_do_not_mix(self):
        clients = [Program(*client_arguments(self.sink.url, "-n", 500, "--size", size))
                   for size in (1000, 2000, 3000)]
        for client, size in zip(clients, (1000, 2000, 3000)):
            with client:
                self.assertEqual(client.wait(), 0, client.describe())
                report = json.loads(client.stdout)
                self.assertEqual(report["streams"]["bytes_to_far_end"], 500 * size)

    def test_a_far_end_that_goes_away_ends_the_run(self):
        with Program(*client_arguments(self.sink.url, "-d", 60)) as client:
            self.await_stream()
            self.sink.signal(signal.SIGKILL)
            client.wait()
            report = json.loads(client.stdout)
        self.assertIn("far_end_lost", [warning["code"] for warning in report["warnings"]])
        self.assertEqual(report["totals"]["planned"], accounted(report["totals"]))

    def test_a_signal_ends_a_run_with_the_counts_of_both(self):
        # Whoever asks to end waits for no slow machine: then the counts may be missing.
        for _ in range(10):
            with Program(*client_arguments(self.sink.url, "-d", 60, "--size", 1000)) as client:
                self.await_stream()
                client.signal(signal.SIGINT)
                client.wait()
                report = json.loads(client.stdout)
            codes = [warning["code"] for warning in report["warnings"]]
            self.assertIn("cut_short", codes)
            if "far_end_lost" not in codes:
                break
        # What was cut off in its middle is in flight.
        unfinished = report["streams"]["bytes_to_far_end"] - report["totals"]["bytes_out"]
        self.assertGreaterEqual(unfinished, 0)
        self.assertLessEqual(unfinished, report["totals"]["in_flight"] * 1000)

    def test_nobody_there(self):
        done = run(*client_arguments(f"tcp://127.0.0.1:{unused_port()}"))
        self.assertEqual(done.returncode, 2)
        self.assertIn("--sink", done.stderr)


class ListenTest(unittest.TestCase):
    def test_a_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            done = run("load", "--sink", f"tcp://127.0.0.1:{taken.getsockname()[1]}")
        self.assertEqual(done.returncode, 2)
        self.assertIn("in use", done.stderr)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind(("127.0.0.1", 0))
            done = run("load", "--sink", f"udp://127.0.0.1:{taken.getsockname()[1]}")
        self.assertEqual(done.returncode, 2)

    def test_wrong_usage(self):
        for words in (("--sink", "http://:1"), ("--sink", "tcp://nowhere"), ("--sink",),
                      ("--sink", "tcp://:0", "--threads", "0")):
            self.assertEqual(run("load", *words).returncode, 1, words)


if __name__ == "__main__":
    tap.main()
