"""Starting programs on a processor of their own, stopping them, and what they used meanwhile."""

import contextlib
import errno
import re
import resource
import shutil
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

SERVER_CPU, CLIENT_CPU, BOTH_CPUS = "0", "1", "0,1"
LONGEST_RUN_S = 300

# What reading of a process or thread that has just ended comes to.
GONE = (FileNotFoundError, ProcessLookupError)


class RunFailed(Exception):
    """A program that did not do what it was started for."""


def prefix(cpus, namespace=None):
    """Both programs of it replace themselves by what comes after: the process stays the same."""
    inside = ["ip", "netns", "exec", namespace] if namespace else []
    return [*inside, "taskset", "-c", cpus]


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return probe.getsockname()[1]


def is_listening(port, pid="self"):
    """By the kernel's table, as the process sees it: connecting would use up a listener that takes
    one client, and could not reach into another network."""
    pattern = re.compile(rf":{port:04X} 0+:0000 0A")
    return any(pattern.search(text_of(f"/proc/{pid}/net/{table}")) for table in ("tcp", "tcp6"))


def text_of(path):
    """Of a file in /proc; '' where there is none, or no longer."""
    try:
        return Path(path).read_text()
    except GONE:
        return ""


def descendants(pid):
    """It and its children, of those that live while they are listed."""
    found, todo = [], [pid]
    while todo:
        pid = todo.pop()
        found.append(pid)
        with contextlib.suppress(*GONE):
            for task in Path(f"/proc/{pid}/task").iterdir():
                todo += [int(child) for child in text_of(task / "children").split()]
    return found


def cpu_ns_of(pid):
    """By the process's CPU clock, whose number is what clock_getcpuclockid(3) makes of its pid; 0
    for one that is gone."""
    try:
        return time.clock_gettime_ns((~pid << 3) | 2)
    except OSError as error:
        if error.errno in (errno.EINVAL, errno.ESRCH):
            return 0
        raise


def private_bytes(status):
    """Of the text of /proc/PID/status; 0 of a zombie, which has no memory."""
    found = re.search(r"RssAnon:\s+(\d+)", status)
    return 1024 * int(found[1]) if found else 0


class Program:
    """A program that runs until it is stopped, with its children."""

    def __init__(self, command, cpus=SERVER_CPU, namespace=None, cwd=None):
        self.command = [str(word) for word in command]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [*prefix(cpus, namespace), *self.command], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=self.log, cwd=cwd)
        self.pid = self.process.pid

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def await_listening(self, port):
        give_up = time.monotonic() + 20
        while time.monotonic() < give_up:
            if self.process.poll() is not None:
                raise RunFailed(f"{self.command[0]} ended at once: {self.said()}")
            if is_listening(port, self.pid):
                return self
            time.sleep(0.005)
        raise RunFailed(f"{self.command[0]} does not listen on {port}: {self.said()}")

    def said(self):
        """The end of what it wrote to standard error."""
        self.log.seek(0)
        return self.log.read()[-500:].decode(errors="replace").strip()

    def pids(self):
        """Of the process and of its children that live."""
        if self.process.poll() is not None:
            raise RunFailed(f"{self.command[0]} ended before its time: {self.said()}")
        return descendants(self.pid)

    def cpu_ns(self):
        """CPU time of the process and of its children that live, to the nanosecond: the sum of
        /proc/PID/task/*/schedstat and of threads that have ended."""
        return sum(map(cpu_ns_of, self.pids()))

    def private_memory(self):
        """Bytes of memory that no file is behind (RssAnon), over all its processes."""
        return sum(private_bytes(text_of(f"/proc/{pid}/status")) for pid in self.pids())

    def stop(self):
        """Children go with the program; one that does not is ended by force."""
        try:
            if self.process.poll() is None:
                self.process.terminate()
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            for pid in reversed(descendants(self.pid)):
                subprocess.run(["kill", "-KILL", str(pid)], check=False)
            self.process.wait()
        finally:
            self.log.close()


@dataclass
class Finished:
    output: str
    cpu_s: float  # Its own and that of all other children that have ended since it began.
    wall_s: float


def children_cpu_s():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def run(command, cpus=CLIENT_CPU, namespace=None, cwd=None, longest_s=LONGEST_RUN_S):
    """Runs a program to its end."""
    words = [str(word) for word in command]
    cpu, start = children_cpu_s(), time.monotonic()
    try:
        done = subprocess.run([*prefix(cpus, namespace), *words], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, timeout=longest_s, cwd=cwd)
    except subprocess.TimeoutExpired as late:
        raise RunFailed(f"{words[0]} took over {longest_s} s") from late
    if done.returncode != 0:
        raise RunFailed(f"{' '.join(words)[:300]}: exit {done.returncode}: "
                        f"{(done.stderr or done.stdout)[-500:].strip()}")
    return Finished(done.stdout, children_cpu_s() - cpu, time.monotonic() - start)


def installed(program):
    return shutil.which(program) is not None


VERSION_FLAGS = {"nginx": "-v", "lighttpd": "-v", "h2o": "-v", "caddy": "version", "wrk": "-v",
                 "socat": "-V"}


def version(program):
    """The first line of what it says of its version that has a number, up to its particulars."""
    flag = VERSION_FLAGS.get(Path(program).name, "--version")
    done = subprocess.run([program, flag], capture_output=True, text=True, timeout=20)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    found = next((line for line in lines if re.search(r"\d\.\d", line)), "?")
    return re.split(r" [(\[]| on | built ", found)[0]


def versions(programs):
    """{name: version} of those that are here; names may be paths."""
    return {Path(program).name: version(program)
            for program in programs if installed(program)}


def raise_open_files():
    """As many descriptors as may be had; programs that are started inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return most
