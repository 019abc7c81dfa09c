"""File servers as they are measured: one worker, logs off, keep-alive without end, their caches of
open files on, everything else as they come."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path

from programs import SERVER_CPU, Program, RunFailed, free_port, installed
from rounds import CONTROL, OURS, is_ours
from settings import ROOT

RESPONDER = ROOT / "build-bench/bench/bench-responder"


@dataclass
class Site:
    """What to serve, and where."""
    folder: Path
    scratch: Path  # For configurations.
    spate: str = "spate"
    address: str = "127.0.0.1"
    workers: int = 1
    namespace: str | None = None
    cpus: str = SERVER_CPU


def spate(site, port):
    return [site.spate, "serve", "--quiet", "--cores", site.workers,
            "--listen", f"{site.address}:{port}", site.folder]


def nginx(site, port, more=""):
    """Without tcp_nopush, which costs it several times as much on loopback."""
    config = site.scratch / f"nginx-{port}.conf"
    config.write_text(f"""
daemon off; worker_processes {site.workers}; worker_rlimit_nofile 20000;
pid {config}.pid; error_log {config}.log;
events {{ worker_connections 15000; }}
http {{
  access_log off; sendfile on; tcp_nopush off; keepalive_requests 1000000000; {more}
  open_file_cache max=1000 inactive=60s; open_file_cache_valid 60s;
  client_body_temp_path {config}.1; proxy_temp_path {config}.2; fastcgi_temp_path {config}.3;
  uwsgi_temp_path {config}.4; scgi_temp_path {config}.5;
  server {{ listen {site.address}:{port} backlog=4096; root {site.folder}; }}
}}""")
    return ["nginx", "-c", config]


def nginx_threads(site, port):
    """nginx with its remedy for disks that block: reads in a pool of threads."""
    return nginx(site, port, "aio threads;")


def h2o(site, port):
    config = site.scratch / f"h2o-{port}.conf"
    config.write_text(f"""
listen: {{host: {site.address}, port: {port}}}
num-threads: {site.workers}
max-connections: 15000
hosts: {{"default": {{paths: {{"/": {{file.dir: {site.folder}}}}}}}}}
""")
    return ["h2o", "-c", config]


def lighttpd(site, port):
    config = site.scratch / f"lighttpd-{port}.conf"
    config.write_text(f"""
server.document-root = "{site.folder}"
server.bind = "{site.address}"
server.port = {port}
server.max-keep-alive-requests = 1000000000
server.max-fds = 20000
server.max-connections = 15000
server.listen-backlog = 4096
""")
    return ["lighttpd", "-D", "-f", config]


def caddy(site, port):
    """GOMAXPROCS is what its pinning to processors makes it."""
    config = site.scratch / f"caddy-{port}.json"
    config.write_text(f"""{{
"admin": {{"disabled": true}}, "storage": {{"module": "file_system", "root": "{config}.d"}},
"logging": {{"logs": {{"default": {{"writer": {{"output": "discard"}}}}}}}},
"apps": {{"http": {{"servers": {{"files": {{
  "listen": ["{site.address}:{port}"], "automatic_https": {{"disable": true}},
  "routes": [{{"handle": [{{"handler": "file_server", "root": "{site.folder}"}}]}}]}}}}}}}}}}""")
    return ["caddy", "run", "--config", config]


def python(site, port):
    """HTTP/1.0, a connection and a thread for each request, and a log that cannot be off."""
    return [sys.executable, "-m", "http.server", "--bind", site.address, "--directory",
            site.folder, port]


def floor(port, body_bytes):
    """The least a server could do: a loop of spate's that answers without reading HTTP."""
    return [RESPONDER, port, body_bytes]


COMMANDS = {OURS: spate, CONTROL: spate, "nginx": nginx, "h2o": h2o, "lighttpd": lighttpd,
            "caddy": caddy, "nginx aio": nginx_threads, "python": python}
PROGRAMS = {"nginx aio": "nginx", "python": sys.executable}


@dataclass
class Server:
    program: Program
    url: str  # Ends in a slash.


def start(name, site):
    """A server of the site on a port of its own."""
    port = free_port()
    command = COMMANDS[name](site, port)
    program = Program(command, site.cpus, site.namespace, cwd=site.scratch)
    try:
        program.await_listening(port)
    except BaseException:
        program.stop()
        raise
    return Server(program, f"http://{site.address}:{port}/")


def present(names):
    """Those that are installed; of the others it says so."""
    found = []
    for name in names:
        if name in (OURS, CONTROL) or installed(PROGRAMS.get(name, name)):
            found.append(name)
        else:
            print(f"{name} is not installed: skipped", file=sys.stderr)
    return found


@contextlib.contextmanager
def started(names, site):
    """{name: Server} of those that start: one of spate's must. All are stopped in the end."""
    with contextlib.ExitStack() as stack:
        servers = {}
        for name in names:
            try:
                servers[name] = start(name, site)
            except (RunFailed, OSError) as failure:
                if is_ours(name):
                    raise
                print(f"{name} is left out: {failure}", file=sys.stderr)
                continue
            stack.callback(servers[name].program.stop)
        yield servers
