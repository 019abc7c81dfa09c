"""What tests of `spate tcp` and `spate udp` share: listeners that say where they are, and blocking
peers as a beginner writes them."""

import random
import socket
import struct
import threading
from pathlib import Path

from spate_cli import PATIENCE_S, Program, run

LISTENING = r"listening on (?:\[[^\]]*\]|[0-9.]+):(\d+)"


class Listener(Program):
    """`spate tcp listen` or `spate udp listen` and the like, on a port that the kernel picks
    unless `where` says another place."""

    def __init__(self, *arguments, where="127.0.0.1:0", **options):
        super().__init__(*arguments[:2], where, *arguments[2:], **options)
        self._await_address(where)

    def _await_address(self, where):
        try:
            if where.startswith("unix:"):
                self.wait_for_output("listening on ")
                self.port = None
            else:
                self.port = int(self.wait_for_output(LISTENING).group(1))
        except BaseException:
            self.__exit__()
            raise

    @property
    def address(self):
        return "127.0.0.1", self.port

    @property
    def target(self):
        return f"127.0.0.1:{self.port}"


class Chat(Listener):
    """`spate udp chat` on a port of its own."""

    def __init__(self, *arguments, **options):
        Program.__init__(self, "udp", "chat", "--bind", "127.0.0.1:0", *arguments, **options)
        self._await_address("")


def udp_socket():
    peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    peer.settimeout(PATIENCE_S)
    peer.bind(("127.0.0.1", 0))
    return peer


def tcp_listener():
    listener = socket.socket()
    listener.settimeout(PATIENCE_S)
    listener.bind(("127.0.0.1", 0))
    listener.listen(128)
    return listener


def connect(port):
    return socket.create_connection(("127.0.0.1", port), PATIENCE_S)


def reset(stream):
    """Closes so that the peer sees a reset."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def talk(port, text, *options):
    """Runs `spate tcp connect` with `text` as its input, to its end."""
    return run("tcp", "connect", f"127.0.0.1:{port}", *options, input=text)


def read_all(stream):
    received = bytearray()
    while piece := stream.recv(65536):
        received += piece
    return bytes(received)


def unused_port(kind=socket.SOCK_STREAM):
    """A port on which nobody listens, nor will by chance: it is below those that the kernel gives
    out by itself, and tests that run at the same time draw others."""
    given_out = Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()
    for _ in range(1000):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                port = random.randrange(10_000, max(int(given_out[0]), 20_000))
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue
    raise OSError("no unused port")


def in_background(work, *arguments):
    thread = threading.Thread(target=work, args=arguments, daemon=True)
    thread.start()
    return thread
