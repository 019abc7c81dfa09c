"""What tests of one-way loads share: the far end, the client, and the protocol between them by
hand (docs/PROTOCOLS.md)."""

import contextlib
import json
import selectors
import socket
import struct
import unittest

from spate_cli import PATIENCE_S, Program, run
from talk_case import LISTENING

COUNTING, WARM_UP, KNOCK, ANSWER = range(4)


class Sink(Program):
    """`spate load --sink`, on a port that the kernel picks."""

    def __init__(self, scheme, *options):
        super().__init__("load", "--sink", f"{scheme}://127.0.0.1:0", *options)
        self.scheme = scheme
        try:
            self.port = int(self.wait_for_output(LISTENING).group(1))
        except BaseException:
            self.__exit__()
            raise

    @property
    def address(self):
        return "127.0.0.1", self.port

    @property
    def url(self):
        return f"{self.scheme}://127.0.0.1:{self.port}"


def client_arguments(url, *options):
    settings = {"-c": 1, "-t": 1, "--warmup": "0", "-d": "0.3"}
    words = [str(word) for word in options]
    for name, value in settings.items():
        if name not in words and not (name in ("-d", "--warmup") and "-n" in words):
            words += [name, str(value)]
    return ["load", "--stream", "-q", "--json", "-", *words, url]


def load(url, *options):
    """A run to its end; its report. One in which nothing was planned, since the machine stood
    still for as long as it took, is made again."""
    for _ in range(3):
        done = run(*client_arguments(url, *options))
        if done.returncode != 0:
            raise AssertionError(f"exit status {done.returncode}: {done.stderr}")
        report = json.loads(done.stdout)
        if report["totals"]["planned"]:
            break
    return report


def accounted(totals):
    return sum(totals[name] for name in
               ("ok", "http_error", "net_error", "timeout", "in_flight", "shed"))


class StreamCase(unittest.TestCase):
    """Each test has a far end for streams."""

    def setUp(self):
        self.sink = Sink("tcp")
        self.addCleanup(self.sink.__exit__)

    def check(self, report):
        totals = report["totals"]
        self.assertEqual(totals["planned"], accounted(totals))
        self.assertEqual((totals["net_error"], report["errors"]), (0, []))
        self.assertGreater(totals["ok"], 0)
        self.assertEqual(report["cpu"]["server"]["name"], "far end")
        return totals, report["streams"]


class FlowCase(unittest.TestCase):
    """Tests make their far ends for datagrams by `sink`."""

    def sink(self, *options):
        sink = Sink("udp", *options)
        self.addCleanup(sink.__exit__)
        return sink

    def check(self, report):
        """Sums, and whether the loss is explained."""
        totals, udp = report["totals"], report["udp"]
        self.assertEqual(totals["planned"], accounted(totals))
        self.assertEqual(udp["lost"], sum(udp["loss_split"].values()))
        self.assertEqual((udp["duplicated"], udp["reordered"]), (0, 0))
        self.assertGreater(udp["received"], 0)
        # Fine is what was received: duplicates make up for nothing.
        self.assertEqual((totals["ok"], totals["net_error"]), (udp["received"], udp["lost"]))
        errors = {error["class"]: error["count"] for error in report["errors"]}
        self.assertEqual(errors.get("lost", 0), udp["lost"] - (udp["loss_split"]["sender"]))
        return totals, udp


class Control:
    """A control connection by hand."""

    def __init__(self, address):
        self.socket = socket.create_connection(address, PATIENCE_S)
        self.file = self.socket.makefile("rwb")

    def tell(self, **words):
        self.file.write(json.dumps(words).encode() + b"\n")
        self.file.flush()

    def ask(self, **words):
        self.tell(**words)
        return json.loads(self.file.readline())

    def hello(self, run=1, **words):
        return self.ask(**({"spate_load": 2, "run": f"{run:016x}", "kind": "tcp-stream",
                            "direction": "send", "message_bytes": 64, "flows": 1, "rate": 0,
                            "segmented": True} | words))

    def close(self):
        self.file.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def preamble(run, direction=0, flow=0):
    return b"spate-stream/1\r\n" + struct.pack(">QIB3x", run, flow, direction)


def datagram(kind, run, number=0, flow=0, size=64):
    head = b"SL1" + struct.pack(">BIQQQ", kind, flow, run, number, 1)
    return head + bytes(size - len(head))


class Relay:
    """Between a client and a udp:// far end, on one port of its own: TCP as it is, datagrams to
    the far end as `forward(kind, number)` says: how many copies, or None to hold it back until
    the next one has gone. One client."""

    def __init__(self, far_end, forward):
        self.far_end = far_end
        self.forward = forward
        self.held = []
        self.client = None
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = self.listener.getsockname()
        self.near = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.near.setblocking(False)
        self.near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        self.near.bind(self.address)
        self.far = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.far.connect(far_end)
        self.streams = []

    def run(self):
        """Until the client has closed its control connection. For a thread."""
        accepted = self.listener.accept()[0]
        onward = socket.create_connection(self.far_end, PATIENCE_S)
        other = {accepted: onward, onward: accepted}
        with selectors.DefaultSelector() as events:
            for each in (accepted, onward, self.near, self.far):
                events.register(each, selectors.EVENT_READ)
            while True:
                for key, _ in events.select(PATIENCE_S):
                    if key.fileobj in other:
                        self.pass_on()  # What was sent before this was said.
                        data = key.fileobj.recv(65536)
                        if not data:
                            for each in (accepted, onward):
                                each.close()
                            return
                        other[key.fileobj].sendall(data)
                    elif key.fileobj is self.far:
                        self.near.sendto(self.far.recv(65536), self.client)
                    else:
                        self.pass_on()

    def pass_on(self):
        with contextlib.suppress(BlockingIOError):
            while True:
                data, self.client = self.near.recvfrom(65536)
                self.pass_one_on(data)

    def pass_one_on(self, data):
        copies = self.forward(data[3], struct.unpack_from(">Q", data, 16)[0])
        if copies is None:
            self.held.append(data)
            return
        for _ in range(copies):
            self.far.send(data)
        for late in self.held:
            self.far.send(late)
        self.held.clear()

    def close(self):
        for each in (self.listener, self.near, self.far):
            each.close()
