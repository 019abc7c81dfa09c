#!/usr/bin/env python3
"""Moves a file over loopback by `spate tcp`, socat and ncat, and fetches one by `spate get` and
curl: CPU of both ends and wall time, in interleaved rounds.

    scripts/bench relay [--size MIB] [--rounds N]

Each figure is the median over the rounds, a ratio the median of the rounds' ratios with the
interval that holds the true median 19 times in 20. "control" is spate beside itself, through the
same rounds. Programs that are not installed are left out.
"""

import argparse
import os
import platform
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from peers import free_port, median_interval

ROOT = Path(__file__).resolve().parents[1]
SPATE = str(ROOT / "build/tools/spate")

# Listening and connecting, with a port to be put in.
MOVERS = {
    "spate": ([SPATE, "tcp", "listen", "--once", "-q", "127.0.0.1:{port}"],
              [SPATE, "tcp", "connect", "127.0.0.1:{port}"]),
    "control": ([SPATE, "tcp", "listen", "--once", "-q", "127.0.0.1:{port}"],
                [SPATE, "tcp", "connect", "127.0.0.1:{port}"]),
    "socat": (["socat", "-u", "-b262144", "TCP-LISTEN:{port},bind=127.0.0.1", "STDOUT"],
              ["socat", "-u", "-b262144", "STDIN", "TCP:127.0.0.1:{port}"]),
    "ncat": (["ncat", "-l", "--recv-only", "127.0.0.1", "{port}"],
             ["ncat", "--send-only", "127.0.0.1", "{port}"]),
}
FETCHERS = {
    "spate": [SPATE, "get", "-q", "-o", "{out}", "{url}"],
    "control": [SPATE, "get", "-q", "-o", "{out}", "{url}"],
    "curl": ["curl", "-s", "-o", "{out}", "{url}"],
}


def listening(port):
    """Reads the kernel's table, since connecting would take the listener's one client."""
    wanted = f":{port:04X} 00000000:0000 0A"
    return any(wanted in Path(f"/proc/net/{name}").read_text() for name in ("tcp", "tcp6"))


def await_listener(port):
    give_up = time.monotonic() + 10
    while not listening(port):
        if time.monotonic() > give_up:
            raise TimeoutError(f"nobody listens on {port}")
        time.sleep(0.001)


def cpu_s(before):
    """Of the children that have ended since."""
    now = resource.getrusage(resource.RUSAGE_CHILDREN)
    return now.ru_utime + now.ru_stime - before.ru_utime - before.ru_stime


def move(name, kind, file, folder):
    """Seconds of CPU of both ends, and of the clock."""
    port = free_port()
    listen, connect = ([word.format(port=port) for word in words] for words in MOVERS[name])
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = folder / "out"
    with open(out, "wb") as sink, open(file, "rb") as source:
        to = subprocess.PIPE if kind == "pipe" else sink
        listener = subprocess.Popen(listen, stdin=subprocess.DEVNULL, stdout=to)
        await_listener(port)
        # Pipes are fed and emptied by cat, whose CPU is in every program's figure.
        drain = subprocess.Popen(["cat"], stdin=listener.stdout, stdout=subprocess.DEVNULL) \
            if kind == "pipe" else None
        feed = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE) \
            if kind == "pipe" else None
        start = time.monotonic()
        sender = subprocess.Popen(connect, stdin=feed.stdout if feed else source)
        for each in (feed, drain):
            if each:
                (each.stdout or listener.stdout).close()
        codes = [each.wait() for each in (sender, listener, feed, drain) if each]
        took = time.monotonic() - start
    if any(codes):
        raise RuntimeError(f"{name} failed: {codes}")
    if kind == "file" and out.stat().st_size != file.stat().st_size:
        raise RuntimeError(f"{name} moved {out.stat().st_size} bytes of {file.stat().st_size}")
    return cpu_s(before), took


def fetch(name, url, folder):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    out = folder / "out"
    out.unlink(missing_ok=True)
    start = time.monotonic()
    subprocess.run([word.format(url=url, out=out) for word in FETCHERS[name]], check=True)
    return cpu_s(before), time.monotonic() - start


def table(title, names, rounds, run):
    seconds = {name: [] for name in names}
    for _ in range(rounds):
        for name in random.sample(names, len(names)):
            seconds[name].append(run(name))
    print(f"\n{title}\n\n| program | CPU, s | wall, s | spate / it, CPU | spate / it, wall |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name in names:
        row = [f"{statistics.median(run[part] for run in seconds[name]):.3f}" for part in (0, 1)]
        for part in (0, 1):
            ratios = [ours[part] / theirs[part]
                      for ours, theirs in zip(seconds["spate"], seconds[name])]
            middle, low, high = median_interval(ratios)
            row.append(f"{middle:.2f} ({low:.2f}–{high:.2f})" if name != "spate" else "")
        print(f"| {name} | {' | '.join(row)} |")
    sys.stdout.flush()


def version(command):
    if shutil.which(command[0]) is None:
        return None
    done = subprocess.run(command, capture_output=True, text=True)
    lines = [line for line in (done.stdout + done.stderr).splitlines() if "ersion" in line
             or line.startswith("curl")]
    return lines[0].strip() if lines else command[0]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=1024, metavar="MIB")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    for command in (["socat", "-V"], ["ncat", "--version"], ["curl", "--version"]):
        print(version(command) or f"{command[0]} is not here; going without")
    print(f"Linux {platform.release()}, {os.cpu_count()} processors, {arguments.size} MiB, "
          f"{arguments.rounds} rounds")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as name:
        folder = Path(name)
        file = folder / "in"
        with open(file, "wb") as out:
            for _ in range(arguments.size):
                out.write(os.urandom(1 << 20))
        movers = [each for each in MOVERS if shutil.which(MOVERS[each][0][0])]
        for kind in ("file", "pipe"):
            table(f"{kind} to {kind}", movers, arguments.rounds,
                  lambda each, kind=kind: move(each, kind, file, folder))
        compare_fetchers(folder, arguments.rounds)


def compare_fetchers(folder, rounds):
    port = free_port()
    server = subprocess.Popen(
        [SPATE, "serve", "--listen", f"127.0.0.1:{port}", "--quiet", "--cores", "1", str(folder)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    try:
        await_listener(port)
        url = f"http://127.0.0.1:{port}/in"
        # The server is no child that ends meanwhile: its CPU is in no figure.
        table("fetched from spate serve (the client's CPU)",
              [each for each in FETCHERS if shutil.which(FETCHERS[each][0])], rounds,
              lambda each: fetch(each, url, folder))
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    main()
