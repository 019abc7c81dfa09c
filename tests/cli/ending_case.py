"""Where a command may stand when it is asked to end. Each phase would last for a minute or more by
itself; `reached` waits until the command is in it.

    for phase in PHASES:
        with phase.begin() as program: ...
"""

import contextlib
import dataclasses
import fcntl
import os
import pty
import re
import socket
import struct
import termios
from collections.abc import Callable
from pathlib import Path

from get_server import Server, Whole, content, only, stalling, status
from load_sink_case import Sink
from raw_http import Connection, request
from spate_cli import PATIENCE_S, Folder, Program, Serve, binary, wait_for
from talk_case import connect, udp_socket

BIG = content(8 << 20)
LONG_S = 60  # What each phase lasts at least. PATIENCE_S, the guard, is well below.


class Stage(contextlib.ExitStack):
    """What a phase needs: a folder, servers; all gone at its end."""

    def __init__(self):
        super().__init__()
        self.folder = self.enter_context(Folder())

    def server(self):
        return self.enter_context(Server())

    def start(self, *arguments, **options):
        options.setdefault("cwd", self.folder.path)
        return self.enter_context(Program(*arguments, **options))

    def full_listener(self):
        """A port where connecting waits: the backlog is full, and nobody accepts."""
        listener = self.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        while True:
            filler = self.enter_context(socket.socket())
            filler.settimeout(0.2)
            try:
                filler.connect(address)
            except TimeoutError:
                filler.close()
                return address[1]

    def idle_pipe(self):
        """An input that neither has anything nor ends."""
        out, into = os.pipe()
        self.callback(os.close, out)
        self.callback(os.close, into)
        return out


def is_connecting(program, port):
    """It has a socket whose connection is not answered (tcp(7): SYN_SENT is 2)."""
    wanted = f"{port:04X}"
    with open(f"/proc/{program.process.pid}/net/tcp", encoding="ascii") as table:
        lines = [line.split() for line in table.readlines()[1:]]
    return any(line[2].endswith(":" + wanted) and line[3] == "02" for line in lines)


@dataclasses.dataclass
class Phase:
    name: str
    begin: Callable  # (stage) -> program, once it is there
    exits: dict      # {signal's name: exit codes}
    limit: tuple = ()  # options of a time limit that ends it as well, with exit code 11
    kept: bool = False  # a part of the file is to be there afterwards


INTERRUPTED = {"SIGINT": (130,), "SIGTERM": (143,)}
BY_DEFAULT = {"SIGINT": (-2,), "SIGTERM": (-15,)}  # 130 and 143 to a shell
WELL = {"SIGINT": (0,), "SIGTERM": (0,)}
RAN = {"SIGINT": (0, 2), "SIGTERM": (0, 2)}  # 2 where no connection came about
FAILED = {"SIGINT": (1,), "SIGTERM": (1,)}


def get(behaviour, *options, until=None, path="/file", url=None):
    """A phase of `spate get`, in which a server behaves so."""
    def begin(stage, *more):
        server = stage.server()
        server.on(path, behaviour(server))
        program = stage.start("get", *options, *more, server.url(path))
        wait_for(lambda: server.asked(path), "the question")
        if until:
            wait_for(lambda: until(stage), "the phase")
        return program
    return begin


def silent(server):
    return lambda _request, _peer: server.stopping.wait(LONG_S)


def half_a_head(server):
    def behave(_request, peer):
        peer.send("HTTP/1.1 200 OK\r\nContent-Le")
        server.stopping.wait(LONG_S)
    return behave


def stalled(server):
    return Whole(BIG, send=stalling(server, 5 << 18))


def part_size(stage):
    part = stage.folder / "file.part"
    return part.stat().st_size if part.exists() else 0


def get_connecting(stage, *more):
    port = stage.full_listener()
    program = stage.start("get", "--connect-timeout", LONG_S, *more,
                          f"http://127.0.0.1:{port}/file")
    wait_for(lambda: is_connecting(program, port), "it to connect")
    return program


def get_into_a_fifo(stage, *more):
    """Nobody opens its other end."""
    os.mkfifo(stage.folder / "fifo")
    server = stage.server()
    server.on("/file", Whole(BIG))
    program = stage.start("get", "-o", "fifo", *more, server.url("/file"))
    wait_for(lambda: "wait_for_partner" in waits(program), "it to open the FIFO")
    return program


def waits(program):
    """The kernel's functions that its threads wait in."""
    return {path.read_text() for path in Path(f"/proc/{program.process.pid}/task").glob("*/wchan")}


def get_into_a_full_pipe(stage, *more):
    server = stage.server()
    server.on("/file", Whole(BIG))
    into, out = os.pipe()
    stage.callback(os.close, into)
    program = stage.start("get", "-q", "-o", f"/dev/fd/{out}", *more, server.url("/file"),
                          pass_fds=(out,))
    os.close(out)
    wait_for(lambda: waiting_in(into) == fcntl.fcntl(into, fcntl.F_GETPIPE_SZ), "a full pipe")
    return program


def waiting_in(pipe):
    return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]


def get_checking(stage, *more):
    """All is here, and takes minutes to read again."""
    size = 256 << 30
    with open(stage.folder / "file.part", "wb") as part:
        part.truncate(size)
    server = stage.server()
    server.on("/file", status(416, b"", f"Content-Range: bytes */{size}", 'ETag: "a"'))
    program = stage.start("get", "-c", "--sha256", "0" * 64, *more, server.url("/file"))
    wait_for(lambda: bytes_read(program) > 16 << 20, "it to read the part")
    return program


def bytes_read(program):
    text = Path(f"/proc/{program.process.pid}/io").read_text()
    return int(re.search(r"rchar: (\d+)", text)[1])


def get_on_a_held_terminal(stage, *more):
    """Somebody has pressed Ctrl-S there, so that the line about the first file waits."""
    server = stage.server()
    server.on("/first", Whole(b"1"))
    server.on("/file", stalled(server))
    terminal = held_terminal(stage)
    to_terminal = ("sh", "-c", f'exec "$@" 2>/dev/fd/{terminal}', "sh", binary())
    program = stage.start("get", *more, server.url("/first"), server.url("/file"),
                          within=to_terminal, pass_fds=(terminal,))
    wait_for(lambda: (stage.folder / "first").exists() and part_size(stage) > 0, "the first file")
    return program


def get_listing(stage, *more):
    server = stage.server()
    server.on("/folder/", half_a_head(server))
    program = stage.start("get", "-r", *more, server.url("/folder/"))
    wait_for(lambda: server.asked("/folder/"), "the question")
    return program


def load(*options):
    def begin(stage):
        server = stage.server()
        server.on("/", silent(server))
        program = stage.start("load", "-d", LONG_S, "--timeout", LONG_S, "--warmup", 0, "-c", 2,
                              *options, server.url("/"))
        wait_for(lambda: server.asked("/"), "a request")
        return program
    return begin


def load_connecting(stage):
    port = stage.full_listener()
    program = stage.start("load", "-d", LONG_S, "--timeout", LONG_S, "-c", 2,
                          f"http://127.0.0.1:{port}/")
    wait_for(lambda: is_connecting(program, port), "it to connect")
    return program


def load_draining(stage):
    """All is sent; one answer is missing."""
    server = stage.server()
    server.on("/", silent(server))
    program = stage.start("load", "-n", 2, "-c", 2, "--timeout", LONG_S,
                          server.url("/"))
    wait_for(lambda: len(server.asked("/")) == 2, "the requests")
    return program


def load_stream(stage):
    sink = stage.enter_context(Sink("tcp"))
    program = stage.start("load", "-d", LONG_S, "--warmup", 0, "--stream", sink.url)
    program.wait_for_output(" of 60 s")
    return program


def load_sink(stage):
    return stage.enter_context(Sink("tcp"))


def tcp_connecting(stage):
    port = stage.full_listener()
    program = stage.start("tcp", "connect", f"127.0.0.1:{port}")
    wait_for(lambda: is_connecting(program, port), "it to connect")
    return program


def listening(stage, *arguments, **options):
    program = stage.start(*arguments, **options)
    port = int(program.wait_for_output(r"listening on 127\.0\.0\.1:(\d+)").group(1))
    return program, port


def tcp_listen(*options):
    def begin(stage):
        return listening(stage, "tcp", "listen", "127.0.0.1:0", *options,
                         stdin=stage.idle_pipe())[0]
    return begin


def tcp_listen_with_a_client(*options):
    """Who takes nothing of what it is sent."""
    def begin(stage):
        program, port = listening(stage, "tcp", "listen", "127.0.0.1:0", *options,
                                  stdin=stage.idle_pipe())
        client = stage.enter_context(connect(port))
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.sendall(b"x\n")
        program.wait_for_output(" connected")
        return program
    return begin


def full_pipe(stage):
    into, out = os.pipe()
    stage.callback(os.close, into)
    stage.callback(os.close, out)
    os.set_blocking(out, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(out, bytes(4096))
    os.set_blocking(out, True)
    return out


def held_terminal(stage):
    """As by Ctrl-S."""
    keyboard, terminal = pty.openpty()
    stage.callback(os.close, keyboard)
    stage.callback(os.close, terminal)
    termios.tcflow(terminal, termios.TCOOFF)
    return terminal


def held(hold, *arguments, send):
    """Its standard output takes nothing of what it has received: `hold(stage)` gives that, and
    `send(stage, port)` sends."""
    def begin(stage):
        output = hold(stage)
        record = stage.folder / "record"
        program, port = listening(stage, *arguments, "--dump", record,
                                  stdin=output if os.isatty(output) else stage.idle_pipe(),
                                  preexec_fn=lambda: os.dup2(output, 1))
        send(stage, port)
        # What it has received it records, then writes.
        wait_for(lambda: record.stat().st_size > 0, "it to write")
        return program
    return begin


def send_bytes(stage, port):
    stage.enter_context(connect(port)).sendall(b"x\n")


def send_datagram(stage, port):
    stage.enter_context(udp_socket()).sendto(b"x", ("127.0.0.1", port))


TCP_LISTEN = ("tcp", "listen", "127.0.0.1:0")
UDP_LISTEN = ("udp", "listen", "127.0.0.1:0")
UDP_CHAT = ("udp", "chat", "--bind", "127.0.0.1:0")


def tcp_listen_saying_farewell(stage):
    """To a client who has its answer and stays."""
    program, port = listening(stage, *TCP_LISTEN, "--reply", "bye")
    client = stage.enter_context(connect(port))
    client.sendall(b"x")
    while client.recv(99):
        pass
    return program


def udp_listen(stage):
    return listening(stage, "udp", "listen", "127.0.0.1:0")[0]


def udp_chat(stage):
    return listening(stage, "udp", "chat", "--bind", "127.0.0.1:0", stdin=stage.idle_pipe())[0]


def udp_send_waiting(stage):
    peer = stage.enter_context(udp_socket())
    program = stage.start("udp", "send", "--wait-reply", LONG_S,
                          "127.0.0.1:%d" % peer.getsockname()[1], "hi")
    peer.recv(99)
    return program


def serve(connection=None):
    def begin(stage):
        (stage.folder / "big").write_bytes(BIG)
        server = stage.enter_context(Serve(stage.folder.path, "--grace", "1s"))
        if connection:
            connection(stage, server)
        return server
    return begin


def half_a_request(stage, server):
    client = stage.enter_context(Connection(server.address))
    client.send(b"GET / HTTP/1.1\r\nHo")


def slow_reader(stage, server):
    client = stage.enter_context(Connection(server.address, receive_buffer=4096))
    client.send(request("/big"))
    client.head()


PHASES = [
    Phase("get: connect", get_connecting, INTERRUPTED, ("-m", "500ms")),
    Phase("get: no head", get(silent), INTERRUPTED, ("-m", "500ms")),
    Phase("get: half a head", get(half_a_head), INTERRUPTED, ("-m", "500ms")),
    Phase("get: body", get(stalled, until=lambda stage: part_size(stage) >= 1 << 20), INTERRUPTED,
          ("-m", "2"), kept=True),
    Phase("get: body, four connections",
          get(stalled, "-x", "4", until=lambda stage: part_size(stage) >= 1 << 20), INTERRUPTED,
          ("-m", "2"), kept=True),
    Phase("get: pause for Retry-After",
          get(lambda _server: status(503, b"", f"Retry-After: {LONG_S}")), INTERRUPTED,
          ("-m", "500ms")),
    Phase("get: pause before a retry",
          get(lambda _server: Whole(BIG, send=only(2 << 20)), "--retry-delay", LONG_S,
              until=lambda stage: part_size(stage) >= 2 << 20), INTERRUPTED,
          ("-m", "1"), kept=True),
    Phase("get: limited rate", get(lambda _server: Whole(BIG), "--limit-rate", "64k"), INTERRUPTED,
          ("-m", "500ms")),
    Phase("get: listing", get_listing, INTERRUPTED, ("-m", "500ms")),
    Phase("get: FIFO without a reader", get_into_a_fifo, INTERRUPTED, ("-m", "500ms")),
    Phase("get: full pipe", get_into_a_full_pipe, INTERRUPTED, ("-m", "500ms")),
    Phase("get: check of what is here", get_checking, INTERRUPTED, ("-m", "2")),
    Phase("get: terminal held by Ctrl-S", get_on_a_held_terminal, INTERRUPTED, ("-m", "2")),
    Phase("load: connect", load_connecting, RAN),
    Phase("load: no answer", load(), RAN),
    Phase("load: no answer at a rate", load("-R", "10"), RAN),
    Phase("load: draining", load_draining, RAN),
    Phase("load: stream", load_stream, RAN),
    Phase("load: sink", load_sink, WELL),
    Phase("tcp connect: connect", tcp_connecting, BY_DEFAULT),
    Phase("tcp listen", tcp_listen(), WELL),
    Phase("tcp listen: a client", tcp_listen_with_a_client(), WELL),
    Phase("tcp listen: a room", tcp_listen_with_a_client("--broadcast"), WELL),
    Phase("tcp listen: a program", tcp_listen_with_a_client("--exec", "sleep 1000"), WELL),
    Phase("tcp listen: once", tcp_listen_with_a_client("--once"), FAILED),
    Phase("tcp listen: once, nobody", tcp_listen("--once"), WELL),
    Phase("tcp listen: farewell", tcp_listen_saying_farewell, WELL),
    Phase("tcp listen: full pipe", held(full_pipe, *TCP_LISTEN, send=send_bytes), WELL),
    Phase("tcp listen: held terminal", held(held_terminal, *TCP_LISTEN, send=send_bytes), WELL),
    Phase("tcp listen: once, full pipe",
          held(full_pipe, *TCP_LISTEN, "--once", send=send_bytes), FAILED),
    Phase("tcp listen: once, held terminal",
          held(held_terminal, *TCP_LISTEN, "--once", send=send_bytes), FAILED),
    Phase("udp listen", udp_listen, WELL),
    Phase("udp listen: full pipe", held(full_pipe, *UDP_LISTEN, send=send_datagram), WELL),
    Phase("udp listen: held terminal", held(held_terminal, *UDP_LISTEN, send=send_datagram), WELL),
    Phase("udp chat", udp_chat, WELL),
    Phase("udp chat: full pipe", held(full_pipe, *UDP_CHAT, send=send_datagram), WELL),
    Phase("udp chat: held terminal", held(held_terminal, *UDP_CHAT, send=send_datagram), WELL),
    Phase("udp send: wait for an answer", udp_send_waiting, BY_DEFAULT),
    Phase("serve", serve(), WELL),
    Phase("serve: half a request", serve(half_a_request), WELL),
    Phase("serve: a slow reader", serve(slow_reader), WELL),
]
