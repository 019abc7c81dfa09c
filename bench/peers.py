#!/usr/bin/env python3
"""Server CPU per request of `spate serve` beside other file servers, as a Markdown table.

    bench/peers.py [--spate BINARY] [--rounds N] [--seconds S] [--sizes 1k,64k,...] [--seed N]

One worker each, pinned to one processor; wrk on another. A round runs every server once, in random
order, for every size; spate runs twice, as two processes, and the ratio of these is the control:
what it differs from 1 is noise. CPU time is that of all of a server's threads, to the nanosecond,
from /proc/PID/task/*/schedstat. A figure is the median over the rounds; the ratio to the best peer
is the median of the rounds' ratios, with the interval that holds the true median 19 times in 20.
Peers that are not installed are skipped. Everything stays on loopback.
"""
import argparse
import math
import os
import pathlib
import platform
import random
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time

SIZES = {"1k": 1 << 10, "16k": 16 << 10, "64k": 64 << 10, "100k": 100 << 10, "256k": 256 << 10,
         "1m": 1 << 20, "64m": 64 << 20}
SERVER_CPU, CLIENT_CPU = "0", "1"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


class Server:
    """One server process (and its workers) on a port of its own."""

    def __init__(self, name, command, port):
        self.name, self.command, self.port = name, command, port
        self.process = subprocess.Popen(
            ["taskset", "-c", SERVER_CPU, *command], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.await_listening()

    def await_listening(self):
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                sys.exit(f"peers: {self.name} ended at once: {' '.join(self.command)}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.02)
        sys.exit(f"peers: {self.name} does not listen")

    def pids(self):
        found, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            found.append(pid)
            children = pathlib.Path(f"/proc/{pid}/task/{pid}/children")
            todo += [int(child) for child in children.read_text().split()]
        return found

    def cpu_ns(self):
        total = 0
        for pid in self.pids():
            for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                total += int((task / "schedstat").read_text().split()[0])
        return total

    def stop(self):
        self.process.terminate()
        self.process.wait(10)


def nginx(folder, scratch, port):
    config = scratch / "nginx.conf"
    config.write_text(f"""
daemon off; worker_processes 1; pid {scratch}/nginx.pid; error_log {scratch}/nginx.log;
events {{ worker_connections 10000; }}
http {{
  access_log off; sendfile on; tcp_nopush off; keepalive_requests 1000000000;
  open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s;
  server {{ listen 127.0.0.1:{port}; root {folder}; }}
}}""")
    return ["nginx", "-c", str(config)]


def lighttpd(folder, scratch, port):
    config = scratch / "lighttpd.conf"
    config.write_text(f"""
server.document-root = "{folder}"
server.bind = "127.0.0.1"
server.port = {port}
server.max-keep-alive-requests = 1000000000
server.max-fds = 10000
""")
    return ["lighttpd", "-D", "-f", str(config)]


def h2o(folder, scratch, port):
    config = scratch / "h2o.conf"
    config.write_text(f"""
listen: {{host: 127.0.0.1, port: {port}}}
num-threads: 1
hosts: {{"default": {{paths: {{"/": {{file.dir: {folder}}}}}}}}}
""")
    return ["h2o", "-c", str(config)]


PEERS = {"nginx": nginx, "lighttpd": lighttpd, "h2o": h2o}


def one_run(server, size, seconds):
    """CPU microseconds per request."""
    connections = "4" if SIZES[size] > (16 << 20) else "64"
    before = server.cpu_ns()
    output = subprocess.run(
        ["taskset", "-c", CLIENT_CPU, "wrk", "-t1", "-c" + connections, f"-d{seconds}s",
         f"http://127.0.0.1:{server.port}/{size}"], capture_output=True, text=True).stdout
    used = server.cpu_ns() - before
    requests = int(re.search(r"(\d+) requests in", output).group(1))
    if "Non-2xx" in output or requests == 0:
        sys.exit(f"peers: {server.name} at {size}: {output}")
    return used / requests / 1000


def median_interval(values):
    """Median, and the order statistics that enclose the true one with at least 95 %."""
    values = sorted(values)
    n, outside, low = len(values), 0.0, 0
    while low < n // 2:
        outside += 2 * math.comb(n, low) / 2**n
        if outside > 0.05:
            break
        low += 1
    low = max(low - 1, 0)
    return statistics.median(values), values[low], values[n - 1 - low]


def ratio_text(above, below):
    middle, low, high = median_interval([a / b for a, b in zip(above, below)])
    return f"{middle:.2f} ({low:.2f}–{high:.2f})"


def row(size, results):
    medians = {name: statistics.median(values) for name, values in results.items()}
    peers = {name: value for name, value in medians.items() if not name.startswith("spate")}
    cells = [size, f"{medians['spate']:.1f}"]
    cells += [f"{peers[name]:.1f}" if name in peers else "–" for name in PEERS]
    if peers:
        best = min(peers, key=peers.get)
        cells.append(f"{ratio_text(results['spate'], results[best])} {best}")
    else:
        cells.append("–")
    cells.append(ratio_text(results["spate"], results["spate again"]))
    return "| " + " | ".join(cells) + " |"


def version(command):
    result = subprocess.run(command, capture_output=True, text=True)
    return (result.stdout + result.stderr).strip().splitlines()[0]


def print_conditions(arguments, servers):
    cpu = next((line.split(":")[1].strip() for line in open("/proc/cpuinfo")
                if line.startswith("model name")), "?")
    print(f"Linux {platform.release()}, {os.cpu_count()} processors ({cpu}), "
          f"{arguments.rounds} rounds of {arguments.seconds} s, seed {arguments.seed}.\n")
    flags = {"nginx": "-v", "lighttpd": "-v", "h2o": "-v"}
    for server in servers:
        shown = flags.get(server.name)
        print(f"- {server.name}: " + (version([server.name, shown]) if shown else
                                      version([arguments.spate, "--version"])))
    print(f"- {version(['wrk', '-v'])}\n")


def start_servers(arguments, folder, scratch):
    servers = []
    for name in ("spate", "spate again"):
        port = free_port()
        servers.append(Server(name, [arguments.spate, "serve", "--quiet", "--cores", "1",
                                     "--listen", f"127.0.0.1:{port}", str(folder)], port))
    for name, command in PEERS.items():
        if shutil.which(name):
            port = free_port()
            servers.append(Server(name, command(folder, scratch, port), port))
        else:
            print(f"{name} is not installed: skipped", file=sys.stderr)
    return servers


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--spate", default=str(root / "build/tools/spate"))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--sizes", default=",".join(SIZES))
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    if not shutil.which("wrk"):
        sys.exit("peers: wrk is not installed: scripts/setup --peers")
    random.seed(arguments.seed)
    with tempfile.TemporaryDirectory() as scratch_name:
        scratch = pathlib.Path(scratch_name)
        scratch.chmod(0o755)
        folder = scratch / "files"
        folder.mkdir()
        for size, count in SIZES.items():
            (folder / size).write_bytes(random.randbytes(count))
        servers = start_servers(arguments, folder, scratch)
        try:
            print_conditions(arguments, servers)
            print("| size | spate | " + " | ".join(PEERS) + " | spate / best peer | control |")
            print("| --- |" + " ---: |" * (len(PEERS) + 3))
            for size in arguments.sizes.split(","):
                results = {server.name: [] for server in servers}
                for _ in range(arguments.rounds):
                    for server in random.sample(servers, len(servers)):
                        results[server.name].append(one_run(server, size, arguments.seconds))
                print(row(size, results), flush=True)
        finally:
            for server in servers:
                server.stop()


if __name__ == "__main__":
    main()
