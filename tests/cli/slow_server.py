"""An HTTP server whose capacity is known."""

import socket
import threading
import time


class SlowServer:
    """Each answer takes a time: for each client apart, or one after the other for all of them,
    by a clock of its own, so that its capacity is known whatever the machine is doing."""

    ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

    def __init__(self, seconds, alone=False):
        self.seconds, self.alone = seconds, alone
        self.turn = threading.Lock()
        self.ended = threading.Event()
        self.asked = threading.Event()
        self.free_at = 0
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        try:
            while True:
                peer, _ = self.listener.accept()
                threading.Thread(target=self._serve, args=(peer,), daemon=True).start()
        except OSError:
            pass

    def _answer_at(self):
        now = time.monotonic()
        if not self.alone:
            return now + self.seconds
        with self.turn:
            self.free_at = max(now, self.free_at) + self.seconds
            return self.free_at

    def _serve(self, peer):
        with peer:
            while peer.recv(1 << 16):  # A request a packet: clients here do not pipeline.
                self.asked.set()
                self.ended.wait(max(0, self._answer_at() - time.monotonic()))  # Its work.
                peer.sendall(self.ANSWER)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
