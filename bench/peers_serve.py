"""`spate serve` beside nginx, h2o, lighttpd, caddy and Python's http.server.

One worker each on one processor, the client on the other. The figure is the server's CPU time per
request, over all its threads. Sizes are asked for by wrk where it is here and runs last whole
seconds; the other rows by `spate load`, whose warm-up, connecting and closing do not count.
"""

import contextlib
import random
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import clients
import servers
from programs import CLIENT_CPU, Program, free_port, installed
from results import result
from rounds import CONTROL, OURS, interleave, row

PEERS = ("nginx", "h2o", "lighttpd", "caddy")
SIZES = {"1k": 1 << 10, "16k": 16 << 10, "64k": 64 << 10, "100k": 100 << 10, "256k": 256 << 10,
         "1m": 1 << 20, "64m": 64 << 20}
FLOOR_SIZES = ("1k", "16k", "64k", "1m")


@dataclass(frozen=True)
class Kind:
    """A row: what is asked for, and how."""
    label: str
    file: str = "1k"
    connections: int = 64
    options: tuple = ()  # Of `spate load`; none means that wrk may ask.
    python: bool = False
    own_client: bool = False


KINDS = [
    Kind("1 KiB"), Kind("16 KiB", "16k"), Kind("64 KiB", "64k"), Kind("100 KiB", "100k"),
    Kind("256 KiB", "256k"), Kind("1 MiB", "1m"), Kind("64 MiB", "64m", 4),
    Kind("1 KiB, new connection each", options=("--new-connections",), python=True),
    Kind("1 KiB, 5,000 connections", connections=5000, own_client=True),
    Kind("1 KiB, pipelined 16 deep", options=("--pipeline", "16")),
]


def client_of(kind, settings):
    whole = settings.seconds >= 1 and settings.seconds == int(settings.seconds)
    own = kind.options or kind.own_client or not whole or not installed("wrk")
    return "spate load" if own else "wrk"


def measure(kind, settings, program, url, reduced=False):
    """Microseconds of the server's CPU per request."""
    before = program.cpu_ns()
    seconds = settings.seconds / 2 if reduced else settings.seconds
    if client_of(kind, settings) == "wrk":
        load = clients.wrk(url, seconds, kind.connections)
    else:
        # Threads that end with their request are only in the process's own clock.
        watched = None if reduced else program
        load = clients.spate_load(settings.spate, url, seconds, *kind.options, server=watched,
                                  connections=4 if reduced else kind.connections)
    used = program.cpu_ns() - before if load.server_cpu_ns is None else load.server_cpu_ns
    return {"us": used / load.requests / 1000}


@contextlib.contextmanager
def site_of_sizes(settings, sizes):
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        scratch.chmod(0o755)  # Servers may give up root.
        folder = scratch / "files"
        folder.mkdir()
        for file, size in sizes.items():
            (folder / file).write_bytes(random.Random(1).randbytes(size))
        yield servers.Site(folder, scratch, settings.spate)


def measure_floor(settings, kind):
    """The bare responder, started for the size: it answers everything with the same body."""
    port = free_port()
    with Program(servers.floor(port, SIZES[kind.file])) as program:
        program.await_listening(port)
        return measure(kind, settings, program, f"http://127.0.0.1:{port}/{kind.file}")


def rows_of(settings, site, names, kinds):
    rows, floors = [], []
    with servers.started(names, site) as running:
        for kind in kinds:
            here = [name for name in running if name != "python" or kind.python]
            floor = (servers.RESPONDER.exists() and kind.file in FLOOR_SIZES
                     and not kind.options and not kind.own_client)

            def one(name, kind=kind):
                if name == "floor":
                    return measure_floor(settings, kind)
                server = running[name]
                return measure(kind, settings, server.program, server.url + kind.file,
                               name == "python")

            runs = interleave(here + ["floor"] * floor, settings, one)["us"]
            beneath = runs.pop("floor", None)
            rows.append(row(kind.label, runs, rivals=PEERS))
            if beneath:
                own = {name: runs[name] for name in (OURS, CONTROL)}
                floors.append(row(kind.label, {**own, "floor": beneath}))
            print(f"serve: {kind.label} done", file=sys.stderr)
    return rows, floors


def compare(settings):
    """The results, and the versions of what was compared."""
    kinds = KINDS
    if settings.smoke:
        kinds = [Kind("1 KiB"), Kind("1 KiB, new connection each",
                                     options=("--new-connections",), python=True)]
    names = [OURS, CONTROL, *servers.present([*PEERS, "python"])]
    with site_of_sizes(settings, {kind.file: SIZES[kind.file] for kind in kinds}) as site:
        rows, floors = rows_of(settings, site, names, kinds)
    asked_by = {client_of(kind, settings) for kind in kinds}
    made = [result("serve", "Serving files: server CPU per request", "us", rows, notes=[
        "64 connections kept alive, 4 for 64 MiB; pinned: servers to one processor, the client to "
        f"the other (CPU {CLIENT_CPU}). Asked by {' and '.join(sorted(asked_by))}.",
        "Where sockets begin with BBR, spate takes CUBIC or Reno for those of this machine with "
        "itself; the others keep BBR. spate and h2o let a client in with its first bytes "
        "(TCP_DEFER_ACCEPT), the others at once.",
        "Python's http.server (its row only) is asked by 4 connections for half the time, and "
        "is not among the peers that the ratio takes the best of."])]
    if floors:
        made.append(result("serve-floor", "Serving files beside a bare responder", "us", floors,
                           notes=["The floor answers every request with the same bytes and does "
                                  "not read HTTP: what is left is the kernel's part."]))
    return made, [settings.spate, *PEERS, sys.executable, "wrk"]

