"""What every comparison takes on its command line, and what it says of itself in its results."""

import argparse
import datetime
import os
import platform
import random
import re
import shlex
import sys
from pathlib import Path

import network

ROOT = Path(__file__).resolve().parents[1]


def congestion_name(text):
    """It comes to be a part of files' names."""
    if not re.fullmatch(r"\w+", text):
        raise argparse.ArgumentTypeError(f"{text} is no congestion control")
    return text


def parser(name, description, rounds, seconds, **more):
    """`rounds` and `seconds` are what a figure that is to be published takes."""
    made = argparse.ArgumentParser(prog=f"scripts/bench {name}".rstrip(), description=description,
                                   allow_abbrev=False, **more)
    made.add_argument("--spate", default=str(ROOT / "build/tools/spate"), metavar="PROGRAM")
    made.add_argument("--rounds", type=int, default=rounds)
    made.add_argument("--seconds", type=float, default=seconds, help="of each run")
    made.add_argument("--seed", type=int, default=1, help="of the order of runs")
    made.add_argument("--results", type=Path, metavar="FOLDER", help="bench/results by default")
    made.add_argument("--no-results", action="store_true", help="print tables, write nothing")
    made.add_argument("--congestion", type=congestion_name, metavar="NAME", help="in a network "
                      "whose sockets begin with this congestion control; results get its name")
    made.add_argument("--smoke", action="store_true",
                      help="everything once and for a moment: whether it runs, not how fast; "
                      "without --results it writes nothing")
    return made


def parse(made, arguments, needs_spate=True):
    """The settings, with `chance` to draw from and the `command` that repeats the comparison."""
    settings = made.parse_args(arguments)
    if settings.smoke:
        settings.rounds, settings.seconds = 1, min(settings.seconds, 0.2)
        settings.no_results |= settings.results is None
    settings.results = settings.results or ROOT / "bench/results"
    if settings.congestion not in (None, network.congestion_control()):
        sys.exit(f"{made.prog}: sockets do not begin with {settings.congestion} here")
    settings.chance = random.Random(settings.seed)
    settings.command = shlex.join([*made.prog.split(), *shown(arguments)])
    settings.spate = str(Path(settings.spate).resolve())
    if needs_spate and not os.access(settings.spate, os.X_OK):
        sys.exit(f"{made.prog}: no program {settings.spate}")
    return settings


def shown(arguments):
    """Without what is of this machine alone: paths."""
    kept, words = [], iter(arguments)
    for word in words:
        if word in ("--spate", "--results"):
            next(words, None)
        elif not word.startswith(("--spate=", "--results=")):
            kept.append(word)
    return kept


def cpu_model():
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "?"


def conditions(settings, versions):
    """The machine and the run. A figure holds for these; on others only ratios may be hoped for."""
    return {
        "kernel": platform.release(), "cpu": cpu_model(), "processors": os.cpu_count(),
        "date": datetime.date.today().isoformat(),
        "congestion_control": network.congestion_control(),
        "rounds": settings.rounds, "seconds": settings.seconds, "seed": settings.seed,
        "versions": versions,
    }
