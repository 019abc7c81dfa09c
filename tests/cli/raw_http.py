"""HTTP/1.1 by hand: bytes on a socket exactly as a test wants them, and answers cut out of the
stream as RFC 9112 §6.3 says, with nothing repaired or guessed.

    with Connection(server.address) as connection:
        answer = connection.ask("/file", "Range: bytes=0-4")
        answer.status, answer["Content-Range"], answer.body
"""

import re
import select
import socket
import struct

from spate_cli import PATIENCE_S

PIECE = 1 << 18  # What one recv asks for.
FIELD = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+): ?([^\x00-\x08\x0a-\x1f\x7f]*)")


def request(target="/", *fields, method="GET", version="HTTP/1.1", host="localhost", body=b""):
    """A request's bytes. Text travels as Latin-1, so that any byte can be written."""
    lines = [f"{method} {target} {version}"]
    if host is not None:
        lines.append(f"Host: {host}")
    return "\r\n".join([*lines, *fields, "", ""]).encode("latin-1") + body


class Response:
    """A status, fields in their order, and a body. `answer["etag"]` is a field's value or None."""

    def __init__(self, head, body=b""):
        start_line, *lines = head.decode("latin-1").split("\r\n")
        match = re.fullmatch(r"HTTP/1\.1 (\d{3}) ([\x20-\x7e]*)", start_line)
        if not match:
            raise ValueError(f"no status line: {start_line[:80]!r}")
        self.status, self.reason, self.body = int(match.group(1)), match.group(2), body
        self.fields = []
        for line in lines:
            field = FIELD.fullmatch(line)
            if not field:
                raise ValueError(f"no field line: {line[:80]!r}")
            self.fields.append(field.groups())

    def all(self, name):
        return [value for known, value in self.fields if known.lower() == name.lower()]

    def __getitem__(self, name):
        values = self.all(name)
        if len(values) > 1:
            raise ValueError(f"{name} is there {len(values)} times")
        return values[0] if values else None

    def body_length(self, method):
        """Bytes that follow the head; None: as many as come until the end of the stream."""
        if method == "HEAD" or self.status < 200 or self.status in (204, 304):
            return 0
        if self["Transfer-Encoding"] is not None:
            raise ValueError("a transfer coding: all that is served has a length")
        return None if self["Content-Length"] is None else int(self["Content-Length"])

    def __repr__(self):
        return f"<{self.status} {self.reason} {dict(self.fields)} {self.body[:60]!r}>"


class Connection:
    """One connection, to (host, port) or to the path of a Unix socket. Whatever is waited for,
    it is not for longer than `limit_s`."""

    def __init__(self, address, limit_s=PATIENCE_S, receive_buffer=None, source=None):
        family = socket.AF_UNIX if isinstance(address, str) else (
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET)
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        self.socket.settimeout(limit_s)
        self.received = bytearray()
        self.was_reset = False
        try:
            if receive_buffer:  # Has to be said before the window is.
                self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            if source:
                self.socket.bind((source, 0))
            self.socket.connect(address)
        except BaseException:
            self.socket.close()
            raise

    def send(self, data):
        self.socket.sendall(data)

    def receive(self, size=PIECE):
        """At most `size` of the next bytes; b"" at the end of the stream, however it ended."""
        if self.received:
            taken = bytes(self.received[:size])
            del self.received[:size]
            return taken
        try:
            return self.socket.recv(size)
        except ConnectionResetError:
            self.was_reset = True
            return b""

    def more(self):
        """Whether there was anything more to put into `received`."""
        try:
            piece = self.socket.recv(PIECE)
        except ConnectionResetError:
            self.was_reset = True
            piece = b""
        self.received += piece
        return bool(piece)

    def head(self):
        """The next answer without its body, or None if the stream ends first."""
        while (end := self.received.find(b"\r\n\r\n")) < 0:
            if not self.more():
                if self.received:
                    raise ValueError(f"half an answer: {bytes(self.received[:80])!r}")
                return None
        head = Response(bytes(self.received[:end]))
        del self.received[:end + 4]
        return head

    def body(self, length):
        while length is None or len(self.received) < length:
            if not self.more():
                break
        length = len(self.received) if length is None else length
        if len(self.received) < length:
            raise ValueError(f"{len(self.received)} of {length} bytes, then the end")
        taken = bytes(self.received[:length])
        del self.received[:length]
        return taken

    def answer(self, method="GET"):
        """The next answer, whole, interim ones included; None if the stream ends first."""
        answer = self.head()
        if answer is not None:
            answer.body = self.body(answer.body_length(method))
        return answer

    def ask(self, target="/", *fields, method="GET", **parts):
        self.send(request(target, *fields, method=method, **parts))
        return self.answer(method)

    def answers(self, method="GET"):
        """All answers up to the end of the stream; `method` is that of the first request."""
        found = []
        while (answer := self.answer(method)) is not None:
            found.append(answer)
            if answer.status >= 200:
                method = "GET"
        return found

    def drain(self):
        """Lets everything up to the end of the stream go by; gives the number of bytes. They are
        not even copied (MSG_TRUNC in tcp(7)), where they are many that counts."""
        total, nowhere = len(self.received), bytearray(PIECE)
        self.received.clear()
        try:
            while passed := self.socket.recv_into(nowhere, PIECE, socket.MSG_TRUNC):
                total += passed
        except ConnectionResetError:
            self.was_reset = True
        return total

    def quiet(self):
        """Whether nothing has arrived, not even the end of the stream."""
        return not self.received and not select.select([self.socket], [], [], 0)[0]

    def finish_sending(self):
        self.socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Closes so that the peer gets a reset instead of an end."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def ask(address, target="/", *fields, method="GET", **parts):
    """One request on a connection of its own."""
    with Connection(address) as connection:
        return connection.ask(target, "Connection: close", *fields, method=method, **parts)
