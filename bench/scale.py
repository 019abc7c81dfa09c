"""How a server's cost grows: with connections, files, processors and the size of a file, beside
nginx.

    scripts/bench scale [connections|files|cores|large]... [--rounds N] [--seconds S]
"""

import contextlib
import sys
import tempfile
import threading
from pathlib import Path

import clients
import parts
import servers
from programs import BOTH_CPUS, SERVER_CPU
from results import result
from rounds import CONTROL, OURS, interleave, row

GB = 1_000_000_000


@contextlib.contextmanager
def site(settings, **more):
    """An empty folder to serve, on a disk."""
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        folder = scratch / "files"
        folder.mkdir()
        yield servers.Site(folder, scratch, settings.spate, **more)


def names_here():
    return [OURS, CONTROL, *servers.present(["nginx"])]


def programs(settings):
    return [settings.spate, "nginx"]


class MemoryWatch:
    """The most private memory that a program has while this is entered."""

    def __init__(self, program):
        self.program, self.most, self.ended = program, 0, threading.Event()
        self.thread, self.failure = threading.Thread(target=self.look), None

    def look(self):
        try:
            while not self.ended.wait(0.02):
                self.most = max(self.most, self.program.private_memory())
        except Exception as failure:  # Whoever entered shall have it, not this thread.
            self.failure = failure

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, raised, *_):
        self.ended.set()
        self.thread.join()
        if raised:
            return
        if self.failure:
            raise self.failure
        self.most = max(self.most, self.program.private_memory())


def with_connections(name, settings, where, count):
    """A server that is new each time: memory that was had once is not given back."""
    server = servers.start(name, where)
    try:
        clients.spate_load(settings.spate, server.url + "1k", None, "-n", 1, connections=1)
        before = server.program.private_memory()
        with MemoryWatch(server.program) as watch:
            load = clients.spate_load(settings.spate, server.url + "1k", settings.seconds,
                                      connections=count, server=server.program)
    finally:
        server.program.stop()
    return {"cpu": load.server_cpu_ns / load.requests / 1000,
            "growth": max(watch.most - before, 0) / count, "memory": watch.most / 1e6}


def connections(settings):
    cpu, growth, memory, names = [], [], [], names_here()
    with site(settings) as where:
        (where.folder / "1k").write_bytes(settings.chance.randbytes(1024))
        for count in (10, 100) if settings.smoke else (10, 100, 1000, 10000):
            figures = interleave(names, settings, lambda name: with_connections(
                name, settings, where, count))
            cpu.append(row(f"{count:,}", figures["cpu"], x=count))
            memory.append(row(f"{count:,}", figures["memory"], x=count))
            figures["growth"].pop(CONTROL)  # No ratios: a growth may be nothing.
            growth.append(row(f"{count:,}", figures["growth"], rivals=(), x=count))
            print(f"scale: {count:,} connections done", file=sys.stderr)
    return [result("scale-connections-cpu", "Connections: server CPU per request of 1 KiB", "us",
                   cpu, chart="lines", axis="connections"),
            result("scale-connections-memory", "Connections: server memory in all", "MB", memory,
                   chart="lines", axis="connections", notes=[
                       "The most RssAnon, over all processes, while all of them ask for 1 KiB."]),
            result("scale-connections-growth", "Connections: growth of server memory, for each",
                   "B", growth, chart="lines", axis="connections", notes=[
                       "The same, less what a new server has after one request. At few "
                       "connections it is what a server takes once for all; nginx has taken the "
                       "room for worker_connections (15,000 here) beforehand."]),
            ], programs(settings)


def mix(path, requests):
    """A file of `spate load --mix`: requests of equal weight."""
    path.write_text("\n".join(f"1 GET {target}\n{fields}" for target, fields in requests))
    return path


def files(settings):
    """Requests at random over one file, and over very many."""
    many = 200 if settings.smoke else 100_000
    names, rows = names_here(), []
    with site(settings) as where:
        paths = [f"/{number // 1000}/{number}" for number in range(many)]
        for path in paths:
            file = where.folder / path[1:]
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(b"x" * 1024)
        with servers.started(names, where) as running:
            for count in (1, many):
                asked = mix(where.scratch / f"mix{count}", [(path, "") for path in paths[:count]])

                def one(name, asked=asked):
                    server = running[name]
                    load = clients.spate_load(
                        settings.spate, server.url, settings.seconds, "--mix", asked,
                        server=server.program)
                    return {"cpu": load.server_cpu_ns / load.requests / 1000}

                rows.append(row(f"{count:,}", interleave(running, settings, one)["cpu"], x=count))
    return [result("scale-files", "Files: server CPU per request of 1 KiB, over all of them", "us",
                   rows, chart="bars", axis="files", notes=[
                       "64 connections; which file comes by chance. nginx keeps 1,000 files open "
                       "(open_file_cache); spate caches 64 MiB of contents. All are in the page "
                       "cache."])], programs(settings)


def cores(settings):
    """One worker on one processor, two on both; the client has both in either case."""
    names, cpu, rate = names_here(), [], []
    for workers, cpus in ((1, SERVER_CPU), (2, BOTH_CPUS)):
        with site(settings, workers=workers, cpus=cpus) as where:
            (where.folder / "1k").write_bytes(settings.chance.randbytes(1024))
            with servers.started(names, where) as running:

                def one(name, running=running):
                    server = running[name]
                    load = clients.spate_load(
                        settings.spate, server.url + "1k", settings.seconds, threads=2,
                        server=server.program, cpus=BOTH_CPUS)
                    return {"cpu": load.server_cpu_ns / load.requests / 1000,
                            "rate": load.requests / load.wall_s}

                figures = interleave(running, settings, one)
        cpu.append(row(f"{workers}", figures["cpu"], x=workers))
        rate.append(row(f"{workers}", figures["rate"], "higher", x=workers))
    notes = ["1 KiB, 64 connections. The client shares the processors: on a machine of two, a "
             "server of two has no more of them to itself than a server of one."]
    return [result("scale-cores-cpu", "Processors: server CPU per request", "us", cpu,
                   axis="processors", notes=notes),
            result("scale-cores-rate", "Processors: requests per second", "", rate, "higher",
                   axis="processors", notes=notes)], programs(settings)


def large(settings):
    """A sparse file: nothing but its size is unusual, and no disk is needed."""
    size = 100_000_000 if settings.smoke else 50 * GB
    names, rows = names_here(), []
    spread = [("/large", f"Range: bytes={at}-{at + (1 << 20) - 1}\n")
              for at in range(0, size - (1 << 20), size // 64)]
    with site(settings) as where:
        with open(where.folder / "large", "wb") as file:
            file.truncate(size)
        ranges = mix(where.scratch / "ranges", spread)
        with servers.started(names, where) as running:
            rows.append(row("ranges of 1 MiB", interleave(running, settings, lambda name: per_gb(
                running[name], settings, 1 << 20, settings.seconds, "--mix", ranges))["cpu"]))
            rows.append(row("the whole, once", interleave(running, settings, lambda name: per_gb(
                running[name], settings, size, None, "-n", 1, "--timeout", "250",
                path="large"))["cpu"]))
    return [result("scale-large", f"A file of {size / GB:g} GB: server CPU", "s/GB", rows, notes=[
        "Sparse, on a disk. Ranges: 64 of them spread over the file, by 4 connections. The whole: "
        "by one, thrown away by the client in its kernel."])], programs(settings)


def per_gb(server, settings, size, seconds, *options, path=""):
    before = server.program.cpu_ns()
    load = clients.spate_load(settings.spate, server.url + path, seconds, *options,
                              connections=1 if seconds is None else 4)
    return {"cpu": (server.program.cpu_ns() - before) / (load.requests * size)}


PARTS = {"connections": connections, "files": files, "cores": cores, "large": large}


def main(arguments):
    return parts.main("scale", __doc__.splitlines()[0], PARTS, arguments, rounds=6, seconds=2)
