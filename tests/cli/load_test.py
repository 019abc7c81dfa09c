"""`spate load` against servers that behave: what it asks, how often, what it makes of answers."""

import collections
import gzip
import hashlib
import os
import re
import shutil
import socket
import subprocess
import threading
import unittest
from concurrent.futures import ThreadPoolExecutor

import tap
from bad_server import BODY, BadServer
from load_case import LoadCase
from served_folder import age, noise
from spate_cli import PATIENCE_S, Folder, Serve, wait_for
from talk_case import Listener, unused_port

SMALL = noise(1000)
LARGE = noise(1 << 20)
SPARSE_BYTES = 64 << 20
TEXT = b"well compressed " * 200


class HttpTest(LoadCase):
    """Against `spate serve`."""

    @classmethod
    def setUpClass(cls):
        cls.served = cls.enterClassContext(Folder(
            {"small": SMALL, "large": LARGE, "empty": b"", "text.txt": TEXT,
             "text.txt.gz": gzip.compress(TEXT), "many/a": b"a", "many/b": b"b"}))
        with open(cls.served / "sparse", "wb") as sparse:
            sparse.truncate(SPARSE_BYTES)
        # A young file's entity tag grows strong after 2 s, and its head shorter by "W/".
        for name in ("small", "large", "empty", "sparse"):
            age(cls.served / name)
        cls.socket = cls.served.path / "socket"
        cls.server = cls.enterClassContext(Serve(
            cls.served.path, "--listen", f"unix:{cls.socket}"))

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def url(self, name="small"):
        return self.server.url + name

    def check_count(self, count, *arguments):
        loaded = self.load_well("-n", count, *arguments)
        self.assertEqual(loaded.totals["planned"], count)
        self.assertEqual((loaded.totals["sent"], loaded.totals["ok"]), (count, count))
        self.assertEqual(loaded.report["by_status"], {"200": count})
        took = re.search(r"threads?, ([0-9.]+) s\n", loaded.stdout)
        self.assertLess(float(took[1]), PATIENCE_S, loaded.stdout)
        return loaded

    def test_a_count_is_exact(self):
        for options in ((), ("-c", 1), ("-t", 2), ("--pipeline", 8), ("-t", 2, "--pipeline", 8),
                        ("-R", "5k"), ("-R", "5k", "-t", 2, "--poisson"), ("-c", 1000, "-t", 2)):
            with self.subTest(options):
                self.check_count(1001, *options, self.url())

    def test_a_pipeline_longer_than_the_count(self):
        self.check_count(3, "-c", 2, "--pipeline", 100, self.url())

    def test_a_run_that_ends_as_a_second_does(self):
        """What was counted until then is being collected just then."""
        def count(_):
            loaded = self.load("-R", 1000, "-n", 1001, "-c", 1, "-q", self.url())
            return loaded.status, loaded.totals["ok"]
        with ThreadPoolExecutor(8) as pool:
            self.assertEqual(set(pool.map(count, range(32))), {(0, 1001)})

    def test_a_duration_is_kept(self):
        loaded = self.load_well("-d", 0.5, "--warmup", 0.2, "-c", 8, self.url())
        self.assertGreater(loaded.took_s, 0.7)
        self.assertAlmostEqual(loaded.report["elapsed_ns"], 0.5e9, delta=1e6)
        self.assertEqual(loaded.report["plan"]["warmup_ns"], 200_000_000)
        rate = loaded.report["rate"]
        self.assertAlmostEqual(rate["answered"] * 0.5, loaded.totals["ok"],
                               delta=loaded.totals["ok"] * 0.01 + 1)
        self.assertEqual(rate["target"], 0)

    def test_a_duration_or_a_count_whichever_comes_first(self):
        loaded = self.load_well("-d", 30, "-n", 50, self.url())
        self.assertEqual(loaded.totals["ok"], 50)
        self.assertLess(loaded.took_s, PATIENCE_S)

    def test_connections_are_as_many_as_asked_for_and_are_kept(self):
        for connections, threads in ((1, 1), (7, 1), (7, 2), (130, 2)):
            with self.subTest(connections=connections, threads=threads):
                loaded = self.check_count(2000, "-c", connections, "-t", threads, self.url())
                conns = loaded.report["conns"]
                self.assertEqual((conns["opened"], conns["reconnects"]), (connections, 0))
                self.assertLessEqual(conns["used"], connections)
                self.assertEqual(loaded.report["connect"]["count"], connections)
                self.assertEqual(loaded.report["plan"]["conns"], connections)
                self.assertEqual(loaded.report["plan"]["threads"], threads)

    def test_a_connection_for_each_request(self):
        loaded = self.check_count(500, "-c", 8, "--new-connections", self.url())
        self.assertEqual(loaded.report["conns"]["opened"], 500)
        self.assertEqual(loaded.report["connect"]["count"], 500)

    def test_over_a_unix_socket(self):
        loaded = self.check_count(300, "-c", 4, "--unix-socket", self.socket, "http://name/large")
        self.assertGreater(loaded.totals["bytes_in"], 300 * len(LARGE))

    def test_bytes_are_counted_heads_and_all(self):
        for name, size, count in (("small", len(SMALL), 100), ("large", len(LARGE), 20),
                                  ("empty", 0, 100), ("sparse", SPARSE_BYTES, 4)):
            with self.subTest(name):
                loaded = self.check_count(count, "-c", 2, self.url(name))
                heads = loaded.totals["bytes_in"] - count * size
                self.assertEqual(heads % count, 0)
                self.assertLess(50, heads // count)
                self.assertLess(heads // count, 1000)
                self.assertGreater(loaded.totals["bytes_out"], count * 40)

    def test_bodies_are_checked_by_their_checksum(self):
        for name, body in (("small", SMALL), ("large", LARGE), ("empty", b"")):
            with self.subTest(name):
                digest = hashlib.sha256(body).hexdigest()
                self.check_count(20, "-c", 2, "--expect-sha256", digest, self.url(name))
                self.check_count(20, "-c", 1, "--pipeline", 8, "--expect-sha256", digest.upper(),
                                 self.url(name))
                wrong = hashlib.sha256(body + b".").hexdigest()
                loaded = self.load("-n", 20, "-c", 2, "--expect-sha256", wrong, self.url(name))
                self.assertEqual(loaded.errors, {"body_mismatch": 20})
                self.assertIn(digest, loaded.report["errors"][0]["sample"])

    def test_head_requests_have_no_bodies(self):
        loaded = self.check_count(100, "-X", "HEAD", self.url("large"))
        self.assertLess(loaded.totals["bytes_in"], 100 * 1000)

    def test_a_sidecar_is_what_comes_to_who_asks_for_it(self):
        plain = self.check_count(20, self.url("text.txt"))
        packed = self.check_count(20, "-H", "Accept-Encoding: gzip", self.url("text.txt"))
        self.assertLess(packed.totals["bytes_in"], plain.totals["bytes_in"] - 20 * 1000)

    def test_a_name_with_several_addresses_is_where_somebody_listens(self):
        url = f"http://localhost:{self.server.port}/small"
        self.check_count(50, "-c", 2, url)
        self.check_count(50, "-c", 2, "-4", url)

    def test_several_urls_of_one_server(self):
        loaded = self.check_count(400, self.url("many/a"), self.url("many/b"))
        self.assertEqual(loaded.report["plan"]["kind"], "http")
        self.assertEqual(loaded.report["plan"]["targets"],
                         [self.url("many/a"), self.url("many/b")])

    def test_the_servers_time_is_measured(self):
        pid = self.server.process.pid
        loaded = self.load_well("-n", 5000, "-c", 4, "--server-pid", pid, self.url())
        server = loaded.report["cpu"]["server"]
        self.assertGreater(server["user_ns"] + server["sys_ns"], 0)
        self.assertGreater(server["per_req_ns"], 0)
        self.assertIn(str(pid), server["name"])
        self.assertGreater(loaded.report["cpu"]["client"]["per_req_ns"], 0)
        self.assertIn(f"server pid {pid}", loaded.stdout)

    def test_how_busy_the_client_was_is_said_and_judged(self):
        """Busy enough for a warning or not, as this machine has it."""
        body = hashlib.sha256(LARGE).hexdigest()
        loaded = self.load_well("-n", 200, "-c", 8, "-t", 1, "--expect-sha256", body,
                                self.url("large"))
        client = loaded.report["cpu"]["client"]
        self.assertGreater(client["busiest_thread"], 0)
        is_busy = client["busiest_thread"] > 0.9
        self.assertEqual("client_busy" in loaded.warnings, is_busy, client)
        if is_busy:
            self.assertIn("kept up: no", loaded.stdout)

    def test_nginx_as_the_server(self):
        nginx = shutil.which("nginx")
        if not nginx:
            self.skipTest("no nginx: scripts/setup --peers installs it")
        port = unused_port()
        config = self.folder.write("nginx.conf", f"""
            daemon off; worker_processes 1; pid {self.folder.path}/pid;
            error_log {self.folder.path}/error.log;
            events {{ worker_connections 256; }}
            http {{ access_log off; server {{ listen 127.0.0.1:{port}; keepalive_requests 100;
              location / {{ root {self.served.path}; }} }} }}""")
        os.chmod(self.folder.path, 0o755)
        os.chmod(self.served.path, 0o755)
        server = subprocess.Popen([nginx, "-c", str(config)], stderr=subprocess.DEVNULL)
        try:
            wait_for(lambda: socket.socket().connect_ex(("127.0.0.1", port)) == 0, "nginx")
            for options in ((), ("--pipeline", 4), ("-R", "2k"), ("-X", "HEAD")):
                with self.subTest(options):
                    # It closes each connection after 100, and says so.
                    loaded = self.load_well("-n", 1000, "-c", 4, *options,
                                            f"http://127.0.0.1:{port}/small")
                    self.assertGreaterEqual(loaded.report["conns"]["reconnects"], 6)
        finally:
            server.terminate()
            server.wait(PATIENCE_S)


class RequestTest(LoadCase):
    """What is asked, as a server saw it."""

    def setUp(self):
        super().setUp()
        self.server = self.enterContext(BadServer())

    def ask(self, *arguments, count=1, path="ok"):
        self.server.requests.clear()
        self.load_well("-n", count, "-c", 1, *arguments, self.server.url(path))
        self.assertEqual(len(self.server.requests), count)
        return self.server.requests[0]

    def test_a_plain_request(self):
        method, path, head, body = self.ask(path="ok/a?b=c%20d")
        self.assertEqual((method, path, body), ("GET", "/ok/a?b=c%20d", b""))
        self.assertEqual(head.split("\r\n"), [
            "GET /ok/a?b=c%20d HTTP/1.1", f"Host: 127.0.0.1:{self.server.port}",
            "User-Agent: spate-load", "Accept: */*"])

    def test_methods_fields_and_bodies(self):
        method, _, head, body = self.ask("-X", "POST", "-H", "X-One: 1", "-H", "Accept: text/*",
                                         "-H", "User-Agent:", "--body", "some text")
        self.assertEqual((method, body), ("POST", b"some text"))
        lines = head.split("\r\n")[1:]
        self.assertIn("X-One: 1", lines)
        self.assertIn("Content-Length: 9", lines)
        self.assertEqual([line for line in lines if line.startswith("Accept")], ["Accept: text/*"])
        self.assertNotIn("User-Agent", head)

    def test_a_body_from_a_file_arrives_whole(self):
        for size in (0, 1, 1 << 20):
            with self.subTest(size):
                file = self.folder.write("body", noise(size))
                method, _, head, body = self.ask("-X", "PUT", "--body-file", file, count=3)
                self.assertEqual((method, body), ("PUT", noise(size)))
                self.assertIn(f"Content-Length: {size}", head)

    def test_another_host(self):
        _, _, head, _ = self.ask("--host", "example.org")
        self.assertIn("Host: example.org\r\n", head)

    def test_connections_that_are_new_are_announced_as_such(self):
        _, _, head, _ = self.ask("--new-connections")
        self.assertIn("Connection: close", head)

    def test_answers_in_chunks(self):
        digest = hashlib.sha256(BODY).hexdigest()
        for options in ((), ("--expect-sha256", digest), ("--pipeline", 4)):
            with self.subTest(options):
                self.ask(*options, path="chunked", count=20)

    MIX = """
        # weights as in the wild
        7 GET /ok/often
        X-Kind: often

        2 POST /ok/sometimes
        @{body}

        HEAD /empty/rarely
        """

    def mix(self, *arguments):
        body = self.folder.write("body", b"of a mix")
        text = "\n".join(line.strip() for line in self.MIX.format(body=body).splitlines())
        file = self.folder.write("mix", text)
        self.server.requests.clear()
        self.load_well("-n", 2000, "-c", 1, "--mix", file, *arguments, self.server.url(""))
        return list(self.server.requests)

    def test_a_mix_keeps_its_weights(self):
        asked = self.mix()
        counts = collections.Counter((method, path) for method, path, _, _ in asked)
        wanted = {("GET", "/ok/often"): 0.7, ("POST", "/ok/sometimes"): 0.2,
                  ("HEAD", "/empty/rarely"): 0.1}
        self.assertEqual(set(counts), set(wanted))
        for request, share in wanted.items():
            # Five standard deviations of a binomial.
            slack = 5 * (2000 * share * (1 - share)) ** 0.5
            self.assertAlmostEqual(counts[request], 2000 * share, delta=slack)
        for method, _, head, body in asked:
            self.assertEqual(body, b"of a mix" if method == "POST" else b"")
            self.assertEqual("X-Kind: often" in head, method == "GET")

    def test_a_mix_is_the_same_for_the_same_seed(self):
        def order(*arguments):
            return [path for _, path, _, _ in self.mix(*arguments)]
        first = order()
        self.assertEqual(first, order())
        self.assertEqual(first, order("--seed", 1))
        self.assertNotEqual(first, order("--seed", 2))


class TcpTest(LoadCase):
    def setUp(self):
        super().setUp()
        self.listener = self.enterContext(Listener("tcp", "listen", "--echo"))
        self.url = f"tcp://{self.listener.target}"

    def test_echoes(self):
        for size, count in ((1, 100), (64, 1000), (65536, 100), (1 << 20, 20)):
            for options in ((), ("-R", 200)):
                with self.subTest(size, options=options):
                    loaded = self.load_well("-n", count, "-c", 4, "--size", size, *options,
                                            self.url)
                    self.assertEqual(loaded.totals["ok"], count)
                    self.assertEqual(loaded.totals["bytes_out"], count * size)
                    self.assertEqual(loaded.totals["bytes_in"], count * size)
                    self.assertEqual(loaded.report["plan"]["kind"], "tcp-echo")

    def test_the_rate_of_connections(self):
        loaded = self.load_well("-n", 300, "-c", 4, "--connect", self.url)
        self.assertEqual(loaded.totals["ok"], 300)
        self.assertEqual(loaded.report["plan"]["kind"], "tcp-connect")
        self.assertEqual(loaded.report["latency"]["count"], 300)

    def test_connections_by_a_schedule(self):
        loaded = self.load_well("-n", 200, "-R", 400, "-c", 4, "--connect", self.url)
        self.assertEqual((loaded.totals["planned"], loaded.totals["ok"]), (200, 200))
        self.assertEqual(loaded.report["connect"]["count"], loaded.report["conns"]["opened"])
        # By arithmetic the last is due after (200 - 1) / 400 s.
        self.assertGreaterEqual(loaded.report["elapsed_ns"], 0.497e9)

    def test_what_comes_back_changed_is_found(self):
        with Answering(socket.SOCK_STREAM, lambda data: b"x" * len(data)) as other:
            loaded = self.load("-n", 3, "-c", 1, f"tcp://127.0.0.1:{other.port}")
        self.assertEqual(loaded.errors, {"body_mismatch": 3})


class Answering:
    """Answers each piece of a stream, or each datagram, by what a function makes of it."""

    def __init__(self, kind, answer):
        self.sock = socket.socket(socket.AF_INET, kind)
        self.sock.bind(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.answer = answer
        if kind == socket.SOCK_STREAM:
            self.sock.listen()
        serve = self._accept if kind == socket.SOCK_STREAM else self._answer_datagrams
        self.thread = threading.Thread(target=serve, daemon=True)
        self.thread.start()

    def _accept(self):
        try:
            while True:
                peer, _ = self.sock.accept()
                with peer:
                    while data := peer.recv(1 << 16):
                        peer.sendall(self.answer(data))
        except OSError:
            pass

    def _answer_datagrams(self):
        while True:
            data, peer = self.sock.recvfrom(1 << 16)
            if data == b"end":
                return
            if (reply := self.answer(data)) is not None:
                self.sock.sendto(reply, peer)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.sock.type == socket.SOCK_DGRAM:
            self.sock.sendto(b"end", self.sock.getsockname())
        else:
            self.sock.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.sock.close()


class UdpTest(LoadCase):
    def test_echoes(self):
        listener = self.enterContext(Listener("udp", "listen", "--echo"))
        for size, options in ((8, ()), (64, ("-t", 2)), (1400, ("-R", "2k"))):
            with self.subTest(size, options=options):
                self.check_echoes(size, "-c", 4, *options, f"udp://{listener.target}")

    def test_echoes_of_large_datagrams(self):
        """One at a time: a socket's buffer holds only a few."""
        with Answering(socket.SOCK_DGRAM, lambda data: data) as other:
            for size in (9000, 65507):
                self.check_echoes(size, "-c", 1, f"udp://127.0.0.1:{other.port}")

    def check_echoes(self, size, *arguments):
        loaded = self.load_well("-n", 500, "--size", size, *arguments)
        self.assertEqual(loaded.totals["ok"], 500)
        self.assertEqual(loaded.totals["bytes_in"], 500 * size)
        self.assertEqual(loaded.report["plan"]["kind"], "udp-echo")

    def test_what_is_lost_is_a_time_out(self):
        turn = iter(range(1 << 20))
        with Answering(socket.SOCK_DGRAM,
                       lambda data: data if next(turn) % 10 else None) as dropping:
            # More sockets than can be waiting in vain, for longer than the peer may take.
            loaded = self.load("-n", 200, "-c", 40, "--timeout", 5,
                               f"udp://127.0.0.1:{dropping.port}")
        self.assertEqual(loaded.errors, {"response_timeout": 20})
        self.assertEqual((loaded.totals["ok"], loaded.totals["timeout"]), (180, 20))
        self.assertGreaterEqual(loaded.report["failed"]["min"], 4.99e9)

    def test_an_answer_to_another_question_is_none(self):
        with Answering(socket.SOCK_DGRAM, lambda data: bytes(len(data))) as other:
            loaded = self.load("-n", 4, "-c", 4, "--timeout", 0.3, f"udp://127.0.0.1:{other.port}")
        self.assertEqual(loaded.errors, {"response_timeout": 4})

    def test_a_port_on_which_nobody_listens(self):
        url = f"udp://127.0.0.1:{unused_port(socket.SOCK_DGRAM)}"
        for options in ((), ("-R", 500)):
            with self.subTest(options):
                loaded = self.load("-n", 20, "-c", 4, *options, url)
                self.assertEqual(loaded.errors, {"icmp_unreachable": 20})


if __name__ == "__main__":
    tap.main()
