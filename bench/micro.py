"""The microbenchmarks: every Google Benchmark program of build-bench/bench.

    scripts/bench micro [NAME...] [--benchmark_OPTION...]       NAME as in bench/NAME_bench.cpp

Their JSON goes to bench/results/micro-NAME.json, where bench/page.py finds it. Repetitions come in
random order (--benchmark_enable_random_interleaving), so that drift meets all alike.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import settings as settings_of

RESPONDER = "responder"  # A program for bench/peers_serve.py, no benchmark.
SMOKE = {"SPATE_BENCH_SECONDS": "0.05", "SPATE_BENCH_SMOKE": "1"}


def programs(folder):
    """{name: path}."""
    found = {path.name.removeprefix("bench-"): path for path in sorted(folder.glob("bench-*"))
             if path.is_file() and os.access(path, os.X_OK)}
    found.pop(RESPONDER, None)
    return found


def run(name, path, settings, options):
    """Whether it ended well. Nothing else bounds it: its own benchmarks are of bounded length."""
    command = [path, *options]
    if settings.smoke:
        command += ["--benchmark_min_time=0.001", "--benchmark_repetitions=1"]
    if not settings.no_results:
        settings.results.mkdir(parents=True, exist_ok=True)
        command += [f"--benchmark_out={settings.results / f'micro-{name}.json'}",
                    "--benchmark_out_format=json"]
    print(f"=== {name}", flush=True)
    environment = os.environ | (SMOKE if settings.smoke else {})
    done = subprocess.run(command, env=environment, stdin=subprocess.DEVNULL)
    if done.returncode == 0 and not settings.no_results:
        describe(settings.results / f"micro-{name}.json", settings)
    return done.returncode == 0


def describe(file, settings):
    """Puts the conditions in the place of what is this machine's alone: names and paths."""
    report = json.loads(file.read_text())
    for word in ("host_name", "executable"):
        report["context"].pop(word, None)
    report["context"]["conditions"] = settings_of.conditions(settings, {})
    file.write_text(json.dumps(report, indent=1) + "\n")


def main(arguments):
    options = [word for word in arguments if word.startswith("--benchmark_")]
    parser = settings_of.parser("micro", __doc__.splitlines()[0], rounds=5, seconds=1)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--programs", type=Path, metavar="FOLDER",
                        default=settings_of.ROOT / "build-bench/bench")
    settings = settings_of.parse(
        parser, [word for word in arguments if word not in options], needs_spate=False)
    found = programs(settings.programs)
    missing = set(settings.names) - set(found)
    if missing or not found:
        parser.error(f"no such programs in {settings.programs}: {' '.join(sorted(missing))}")
    options = [f"--benchmark_repetitions={settings.rounds}",
               "--benchmark_enable_random_interleaving=true", *options]
    failed = [name for name in settings.names or found
              if not run(name, found[name], settings, options)]
    if failed:
        print(f"micro: failed: {' '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0
