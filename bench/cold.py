"""Small hot requests while other clients download files that are not in memory.

A server that waits for the disk in the thread that serves holds everybody up. The figure is p99 of
1 KiB requests at a steady rate (`spate load --rate`, from the planned send time), with and without
four downloads of cold files at a limited rate each, so that every server has the same disk work.
Files are dropped from the page cache before each run (posix_fadvise, DONTNEED).
"""

import contextlib
import os
import re
import sys
import tempfile
import time
from pathlib import Path

import clients
import servers
from programs import CLIENT_CPU, Program, RunFailed, text_of
from results import result
from rounds import CONTROL, OURS, interleave, row

DOWNLOADS, DOWNLOAD_MIB_S = 4, 50


def make_files(folder, chance, count, mib):
    """Real blocks on a disk: holes would need no reading."""
    (folder / "1k").write_bytes(chance.randbytes(1024))
    block = chance.randbytes(1 << 20)
    made = [folder / f"cold{number}" for number in range(count)]
    for path in made:
        with open(path, "wb") as file:
            for _ in range(mib):
                file.write(block)
            file.flush()
            os.fsync(file.fileno())
    return made


def drop(paths):
    for path in paths:
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def disk_bytes(program):
    """Read from storage by the program and its children; None where that is not for us to know."""
    try:
        texts = [text_of(f"/proc/{pid}/io") for pid in program.pids()]
    except PermissionError:
        return None
    found = (re.search(r"^read_bytes: (\d+)", text, re.M) for text in texts)
    return sum(int(each[1]) for each in found if each)


def disk_figure(before, after, seconds):
    """{"disk": MB/s}, or nothing."""
    if before is None or after is None:
        return {}
    return {"disk": (after - before) / seconds / 1e6}


def hot_p99_us(settings, url):
    rate = 1000 if settings.smoke else max(1000, round(2000 / settings.seconds))
    load = clients.spate_load(settings.spate, url + "1k", settings.seconds, "-R", rate,
                              connections=16)
    latency = load.report["latency"]
    p99 = latency["max"] if settings.smoke else latency["p99"]
    if p99 is None:
        raise RunFailed("too few answers for a p99")
    return p99 / 1000


def measure(server, settings, files):
    quiet = hot_p99_us(settings, server.url)
    drop(files)
    before, start, downloads = disk_bytes(server.program), time.monotonic(), []
    with contextlib.ExitStack() as stack:
        for number in range(DOWNLOADS):
            urls = [server.url + path.name for path in files[number::DOWNLOADS]]
            downloads.append(stack.enter_context(Program(
                [settings.spate, "get", "-q", "-j", "1", "--limit-rate", f"{DOWNLOAD_MIB_S}M",
                 *["-o", "-"] * len(urls), *urls], CLIENT_CPU)))
        busy = hot_p99_us(settings, server.url)
        disk = disk_figure(before, disk_bytes(server.program), time.monotonic() - start)
        ended = [each for each in downloads if each.process.poll() is not None]
        if ended and not settings.smoke:
            raise RunFailed(f"a download ended before its time: {ended[0].said()}")
    return {"quiet": quiet, "busy": busy, **disk}


def compare(settings):
    names = [OURS, CONTROL, *servers.present(["nginx", "nginx aio"])]
    per_download = 2 if settings.smoke else 8
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        scratch = Path(name)
        scratch.chmod(0o755)
        folder = scratch / "files"
        folder.mkdir()
        print("line: writing the cold files", file=sys.stderr)
        files = make_files(folder, settings.chance, DOWNLOADS * per_download,
                           16 if settings.smoke else 64)
        site = servers.Site(folder, scratch, settings.spate)
        with servers.started(names, site) as running:
            figures = interleave(
                running, settings, lambda name: measure(running[name], settings, files))
    notes = [f"Beside {DOWNLOADS} downloads of cold files at {DOWNLOAD_MIB_S} MiB/s each.",
             "nginx aio is nginx with `aio threads`, its remedy for this."]
    disk = ", ".join(f"{name} {sum(values) / len(values):.0f} MB/s"
                     for name, values in figures.get("disk", {}).items())
    if disk:
        notes.append(f"Read from the disk by the server meanwhile: {disk}.")
    return [result("cold", "p99 of 1 KiB requests beside cold downloads", "us", [
        row("no downloads", figures["quiet"]), row("cold downloads", figures["busy"])],
        notes=notes)], [settings.spate, "nginx"]
