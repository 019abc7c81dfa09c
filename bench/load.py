#!/usr/bin/env python3
"""`spate load` beside wrk: client CPU per request and requests per second, and how well it keeps a
rate, as Markdown tables.

    scripts/bench load [--rounds N] [--seconds S] [--seed N]

The server is `spate serve` on one processor, the client on the other, with 64 connections and one
thread. A round runs each client once, in random order; spate runs twice, and the ratio of these is
the control. CPU is that of the client's process, as the kernel reports it at its end. A figure is
the median over the rounds, a ratio the median of the rounds' ratios with the interval that holds
the true median 19 times in 20. The one-way datagrams go from one process to another, a processor
each. Everything stays on loopback.
"""

import argparse
import json
import pathlib
import random
import re
import resource
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile

from peers import CLIENT_CPU, SERVER_CPU, Server, free_port, ratio_text, version

ROOT = pathlib.Path(__file__).resolve().parents[1]
SIZES = {"1 KiB": 1 << 10, "16 KiB": 16 << 10, "100 KiB": 100 << 10, "1 MiB": 1 << 20}


def run_client(command):
    """Its output, and the microseconds of CPU that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(["taskset", "-c", CLIENT_CPU, *command], capture_output=True, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        sys.exit(f"load: {' '.join(command)}: {done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return done.stdout, cpu * 1e6


def spate_load(spate, url, seconds, *options):
    command = [spate, "load", "-q", "-t", "1", "-c", "64", "-d", str(seconds), "--json", "-"]
    output, cpu = run_client([*command, *options, url])
    report = json.loads(output)
    totals = report["totals"]
    if totals["ok"] != totals["planned"]:
        sys.exit(f"load: {totals}")
    return report, cpu


def one_run(client, spate, url, seconds):
    """Requests per second, and client CPU per request in microseconds."""
    if client == "wrk":
        output, cpu = run_client(["wrk", "-t1", "-c64", f"-d{seconds}s", url])
        requests = int(re.search(r"(\d+) requests in", output).group(1))
    else:
        report, cpu = spate_load(spate, url, seconds, "--warmup", "0")
        requests = report["totals"]["ok"]
    return requests / seconds, cpu / requests


def beside_wrk(arguments, url):
    print("| body | spate us/req | wrk us/req | spate / wrk | control | spate req/s | wrk req/s "
          "| spate / wrk |")
    print("| --- |" + " ---: |" * 7)
    for name, size in SIZES.items():
        results = {client: [] for client in ("spate", "control", "wrk")}
        for _ in range(arguments.rounds):
            for client in random.sample(list(results), len(results)):
                results[client].append(
                    one_run(client, arguments.spate, url + str(size), arguments.seconds))
        cpu = {client: [run[1] for run in runs] for client, runs in results.items()}
        rate = {client: [run[0] for run in runs] for client, runs in results.items()}
        print(f"| {name} | {statistics.median(cpu['spate']):.2f} "
              f"| {statistics.median(cpu['wrk']):.2f} | {ratio_text(cpu['spate'], cpu['wrk'])} "
              f"| {ratio_text(cpu['spate'], cpu['control'])} "
              f"| {statistics.median(rate['spate']):,.0f} | {statistics.median(rate['wrk']):,.0f} "
              f"| {ratio_text(rate['spate'], rate['wrk'])} |", flush=True)


def kept_rates(arguments, url):
    """Fractions of what a closed loop reaches."""
    report, _ = spate_load(arguments.spate, url + "1024", arguments.seconds)
    most = report["rate"]["answered"]
    print(f"\nA closed loop reaches {most:,.0f} requests a second.\n")
    print("| of that | rate | sent | answered | latency p50 | p99 | send lag p50 | p99 |")
    print("| ---: |" + " ---: |" * 7)
    for share in (0.1, 0.25, 0.5, 0.8):
        rate = round(most * share, -2)
        report, _ = spate_load(arguments.spate, url + "1024", 5, "-R", f"{rate:.0f}")
        us = {f"{part} {p}": report[part][p] / 1000 for part in ("latency", "send_lag")
              for p in ("p50", "p99")}
        print(f"| {share:.0%} | {rate:,.0f} | {report['rate']['sent'] / rate:.2%} "
              f"| {report['rate']['answered'] / rate:.2%} | "
              + " | ".join(f"{value:,.1f} us" for value in us.values()) + " |", flush=True)


def one_way(arguments):
    """Received datagrams per second, by size, with and without segments."""
    print("\n| datagrams | received/s | lost | client CPU ns each | far end CPU ns each |")
    print("| --- |" + " ---: |" * 4)
    for size, options in ((64, ()), (64, ("--no-gso",)), (1400, ()), (1400, ("--no-gso",))):
        port = free_port()
        sink = subprocess.Popen(
            ["taskset", "-c", SERVER_CPU, arguments.spate, "load", "--sink",
             f"udp://127.0.0.1:{port}"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True)
        sink.stderr.readline()  # It listens.
        output, _ = run_client(
            [arguments.spate, "load", "-q", "--stream", "-t", "1", "-c", "1", "-d", "3", "--size",
             str(size), *options, "--json", "-", f"udp://127.0.0.1:{port}"])
        sink.send_signal(signal.SIGTERM)
        sink.communicate()
        report = json.loads(output)
        udp, cpu = report["udp"], report["cpu"]
        received = udp["pps"] * report["elapsed_ns"] / 1e9
        each = [(side["user_ns"] + side["sys_ns"]) / received
                for side in (cpu["client"], cpu["server"])]
        print(f"| {size} B{', one by one' if options else ''} | {udp['pps']:,.0f} "
              f"| {udp['lost']:,} | {each[0]:,.0f} | {each[1]:,.0f} |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--spate", default=str(ROOT / "build/tools/spate"))
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    if not shutil.which("wrk"):
        sys.exit("load: wrk is not installed: scripts/setup --peers")
    with tempfile.TemporaryDirectory() as folder:
        pathlib.Path(folder).chmod(0o755)
        for size in SIZES.values():
            (pathlib.Path(folder) / str(size)).write_bytes(random.randbytes(size))
        port = free_port()
        server = Server("spate serve", [arguments.spate, "serve", "--quiet", "--cores", "1",
                                        "--listen", f"127.0.0.1:{port}", folder], port)
        try:
            print(f"{version([arguments.spate, '--version'])}, {version(['wrk', '-v'])}, "
                  f"{arguments.rounds} rounds of {arguments.seconds} s, seed {arguments.seed}\n")
            beside_wrk(arguments, f"http://127.0.0.1:{port}/")
            kept_rates(arguments, f"http://127.0.0.1:{port}/")
        finally:
            server.stop()
    one_way(arguments)


if __name__ == "__main__":
    main()
