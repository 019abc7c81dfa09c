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
from pathlib import Path

import clients
import servers
from programs import CLIENT_CPU, Program, RunFailed
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
    """Read from storage by the program and its children."""
    return sum(int(re.search(r"^read_bytes: (\d+)", Path(f"/proc/{pid}/io").read_text(), re.M)[1])
               for pid in program.pids())


def hot_p99_us(settings, url):
    rate = 1000 if settings.smoke else max(1000, round(2000 / settings.seconds))
    load = clients.spate_load(settings.spate, url + "1k", settings.seconds, "-R", rate,
                              connections=16)
    latency = load.report["latency"]
    p99 = latency["max"] if settings.smoke else latency["p99"]
    if p99 is None:
        raise RunFailed("too few answers for a p99")
    return p99 / 1000, load.wall_s


def measure(server, settings, files):
    quiet, _ = hot_p99_us(settings, server.url)
    drop(files)
    before, downloads = disk_bytes(server.program), []
    with contextlib.ExitStack() as stack:
        for number in range(DOWNLOADS):
            urls = [server.url + path.name for path in files[number::DOWNLOADS]]
            downloads.append(stack.enter_context(Program(
                [settings.spate, "get", "-q", "-j", "1", "--limit-rate", f"{DOWNLOAD_MIB_S}M",
                 *["-o", "-"] * len(urls), *urls], CLIENT_CPU)))
        busy, wall_s = hot_p99_us(settings, server.url)
        read = disk_bytes(server.program) - before
        if any(each.process.poll() is not None for each in downloads):
            raise RunFailed(f"a download ended before its time: {downloads[0].said()}")
    return {"quiet": quiet, "busy": busy, "disk": read / wall_s / 1e6}


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
                names, settings, lambda name: measure(running[name], settings, files))
    disk = ", ".join(f"{name} {sum(values) / len(values):.0f} MB/s"
                     for name, values in figures["disk"].items())
    notes = [f"Beside {DOWNLOADS} downloads of cold files at {DOWNLOAD_MIB_S} MiB/s each. Read "
             f"from the disk meanwhile: {disk}.",
             "nginx aio is nginx with `aio threads`, its remedy for this."]
    return [result("cold", "p99 of 1 KiB requests beside cold downloads", "us", [
        row("no downloads", figures["quiet"]), row("cold downloads", figures["busy"])],
        notes=notes)], [settings.spate, "nginx"]
