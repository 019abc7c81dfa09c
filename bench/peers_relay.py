"""`spate tcp` beside socat and ncat: a file moved over loopback, CPU of both ends and time. Where
its processes run is left to the kernel: with pipes there are four of them."""

import os
import subprocess
import tempfile
import time
from pathlib import Path

from programs import RunFailed, children_cpu_s, free_port, installed, is_listening
from results import result
from rounds import CONTROL, OURS, interleave, row

SPATE = (["{spate}", "tcp", "listen", "--once", "-q", "127.0.0.1:{port}"],
         ["{spate}", "tcp", "connect", "127.0.0.1:{port}"])
# Listening and connecting.
MOVERS = {
    OURS: SPATE,
    CONTROL: SPATE,
    "socat": (["socat", "-u", "-b262144", "TCP-LISTEN:{port},bind=127.0.0.1", "STDOUT"],
              ["socat", "-u", "-b262144", "STDIN", "TCP:127.0.0.1:{port}"]),
    "ncat": (["ncat", "-l", "--recv-only", "127.0.0.1", "{port}"],
             ["ncat", "--send-only", "127.0.0.1", "{port}"]),
}


def await_listener(port, process):
    give_up = time.monotonic() + 10
    while not is_listening(port):
        if time.monotonic() > give_up or process.poll() is not None:
            raise RunFailed(f"nobody listens on {port}")
        time.sleep(0.001)


def await_end(processes):
    """Their exit codes."""
    give_up = time.monotonic() + 120
    try:
        return [each.wait(max(0.1, give_up - time.monotonic())) for each in processes]
    except subprocess.TimeoutExpired as late:
        raise RunFailed(f"{late.cmd[0]} does not end") from late


def kill(processes):
    """Those that run yet."""
    for each in processes:
        if each.poll() is None:
            each.kill()
            each.wait()


def move(name, kind, settings, file, out):
    """Seconds of CPU of both ends, and of the clock. Pipes are fed and emptied by cat, whose CPU
    is in every program's figure."""
    port, piped = free_port(), kind == "pipe"
    listen, connect = ([word.format(port=port, spate=settings.spate) for word in words]
                       for words in MOVERS[name])
    before = children_cpu_s()
    with open(out, "wb") as sink, open(file, "rb") as source:
        listener = subprocess.Popen(listen, stdin=subprocess.DEVNULL,
                                    stdout=subprocess.PIPE if piped else sink)
        processes = [listener]
        try:
            await_listener(port, listener)
            feed = subprocess.Popen(["cat"], stdin=source, stdout=subprocess.PIPE) \
                if piped else None
            if piped:
                processes += [subprocess.Popen(["cat"], stdin=listener.stdout,
                                               stdout=subprocess.DEVNULL), feed]
                listener.stdout.close()
            start = time.monotonic()
            processes.append(subprocess.Popen(connect, stdin=feed.stdout if feed else source))
            if feed:
                feed.stdout.close()
            codes = await_end(processes)
        finally:
            kill(processes)
        wall = time.monotonic() - start
    if any(codes):
        raise RunFailed(f"{name} failed: {codes}")
    if not piped and out.stat().st_size != file.stat().st_size:
        raise RunFailed(f"{name} moved {out.stat().st_size} bytes of {file.stat().st_size}")
    return {"cpu": children_cpu_s() - before, "wall": wall}


def compare(settings):
    mib = 2 if settings.smoke else settings.mib
    names = [name for name in MOVERS if name in (OURS, CONTROL) or installed(name)]
    cpu, wall = [], []
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        file, out = Path(folder, "in"), Path(folder, "out")
        with open(file, "wb") as written:
            for _ in range(mib):
                written.write(os.urandom(1 << 20))
        for kind in ("file", "pipe"):
            figures = interleave(names, settings, lambda name, kind=kind: move(
                name, kind, settings, file, out))
            for rows, metric in ((cpu, "cpu"), (wall, "wall")):
                rows.append(row(f"{mib} MiB, {kind} to {kind}", figures[metric]))
    notes = ["Pipes are fed and emptied by cat, which is in every program's figure. No process is "
             "pinned to a processor."]
    notes += [f"{name}: `{' '.join(listen)}` and `{' '.join(connect)}`"
              .replace("{spate}", "spate").replace("{port}", "PORT")
              for name, (listen, connect) in MOVERS.items() if name in names and name != CONTROL]
    return [result("relay-cpu", "Moving a file by sockets: CPU of both ends", "s", cpu,
                   notes=notes),
            result("relay-wall", "Moving a file by sockets: time", "s", wall),
            ], [settings.spate, "socat", "ncat"]
