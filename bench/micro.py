"""The microbenchmarks: every Google Benchmark program of build-bench/bench.

    scripts/bench micro [NAME...] [--benchmark_OPTION...]       NAME as in bench/NAME_bench.cpp

Their JSON goes to bench/results/micro-NAME.json, where bench/page.py finds it. Repetitions come in
random order (--benchmark_enable_random_interleaving), so that drift meets all alike.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import families
import settings as settings_of

RESPONDER = "responder"  # A program for bench/peers_serve.py, no benchmark.
SMOKE_SECONDS = 0.05
LONGEST_S, LONGEST_SMOKE_S = 1800, 120


def programs(folder):
    """{name: path}."""
    found = {path.name.removeprefix("bench-"): path for path in sorted(folder.glob("bench-*"))
             if path.is_file() and os.access(path, os.X_OK)}
    found.pop(RESPONDER, None)
    return found


def run(name, path, settings, options):
    """Whether it ended well, and none of its benchmarks was given up."""
    print(f"=== {name}", flush=True)
    environment = os.environ | {"SPATE_BENCH_SECONDS": f"{settings.seconds:g}"}
    longest_s = LONGEST_S * max(1, settings.seconds)
    if settings.smoke:
        options = [*options, "--benchmark_min_time=0.001", "--benchmark_repetitions=1"]
        environment["SPATE_BENCH_SMOKE"], longest_s = "1", LONGEST_SMOKE_S
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.json"
        command = [path, *options, f"--benchmark_out={file}", "--benchmark_out_format=json"]
        try:
            subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True,
                           timeout=longest_s)
            report = json.loads(file.read_text())
        except (OSError, subprocess.SubprocessError, ValueError) as failure:
            print(f"micro: {name}: {failure}", file=sys.stderr)
            return False
    if not settings.no_results:
        write(name, report, settings)
    return judge(name, report, settings.smoke)


def judge(name, report, smoke):
    """Whether all benchmarks of a report went to their ends; says which did not. A machine that is
    busy with other things may lose what `paced` sends: in smoke runs that is no failure."""
    given_up = [each for each in report["benchmarks"] if each.get("error_occurred")]
    for each in given_up:
        print(f"micro: {name}: {each['name']}: {each.get('error_message')}", file=sys.stderr)
    return all(smoke and families.split_name(each["name"])[0] == "paced" for each in given_up)


def write(name, report, settings):
    """With the conditions in the place of what is this machine's alone: names and paths."""
    for word in ("host_name", "executable"):
        report["context"].pop(word, None)
    conditions = settings_of.conditions(settings, {})
    del conditions["seed"]  # Nothing here is drawn with it.
    report["context"]["conditions"] = conditions
    suffix = ""
    if settings.congestion:
        report["context"]["congestion"] = settings.congestion
        suffix = f"-{settings.congestion}"
    settings.results.mkdir(parents=True, exist_ok=True)
    file = settings.results / f"micro-{name}{suffix}.json"
    file.write_text(json.dumps(report, indent=1) + "\n")


def main(arguments):
    options = [word for word in arguments if word.startswith("--benchmark_")]
    parser = settings_of.parser("micro", __doc__.splitlines()[0], rounds=5, seconds=1)
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--programs", type=Path, metavar="FOLDER",
                        default=settings_of.ROOT / "build-bench/bench")
    settings = settings_of.parse(
        parser, [word for word in arguments if word not in options], needs_spate=False)
    if settings.smoke:
        settings.seconds = SMOKE_SECONDS
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
