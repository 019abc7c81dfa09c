"""`spate get` beside curl, wget and aria2c: one large file from `spate serve` into memory
(/dev/shm). CPU is the client's; the server runs on the other processor and is in no figure."""

import tempfile
from pathlib import Path

import servers
from programs import RunFailed, installed, run
from results import result
from rounds import CONTROL, OURS, interleave, row

ARIA2 = ["aria2c", "-q", "--allow-overwrite=true", "--file-allocation=none", "-d", "{folder}",
         "-o", "out"]
CLIENTS = {
    OURS: ["{spate}", "get", "-q", "-o", "{folder}/out", "{url}"],
    CONTROL: ["{spate}", "get", "-q", "-o", "{folder}/out", "{url}"],
    "curl": ["curl", "-s", "-f", "-o", "{folder}/out", "{url}"],
    "wget": ["wget", "-q", "-O", "{folder}/out", "{url}"],
    "aria2c": [*ARIA2, "{url}"],
    "spate -x4": ["{spate}", "get", "-q", "-x", "4", "-o", "{folder}/out", "{url}"],
    "aria2c -x4": [*ARIA2, "-x", "4", "-s", "4", "-k", "1M", "{url}"],
}
ONE, FOUR = (OURS, CONTROL, "curl", "wget", "aria2c"), ("spate -x4", "aria2c -x4")


def fetch(name, settings, url, folder, size):
    out = folder / "out"
    out.unlink(missing_ok=True)
    done = run([word.format(spate=settings.spate, folder=folder, url=url)
                for word in CLIENTS[name]])
    if out.stat().st_size != size:
        raise RunFailed(f"{name} fetched {out.stat().st_size} bytes of {size}")
    return {"cpu": done.cpu_s, "wall": done.wall_s}


def rows_of(figures, metric, label):
    runs = figures[metric]
    rows = [row(f"{label}, one connection", {name: runs[name] for name in ONE if name in runs})]
    four = {name.removesuffix(" -x4"): runs[name] for name in FOUR if name in runs}
    return rows + [row(f"{label}, four connections", four)]


def compare(settings):
    size = 4 << 20 if settings.smoke else settings.mib << 20
    names = [name for name in CLIENTS if name in (OURS, CONTROL, "spate -x4")
             or installed(CLIENTS[name][0])]
    with (tempfile.TemporaryDirectory(dir="/dev/shm") as shared,
          tempfile.TemporaryDirectory() as scratch):
        folder, served = Path(shared) / "got", Path(shared) / "files"
        folder.mkdir()
        served.mkdir()
        with open(served / "file", "wb") as file:
            file.truncate(size)
            for at in range(0, size, 1 << 20):
                file.seek(at)
                file.write(settings.chance.randbytes(1 << 20))
        site = servers.Site(served, Path(scratch), settings.spate)
        with servers.started([OURS], site) as running:
            url = running[OURS].url + "file"
            figures = interleave(
                names, settings, lambda name: fetch(name, settings, url, folder, size))
    label = f"{size >> 20} MiB"
    notes = ["From spate serve over loopback into /dev/shm; start and end of the program included.",
             *(f"`{' '.join(CLIENTS[name])}`".replace("{spate}", "spate") for name in names
               if name != CONTROL)]
    return [result("get-cpu", "Fetching a file: client CPU", "s", rows_of(figures, "cpu", label),
                   notes=notes),
            result("get-wall", "Fetching a file: time", "s", rows_of(figures, "wall", label)),
            ], [settings.spate, "curl", "wget", "aria2c"]
