"""An HTTP server that misbehaves as it is told, for the tests of `spate get`.

    with Server() as server:
        server.on("/file", Whole(b"hello"))          # a well-behaved file
        server.on("/gone", status(404, b"<html>"))
        spate get server.url("/file")

A behaviour is a function of a Request and a Peer. What it does not send is not sent: nothing is
added to its bytes. When it returns the connection is closed, unless it calls peer.keep_open().
"""

import hashlib
import random
import re
import socket
import struct
import threading


def content(size, seed=1):
    """Bytes that look random and are the same each time."""
    return random.Random(seed).randbytes(size)


class Request:
    def __init__(self, head):
        first, *lines = head.decode("latin-1").split("\r\n")
        self.method, self.target, _ = first.split(" ", 2)
        self.fields = {}
        for line in lines:
            name, _, value = line.partition(":")
            self.fields[name.strip().lower()] = value.strip()

    @property
    def range(self):
        """(first, last or None) of the Range field, or None."""
        match = re.fullmatch(r"bytes=(\d+)-(\d*)", self.fields.get("range", ""))
        return match and (int(match[1]), int(match[2]) if match[2] else None)


class Peer:
    """The client's end of a connection."""

    def __init__(self, sock):
        self.sock = sock
        self.stays_open = False

    def send(self, *parts):
        self.sock.sendall(b"".join(p.encode() if isinstance(p, str) else p for p in parts))

    def head(self, status, *lines):
        self.send(f"HTTP/1.1 {status} Some Reason\r\n", "".join(line + "\r\n" for line in lines),
                  "\r\n")

    def keep_open(self):
        self.stays_open = True

    def reset(self):
        """Closes by RST: what the client has not read yet is lost to it."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Server:
    def __init__(self):
        self.behaviours = {}
        self.requests = []  # In the order they came.
        self.lock = threading.Lock()
        self.peers = set()
        self.stopping = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def on(self, path, behaviour):
        self.behaviours[path] = behaviour

    def url(self, path, host="127.0.0.1"):
        return f"http://{host}:{self.port}{path}"

    def asked(self, path):
        with self.lock:
            return [request for request in self.requests if request.target == path]

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        with self.lock:
            self.peers.add(sock)
        rest = b""
        try:
            while True:
                while b"\r\n\r\n" not in rest:
                    more = sock.recv(65536)
                    if not more:
                        return
                    rest += more
                head, _, rest = rest.partition(b"\r\n\r\n")
                request, peer = Request(head), Peer(sock)
                with self.lock:
                    self.requests.append(request)
                self.behaviours.get(request.target, status(404))(request, peer)
                if not peer.stays_open:
                    return
        except OSError:
            pass  # The client went, as some tests want it to.
        finally:
            with self.lock:
                self.peers.discard(sock)
            sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.lock:
            for sock in self.peers:
                try:
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass
        self.thread.join()


def status(code, body=b"", *lines):
    def behave(request, peer):
        peer.head(code, f"Content-Length: {len(body)}", *lines)
        peer.send(body)
    return behave


def redirect(location, code=302):
    return status(code, b"moved", f"Location: {location}")


def in_turn(*behaviours):
    """The first for the first request, and so on; the last for all that follow."""
    left = list(behaviours)
    lock = threading.Lock()

    def behave(request, peer):
        with lock:
            behaviour = left.pop(0) if len(left) > 1 else left[0]
        behaviour(request, peer)
    return behave


class Whole:
    """A file as it should be served, but for what the arguments say.

    ranges: serve Range (else always 200). etag: None for the content's own, "" for none.
    shift: added to the start in Content-Range. lines: further fields. send: how the body is sent,
    a function of (peer, bytes). close: do not reuse connections."""

    def __init__(self, data, ranges=True, etag=None, shift=0, lines=(), send=None, close=False):
        self.data = data
        self.ranges = ranges
        digest = hashlib.sha256(data).hexdigest()[:16]
        self.etag = f'"{digest}"' if etag is None else etag
        self.shift = shift
        self.lines = list(lines)
        self.send = send or (lambda peer, body: peer.send(body))
        self.close = close

    def __call__(self, request, peer):
        size = len(self.data)
        lines = list(self.lines)
        if self.etag:
            lines.append(f"ETag: {self.etag}")
        if self.ranges:
            lines.append("Accept-Ranges: bytes")
        wanted = request.range if self.ranges else None
        if_range = request.fields.get("if-range")
        if wanted and if_range is not None and if_range != self.etag:
            wanted = None
        if wanted is None:
            peer.head(200, f"Content-Length: {size}", *lines)
            self.send(peer, self.data)
        elif wanted[0] >= size:
            peer.head(416, f"Content-Range: bytes */{size}", "Content-Length: 5", *lines)
            peer.send(b"never")
        else:
            first, last = wanted
            last = size - 1 if last is None else min(last, size - 1)
            body = self.data[first:last + 1]
            peer.head(206, f"Content-Range: bytes {first + self.shift}-{last + self.shift}/{size}",
                      f"Content-Length: {len(body)}", *lines)
            self.send(peer, body)
        if not self.close:
            peer.keep_open()


def only(limit, then=None):
    """Sends the first `limit` bytes of a body, then does `then(peer)`, or nothing: a cut."""
    def send(peer, body):
        peer.send(body[:limit])
        if len(body) > limit:
            if then:
                then(peer)
            raise OSError("cut")
    return send


def dripping(server, step=300_000, pause_s=0.05):
    """Sends a body in steps, until the server stops."""
    def send(peer, body):
        for at in range(0, len(body), step):
            peer.send(body[at:at + step])
            if server.stopping.wait(pause_s):
                return
    return send


def stalling(server, after):
    """Sends the first bytes of a body and then nothing, with the connection open."""
    def send(peer, body):
        peer.send(body[:after])
        server.stopping.wait(60)
    return send


def chunked(data, sizes=(1, 1000, 65536, 300_000)):
    def behave(request, peer):
        peer.head(200, "Transfer-Encoding: chunked")
        at, turn = 0, 0
        while at < len(data):
            piece = data[at:at + sizes[turn % len(sizes)]]
            peer.send(f"{len(piece):x}\r\n", piece, "\r\n")
            at, turn = at + len(piece), turn + 1
        peer.send("0\r\n\r\n")
        peer.keep_open()
    return behave
