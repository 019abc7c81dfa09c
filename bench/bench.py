#!/usr/bin/env python3
"""Runs what is measured, each part by its name: micro, peers, line, scale, and page, which is made
of their results. Without a name all of it. scripts/bench builds what is needed, then calls this.

    bench.py --smoke    everything for a moment, results in a folder that goes: does it run?
"""

import sys
import tempfile
import time
import traceback

import line
import micro
import page
import peers
import scale

PARTS = {"micro": micro.main, "peers": peers.main, "line": line.main, "scale": scale.main}


def run_all(options):
    """Every part, whatever becomes of the others, and the page; the exit status."""
    failed = []
    for name, part in PARTS.items():
        start = time.monotonic()
        try:
            status = part(options)
        except Exception:  # What is wrong with one part shall not hide the others.
            traceback.print_exc()
            status = 1
        except SystemExit as end:
            print(end, file=sys.stderr)
            status = 1
        failed += [name] if status else []
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    folder = [word for at, word in enumerate(options)
              if word == "--results" or at and options[at - 1] == "--results"]
    if "--no-results" not in options and page.main(folder):
        failed.append("page")
    if failed:
        print(f"bench: failed: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def main(arguments):
    name, *rest = arguments or [""]
    if name == "page":
        return page.main(rest)
    if name in PARTS:
        return PARTS[name](rest)
    if "--smoke" in arguments:
        with tempfile.TemporaryDirectory() as folder:
            return run_all(["--results", folder, *arguments])
    if name and not name.startswith("-"):
        print(f"bench: no part {name}; there are {' '.join(PARTS)} and page", file=sys.stderr)
        return 2
    return run_all(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
