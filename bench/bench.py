#!/usr/bin/env python3
"""Runs what is measured, each part by its name: micro, peers, line, scale, and page, which is made
of their results. Without a name all of it. scripts/bench builds what is needed, then calls this.

    bench.py --smoke    everything for a moment, results in a folder that goes: does it run?
"""

import os
import signal
import sys
import tempfile
import time
import traceback
from pathlib import Path

import line
import micro
import network
import page
import peers
import scale
import settings as settings_of

PARTS = {"micro": micro.main, "peers": peers.main, "line": line.main, "scale": scale.main}
TERMINATED = 128 + signal.SIGTERM
WITHIN = "SPATE_BENCH_WITHIN"  # The congestion control of the network that was made for us.


def run_all(options, results=None, writes=True):
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
            if end.code == TERMINATED:
                raise
            print(end, file=sys.stderr)
            status = 1
        failed += [name] if status else []
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr)
    if writes and page.main(["--results", str(results)] if results else []):
        failed.append("page")
    if failed:
        print(f"bench: failed: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def unwind(number, _):
    """What runs is stopped and what was made is removed on the way out; once is enough."""
    signal.signal(number, signal.SIG_IGN)
    raise SystemExit(128 + number)


def go_within(congestion, arguments):
    """All of this anew, in a network of its own; comes back only if there can be none: with 0, or
    with 2 for one that nobody knows."""
    if congestion not in network.available():
        print(f"bench: --congestion {congestion}: this kernel has loaded "
              f"{', '.join(network.available())}", file=sys.stderr)
        return 2
    refusal = network.why_not_within(congestion)
    if refusal:
        print(f"bench: --congestion {congestion}: skipped: {refusal}", file=sys.stderr)
        return 0
    command = [*network.within(congestion), sys.executable, Path(__file__).resolve(), *arguments]
    os.execvpe(command[0], command, os.environ | {WITHIN: congestion})


def main(arguments):
    signal.signal(signal.SIGTERM, unwind)
    network.delete_left_overs()
    name, *rest = arguments or [""]
    if name == "page":
        return page.main(rest)
    part = PARTS.get(name)
    parser = settings_of.parser("", __doc__.splitlines()[0], 0, 0, add_help=part is None)
    parser.add_argument("--mib", help="of a file to fetch or to move")
    known, others = parser.parse_known_args(rest if part else arguments)
    unknown = [word for word in others if not word.startswith("-")]
    if unknown and not part:
        print(f"bench: no part {unknown[0]}; there are {' '.join(PARTS)} and page; a part comes "
              "before its options", file=sys.stderr)
        return 2
    if known.congestion not in (None, os.environ.get(WITHIN)):
        return go_within(known.congestion, arguments)
    if part:
        return part(rest)
    if known.smoke and not known.results:
        with tempfile.TemporaryDirectory() as folder:
            return run_all(["--results", folder, *arguments], folder, not known.no_results)
    return run_all(arguments, known.results, not known.no_results)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
