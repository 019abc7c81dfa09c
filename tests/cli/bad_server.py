"""An HTTP server that goes wrong in the way that a path names, for the tests of `spate load`.

    with BadServer() as server:
        spate load server.url("half_body")      # 500 of 1000 bytes, then the end

Each wrong is a function here, of the Talk with a client, called when a request has come; those
in BEFORE are called as soon as a connection has. When it returns, the connection is closed, but
for `talk.again()`, which waits for the next request. Paths are numbered if need be: "ok/7" is "ok".
"""

import socket
import struct
import threading

BODY = bytes(range(256)) * 4  # Of a good answer.
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


class Talk:
    """One connection, seen from the server."""

    def __init__(self, server, sock):
        self.server, self.sock, self.received = server, sock, b""
        # Every send is a segment of its own.
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def next_request(self):
        """(method, path, head), or None at the end. Bodies are read by their length."""
        while b"\r\n\r\n" not in self.received:
            if not self._receive():
                return None
        head, _, self.received = self.received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        length = [line for line in lines if line.lower().startswith("content-length:")]
        size = int(length[0].split(":")[1]) if length else 0
        while len(self.received) < size:
            if not self._receive():
                return None
        body, self.received = self.received[:size], self.received[size:]
        method, path, _ = lines[0].split(" ", 2)
        return method, path, "\r\n".join(lines), body

    def _receive(self):
        more = self.sock.recv(1 << 16)
        self.received += more
        return bool(more)

    def send(self, data):
        self.sock.sendall(data)

    def reset(self):
        """Closes by RST, after what has been sent has arrived: a reset overtakes the rest."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()

    def wait(self, seconds=60):
        """Until the server ends, or the client has gone, or for so long."""
        self.sock.settimeout(seconds)
        try:
            while self.sock.recv(1 << 16):
                pass
        except TimeoutError:
            pass

    def again(self):
        raise NextRequest


class NextRequest(Exception):
    """The connection is good for another one."""


def ok(talk):
    talk.send(WHOLE)
    talk.again()


def close(talk):
    """Nothing is answered."""


def reset_before(talk):
    talk.reset()


def reset_amid_head(talk):
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Le")
    talk.reset()


def reset_amid_body(talk):
    talk.send(WHOLE[:-500])
    talk.reset()


def garbage(talk):
    talk.send(b"\x00\xff\x7fSSH-2.0-no server of yours\r\n\r\n" * 10)


def half_head(talk):
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Le")


def half_body(talk):
    talk.send(WHOLE[:-500])


def ok_then_silent(talk):
    """One good answer on a connection, and no other."""
    talk.send(WHOLE)
    talk.next_request()
    talk.wait()


def silent(talk):
    talk.wait()


def silent_amid_body(talk):
    talk.send(WHOLE[:-500])
    talk.wait()


def more(talk):
    """Ten bytes too many, at once."""
    talk.send(WHOLE + b"ten bytes ")
    talk.again()


def more_later(talk):
    """Ten bytes too many, in a packet of their own."""
    talk.send(WHOLE)
    talk.send(b"ten bytes ")
    talk.again()


def closing_unsaid(talk):
    """A good answer, and the end without a word, in one segment: no request can come between."""
    talk.sock.sendall(WHOLE, socket.MSG_MORE)


def twice(talk):
    """A whole second answer that nobody has asked for."""
    talk.send(WHOLE + WHOLE)
    talk.again()


def twice_later(talk):
    """The same, in a packet of its own."""
    talk.send(WHOLE)
    talk.send(WHOLE)
    talk.again()


def long_length(talk):
    talk.send(WHOLE.replace(b"1024", b"2000"))


def bad_length(talk):
    talk.send(WHOLE.replace(b"1024", b"many"))


def two_lengths(talk):
    talk.send(WHOLE.replace(b"1024\r\n", b"1024\r\nContent-Length: 1000\r\n"))


def bad_chunk_size(talk):
    talk.send(CHUNKED + b"5\r\nhello\r\nfive\r\nhello\r\n0\r\n\r\n")
    talk.wait(1)


def bad_chunk_end(talk):
    talk.send(CHUNKED + b"5\r\nhello, there\r\n0\r\n\r\n")
    talk.wait(1)


def half_chunks(talk):
    talk.send(CHUNKED + b"5\r\nhello\r\n5\r\nhe")


def interim(talk):
    """1xx without end."""
    while True:
        talk.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def some_interim(talk):
    talk.send(b"HTTP/1.1 100 Continue\r\n\r\n" * 3 + WHOLE)
    talk.again()


def endless_head(talk):
    talk.send(b"HTTP/1.1 200 OK\r\n")
    while True:
        talk.send(b"X: y\r\n" * 100)


def status(line, body=b"sorry"):
    def answer(talk):
        talk.send(b"HTTP/1.1 " + line + b"\r\nContent-Length: 5\r\n\r\n" + body)
        talk.again()
    return answer


def until_close(talk):
    """As HTTP/1.0 did it: the body ends where the connection does."""
    talk.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n" + BODY)


def closing(talk):
    talk.send(WHOLE.replace(b"\r\n", b"\r\nConnection: close\r\n", 1))


def chunked(talk):
    talk.send(CHUNKED + b"400;a=b\r\n" + BODY + b"\r\n0\r\nTrailer: x\r\n\r\n")
    talk.again()


def empty(talk):
    talk.send(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    talk.again()


def no_content(talk):
    talk.send(b"HTTP/1.1 204 No Content\r\n\r\n")
    talk.again()


def byte_by_byte(talk):
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n" + BODY[:20]
    for at in range(len(answer)):
        talk.send(answer[at:at + 1])
    talk.again()


def drip(talk):
    """Progress, but slower than any time-out of a test."""
    talk.send(WHOLE[:-500])
    while not talk.server.ended.wait(0.05):
        talk.send(b".")


ANSWERS = {function.__name__: function for function in (
    ok, close, reset_before, reset_amid_head, reset_amid_body, garbage, half_head, half_body,
    ok_then_silent, silent, silent_amid_body, more, more_later, twice, twice_later, long_length,
    bad_length, two_lengths, bad_chunk_size, bad_chunk_end, half_chunks, interim, some_interim,
    endless_head, until_close, closing, closing_unsaid, chunked, empty, no_content, byte_by_byte,
    drip)}
ANSWERS |= {"404": status(b"404 Not Found"), "500": status(b"500 Oh No"),
            "302": status(b"302 Found\r\nLocation: /ok"), "304": status(b"304 Not Modified", b"")}


class BadServer:
    """Listens on a port that the kernel picks. `before`, if given, is what is done with a
    connection before anything is read of it: BadServer(before=close), BadServer(before=reset)."""

    def __init__(self, before=None):
        self.before = before
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.open = set()
        self.accepted = 0
        self.requests = []  # (method, path, head, body), in the order they came.
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    def url(self, path="ok"):
        return f"http://127.0.0.1:{self.port}/{path}"

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                self.accepted += 1
                self.open.add(sock)
            threading.Thread(target=self._talk, args=(sock,), daemon=True).start()

    def _talk(self, sock):
        talk = Talk(self, sock)
        try:
            if self.before:
                self.before(talk)
                return
            while request := talk.next_request():
                with self.lock:
                    self.requests.append(request)
                try:
                    ANSWERS[request[1].split("/")[1]](talk)
                except NextRequest:
                    continue
                return
        except OSError:
            pass  # The client has gone, as it may.
        finally:
            with self.lock:
                self.open.discard(sock)
            sock.close()

    def close(self):
        """Nobody listens any more, and every connection is reset."""
        if self.ended.is_set():
            return
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.thread.join()
        with self.lock:
            for sock in self.open:
                try:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
