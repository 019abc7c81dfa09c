"""`spate load` beside wrk and h2load: client CPU per request and requests per second, 64
connections and one thread each; and how well it keeps a rate, and datagrams one way.

The server is `spate serve` on one processor, the client on the other. CPU is that of the client's
process, its start and its report included.
"""

import json
import sys

import clients
import servers
from peers_serve import site_of_sizes
from programs import SERVER_CPU, Program, free_port, installed, run
from results import result
from rounds import CONTROL, OURS, interleave, row

SIZES = {"1 KiB": 1 << 10, "16 KiB": 16 << 10, "100 KiB": 100 << 10, "1 MiB": 1 << 20}
SHARES = (0.1, 0.25, 0.5, 0.8)


def ask(name, settings, url):
    """Client CPU per request in microseconds, and requests per second."""
    if name == "wrk":
        load = clients.wrk(url, settings.seconds)
    elif name == "h2load":
        load = clients.h2load(url, settings.seconds)
    else:
        load = clients.spate_load(settings.spate, url, settings.seconds)
    return {"cpu": load.client_cpu_s * 1e6 / load.requests, "rate": load.requests / load.wall_s}


def beside(settings, url, sizes):
    names = [OURS, CONTROL, *(name for name in ("wrk", "h2load") if installed(name))]
    cpu, rate = [], []
    for label, size in sizes.items():
        figures = interleave(names, settings,
                             lambda name, size=size: ask(name, settings, f"{url}{size}"))
        cpu.append(row(label, figures["cpu"]))
        rate.append(row(label, figures["rate"], better="higher"))
        print(f"load: {label} done", file=sys.stderr)
    return [result("load-cpu", "Load testers: client CPU per request", "us", cpu),
            result("load-rate", "Load testers: requests per second", "", rate, better="higher")]


def kept_rates(settings, url):
    """Fractions of what a closed loop reaches."""
    most = clients.spate_load(settings.spate, url, settings.seconds)
    rows = []
    for share in SHARES[:1] if settings.smoke else SHARES:
        rate = round(most.requests / most.wall_s * share, -2)
        seconds = settings.seconds if settings.smoke else 5
        report = clients.spate_load(settings.spate, url, seconds, "-R", f"{rate:.0f}").report
        values = {"rate/s": rate, "sent %": 100 * report["rate"]["sent"] / rate,
                  "answered %": 100 * report["rate"]["answered"] / rate}
        for part, name in (("latency", "latency"), ("send_lag", "send lag")):
            for p in ("p50", "p99"):
                found = report[part][p]
                values[f"{name} {p}, us"] = None if found is None else found / 1000
        rows.append({"label": f"{share:.0%}", "values": values, "runs": {}})
    return result("load-kept-rate", "Keeping a rate: shares of a closed loop's", "", rows,
                  chart=None, notes=["1 KiB; the tail has the machine's other tenants in it."])


def one_way(settings):
    """Received datagrams per second, by size, with and without segments."""
    rows, seconds = [], settings.seconds if settings.smoke else 3
    for size, options in ((64, ()), (64, ("--no-gso",)), (1400, ()), (1400, ("--no-gso",))):
        port = free_port()
        url = f"udp://127.0.0.1:{port}"
        with Program([settings.spate, "load", "--sink", url], SERVER_CPU) as sink:
            sink.await_listening(port)
            done = run([settings.spate, "load", "-q", "--stream", "-t", "1", "-c", "1", "-d",
                        seconds, "--size", size, *options, "--json", "-", url])
        report = json.loads(done.output)
        udp, cpu = report["udp"], report["cpu"]
        received = max(udp["received"], 1)
        values = {"received/s": udp["pps"], "lost": udp["lost"]}
        for side, name in (("client", "client"), ("server", "far end")):
            values[f"{name} CPU ns each"] = (
                cpu[side]["user_ns"] + cpu[side]["sys_ns"]) / received
        label = f"{size} B{', one by one' if options else ''}"
        rows.append({"label": label, "values": values, "runs": {}})
    return result("load-one-way", "Datagrams one way, from spate load to its sink", "", rows,
                  chart=None)


def compare(settings):
    sizes = {"1 KiB": 1 << 10} if settings.smoke else SIZES
    with site_of_sizes(settings, {str(size): size for size in sizes.values()}) as site:
        with servers.started([OURS], site) as running:
            made = beside(settings, running[OURS].url, sizes)
            made.append(kept_rates(settings, f"{running[OURS].url}1024"))
    made.append(one_way(settings))
    return made, [settings.spate, "wrk", "h2load"]
