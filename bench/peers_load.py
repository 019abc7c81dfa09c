"""`spate load` beside wrk and h2load: client CPU per request, that of both ends, and requests per
second, 64 connections and one thread each; and how well it keeps a rate, and datagrams one way.

The server is `spate serve` on one processor, the client on the other. CPU is that of the client's
process, its start and its report included.
"""

import json
import statistics
import sys

import clients
import servers
from peers_serve import site_of_sizes
from programs import CLIENT_CPU, SERVER_CPU, Program, free_port, installed, run
from results import result
from rounds import CONTROL, OURS, interleave, row

SIZES = {"1 KiB": 1 << 10, "16 KiB": 16 << 10, "100 KiB": 100 << 10, "1 MiB": 1 << 20}
SHARES = (0.1, 0.25, 0.5, 0.8)


def ask(name, settings, server, url):
    """CPU per request in microseconds, the client's and with the server's; requests per second."""
    before = server.program.cpu_ns()
    if name == "wrk":
        load = clients.wrk(url, settings.seconds)
    elif name == "h2load":
        load = clients.h2load(url, settings.seconds)
    else:
        load = clients.spate_load(settings.spate, url, settings.seconds)
    both_s = load.client_cpu_s + (server.program.cpu_ns() - before) / 1e9
    return {"cpu": load.client_cpu_s * 1e6 / load.requests, "both": both_s * 1e6 / load.requests,
            "rate": load.requests / load.wall_s}


def commands(settings):
    """What was run, the server's port apart."""
    url = "http://127.0.0.1:PORT/SIZE"
    of = {"spate": [*clients.spate_load_command("spate", settings.seconds), url],
          "wrk": clients.wrk_command(url, settings.seconds),
          "h2load": clients.h2load_command(url, settings.seconds)}
    return [f"taskset -c {CLIENT_CPU} {' '.join(map(str, command))}" for command in of.values()]


def beside(settings, server, sizes):
    names = [OURS, CONTROL, *(name for name in ("wrk", "h2load") if installed(name))]
    cpu, both, rate = [], [], []
    for label, size in sizes.items():
        figures = interleave(names, settings, lambda name, size=size: ask(
            name, settings, server, f"{server.url}{size}"))
        cpu.append(row(label, figures["cpu"]))
        both.append(row(label, figures["both"]))
        rate.append(row(label, figures["rate"], better="higher"))
        print(f"load: {label} done", file=sys.stderr)
    notes = [f"`{command}`" for command in commands(settings)]
    return [result("load-cpu", "Load testers: client CPU per request", "us", cpu, notes=notes),
            result("load-both", "Load testers: CPU of client and server per request", "us", both,
                   notes=["On loopback who sends does much of the receiver's work."]),
            result("load-rate", "Load testers: requests per second", "", rate, better="higher")]


def medians_row(label, rounds):
    """Of figures by name, a dict for each round."""
    runs = {name: [each[name] for each in rounds] for name in rounds[0]}
    known = {name: [value for value in values if value is not None]
             for name, values in runs.items()}
    return {"label": label, "runs": runs,
            "values": {name: statistics.median(values) if values else None
                       for name, values in known.items()}}


def keep(settings, url, rate):
    """How a rate is kept in one run."""
    report = clients.spate_load(settings.spate, url, settings.seconds, "-R", f"{rate:.0f}").report
    values = {"rate/s": rate, "sent %": 100 * report["rate"]["sent"] / rate,
              "answered %": 100 * report["rate"]["answered"] / rate}
    for part, name in (("latency", "latency"), ("send_lag", "send lag")):
        for p in ("p50", "p99"):
            found = report[part][p]
            values[f"{name} {p}, us"] = None if found is None else found / 1000
    return values


def kept_rates(settings, url):
    """Fractions of what a closed loop reaches, in rounds."""
    most = clients.spate_load(settings.spate, url, settings.seconds)
    shares = SHARES[:1] if settings.smoke else SHARES
    rates = {share: round(most.requests / most.wall_s * share, -2) for share in shares}
    found = {share: [] for share in shares}
    for _ in range(settings.rounds):
        for share in settings.chance.sample(list(shares), len(shares)):
            found[share].append(keep(settings, url, rates[share]))
    rows = [medians_row(f"{share:.0%}", found[share]) for share in shares]
    return result("load-kept-rate", "Keeping a rate: shares of a closed loop's", "", rows,
                  chart=None, notes=["1 KiB; the tail has the machine's other tenants in it."])


def send_one_way(settings, size, options):
    """What one run to a sink of its own came to."""
    port = free_port()
    url = f"udp://127.0.0.1:{port}"
    with Program([settings.spate, "load", "--sink", url], SERVER_CPU) as sink:
        sink.await_listening(port)
        done = run([settings.spate, "load", "-q", "--stream", "-t", "1", "-c", "1", "-d",
                    settings.seconds, "--size", size, *options, "--json", "-", url])
    report = json.loads(done.output)
    udp, cpu = report["udp"], report["cpu"]
    received = max(udp["received"], 1)
    used = {side: cpu[side]["user_ns"] + cpu[side]["sys_ns"] for side in ("client", "server")}
    return {"received/s": udp["pps"], "lost": udp["lost"],
            "client CPU ns each": used["client"] / received,
            "far end CPU ns each": used["server"] / received}


def one_way(settings):
    """Received datagrams per second, by size, with and without segments, in rounds."""
    kinds = [(64, ()), (64, ("--no-gso",)), (1400, ()), (1400, ("--no-gso",))]
    found = {kind: [] for kind in kinds}
    for _ in range(settings.rounds):
        for kind in settings.chance.sample(kinds, len(kinds)):
            found[kind].append(send_one_way(settings, *kind))
    rows = [medians_row(f"{size} B{', one by one' if options else ''}", found[size, options])
            for size, options in kinds]
    return result("load-one-way", "Datagrams one way, from spate load to its sink", "", rows,
                  chart=None)


def compare(settings):
    sizes = {"1 KiB": 1 << 10} if settings.smoke else SIZES
    with site_of_sizes(settings, {str(size): size for size in sizes.values()}) as site:
        with servers.started([OURS], site) as running:
            made = beside(settings, running[OURS], sizes)
            made.append(kept_rates(settings, f"{running[OURS].url}1024"))
    made.append(one_way(settings))
    return made, [settings.spate, "wrk", "h2load"]
