"""Clients by the thousand that hold what they can get of a server and give nothing for it.

    with Swarm(server.address, name_address, seed=7, scale=1) as swarm:
        swarm.gather()          # all are connected, and have said what they say
        swarm.stir()            # those that go on slowly go on by a byte, or a KiB
"""

import random
import resource
import socket

# How many there are of each kind where scale is 1.
KINDS = {
    "one byte of a head": 5000,
    "three quarters of a long head": 2000,
    "a slow download with requests behind": 2000,
    "a body by the byte": 1000,
    "one byte of a name": 500,
    "a slow reader of a long listing": 300,
}
LONG_HEAD = 16 << 10
BEHIND = 20_000
AT_ONCE = 100  # How many leave between two round trips.
WINDOW = 4096  # Of those who read slowly: what is unsent is the server's.

GET = "GET {} HTTP/1.1\r\nHost: swarm\r\n\r\n"


def allow_descriptors(wanted):
    """Raises this process's limit, as far as it may; gives what it is."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(wanted, soft), max(wanted, hard)))
    except (ValueError, PermissionError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


class Swarm:
    """`big` and `many` are the targets of a large file and of a folder with many entries."""

    def __init__(self, address, name_address, seed, scale=1.0, big="/big", many="/many/"):
        self.address, self.name_address = address, name_address
        self.random = random.Random(seed)
        self.counts = {kind: max(1, int(most * scale)) for kind, most in KINDS.items()}
        self.big, self.many = big, many
        self.clients = []  # (kind, socket)

    def __len__(self):
        return sum(self.counts.values())

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.leave()

    def gather(self):
        kinds = [kind for kind, count in self.counts.items() for _ in range(count)]
        self.random.shuffle(kinds)
        for number, kind in enumerate(kinds):
            self.clients.append((kind, self.connect(kind, number)))
        for kind, client in self.clients:
            self.say(client, self.opening(kind))

    def connect(self, kind, number):
        client = socket.socket()
        if "slow" in kind:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW)
        # From many addresses, so that no run is short of ports for want of those of the last.
        client.bind((f"127.0.{1 + number // 200 % 250}.{1 + number % 200}", 0))
        client.connect(self.name_address if "name" in kind else self.address)
        client.setblocking(False)
        return client

    def opening(self, kind):
        if kind == "one byte of a head":
            return b"G"
        if kind == "three quarters of a long head":
            head = f"GET / HTTP/1.1\r\nHost: swarm\r\nX-Long: {'x' * LONG_HEAD}"
            return head[:LONG_HEAD * 3 // 4].encode()
        if kind == "a slow download with requests behind":
            behind = GET.format("/small") * (BEHIND // 30)
            return (GET.format(self.big) + behind[:BEHIND]).encode()
        if kind == "a body by the byte":
            how = self.random.choice(("Content-Length: 60000", "Transfer-Encoding: chunked"))
            return f"POST / HTTP/1.1\r\nHost: swarm\r\n{how}\r\n\r\n".encode()
        if kind == "one byte of a name":
            return b"x"
        return GET.format(self.many).encode()

    def stir(self):
        """One small step of each that goes on."""
        for kind, client in self.clients:
            if kind == "a body by the byte":
                self.say(client, b"1")
            elif "slow" in kind:
                self.hear(client, 1024)

    @staticmethod
    def say(client, text):
        try:
            client.send(text)
        except OSError:
            pass  # Full, or turned away: that is the server's right.

    @staticmethod
    def hear(client, most):
        try:
            client.recv(most)
        except OSError:
            pass

    def leave(self, between=lambda: None):
        """`between` is called after some: a round trip, which goes the way of their last packets.
        Of thousands at once the kernel drops a part on loopback (net.core.netdev_max_backlog), and
        a server that waits for a reader to go on learns of a lost reset by its next probe alone."""
        for number, (_, client) in enumerate(self.clients, 1):
            client.close()
            if number % AT_ONCE == 0:
                between()
        self.clients = []
