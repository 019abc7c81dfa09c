"""Serving over a wire of a given rate, and from a cold disk, beside nginx.

    scripts/bench line [wire|cold]... [--rounds N] [--seconds S]

The wire is a veth pair between two network namespaces, shaped at the server's end to 1, 10 and 25
Gbit/s (bench/network.py); where none can be made, it is skipped. A file of 1 MiB is fetched over 16
connections, one of 1 GiB over one, as often as the rate fills the seconds, by `spate load`, which
throws bodies away.
"""

import sys
import tempfile
from pathlib import Path

import clients
import cold
import network
import parts
import servers
from programs import SERVER_CPU
from results import result
from rounds import CONTROL, OURS, interleave, row

GBIT = (1, 10, 25)
FILES = {"1 MiB": (1 << 20, 16), "1 GiB": (1 << 30, 1)}  # Size, connections.


def fetch(server, settings, wire, file, rate, size, connections):
    """Percent of what the wire can carry, and the server's CPU seconds per GB."""
    count = max(connections, round(rate * settings.seconds / 8 / size))
    before = server.program.cpu_ns()
    load = clients.spate_load(settings.spate, server.url + file, None, "-n", count, "--timeout",
                              "60", connections=connections, namespace=wire.client)
    used = server.program.cpu_ns() - before
    moved = load.requests * size
    return {"percent": 100 * moved * 8 / load.wall_s / (rate * network.PAYLOAD_SHARE),
            "cpu": used / moved}


def over_the_wire(settings):
    refusal = network.why_no_wire()
    if refusal:
        print(f"line: the wire is skipped: {refusal}", file=sys.stderr)
        return [], []
    files = {"1 MiB": FILES["1 MiB"]} if settings.smoke else FILES
    rates = GBIT[1:2] if settings.smoke else GBIT
    names = [OURS, CONTROL, *servers.present(["nginx"])]
    percents, costs = [], []
    with tempfile.TemporaryDirectory() as name, network.Wire() as wire:
        scratch = Path(name)
        scratch.chmod(0o755)
        folder = scratch / "files"
        folder.mkdir()
        for label, (size, _) in files.items():
            with open(folder / label.replace(" ", ""), "wb") as file:
                for _ in range(size >> 20):
                    file.write(settings.chance.randbytes(1 << 20))
        site = servers.Site(folder, scratch, settings.spate, wire.address, 1, wire.server,
                            SERVER_CPU)
        with servers.started(names, site) as running:
            for gbit in rates:
                wire.shape(gbit * 1e9)
                for label, (size, connections) in files.items():
                    figures = interleave(running, settings, lambda name: fetch(
                        running[name], settings, wire, label.replace(" ", ""), gbit * 1e9, size,
                        connections))
                    percents.append(row(f"{gbit} Gbit/s, {label}", figures["percent"], "higher"))
                    costs.append(row(f"{gbit} Gbit/s, {label}", figures["cpu"]))
                    print(f"line: {gbit} Gbit/s, {label} done", file=sys.stderr)
    return results_of(percents, costs), [settings.spate, "nginx"]


def results_of(percents, costs):
    notes = ["The whole of the line is its rate times 1448/1514: the stream's bytes in each frame "
             "of 1514 that the shaper counts (MTU 1500, TCP timestamps; no preamble, checksum, "
             "gap). A bucket of 1 ms goes out beyond it at the start.",
             "Segments of up to 64 KiB cross the wire whole, as a card with TSO and GRO has them. "
             "1 MiB by 16 connections, 1 GiB by one."]
    return [result("line-rate", "Over a wire: share of what it carries", "%", percents, "higher",
                   notes=notes),
            result("line-cpu", "Over a wire: server CPU", "s/GB", costs,
                   notes=["Of the server's process; what the kernel does of a send in a timer's "
                          "interrupt is nobody's."])]


PARTS = {"wire": over_the_wire, "cold": cold.compare}


def main(arguments):
    return parts.main("line", __doc__.splitlines()[0], PARTS, arguments, rounds=6, seconds=3)
