"""Clients that ask a server, and what they say of it. Each gives a Load."""

import json
import re
from dataclasses import dataclass, field

from programs import CLIENT_CPU, RunFailed, run


@dataclass
class Load:
    requests: int
    wall_s: float
    client_cpu_s: float  # Of the process, its start and its report included.
    server_cpu_ns: int | None = None  # While it was counted, if the server was watched.
    report: dict = field(default_factory=dict)


def wrk_command(url, seconds, connections=64):
    """Takes whole seconds only."""
    return ["wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", "--timeout", "30s",
            url]


def wrk(url, seconds, connections=64):
    done = run(wrk_command(url, seconds, connections))
    return read_wrk(done.output, done.cpu_s)


def read_wrk(output, cpu_s=0.0):
    found = re.search(r"(\d+) requests in ([\d.]+)(ms|s|m)", output)
    if not found or "Non-2xx" in output or "Socket errors" in output or found[1] == "0":
        raise RunFailed(f"wrk: {output}")
    scale = {"ms": 1e-3, "s": 1, "m": 60}[found[3]]
    return Load(int(found[1]), float(found[2]) * scale, cpu_s)


def h2load_command(url, seconds, connections=64):
    return ["h2load", "--h1", "-t1", f"-c{connections}", f"--duration={round(seconds * 1000)}ms",
            url]


def h2load(url, seconds, connections=64):
    done = run(h2load_command(url, seconds, connections))
    return read_h2load(done.output, done.cpu_s)


def read_h2load(output, cpu_s=0.0):
    finished = re.search(r"finished in ([\d.]+)(us|ms|s|m)", output)
    requests = re.search(r"(\d+) succeeded, (\d+) failed, (\d+) errored", output)
    if not finished or not requests or requests[1] == "0" or requests.group(2, 3) != ("0", "0"):
        raise RunFailed(f"h2load: {output}")
    scale = {"us": 1e-6, "ms": 1e-3, "s": 1, "m": 60}[finished[2]]
    return Load(int(requests[1]), float(finished[1]) * scale, cpu_s)


def spate_load_command(program, seconds, *options, connections=64, threads=1, server=None):
    """Without the targets."""
    command = [program, "load", "-q", "-t", threads, "-c", connections, "--json", "-"]
    if seconds is not None:
        command += ["-d", seconds, *([] if server else ["--warmup", "0"])]
    return command + (["--server-pid", server.pid] if server else []) + list(options)


def spate_load(program, targets, seconds=None, *options, connections=64, threads=1, server=None,
               cpus=CLIENT_CPU, namespace=None):
    """`server` is a Program to watch: its CPU time counts for the measured part alone, without
    the opening and closing of connections. `seconds` may be None where options say how much."""
    command = spate_load_command(program, seconds, *options, connections=connections,
                                 threads=threads, server=server)
    done = run([*command, *([targets] if isinstance(targets, str) else targets)], cpus, namespace)
    return read_spate(json.loads(done.output), done.cpu_s)


def read_spate(report, cpu_s=0.0):
    totals, watched = report["totals"], report["cpu"]["server"]
    failed = totals["http_error"] + totals["net_error"] + totals["timeout"]
    if failed or not totals["ok"]:
        raise RunFailed(f"spate load: {totals} {report['errors']}")
    used = watched["user_ns"] + watched["sys_ns"] if watched else None
    return Load(totals["ok"], report["elapsed_ns"] / 1e9, cpu_s, used, report)
