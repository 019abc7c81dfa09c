"""`spate load` and what goes wrong: each failure in its class, none lost from the sum, no hang."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor

import tap
from bad_server import BadServer, close, reset_before
from load_case import LoadCase, Loaded
from spate_cli import PATIENCE_S, Folder, Program, binary, run, wait_for
from talk_case import unused_port

DURATION_S = TIMEOUT_S = 0.2
LATE_S = PATIENCE_S  # What a busy machine may add to a run's time.
# A number, since on a busy machine a short time may pass before the first connection stands.
QUICK = ("-n", 20, "--timeout", TIMEOUT_S, "-q")
# Of a server that does answer, which may take its time there.
PATIENT = ("-n", 20, "--timeout", LATE_S, "-q")
SOME = ("-n", 200, "-q")
CLOSED, OPEN = ("-c", 3), ("-c", 3, "-R", 100)

# What a server does -> the classes that it may be told as.
FAILURES = {
    "close": {"early_eof"},
    "reset_before": {"recv_reset"},
    "reset_amid_head": {"recv_reset"},
    "reset_amid_body": {"recv_reset"},
    "garbage": {"parse"},
    "half_head": {"early_eof"},
    "half_body": {"early_eof"},
    "silent": {"response_timeout"},
    "silent_amid_body": {"response_timeout"},
    "drip": {"response_timeout"},
    "more": {"parse"},
    "twice": {"parse"},
    "long_length": {"early_eof"},
    "bad_length": {"parse"},
    "two_lengths": {"parse"},
    "bad_chunk_size": {"parse"},
    "bad_chunk_end": {"parse"},
    "half_chunks": {"early_eof"},
    "interim": {"parse"},
    "endless_head": {"parse"},
    "302": {"status_other"},
    "404": {"status_4xx"},
    "500": {"status_5xx"},
}
STRANGE_BUT_GOOD = ("ok", "some_interim", "until_close", "closing", "chunked", "empty",
                    "no_content", "byte_by_byte", "304")
# Too much, but not at once: what came in time was an answer.
SOMETIMES = ("more_later", "twice_later")
STATUS = {"302": "302", "404": "404", "500": "500"}


class BadServerTest(LoadCase):
    @classmethod
    def setUpClass(cls):
        cls.server = cls.enterClassContext(BadServer())

    def load_each(self, paths, *options):
        """{path: what came of it}, in both loops, some at a time."""
        ways = [(path, loop) for path in paths for loop in (CLOSED, OPEN)]

        def load(way):
            path, loop = way
            first = QUICK if FAILURES.get(path) == {"response_timeout"} else PATIENT
            return self.load(*first, *loop, *options, self.server.url(path))
        with ThreadPoolExecutor(4) as pool:
            return zip(ways, pool.map(load, ways))

    def check_in_time(self, loaded):
        self.assertLess(loaded.took_s, DURATION_S + TIMEOUT_S + LATE_S, loaded.describe())

    def test_each_failure_has_its_class(self):
        for (path, loop), loaded in self.load_each(FAILURES):
            with self.subTest(path, loop=loop):
                self.assertEqual(loaded.status, 0, loaded.describe())
                self.assertEqual(set(loaded.errors), FAILURES[path], loaded.report["errors"])
                self.assertEqual(loaded.totals["ok"], 0)
                self.check_in_time(loaded)
                for error in loaded.report["errors"]:
                    self.assertTrue(error["sample"])
                    self.assertLessEqual(error["first_ns"], error["last_ns"])
                    self.assertLess(error["last_ns"], (DURATION_S + TIMEOUT_S + LATE_S) * 1e9)
                self.assertEqual(loaded.report["failed"]["count"], sum(loaded.errors.values()))
                self.assertIsNone(loaded.report["latency"]["max"])

    def test_a_run_ends_at_its_time_and_a_time_out_at_most(self):
        for path in ("silent", "silent_amid_body", "drip"):
            for loop in (CLOSED, OPEN):
                with self.subTest(path, loop=loop):
                    loaded = self.load("-d", DURATION_S, "--warmup", 0, "--timeout", TIMEOUT_S,
                                       "-q", *loop, self.server.url(path))
                    self.assertEqual((loaded.status, loaded.totals["ok"]), (0, 0))
                    self.check_in_time(loaded)

    def test_what_is_only_strange_is_no_failure(self):
        for (path, loop), loaded in self.load_each(STRANGE_BUT_GOOD):
            with self.subTest(path, loop=loop):
                self.assertEqual((loaded.status, loaded.errors), (0, {}), loaded.describe())
                self.assertGreater(loaded.totals["ok"], 0)
                self.check_in_time(loaded)

    def test_what_comes_too_much_and_later_is_found(self):
        for (path, loop), loaded in self.load_each(SOMETIMES):
            with self.subTest(path, loop=loop):
                self.assertEqual(set(loaded.errors), {"parse"}, loaded.report["errors"])
                self.assertLess(loaded.report["latency"]["max"] or 0, LATE_S * 1e9)
                self.check_in_time(loaded)

    def test_an_idle_connection_that_was_closed_is_replaced(self):
        loaded = self.load(*PATIENT, *OPEN, self.server.url("closing_unsaid"))
        self.assertEqual((loaded.status, loaded.errors), (0, {}), loaded.describe())
        self.assertEqual((loaded.report["conns"]["opened"], loaded.totals["ok"]), (20, 20))

    def test_statuses_are_counted(self):
        for (path, loop), loaded in self.load_each(STATUS):
            with self.subTest(path, loop=loop):
                self.assertEqual(loaded.report["by_status"], {
                    STATUS[path]: loaded.totals["http_error"]})

    def test_pipelines_fail_as_a_whole_or_from_some_answer_on(self):
        for (path, loop), loaded in self.load_each(FAILURES, "--pipeline", 4):
            with self.subTest(path, loop=loop):
                if path not in ("more", "twice"):  # Of those, the first is an answer to the next.
                    self.assertEqual(loaded.totals["ok"], 0, loaded.report["errors"])
                # What is twice and whole may be too much only after the last request.
                certain = set() if path == "twice" else FAILURES[path] - {"early_eof"}
                self.assertLessEqual(certain, set(loaded.errors))
                self.check_in_time(loaded)

    def test_a_connection_for_each_request(self):
        for (path, loop), loaded in self.load_each(FAILURES, "--new-connections"):
            with self.subTest(path, loop=loop):
                self.assertEqual(set(loaded.errors), FAILURES[path], loaded.report["errors"])
                self.check_in_time(loaded)

    def test_the_report_for_people_names_the_class(self):
        loaded = self.load("-n", 5, "-c", 1, self.server.url("404"))
        self.assertEqual(loaded.status, 0)
        self.assertRegex(loaded.stdout, r"status_4xx\s+5 .*status 404")
        self.assertIn("planned 5 = ok 0 + http-error 5", loaded.stdout)


class ConnectionTest(LoadCase):
    REFUSED = {"connect_refused"}

    def check_refused(self, loaded):
        self.assertEqual(loaded.status, 2, loaded.describe())
        self.assertEqual(set(loaded.errors), self.REFUSED)
        self.assertEqual(loaded.totals["planned"], loaded.totals["net_error"])
        self.assertEqual(loaded.totals["planned"], 8)
        self.assertEqual(loaded.report["failed"]["count"], 8)
        self.assertLess(loaded.took_s, LATE_S)

    def test_a_refused_port(self):
        url = f"127.0.0.1:{unused_port()}"
        for arguments in ((f"http://{url}/",), ("-R", 100, f"http://{url}/"),
                          (f"tcp://{url}",), ("--connect", f"tcp://{url}")):
            with self.subTest(arguments):
                self.check_refused(self.load("-c", 8, "-d", 30, *arguments))

    def test_a_unix_socket_that_is_not_there(self):
        loaded = self.load("-c", 8, "--unix-socket", self.folder / "none", "http://localhost/")
        self.check_refused(loaded)
        self.assertIn(str(self.folder / "none"), loaded.report["errors"][0]["sample"])

    def test_a_name_that_nobody_has(self):
        loaded = self.load("-d", 30, "http://no-such-host.invalid/", timeout=60)
        self.assertRegex(loaded.stderr, r"^spate load: no-such-host\.invalid: .+\n$")
        self.assertEqual((loaded.status, loaded.stdout, loaded.errors), (2, "", {"dns": 1}))
        self.assertEqual((loaded.totals["planned"], loaded.totals["net_error"]), (1, 1))
        self.assertEqual(loaded.report["plan"]["targets"], ["http://no-such-host.invalid/"])
        search = self.load("--find-max", "p99<1s", "tcp://no-such-host.invalid:1", timeout=60)
        self.assertEqual(search.errors, {"dns": 1})

    def test_a_reset_while_a_body_is_sent(self):
        """More of it than sockets take, so that sending is what fails."""
        body = self.folder.write("body", bytes(64 << 20))

        def reset_amid_body_of_request(talk):
            talk.sock.recv(100)
            talk.reset()
        with BadServer(reset_amid_body_of_request) as server:
            loaded = self.load("-n", 3, "-c", 1, "-X", "POST", "--body-file", body, server.url())
        self.assertEqual((loaded.status, loaded.errors), (0, {"send_reset": 3}))

    def test_a_connection_that_is_made_again_and_never_stands(self):
        """Its own time-out would let the run go on for a quarter of a minute."""
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(0)
            port = listener.getsockname()[1]

            def serve():
                peer, _ = listener.accept()
                with peer, contextlib.ExitStack() as filling:
                    peer.recv(1 << 16)
                    for _ in range(4):  # More than the backlog takes: SYNs are dropped from now on.
                        waiting = filling.enter_context(socket.socket())
                        waiting.setblocking(False)
                        waiting.connect_ex(("127.0.0.1", port))
                    peer.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n"
                                 b"Content-Length: 0\r\n\r\n")
                    peer.shutdown(socket.SHUT_WR)
                    ended.wait(PATIENCE_S)
            ended = threading.Event()
            server = threading.Thread(target=serve, daemon=True)
            server.start()
            loaded = self.load("-c", 1, "-d", 4, "--warmup", 0, "--timeout", 4,
                               "--connect-timeout", 60, f"http://127.0.0.1:{port}/")
            ended.set()
            server.join()
        self.assertEqual((loaded.status, loaded.errors), (0, {"connect_timeout": 1}))
        self.assertEqual(loaded.totals["ok"], 1)

    def test_connections_that_are_closed_or_reset_at_once(self):
        for before in (close, reset_before):
            with self.subTest(before.__name__), BadServer(before) as server:
                for loop in (CLOSED, OPEN):
                    loaded = self.load(*PATIENT, *loop, server.url())
                    self.assertEqual(loaded.status, 0, loaded.describe())
                    self.assertEqual(loaded.totals["ok"], 0)
                    self.assertGreater(loaded.totals["net_error"], 0)
                    self.assertLessEqual(set(loaded.errors),
                                         {"early_eof", "recv_reset", "send_reset"})
                    self.assertLess(loaded.took_s, DURATION_S + TIMEOUT_S + LATE_S)

    def test_a_server_that_goes_amid_the_run(self):
        for loop in (("-c", 4), ("-c", 4, "-R", 500)):
            with self.subTest(loop), BadServer() as server:
                file = self.report_file()
                with Program("load", "-d", 60, "--timeout", 1, "--warmup", 0, *loop, "--json",
                             file, server.url()) as program:
                    wait_for(lambda: len(server.requests) > 20, "requests")
                    server.close()
                    # A second that it went in, and one after it.
                    program.wait_for_output(r"(?s)errors [1-9].*errors [1-9]")
                    program.signal(signal.SIGINT)
                    loaded = self.ended(program, file)
                self.assertEqual(loaded.status, 0)
                self.assertGreater(loaded.totals["ok"], 0)
                self.assertGreater(loaded.errors["connect_refused"], 0)

    def test_of_a_server_that_is_full_only_a_time_out_comes(self):
        """It takes no more connections: the kernel drops what comes, as a firewall may."""
        with FullServer() as server:
            for connections in (2, 2000):
                loaded = self.load("-c", connections, "-d", 30, "--connect-timeout", 0.5,
                                   server.url)
                self.assertEqual((loaded.status, set(loaded.errors)), (2, {"connect_timeout"}))
                self.assertEqual(loaded.totals["timeout"], loaded.totals["planned"])
                self.assertLess(loaded.took_s, LATE_S)


class FullServer:
    """Listens, accepts nothing, and has its queue full."""

    def __init__(self):
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(0)
        self.waiting = []
        full = False
        while not full:
            client = socket.socket()
            client.settimeout(0.2)
            full = client.connect_ex(self.listener.getsockname()) != 0
            self.waiting.append(client)
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}/"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for each in (self.listener, *self.waiting):
            each.close()


class ScarceTest(LoadCase):
    def test_no_descriptors(self):
        hard = 24

        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        with BadServer() as server:
            for loop in ((), ("-R", 500)):
                with self.subTest(loop):
                    loaded = self.load(*SOME, "-c", 40, *loop, server.url(), preexec_fn=limit)
                    self.assertEqual(loaded.status, 0, loaded.describe())
                    self.assertGreater(loaded.totals["ok"], 0)
                    self.assertEqual(set(loaded.errors), {"no_fds"})
                    self.assertIn("connections_missing", loaded.warnings)
            port = unused_port(socket.SOCK_DGRAM)
            loaded = self.load("-n", 50, "-c", 40, f"udp://127.0.0.1:{port}", preexec_fn=limit)
            self.assertEqual(loaded.errors, {"icmp_unreachable": 50})
            self.assertIn("connections_missing", loaded.warnings)

    def test_no_local_ports(self):
        folder = self.enterContext(Folder({"a": "hello"}))
        for loop in ((), ("-R", 500)):
            # Each in its own: what was closed keeps its port for a minute.
            with self.subTest(loop), Namespace(folder) as space:
                loaded = space.load(self, *SOME, "-c", 10, *loop, space.url)
                self.assertEqual(loaded.status, 0, loaded.describe())
                self.assertGreater(loaded.totals["ok"], 0)
                self.assertEqual(set(loaded.errors), {"no_ports"})


class Namespace:
    """A network of its own with a server in it and few local ports."""

    SETUP = ('ip link set lo up && echo "40000 40003" > /proc/sys/net/ipv4/ip_local_port_range'
             ' && exec "$0" serve --listen 127.0.0.1:8000 "$1"')

    def __init__(self, folder):
        enter = ["unshare", "--user", "--map-root-user", "--net"]
        probe = subprocess.run([*enter, "sh", "-c", "ip link set lo up"], capture_output=True,
                               text=True, check=False)
        if probe.returncode != 0:
            raise unittest.SkipTest(f"no network namespaces here: {probe.stderr}")
        self.server = subprocess.Popen(
            [*enter, "sh", "-c", self.SETUP, binary(), str(folder.path)],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.url = "http://127.0.0.1:8000/a"
        for line in self.server.stdout:
            if "127.0.0.1:8000" in line:
                return
        raise AssertionError("the server in the namespace ended")

    def load(self, case, *arguments):
        file = case.report_file()
        done = subprocess.run(
            ["nsenter", "--target", str(self.server.pid), "--user", "--net",
             "--preserve-credentials", binary(), "load", "--json", str(file),
             *map(str, arguments)],
            capture_output=True, text=True, check=False, timeout=PATIENCE_S)
        loaded = Loaded(done.returncode, done.stdout, done.stderr, file)
        case.assertIsNotNone(loaded.report, loaded.describe())
        case.check_sum(loaded)
        return loaded

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.terminate()
        self.server.wait(PATIENCE_S)
        self.server.stdout.close()


class HopelessTest(LoadCase):
    """Rates that no machine reaches end in time as well."""

    def test_a_billion_requests_per_second(self):
        with BadServer() as server:
            for options in ((), ("--max-backlog", "1ms")):
                with self.subTest(options):
                    loaded = self.load("-R", "1G", "-d", 0.5, "-c", 2, "-t", 1, *options,
                                       server.url())
                    self.assertEqual(loaded.totals["planned"], 500_000_000)
                    self.assertIn("rate_missed", loaded.warnings)
                    self.assertLess(loaded.took_s, LATE_S)


class InterruptTest(LoadCase):
    """A report that is cut short says so."""

    def interrupt(self, server, path, *arguments, when, warmup_s=0, number=signal.SIGINT):
        file = self.report_file()
        with Program("load", "-d", 60, "-c", 2, "--warmup", warmup_s, *arguments, "--json", file,
                     server.url(path)) as program:
            wait_for(when, "the run to be on its way")
            program.signal(number)
            loaded = self.ended(program, file)
        self.assertEqual(loaded.status, 0, loaded.describe())
        self.assertIn("cut_short", loaded.warnings)
        self.assertIn("planned", loaded.stdout)
        return loaded

    def test_amid_requests(self):
        for loop in ((), ("-R", 200)):
            for number in (signal.SIGINT, signal.SIGTERM):
                with self.subTest(loop, number=number), BadServer() as server:
                    loaded = self.interrupt(server, "ok", *loop, number=number,
                                            when=lambda: len(server.requests) > 50)
                    self.assertGreater(loaded.totals["ok"], 0)
                    self.assertEqual(loaded.errors, {})

    def test_amid_waiting_for_answers(self):
        with BadServer() as server:
            loaded = self.interrupt(server, "silent", when=lambda: len(server.requests) == 2)
        self.assertEqual(loaded.totals["in_flight"], 2)
        self.assertEqual(loaded.totals["planned"], 2)

    def test_before_the_start(self):
        with BadServer() as server:
            loaded = self.interrupt(server, "ok", "--at", "+50s", when=lambda: server.accepted == 2)
            self.assertEqual(server.requests, [])
        self.assertEqual(loaded.totals["planned"], 0)

    def test_amid_the_warm_up(self):
        with BadServer() as server:
            loaded = self.interrupt(server, "ok", warmup_s=50,
                                    when=lambda: len(server.requests) > 10)
        self.assertEqual(loaded.totals["planned"], 0)

    def test_amid_connecting(self):
        with FullServer() as server:
            file = self.report_file()
            with Program("load", "-d", 60, "-c", 2, "--connect-timeout", 60, "--json", file,
                         server.url) as program:
                wait_for(lambda: connecting(program.process.pid), "it to connect")
                program.signal(signal.SIGINT)
                loaded = self.ended(program, file)
        self.assertEqual(loaded.status, 2)
        self.assertIn("cut_short", loaded.warnings)
        self.assertEqual(loaded.totals["planned"], 0)


def connecting(pid):
    """Whether the process has sockets on their way, by the kernel's table: SYN_SENT is 02."""
    text = open(f"/proc/{pid}/net/tcp", encoding="ascii").read()
    mine = {os.stat(f"/proc/{pid}/fd/{number}").st_ino for number in os.listdir(f"/proc/{pid}/fd")
            if os.path.exists(f"/proc/{pid}/fd/{number}")}
    rows = [line.split() for line in text.splitlines()[1:]]
    return sum(row[3] == "02" and int(row[9]) in mine for row in rows) == 2


if __name__ == "__main__":
    tap.main()
